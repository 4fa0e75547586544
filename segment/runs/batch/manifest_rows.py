"""A row of the manifest: what is written of each image, and how rows of an earlier run are read."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from segment.config.config import SegmentConfig
    from segment.runs.outcome import Outcome

__all__ = [
    "CLAIM",
    "JOURNAL",
    "MANIFEST",
    "TABLE",
    "input_name",
    "recorded_outputs",
    "row_of",
    "rows_in",
    "settings_hash",
]

MANIFEST = "segment_manifest.jsonl"
TABLE = "segment_manifest.csv"
JOURNAL = ".segment_journal.jsonl"

CLAIM = "/"  # what the journal calls the files that belong to no image

Row = dict[str, Any]


def settings_hash(config: SegmentConfig, *parts: str) -> str:
    """The same for settings that give the same results: SHA-256, shortened to 16 hexadecimal digits.

    Parameters
    ----------
    config : SegmentConfig
    *parts : str
        Whatever else decides the results: the program's version, a model.
    """
    values = dataclasses.asdict(config)
    del values["overwrite"]
    text = json.dumps([values, *parts], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def input_name(path: Path, folder: Path) -> str:
    """What rows call an image: its path below the folder of the images."""
    return path.relative_to(folder).as_posix()


def row_of(outcome: Outcome, name: str, settings: str, output: Path) -> Row:
    """The manifest's row of an image.

    Parameters
    ----------
    outcome : Outcome
    name : str
        What the image is called.
    settings : str
        The hash of the settings.
    output : Path
        The folder that paths of results are relative to.
    """
    print_ = outcome.fingerprint
    names = outcome.names
    return {
        "input": name,
        "sha256": print_.sha256 if print_ else "",
        "bytes": print_.bytes if print_ else None,
        "modified": print_.modified if print_ else None,
        "settings": settings,
        "status": outcome.status,
        "error": outcome.error,
        "warnings": list(outcome.warnings),
        "seconds": round(outcome.seconds, 4),
        "drift": None if outcome.drift is None else round(outcome.drift, 6),
        "uncertainty": None if outcome.uncertainty is None else round(outcome.uncertainty, 6),
        **({"thumbnail": outcome.thumbnail} if outcome.thumbnail else {}),
        "classes": [
            {"label": label, "name": names[label - 1], "colour": "#{:02x}{:02x}{:02x}".format(*color), "share": share}
            for label, color, share, _ in outcome.rows
        ],
        "outputs": [
            {"file": path.relative_to(output).as_posix(), "bytes": path.stat().st_size} for path in outcome.paths
        ],
    }


def rows_in(path: Path) -> Iterator[Row]:
    """The objects in a file of JSON lines; none if there is no such file. Lines cut short are passed over."""
    try:
        with path.open("rb") as file:
            for line in file:
                try:
                    row = json.loads(line)
                except ValueError:
                    continue
                if isinstance(row, dict) and isinstance(row.get("input"), str):
                    yield row
    except OSError:
        return


def recorded_outputs(folder: Path) -> set[str]:
    """The results that the manifest in a folder, and the journal of a run that did not end, say are there."""
    return {
        os.path.join(folder, *output["file"].split("/"))  # noqa: PTH118
        for name in (MANIFEST, JOURNAL)
        for row in rows_in(folder / name)
        for output in (*row.get("outputs", ()), *row.get("earlier", ()))
    }
