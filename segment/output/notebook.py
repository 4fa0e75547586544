"""Show a result in a notebook: a small panel as PNG, and as HTML with a short table of the classes."""

from __future__ import annotations

import base64
import math
from html import escape
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from segment.core.hex_colors import format_hex_color
from segment.core.opencv import load_cv2
from segment.output.pictures.encoding import encode_picture
from segment.output.tables import format_area, format_expected_share, format_number, format_share

if TYPE_CHECKING:
    from segment.pipeline.comparison import Comparison
    from segment.pipeline.exploration import Exploration
    from segment.pipeline.result_views import LabelViews, ResultViews

__all__ = ["encode_notebook_png", "render_notebook_html"]

MAX_WIDTH = 960  # pixels: a cell of a notebook is about as wide
MAX_ROWS = 12  # of the table
_CELL = "text-align:right;padding:1px 10px"


def encode_notebook_png(result: LabelViews | Comparison | Exploration) -> bytes:
    """Encode the panel of a result in a size that suits a notebook.

    Parameters
    ----------
    result : Segmentation, RegionSegmentation, Comparison or Exploration
        A segmented image.

    Returns
    -------
    bytes
        A PNG of at most 960 pixels width.
    """
    return encode_picture(_draw_small_panel(result), suffix=".png")


def render_notebook_html(result: ResultViews) -> str:
    """Render the panel of a result and a short table of its classes.

    Parameters
    ----------
    result : Segmentation or RelabeledImage
        A segmented image.

    Returns
    -------
    str
        HTML that needs no other file. Names and warnings are escaped.
    """
    picture = base64.b64encode(encode_picture(_draw_small_panel(result), suffix=".jpg")).decode()
    title = escape(repr(result).strip("<>"))
    area = [f"area in {result.image.grid.unit}\u00b2"] if result.image.grid else []
    expected = ["expected share"] if _has_expected(result) else []
    names = ("", "class", "name", "pixels", *area, "share", *expected, "mean")
    heads = "".join(f'<th style="{_CELL}">{head}</th>' for head in names)
    rows = [_render_row(result, label) for label in range(1, min(result.k, MAX_ROWS) + 1)]
    if result.k > MAX_ROWS:
        rows.append(f'<tr><td colspan="{len(names)}" style="{_CELL}">and {result.k - MAX_ROWS} more</td></tr>')
    warnings = "".join(f"<div>Warning: {escape(text)}.</div>" for text in result.warnings)
    return (
        f'<div><img alt="{title}" src="data:image/jpeg;base64,{picture}" style="max-width:100%">'
        f'<table style="border-collapse:collapse"><thead><tr>{heads}</tr></thead><tbody>{"".join(rows)}</tbody></table>'
        f"{warnings}</div>"
    )


def _render_row(result: ResultViews, label: int) -> str:
    """Render the row of a class."""
    row = result.classes[label - 1]
    swatch = f'<span style="background:{format_hex_color(result.colors[label - 1])}">&emsp;</span>'
    mean = " ".join(map(format_number, row.mean)) or "-"
    area = () if row.area is None else (format_area(row.area),)
    about = format_expected_share(row.expected_share, row.expected_share_sd).replace("+-", "\u00b1")
    expected = (about,) if _has_expected(result) else ()
    cells = (swatch, str(label), escape(row.name), f"{row.pixels}", *area, format_share(row.share), *expected, mean)
    return "<tr>" + "".join(f'<td style="{_CELL}">{cell}</td>' for cell in cells) + "</tr>"


def _has_expected(result: ResultViews) -> bool:
    """Whether there are expected shares, which labels alone do not have."""
    return any(not math.isnan(row.expected_share) for row in result.classes)


def _draw_small_panel(result: LabelViews | Comparison | Exploration) -> NDArray[np.uint8]:
    """Draw the panel of a result, shrunk to the width of a notebook."""
    panel = result.panel()
    height, width = panel.shape[:2]
    if width <= MAX_WIDTH:
        return panel
    cv2 = load_cv2()
    size = (MAX_WIDTH, max(1, round(height * MAX_WIDTH / width)))
    return np.asarray(cv2.resize(panel, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
