"""The manifest of a run: a row for each image, as JSON lines for programs and as CSV for people."""

from __future__ import annotations

import contextlib
import csv
import itertools
import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO

from segment.core.atomic_files import make_temporary_name
from segment.core.class_names import make_default_name
from segment.core.errors import OutputError, describe_os_error, get_write_remedy, printable_path
from segment.output.tables import format_cell
from segment.runs.batch.journal import Journal
from segment.runs.batch.manifest_rows import MANIFEST, MODEL_FILES, TABLE, Row

__all__ = ["open_replacement", "write_manifest"]

_COLUMNS = ("input", "status", "error", "warnings", "seconds", "drift", "uncertainty", "sha256", "settings", "outputs")


def write_manifest(journal: Journal, names: Sequence[str]) -> None:
    """Write the rows of the images as JSON lines and as CSV.

    Images of an earlier run that are no longer there keep a row in the JSON lines as long as their results are there,
    so that these are never taken for inputs.

    Parameters
    ----------
    journal : Journal
        Has the rows.
    names : sequence of str
        The images, in order.

    Raises
    ------
    OutputError
        If a file cannot be written. The journal still has all rows.
    """
    with open_replacement(journal.folder / MANIFEST) as file:
        for row in itertools.chain(journal.iterate_rows(names), _iterate_gone_rows(journal, names)):
            file.write(json.dumps(row) + "\n")
    with open_replacement(journal.folder / TABLE) as file:
        _write_table(file, lambda: journal.iterate_rows(names))


def _iterate_gone_rows(journal: Journal, names: Sequence[str]) -> Iterator[Row]:
    """Find the rows of images that are gone and of which results are left."""
    for name in sorted(set(journal) - {*names, MODEL_FILES}):
        row = journal.get_row(name)
        # Results of this run of the image, or of earlier ones.
        left = [output for output in row.get("earlier", []) if os.path.lexists(journal.folder / output["file"])]
        if left or any(os.path.lexists(journal.folder / output["file"]) for output in row.get("outputs", [])):
            yield {**row, "status": "gone", "earlier": left}


def _write_table(file: IO[str], iterate_rows: Callable[[], Iterable[Row]]) -> None:
    """Write rows as CSV; they are read twice, because the number of columns depends on all of them."""
    # First pass: how many columns there are, and what they are called.
    names: list[set[str]] = []
    has_areas = False
    for row in iterate_rows():
        names += [set() for _ in row["classes"][len(names) :]]
        has_areas |= any("area" in item for item in row["classes"])
        for number, item in enumerate(row["classes"]):
            names[number].add(item["name"])
    table = csv.writer(file)
    columns = [_name_column(label, known) for label, known in enumerate(names, start=1)]
    area_columns = ["area_unit", *(f"area_{column}" for column in columns)] if has_areas else []
    table.writerow(map(format_cell, [*_COLUMNS, *(f"share_{column}" for column in columns), *area_columns]))
    for row in iterate_rows():
        outputs = " ".join(output["file"] for output in row["outputs"])
        texts = {**row, "warnings": "; ".join(row["warnings"]), "outputs": outputs}
        cells = [format_cell(texts[column]) for column in _COLUMNS]
        # A class that does not count, or that the image lacks, has an empty cell.
        shares = ["" if item["share"] is None else f"{item['share']:.6f}" for item in row["classes"]]
        areas = [item.get("unit", "") for item in row["classes"][:1]] + [item.get("area") for item in row["classes"]]
        # Images with fewer classes have empty cells before their areas.
        table.writerow([*cells, *shares, *([""] * (len(names) - len(shares)) + areas if has_areas else ())])


def _name_column(label: int, names: set[str]) -> str:
    """Name the columns of a class: by its name where all images have the same, else by its number."""
    (name, *others) = names
    return str(label) if others or name == make_default_name(label) else name


@contextlib.contextmanager
def open_replacement(path: Path) -> Iterator[IO[str]]:
    """Open a text file that gets its name when it is complete.

    Parameters
    ----------
    path : Path
        The name; a file that has it is replaced.

    Yields
    ------
    text file
        To be written; closed at the end of the block, and removed if the block fails.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    temporary = path.with_name(make_temporary_name())
    try:
        with temporary.open("w", encoding="utf-8", newline="") as file:
            yield file
        temporary.replace(path)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError):
            reason = describe_os_error(error)
            raise OutputError(
                f"{printable_path(path)}: cannot be written; {reason}. {get_write_remedy(error)} Then give --resume."
            ) from error
        raise
