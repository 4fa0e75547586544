"""The table of shares of a folder: a row for each image, region of interest and class, for statistics."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from typing import Any

from segment.output.tables import format_cell, name_channels
from segment.runs.batch.journal import Journal
from segment.runs.batch.manifest import open_replacement

__all__ = ["SHARES", "write_share_table"]

SHARES = "segment_shares.csv"

_COLUMNS = (
    *("roi", "label", "name", "pixels", "area", "area_unit", "share", "expected_share"),
    *("expected_share_sd", "group", "group_share"),
)


def write_share_table(journal: Journal, names: Sequence[str]) -> None:
    """Write the rows of the images as CSV; nothing where no image has classes.

    Parameters
    ----------
    journal : Journal
        Has the rows of the manifest.
    names : sequence of str
        The images, in order.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    # Read twice, because the columns of mean colors depend on all images; so one row is in memory at a time.
    channels: dict[str, None] = {}
    for _, share in _iterate_shares(journal, names):
        channels |= dict.fromkeys(_name_means(share))
    if not channels:
        return
    with open_replacement(journal.folder / SHARES) as file:
        table = csv.writer(file)
        table.writerow(["input", "acquired", "page", *_COLUMNS, *channels])
        for row, share in _iterate_shares(journal, names):
            means = dict(zip(_name_means(share), share["mean"], strict=True)) if share["mean"] else {}
            cells = [row["input"], row["acquired"], share["page"] or None, *(share[column] for column in _COLUMNS)]
            table.writerow(map(format_cell, [*cells, *(means.get(channel) for channel in channels)]))


def _iterate_shares(journal: Journal, names: Sequence[str]) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Iterate over the rows of the images, each with one of its shares."""
    for row in journal.iterate_rows(names):
        for share in row.get("shares", ()):
            yield row, share


def _name_means(share: dict[str, Any]) -> tuple[str, ...]:
    """Name the columns of the mean color of an image, as its own tables do."""
    return tuple(f"mean_{name}" for name in name_channels(len(share["mean"])))
