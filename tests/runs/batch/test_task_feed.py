"""The tasks of one pass over a folder."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from segment.config.config import SegmentConfig
from segment.core.errors import OutputError
from segment.runs.batch.journal import Journal
from segment.runs.batch.resume import ResumeState
from segment.runs.batch.task_feed import TaskFeed
from segment.runs.fingerprint import compute_fingerprint
from segment.runs.job import Job, plan_jobs
from segment.runs.outcome import Outcome

CONFIG = SegmentConfig(k=2, save=("labels",))


@pytest.fixture
def state(tmp_path: Path) -> Iterator[ResumeState]:
    """Of a folder with four images."""
    (tmp_path / "in").mkdir()
    for name in "abcd":
        (tmp_path / "in" / f"{name}.png").write_bytes(name.encode())
    journal = Journal(tmp_path / "out")
    yield ResumeState(journal, tmp_path / "in", tmp_path / "out", CONFIG, settings_hash="ab")
    journal.close(remove=True)


def plan(state: ResumeState) -> list[Job]:
    return plan_jobs(sorted(state.folder.iterdir()), state.output, CONFIG, root=state.folder)


def test_images_are_done_left_or_refused(state: ResumeState) -> None:
    jobs = plan(state)
    state.record(Outcome(jobs[1], fingerprint=compute_fingerprint(jobs[1].source)))
    jobs[2].list_results(CONFIG)[0].write_bytes(b"mine")
    feed = TaskFeed(jobs, state, skip_done=True, skip_failed=False)
    assert [task.number for task in feed] == [0, 3]
    (kept, nothing), (refused, outcome) = feed.take_decided()
    assert (kept, nothing, refused) == (1, None, 2)
    assert outcome is not None
    assert outcome.error.endswith("c_labels.png: exists already. Replace it (--overwrite), or give another folder.")
    assert state.journal.get_row("c.png")["status"] == "failed"
    assert list(feed.take_decided()) == []
    assert feed.n_kept == 1
    assert feed.error is None
    assert state.n_begun == 2


def test_an_image_that_is_not_read_is_refused_until_its_file_changes(state: ResumeState) -> None:
    job = replace(plan(state)[0], refusal="a.png: not read")
    feed = TaskFeed([job], state, skip_done=False, skip_failed=True)
    assert list(feed) == []
    assert [outcome and outcome.error for _, outcome in feed.take_decided()] == ["a.png: not read"]
    assert state.is_done(job, failures_too=True)
    assert not state.is_done(job, failures_too=False)
    job.source.write_bytes(b"longer")
    assert not state.is_done(job, failures_too=True)


def test_without_resuming_all_images_are_done(state: ResumeState) -> None:
    jobs = plan(state)
    state.record(Outcome(jobs[1], fingerprint=compute_fingerprint(jobs[1].source)))
    feed = TaskFeed(jobs, state, skip_done=False, skip_failed=False)
    assert [task.number for task in feed] == [0, 1, 2, 3]


def test_an_error_ends_the_tasks_and_is_kept(state: ResumeState, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(job: Job) -> bool:
        raise OutputError("the disk is full")

    feed = TaskFeed(plan(state), state, skip_done=False, skip_failed=False)
    monkeypatch.setattr(state, "begin", fail)
    assert list(feed) == []
    assert str(feed.error) == "the disk is full"


def test_no_task_follows_an_error_that_was_set(state: ResumeState) -> None:
    feed = TaskFeed(plan(state), state, skip_done=False, skip_failed=False)
    tasks = iter(feed)
    next(tasks)
    feed.error = OutputError("takes no more results")
    assert list(tasks) == []
