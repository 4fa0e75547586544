"""What is done of a folder, and what the tasks of the next pass are."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from segment.config.config import SegmentConfig
from segment.runs.batch.journal import Journal
from segment.runs.batch.resume import ResumeState
from segment.runs.fingerprint import Fingerprint, compute_fingerprint, stat_file
from segment.runs.job import Job, plan_jobs
from segment.runs.outcome import Outcome

CONFIG = SegmentConfig(k=2, save=("labels",))


@pytest.fixture
def state(tmp_path: Path) -> Iterator[ResumeState]:
    """Of a folder with one image, a.png."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.png").write_bytes(b"an image")
    journal = Journal(tmp_path / "out")
    yield ResumeState(journal, tmp_path / "in", tmp_path / "out", CONFIG, settings_hash="ab")
    journal.close(remove=True)


def get_job(state: ResumeState) -> Job:
    (job,) = plan_jobs([state.folder / "a.png"], state.output, CONFIG, root=state.folder)
    return job


def record_done(state: ResumeState, error: str = "") -> Job:
    """Record that the image is done, or has failed."""
    job = get_job(state)
    (path,) = job.list_results(CONFIG)
    path.write_bytes(b"labels")
    fingerprint = compute_fingerprint(job.source)
    state.record(Outcome(job, () if error else (path,), error=error, fingerprint=fingerprint))
    return job


def test_an_image_is_done_when_its_results_are_recorded(state: ResumeState) -> None:
    job = get_job(state)
    assert not state.is_done(job, failures_too=True)
    assert state.begin(job) is False
    assert state.n_begun == 1
    assert not state.is_done(job, failures_too=True)
    record_done(state)
    assert state.is_done(job, failures_too=False)
    assert state.begin(job) is True


@pytest.mark.parametrize("change", ["image", "image of the same time", "settings", "missing result", "other result"])
def test_whatever_changes_an_image_is_done_again(state: ResumeState, change: str) -> None:
    job = record_done(state)
    (path,) = job.list_results(CONFIG)
    if change == "image":
        job.source.write_bytes(b"no image")  # of the same size
        os.utime(job.source, (1, 1))
    elif change == "image of the same time":
        times = job.source.stat()
        job.source.write_bytes(b"no image")
        os.utime(job.source, ns=(times.st_atime_ns, times.st_mtime_ns))
    elif change == "settings":
        state.settings_hash = "cd"
    elif change == "missing result":
        path.unlink()
    else:
        path.write_bytes(b"labels of others")
    assert not state.is_done(job, failures_too=True)


def test_the_same_content_with_another_time_is_done(state: ResumeState) -> None:
    job = record_done(state)
    os.utime(job.source, (1, 1))
    assert state.is_done(job, failures_too=False)
    # Its content is read once, not at every look.
    row = state.journal.get_row("a.png")
    assert Fingerprint(row["bytes"], row["modified"], "") == stat_file(job.source)


def test_a_failure_counts_as_done_where_that_is_asked_for(state: ResumeState) -> None:
    job = record_done(state, error="damaged")
    assert not state.is_done(job, failures_too=False)
    assert state.is_done(job, failures_too=True)


def test_files_that_no_run_has_recorded_are_foreign(state: ResumeState) -> None:
    job = get_job(state)
    (path,) = job.list_results(CONFIG)
    assert state.find_foreign_files(job) == []
    path.write_bytes(b"mine")
    assert state.find_foreign_files(job) == [path]
    state.begin(job)
    assert state.find_foreign_files(job) == []


def test_results_of_earlier_settings_stay_recorded(state: ResumeState) -> None:
    job = record_done(state)
    other = replace(CONFIG, save=("panel",))
    later = replace(state, config=other)
    panel = job.folder / "a_panel.png"
    panel.write_bytes(b"panel")
    later.record(Outcome(job, (panel,), fingerprint=compute_fingerprint(job.source)))
    row = state.journal.get_row("a.png")
    assert [output["file"] for output in row["outputs"]] == ["a_panel.png"]
    assert row["earlier"] == [{"file": "a_labels.png"}]
