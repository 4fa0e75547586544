"""The index page of a folder: a row for each image that has a page of its own.

It is apart from the manifest because pages need NumPy, which a run without pages does not load in the parent process.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from segment.core.errors import printable_path
from segment.output.report.index import Entry, render_index
from segment.runs.batch.journal import Journal
from segment.runs.batch.manifest import open_replacement

__all__ = ["INDEX", "write_index"]

INDEX = "segment_index.html"


def write_index(journal: Journal, names: Sequence[str]) -> Path:
    """Write the index page into the folder of the journal.

    Parameters
    ----------
    journal : Journal
        Has the rows of the images.
    names : sequence of str
        The images, in order; those without a row are left out.

    Returns
    -------
    pathlib.Path
        The page.

    Raises
    ------
    OutputError
        If the page cannot be written.
    """
    rows = list(journal.iterate_rows(names))
    entries = [_build_entry(row) for row in rows]
    # Columns have the names of the classes only where all images have the same classes.
    class_names = {tuple(item["name"] for item in row["classes"]) for row in rows if row["classes"]}
    path = journal.folder / INDEX
    with open_replacement(path) as file:
        file.write(render_index(entries, names=class_names.pop() if len(class_names) == 1 else ()))
    return path


def _build_entry(row: dict[str, Any]) -> Entry:
    """Build the index's entry of an image from its row in the manifest."""
    # The manifest may list other products of the image, too.
    pages = [output["file"] for output in row["outputs"] if output["file"].endswith("_report.html")]
    return Entry(
        name=printable_path(row["input"], limit=sys.maxsize),
        link=pages[0] if pages else "",
        thumbnail=row.get("thumbnail", ""),
        drift=math.nan if row["drift"] is None else row["drift"],
        uncertainty=math.nan if row.get("uncertainty") is None else row["uncertainty"],
        shares=tuple((item["colour"], math.nan if item["share"] is None else item["share"]) for item in row["classes"]),
        warnings=tuple(row["warnings"]),
        error=row["error"],
        photograph=row.get("photograph", ""),
    )
