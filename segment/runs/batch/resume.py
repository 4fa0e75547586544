"""What an earlier run has done of a folder: the journal's rows compared with the files that are there."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from segment.config.config import SegmentConfig
from segment.runs.batch.journal import Journal
from segment.runs.batch.manifest_rows import build_row, name_input
from segment.runs.fingerprint import Fingerprint, compute_fingerprint, stat_file
from segment.runs.job import Job
from segment.runs.outcome import Outcome
from segment.runs.selection_files import SelectionHashes

__all__ = ["ResumeState"]


@dataclass
class ResumeState:
    """What is done of the images of a folder.

    Attributes
    ----------
    journal : Journal
        Has a row for each image that was begun.
    folder : Path
        Of the images.
    output : Path
        For the results.
    config : SegmentConfig
        The settings of all images.
    settings_hash : str
        The same for everything that gives the same results.
    model_key : str
        Key of the model that images share; empty without one.
    n_begun : int
        Images that this run has begun.
    """

    journal: Journal
    folder: Path
    output: Path
    config: SegmentConfig
    settings_hash: str = ""
    model_key: str = ""
    n_begun: int = 0
    _selection: SelectionHashes = field(init=False, repr=False)
    # Hashes of images in progress: a mask that changes while an image is segmented makes its results out of date.
    _begun: dict[str, str] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        self._selection = SelectionHashes(self.config)

    def get_name(self, job: Job) -> str:
        """Return the name of an image in the manifest.

        Parameters
        ----------
        job : Job
            The image.

        Returns
        -------
        str
            Its path below the folder of the images.
        """
        return name_input(job.source, self.folder)

    def is_done(self, job: Job, *, failures_too: bool) -> bool:
        """Return whether an image has all its results, made from the same content with the same settings.

        Parameters
        ----------
        job : Job
            The image.
        failures_too : bool
            Whether an image that failed, and has not changed since, counts as done.

        Returns
        -------
        bool
            False for an image that has no row, or only one that says that it was begun.
        """
        row = self.journal.get_row(self.get_name(job))
        if row.get("status") not in ("done", "failed"):
            return False
        if row.get("settings") != self._selection.extend(self.settings_hash, job.source):
            return False
        if row["status"] == "failed" and not failures_too:
            return False
        # Size and time of the file are compared first; only where they differ is its content read.
        known = None if row["bytes"] is None else Fingerprint(row["bytes"], row["modified"], row["sha256"])
        # A file that was not read has no hash to compare.
        now = compute_fingerprint(job.source, known) if row["sha256"] else stat_file(job.source)
        is_same = now is not None and now.sha256 == row["sha256"] if row["sha256"] else now == known
        if now is None or not is_same:
            return False
        # Results of the size that was recorded, under the names that this run would give them.
        planned = self._plan_files(job)
        has_all = all(
            output["file"] in planned and _get_size(self.output / output["file"]) == output["bytes"]
            for output in row["outputs"]
        )
        if has_all and now != known:  # the content of the file need not be read again next time
            self.journal.add({**row, "modified": now.modified})
        return has_all

    def find_foreign_files(self, job: Job) -> list[Path]:
        """Find files that have the names of an image's results and that no run has recorded as its own.

        Parameters
        ----------
        job : Job
            The image.

        Returns
        -------
        list of Path
            Sorted by name.
        """
        own = _list_recorded_files(self.journal.get_row(self.get_name(job)))
        return [
            self.output / file for file in sorted(self._plan_files(job) - own) if _get_size(self.output / file) >= 0
        ]

    def begin(self, job: Job) -> bool:
        """Record that an image is begun, so that a later run knows its results as those of a run.

        Parameters
        ----------
        job : Job
            The image.

        Returns
        -------
        bool
            Whether a file with the name of a result is there already.
        """
        self.n_begun += 1
        self._begun[self.get_name(job)] = self._selection.extend(self.settings_hash, job.source)
        # All files that the image may write, and those that it wrote before: if the run is killed, the next one knows
        # them as its own.
        files = self._plan_files(job) | _list_recorded_files(self.journal.get_row(self.get_name(job)))
        self.journal.add({"input": self.get_name(job), "earlier": [{"file": file} for file in sorted(files)]})
        return any(os.path.lexists(path) for path in job.list_results(self.config))

    def record(self, outcome: Outcome) -> None:
        """Write the row of an image. From then on it is done, whatever stops the run."""
        name = self.get_name(outcome.job)
        row: dict[str, Any] = build_row(outcome, name, self._begun.pop(name, self.settings_hash), self.output)
        now = {output["file"] for output in row["outputs"]}
        # Files of earlier runs that are still there, such as those of a product that is no longer saved.
        recorded = sorted(_list_recorded_files(self.journal.get_row(name)) - now)
        earlier = [{"file": file} for file in recorded if _get_size(self.output / file) >= 0]
        self.journal.add({**row, "model": self.model_key, "earlier": earlier})

    def _plan_files(self, job: Job) -> set[str]:
        """List the files that an image may write, as the manifest names them."""
        return {path.relative_to(self.output).as_posix() for path in job.list_results(self.config)}


def _list_recorded_files(row: dict[str, Any]) -> set[str]:
    """List the files that a row records, written now or earlier."""
    return {output["file"] for output in (*row.get("outputs", ()), *row.get("earlier", ()))}


def _get_size(path: Path) -> int:
    """Return the size of a file in bytes; -1 where there is nothing."""
    try:
        return path.lstat().st_size
    except OSError:
        return -1
