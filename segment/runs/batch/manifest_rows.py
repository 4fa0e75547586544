"""Rows of the manifest: how they are built for each image, and how rows of an earlier run are read."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from types import NoneType
from typing import TYPE_CHECKING, Any

from segment.core.hex_colors import format_hex_color
from segment.output.tables import drop_nan

if TYPE_CHECKING:
    from segment.config.config import SegmentConfig
    from segment.runs.outcome import Outcome

__all__ = [
    "JOURNAL",
    "MANIFEST",
    "MAX_LINE_BYTES",
    "MODEL_FILES",
    "TABLE",
    "Row",
    "build_row",
    "hash_settings",
    "list_recorded_outputs",
    "name_input",
    "parse_row",
    "read_rows",
]

MANIFEST = "segment_manifest.jsonl"
TABLE = "segment_manifest.csv"
JOURNAL = ".segment_journal.jsonl"

# A row has a few kilobytes, and with small pictures of an image some hundred; a file may be somebody else's.
MAX_LINE_BYTES = 2**24

MODEL_FILES = "/"  # the name of the journal's row for files that belong to no image; no image can have it

Row = dict[str, Any]

# The items that a later run reads of the row of an image that is done or has failed.
_TYPES: dict[str, type | tuple[type, ...]] = {
    "status": str,
    "settings": str,
    "sha256": str,
    "error": str,
    "bytes": (int, NoneType),
    "modified": (int, NoneType),
    "drift": (int, float, NoneType),
    "warnings": list,
    "classes": list,
    "outputs": list,
}


def hash_settings(config: SegmentConfig, *parts: str) -> str:
    """Hash all that decides the results of an image.

    Parameters
    ----------
    config : SegmentConfig
        `overwrite` does not count.
    *parts : str
        Whatever else decides the results: the program's version, a model.

    Returns
    -------
    str
        The first 16 hexadecimal digits of a SHA-256: the same for settings that give the same results.

    Examples
    --------
    >>> from segment import SegmentConfig
    >>> hash_settings(SegmentConfig(k=4)) == hash_settings(SegmentConfig(k=4, overwrite=True))
    True
    >>> hash_settings(SegmentConfig(k=4)) == hash_settings(SegmentConfig(k=5))
    False
    """
    values = dataclasses.asdict(config)
    # It decides whether results are written, not what they are.
    del values["overwrite"]
    text = json.dumps([values, *parts], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def name_input(path: Path, folder: Path) -> str:
    """Return the name of an image in the manifest.

    Parameters
    ----------
    path : Path
        The image.
    folder : Path
        The folder of all images.

    Returns
    -------
    str
        Its path below the folder, with ``/`` on every system.

    Examples
    --------
    >>> name_input(Path("photographs/june/sea.jpg"), Path("photographs"))
    'june/sea.jpg'
    """
    return path.relative_to(folder).as_posix()


def build_row(outcome: Outcome, name: str, settings: str, output: Path) -> Row:
    """Build the manifest's row of an image.

    Parameters
    ----------
    outcome : Outcome
        What became of the image.
    name : str
        The name of the image.
    settings : str
        The hash of the settings.
    output : Path
        The folder that paths of results are relative to.

    Returns
    -------
    dict
        Plain values, for JSON.
    """
    fingerprint = outcome.fingerprint
    return {
        "input": name,
        "sha256": fingerprint.sha256 if fingerprint else "",
        "bytes": fingerprint.bytes if fingerprint else None,
        "modified": fingerprint.modified if fingerprint else None,
        "settings": settings,
        "status": outcome.status,
        "error": outcome.error,
        "warnings": list(outcome.warnings),
        "seconds": round(outcome.seconds, 4),
        "drift": None if outcome.drift is None else round(outcome.drift, 6),
        "uncertainty": None if outcome.uncertainty is None else round(outcome.uncertainty, 6),
        **({"photograph": outcome.photograph} if outcome.photograph else {}),
        **({"thumbnail": outcome.thumbnail} if outcome.thumbnail else {}),
        # Users read these keys with programs of their own, so their spelling stays.
        "classes": [
            {
                "label": row.label,
                "name": row.name,
                "colour": format_hex_color(color),
                "share": drop_nan(row.share),
                **({"area": row.area, "unit": row.unit} if row.unit else {}),
            }
            for row, color in zip(outcome.classes, outcome.colors, strict=True)
        ],
        **({"interest": outcome.list_interest(has_means=False)} if outcome.interest else {}),
        **(
            {"acquired": outcome.acquired, "shares": [row._asdict() for row in outcome.shares]}
            if outcome.shares
            else {}
        ),
        "outputs": [
            {"file": path.relative_to(output).as_posix(), "bytes": path.stat().st_size} for path in outcome.paths
        ],
    }


def read_rows(path: Path) -> Iterator[Row]:
    """Read the rows of a manifest or a journal.

    Parameters
    ----------
    path : Path
        A file of JSON lines. Whatever is no row of this program is left out: lines that were cut short, other types,
        and all after a line of more than `MAX_LINE_BYTES`.

    Yields
    ------
    dict
        None if there is no such file, or if it is no regular file.
    """
    # Anybody may have put it there: a link could lead anywhere, and a pipe could block.
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        with open(os.open(path, flags), "rb") as file:  # noqa: PTH123  a descriptor has no path
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                return
            while (line := file.readline(MAX_LINE_BYTES)) and len(line) < MAX_LINE_BYTES:
                if row := parse_row(line):
                    yield row
    except OSError:
        return


def parse_row(line: bytes) -> Row:
    """Read one line of a manifest or a journal.

    Parameters
    ----------
    line : bytes

    Returns
    -------
    dict
        The row; empty if the line is none that this program writes.

    Examples
    --------
    >>> parse_row(b'{"input": "a.png", "earlier": [{"file": "a_labels.png"}]}')["input"]
    'a.png'
    >>> parse_row(b'{"input": "a.png", "outputs": [{"file": 3}]}'), parse_row(b"[]"), parse_row(b"[" * 10**5)
    ({}, {}, {})
    """
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(row, dict) or not isinstance(row.get("input"), str):
        return {}
    files = [output for name in ("outputs", "earlier") for output in _take_list(row.get(name, []))]
    if not all(isinstance(output, dict) and _is_relative(output.get("file")) for output in files):
        return {}
    # A row of an image that was begun has no status yet, and none of the rest.
    is_sane = "status" not in row or all(isinstance(row.get(name), kind) for name, kind in _TYPES.items())
    if not is_sane or not all(_is_class(item) for item in row.get("classes", ())):
        return {}
    if "status" in row and not all(isinstance(output.get("bytes"), int) for output in row["outputs"]):
        return {}
    return row if all(isinstance(warning, str) for warning in row.get("warnings", ())) else {}


def _take_list(value: object) -> list[object]:
    """Return a list as it is, and one with something that is no file for anything else."""
    return value if isinstance(value, list) else [None]


def _is_relative(file: object) -> bool:
    """Return whether a value is the path of a file below a folder."""
    return isinstance(file, str) and file != "" and "\0" not in file and not {"", "..", "."} & set(file.split("/"))


def _is_class(item: object) -> bool:
    """Return whether a value describes a class."""
    return isinstance(item, dict) and all(isinstance(item.get(name), str) for name in ("name", "colour"))


def list_recorded_outputs(folder: Path) -> set[str]:
    """List the results that the manifest of a folder, or the journal of a run that did not end, records.

    Parameters
    ----------
    folder : Path
        Any folder.

    Returns
    -------
    set of str
        Paths of files, which may be gone.
    """
    return {
        os.path.join(folder, *output["file"].split("/"))  # noqa: PTH118
        for name in (MANIFEST, JOURNAL)
        for row in read_rows(folder / name)
        for output in (*row.get("outputs", ()), *row.get("earlier", ()))
    }
