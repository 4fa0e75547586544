"""Render an index page of many segmentations: a row with a small picture for each image, and a list of failures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import TYPE_CHECKING
from urllib.parse import quote

from segment.core.class_names import make_default_name
from segment.output.pictures.panels import draw_thumbnails
from segment.output.report.page import encode_picture_url, render_template
from segment.pipeline.shown_image import choose_shown_image
from segment.segmenter.class_model.training import DRIFT_LIMIT

if TYPE_CHECKING:
    from segment.pipeline.result import Segmentation

__all__ = ["Entry", "make_thumbnail_urls", "render_index"]

MAX_CLASS_COLUMNS = 24  # more make a page that nobody reads


@dataclass(frozen=True)
class Entry:
    """An image of the index.

    Attributes
    ----------
    name : str
        Text that stands for the image.
    link : str
        The relative path of the file that its name leads to, parts separated by ``/``; may hold any characters.
    thumbnail : str
        URL of a small picture of the segments; empty for none.
    drift : float
        How much worse the model explains the image than those it comes from, in nats a pixel; NaN without a model.
    uncertainty : float
        Mean entropy of the posteriors, in bits; NaN where it is not known.
    shares : tuple of (str, float)
        Color, as ``#rrggbb``, and share, 0..1, of each class.
    warnings : tuple of str
        A sentence each.
    error : str
        Why the image could not be segmented; empty where it was.
    photograph : str
        URL of a small picture of the original; empty for none.
    """

    name: str
    link: str = ""
    thumbnail: str = ""
    drift: float = math.nan
    uncertainty: float = math.nan
    shares: tuple[tuple[str, float], ...] = ()
    warnings: tuple[str, ...] = ()
    error: str = ""
    photograph: str = ""


def render_index(entries: Sequence[Entry], *, names: Sequence[str] = ()) -> str:
    """Render a page with a row for each image, sortable by every column.

    Parameters
    ----------
    entries : sequence of Entry
        The images in order.
    names : sequence of str
        Names of the classes, where they are the same in all images; others are numbered.

    Returns
    -------
    str
        HTML that needs no other file, except those that it links to, and no network.
    """
    # Failures have a list of their own above the table.
    done = [entry for entry in entries if not entry.error]
    failures = [entry for entry in entries if entry.error]
    n_classes = max((len(entry.shares) for entry in done), default=0)
    labels = _choose_classes(done, n_classes)
    class_names = [names[label] if label < len(names) else make_default_name(label + 1) for label in labels]
    # Drift and uncertainty have a column only if an image has a value.
    measures = [
        (head, field)
        for head, field in (("drift (nats)", "drift"), ("uncertainty (bits)", "uncertainty"))
        if any(not math.isnan(getattr(entry, field)) for entry in done)
    ]
    rows = [
        {
            "name": entry.name,
            # File names that are not UTF-8 are quoted byte by byte.
            "link": quote(entry.link.encode("utf-8", "surrogateescape")),
            "thumbnail": entry.thumbnail,
            "photograph": entry.photograph,
            "cells": [
                *(_make_cell(getattr(entry, field), f"{getattr(entry, field):.3f}") for _, field in measures),
                *_make_share_cells(entry, labels),
            ],
            "warnings": entry.warnings,
        }
        for entry in done
    ]
    words = f"{len(done)} of {len(entries)} images segmented"
    return render_template(
        "index.html",
        title="Segmented images",
        about=words + (f", {len(failures)} failed." if failures else "."),
        heads=["image", *(head for head, _ in measures), *class_names],
        entries=rows,
        failures=failures,
        foot=_make_foot(done, [field for _, field in measures], labels),
        omitted=n_classes - len(labels),
        drift=f"{DRIFT_LIMIT:g}" if any(field == "drift" for _, field in measures) else "",
    )


def make_thumbnail_urls(result: Segmentation) -> dict[str, str]:
    """Make small pictures of an image and its segments as URLs that hold them.

    Parameters
    ----------
    result : Segmentation
        A segmented image.

    Returns
    -------
    dict of str to str
        ``photograph``, a ``data:`` URL of a JPEG, and ``thumbnail``, one of a PNG.
    """
    image, _ = choose_shown_image(result.image, result.config)
    photograph, segments = draw_thumbnails(image, result.label_image, result.colors)
    return {
        "photograph": encode_picture_url(photograph, suffix=".jpg"),
        "thumbnail": encode_picture_url(segments, suffix=".png"),
    }


def _choose_classes(entries: Sequence[Entry], n_classes: int) -> list[int]:
    """Choose the classes that have a column, in their order: of too many those with the largest shares."""
    totals = [0.0] * n_classes
    for entry in entries:
        for label, (_, share) in enumerate(entry.shares):
            totals[label] += 0.0 if math.isnan(share) else share
    return sorted(sorted(range(n_classes), key=lambda label: -totals[label])[:MAX_CLASS_COLUMNS])


def _make_foot(entries: Sequence[Entry], fields: Sequence[str], labels: Sequence[int]) -> list[tuple[str, list[str]]]:
    """Make the rows of the mean and the standard deviation of each share; none for a single image."""
    # A class that an image lacks, and the background, have no share.
    columns = [[entry.shares[label][1] for entry in entries if label < len(entry.shares)] for label in labels]
    columns = [[share for share in shares if not math.isnan(share)] for shares in columns]
    if len(entries) < 2:
        return []
    empty = [""] * len(fields)
    means = [f"{100 * fmean(shares):.1f} %" if shares else "-" for shares in columns]
    deviations = [f"{100 * stdev(shares):.1f} %" if len(shares) > 1 else "-" for shares in columns]
    return [("mean", empty + means), ("standard deviation", empty + deviations)]


def _make_cell(value: float, text: str, color: str = "") -> dict[str, str]:
    """Make a cell of a number: the value that it is sorted by, its text, "-" for NaN, and a color."""
    if math.isnan(value):
        return {"value": "", "text": "-", "color": color}
    return {"value": repr(float(value)), "text": text, "color": color}


def _make_share_cells(entry: Entry, labels: Sequence[int]) -> list[dict[str, str]]:
    """Make the cells of the classes; those that the image does not have are empty."""
    cells = []
    for label in labels:
        if label < len(entry.shares):
            color, share = entry.shares[label]
            cells.append(_make_cell(share, f"{100 * share:.1f} %", color))
        else:
            cells.append({"value": "", "text": "", "color": ""})
    return cells
