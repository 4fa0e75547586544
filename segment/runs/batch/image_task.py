"""One image of a folder as a task for a worker, and what is told where the worker was lost with it."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from segment.config.config import SegmentConfig
from segment.core.errors import printable_path
from segment.runs.batch.class_plan import Classes
from segment.runs.fingerprint import fingerprint
from segment.runs.job import Job
from segment.runs.outcome import Outcome
from segment.runs.workers.processes import Lost

if TYPE_CHECKING:
    from segment.segmenter.class_model.class_model import ClassModel
from segment.runs.image_job import run_job

__all__ = ["Task", "again", "attempt", "attempt_job", "lost_outcome"]


@dataclass(frozen=True)
class Task:
    """An image to do.

    Attributes
    ----------
    number : int
        Its place in the order of names.
    job : Job
    replaces : bool
        Whether results that are there may be replaced.
    """

    number: int
    job: Job
    replaces: bool


def attempt(task: Task, *, config: SegmentConfig, classes: Classes, debug: bool) -> Outcome:
    """Do it."""
    return attempt_job(
        task.job,
        config,
        model=classes.model,
        adapt=classes.adapt,
        like=classes.like,
        replaces=task.replaces,
        debug=debug,
    )


def again(task: Task) -> Task:
    """The same task once more: what the first attempt has left may be replaced."""
    return replace(task, replaces=True)


def lost_outcome(job: Job, lost: Lost, timeout: float) -> Outcome:
    """What is told of an image that took longer than the seconds allowed, 0 for any, or whose workers died."""
    if 0 < timeout <= lost.seconds:
        error = (
            f"{printable_path(job.source)}: stopped after {lost.seconds:.1f} s, which is more than --timeout allows. "
            "Raise it, or give --max-size to segment a smaller copy."
        )
        return Outcome(job, error=error, seconds=lost.seconds)
    error = (
        f"{printable_path(job.source)}: its process was killed, and again when it was tried alone; most often for "
        "want of memory. Give --max-size to segment a smaller copy."
    )
    return Outcome(job, error=error, seconds=lost.seconds)


def attempt_job(
    job: Job,
    config: SegmentConfig,
    *,
    model: ClassModel | None = None,
    adapt: bool = False,
    like: ClassModel | None = None,
    replaces: bool = False,
    debug: bool = False,
) -> Outcome:
    """Segment one image of many as :func:`run_job` does; with its fingerprint and the time that it took.

    Parameters
    ----------
    replaces : bool
        Whether results that are there may be replaced: they are from an attempt that was cut short, or outdated.
    """
    begin = time.perf_counter()
    if replaces and not config.overwrite:
        config = replace(config, overwrite=True)
    before = fingerprint(job.source)
    outcome = run_job(job, config, model=model, adapt=adapt, like=like, debug=debug)
    after = fingerprint(job.source, before)
    if before and after and before.sha256 != after.sha256:
        for path in outcome.paths:
            path.unlink(missing_ok=True)
        error = (
            f"{printable_path(job.source)}: the file changed while it was read. Segment it again when it is complete."
        )
        outcome = Outcome(job, error=error)
    return replace(outcome, fingerprint=before, seconds=time.perf_counter() - begin)
