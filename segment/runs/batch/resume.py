"""What is done of a folder and what is not: the journal's rows against the files that are there."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segment.config.config import SegmentConfig
from segment.runs.batch.journal import Journal
from segment.runs.batch.manifest_rows import input_name, row_of
from segment.runs.fingerprint import Fingerprint, fingerprint
from segment.runs.job import Job
from segment.runs.outcome import Outcome

__all__ = ["Ledger"]


@dataclass
class Ledger:
    """The rows of the images of a folder.

    Attributes
    ----------
    journal : Journal
    folder : Path
        Of the images.
    output : Path
        For the results.
    config : SegmentConfig
    settings : str
        The hash of all that decides the results.
    model : str
        The key of the model that images share, if they do.
    """

    journal: Journal
    folder: Path
    output: Path
    config: SegmentConfig
    settings: str = ""
    model: str = ""

    def name(self, job: Job) -> str:
        """What rows call the image."""
        return input_name(job.source, self.folder)

    def is_done(self, job: Job, *, failures_too: bool) -> bool:
        """Whether the image has all its results, made from the same content with the same settings.

        With `failures_too` also an image that failed and has not changed since.
        """
        row = self.journal.row(self.name(job))
        if row.get("settings") != self.settings or row.get("status") not in ("done", "failed"):
            return False
        if row["status"] == "failed" and not failures_too:
            return False
        known = Fingerprint(row["bytes"], row["modified"], row["sha256"]) if row["sha256"] else None
        now = fingerprint(job.source, known)
        if (now.sha256 if now else "") != row["sha256"]:
            return False
        planned = self._planned(job)
        return all(
            output["file"] in planned and _size(self.output / output["file"]) == output["bytes"]
            for output in row["outputs"]
        )

    def foreign(self, job: Job) -> list[Path]:
        """Files in the place of results that no run has recorded as its own."""
        ours = _recorded(self.journal.row(self.name(job)))
        return [self.output / file for file in sorted(self._planned(job) - ours) if _size(self.output / file) >= 0]

    def begin(self, job: Job) -> bool:
        """Note that an image is begun, so that its results are known for our own. Whether some are there already."""
        files = self._planned(job) | _recorded(self.journal.row(self.name(job)))
        self.journal.add({"input": self.name(job), "earlier": [{"file": file} for file in sorted(files)]})
        return any(os.path.lexists(path) for path in job.results(self.config))

    def record(self, outcome: Outcome) -> None:
        """Write the row of an image. From then on it is done, whatever happens."""
        name = self.name(outcome.job)
        row: dict[str, Any] = row_of(outcome, name, self.settings, self.output)
        now = {output["file"] for output in row["outputs"]}
        left = [file for file in sorted(_recorded(self.journal.row(name)) - now) if _size(self.output / file) >= 0]
        self.journal.add({**row, "model": self.model, "earlier": [{"file": file} for file in left]})

    def _planned(self, job: Job) -> set[str]:
        return {path.relative_to(self.output).as_posix() for path in job.results(self.config)}


def _recorded(row: dict[str, Any]) -> set[str]:
    return {output["file"] for output in (*row.get("outputs", ()), *row.get("earlier", ()))}


def _size(path: Path) -> int:
    """In bytes; -1 where there is nothing."""
    try:
        return path.lstat().st_size
    except OSError:
        return -1
