"""The manifest of a run: a row for each image, as JSON lines for programs and as CSV for people."""

from __future__ import annotations

import contextlib
import csv
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

from segment.core.atomic_files import make_temporary_name
from segment.core.errors import OutputError, describe_os_error, printable_path
from segment.output.tables import escape_formula
from segment.runs.batch.journal import Journal
from segment.runs.batch.manifest_rows import CLAIM, MANIFEST, TABLE

__all__ = ["replacing", "write_manifest"]


Row = dict[str, Any]
_COLUMNS = ("input", "status", "error", "warnings", "seconds", "drift", "uncertainty", "sha256", "settings", "outputs")


def write_manifest(journal: Journal, names: Sequence[str]) -> None:
    """Write the rows of the images to both files, whole.

    Images of an earlier run that are no longer there have a row in the JSON lines while their results last: so that
    these are never taken for inputs.

    Parameters
    ----------
    journal : Journal
    names : sequence of str
        The images in order.

    Raises
    ------
    OutputError
        If there is no room. The journal still has all rows.
    """
    known = [name for name in names if name in journal]
    gone = sorted(set(journal) - {*names, CLAIM})

    def lines() -> Iterator[Row]:
        """The rows of the images, then of those that are gone and have left results."""
        yield from journal.rows(known)
        for name in gone:
            row = journal.row(name)
            left = [output for output in row.get("earlier", []) if os.path.lexists(journal.folder / output["file"])]
            if left or any(os.path.lexists(journal.folder / output["file"]) for output in row.get("outputs", [])):
                yield {**row, "status": "gone", "earlier": left}

    with replacing(journal.folder / MANIFEST) as file:
        for row in lines():
            file.write(json.dumps(row) + "\n")
    with replacing(journal.folder / TABLE) as file:
        _write_table(file, lambda: journal.rows(known))


def _write_table(file: IO[str], rows: Any) -> None:
    n_classes = max((len(row["classes"]) for row in rows()), default=0)
    table = csv.writer(file)
    table.writerow([*_COLUMNS, *(f"share_{label}" for label in range(1, n_classes + 1))])
    for row in rows():
        outputs = " ".join(output["file"] for output in row["outputs"])
        texts = {**row, "warnings": "; ".join(row["warnings"]), "outputs": outputs}
        cells = [escape_formula(value) if isinstance(value, str) else value for value in map(texts.get, _COLUMNS)]
        table.writerow([*cells, *(f"{item['share']:.6f}" for item in row["classes"])])


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[IO[str]]:
    """A file that takes its name when it is complete."""
    temporary = path.with_name(make_temporary_name())
    try:
        with temporary.open("w", encoding="utf-8", newline="") as file:
            yield file
        temporary.replace(path)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError):
            reason = describe_os_error(error)
            raise OutputError(f"{printable_path(path)}: the manifest cannot be written; {reason}.") from error
        raise
