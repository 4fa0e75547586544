"""Many segmentations as one page: a row with a small picture for each image, and the list of those that failed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from segment.output.pictures.panels import thumbnail
from segment.output.report.page import encode_picture_url, render

if TYPE_CHECKING:
    from segment.pipeline.result import Segmentation

__all__ = ["Entry", "make_thumbnail_url", "render_index"]


@dataclass(frozen=True)
class Entry:
    """An image of the index.

    Attributes
    ----------
    name : str
        What it is called.
    link : str
        The relative path of the file that its name leads to, parts separated by ``/``; may hold any characters.
    thumbnail : str
        URL of a small picture; empty for none.
    drift : float
        How much worse the model explains the image than those it comes from, in nats a pixel; NaN without a model.
    uncertainty : float
        Mean entropy of the posteriors, in bits; NaN where it is not known.
    shares : tuple of (str, float)
        Color, as ``#rrggbb``, and share, 0..1, of each class.
    warnings : tuple of str
    error : str
        Why it failed; empty where it did not.
    """

    name: str
    link: str = ""
    thumbnail: str = ""
    drift: float = math.nan
    uncertainty: float = math.nan
    shares: tuple[tuple[str, float], ...] = ()
    warnings: tuple[str, ...] = ()
    error: str = ""


def render_index(entries: Sequence[Entry], *, names: Sequence[str] = ()) -> str:
    """A page with a row for each image, sortable by every column: HTML that needs no other file and no network.

    Parameters
    ----------
    entries : sequence of Entry
    names : sequence of str
        What the classes are called, where they are the same in all images; else they are numbered.
    """
    done = [entry for entry in entries if not entry.error]
    failures = [entry for entry in entries if entry.error]
    n_classes = max((len(entry.shares) for entry in done), default=0)
    named = [names[label] if label < len(names) else f"class {label + 1}" for label in range(n_classes)]
    measured = [
        (head, field)
        for head, field in (("drift (nats)", "drift"), ("uncertainty (bits)", "uncertainty"))
        if any(not math.isnan(getattr(entry, field)) for entry in done)
    ]
    rows = [
        {
            "name": entry.name,
            "link": quote(entry.link.encode("utf-8", "surrogateescape")),
            "thumbnail": entry.thumbnail,
            "cells": [_number(getattr(entry, field)) for _, field in measured] + _shares(entry, n_classes),
            "warnings": entry.warnings,
        }
        for entry in done
    ]
    words = f"{len(done)} of {len(entries)} images segmented"
    return render(
        "index.html",
        title="Segmented images",
        about=words + (f", {len(failures)} failed." if failures else "."),
        heads=["image", *(head for head, _ in measured), *named],
        entries=rows,
        failures=failures,
    )


def make_thumbnail_url(result: Segmentation) -> str:
    """A small picture of the segments, as a URL that holds it."""
    return encode_picture_url(thumbnail(result.label_image, result.colors), suffix=".png")


def _number(value: float) -> dict[str, Any]:
    known = not math.isnan(value)
    return {"value": repr(float(value)) if known else "", "text": f"{value:.3f}" if known else "-", "color": ""}


def _shares(entry: Entry, n_classes: int) -> list[dict[str, Any]]:
    cells = [
        {"value": repr(float(share)), "text": f"{100 * share:.1f} %", "color": color} for color, share in entry.shares
    ]
    return cells + [{"value": "", "text": "", "color": ""}] * (n_classes - len(cells))
