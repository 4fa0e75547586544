"""One image as a task, and what is reported when its worker is lost."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PilImage

from segment.config.config import SegmentConfig
from segment.runs.batch import image_task
from segment.runs.batch.image_task import ImageTask, describe_lost_task, prepare_retry, run_image_task
from segment.runs.class_source import ClassSource
from segment.runs.fingerprint import compute_fingerprint
from segment.runs.job import Job
from segment.runs.outcome import Outcome
from segment.runs.workers.lost_tasks import TaskLost

CONFIG = SegmentConfig(k=2, save=("labels",))


@pytest.fixture
def task(tmp_path: Path, quadrants: np.ndarray) -> ImageTask:
    PilImage.fromarray(quadrants).save(tmp_path / "a.png")
    return ImageTask(0, Job(tmp_path / "a.png", tmp_path / "out", "a"), replaces=False)


def run(task: ImageTask) -> Outcome:
    return run_image_task(task, config=CONFIG, classes=ClassSource(), debug=False)


def test_the_outcome_has_the_fingerprint_of_the_file(task: ImageTask) -> None:
    outcome = run(task)
    assert outcome.status == "done"
    assert outcome.fingerprint == compute_fingerprint(task.job.source)


def test_only_a_second_attempt_replaces_results(task: ImageTask) -> None:
    assert run(task).status == "done"
    assert "exists already" in run(task).error
    assert run(prepare_retry(task)).status == "done"


def test_an_image_that_changes_while_it_is_read_has_failed(task: ImageTask, monkeypatch: pytest.MonkeyPatch) -> None:
    run_job = image_task.run_job

    def run_and_change(*arguments: object, **options: object) -> Outcome:
        outcome = run_job(*arguments, **options)  # type: ignore[arg-type]
        task.job.source.write_bytes(b"more of it")
        return outcome

    monkeypatch.setattr(image_task, "run_job", run_and_change)
    outcome = run(task)
    assert outcome.error.endswith("the file changed while it was read. Segment it again when it is complete.")
    assert list((task.job.folder).iterdir()) == []


@pytest.mark.parametrize(
    ("lost", "message"),
    [
        (TaskLost("timeout", 3.21), "a.png: stopped after 3.2 s, which is more than --timeout allows. Raise it, or"),
        (TaskLost("killed", 9.0), "a.png: its process was killed, and again when it ran alone, most often because"),
    ],
)
def test_a_lost_task_says_why(lost: TaskLost, message: str) -> None:
    outcome = describe_lost_task(Job(Path("a.png"), Path(), "a"), lost)
    assert outcome.error.startswith(message)
    assert outcome.seconds == lost.seconds


def test_a_huge_file_that_is_refused_is_not_hashed(task: ImageTask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_task, "MAX_HASHED_FIRST", 10)
    outcome = run(task)
    assert (outcome.error, outcome.fingerprint) == ("", compute_fingerprint(task.job.source))
    task.job.source.write_bytes(b"no image" * 9)
    outcome = run(prepare_retry(task))
    assert "an image is" in outcome.error
    assert outcome.fingerprint is not None
    assert (outcome.fingerprint.sha256, outcome.fingerprint.bytes) == ("", 72)
