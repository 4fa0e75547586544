"""The index page of a folder: a row for each image that has a page of its own.

Apart from the manifest, because pages need NumPy, which a run without pages does not load in the parent process.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from typing import Any

from segment.core.errors import printable_path
from segment.output.report.index import Entry, render_index
from segment.runs.batch.journal import Journal
from segment.runs.batch.manifest import replacing

__all__ = ["INDEX", "write_index"]

INDEX = "segment_index.html"


def write_index(journal: Journal, names: Sequence[str]) -> None:
    """Write the index of the images, in order, into the folder of the journal.

    Raises
    ------
    OutputError
        If there is no room.
    """
    rows = list(journal.rows([name for name in names if name in journal]))
    entries = [_entry(row) for row in rows]
    called = {tuple(item["name"] for item in row["classes"]) for row in rows if row["classes"]}
    with replacing(journal.folder / INDEX) as file:
        file.write(render_index(entries, names=called.pop() if len(called) == 1 else ()))


def _entry(row: dict[str, Any]) -> Entry:
    pages = [output["file"] for output in row["outputs"] if output["file"].endswith("_report.html")]
    return Entry(
        name=printable_path(row["input"], limit=sys.maxsize),
        link=pages[0] if pages else "",
        thumbnail=row.get("thumbnail", ""),
        drift=math.nan if row["drift"] is None else row["drift"],
        uncertainty=math.nan if row.get("uncertainty") is None else row["uncertainty"],
        shares=tuple((item["colour"], item["share"]) for item in row["classes"]),
        warnings=tuple(row["warnings"]),
        error=row["error"],
    )
