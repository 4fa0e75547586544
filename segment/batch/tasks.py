"""One image of a folder as a task for a worker, and what is told where the worker was lost with it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from segment.batch.jobs import Outcome, attempt_job
from segment.batch.planning import Job
from segment.batch.sharing import Classes
from segment.batch.workers import Lost
from segment.config import SegmentConfig
from segment.errors import shown

__all__ = ["Task", "again", "attempt", "lost_outcome"]


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
            f"{shown(job.source)}: stopped after {lost.seconds:.1f} s, which is more than --timeout allows. "
            "Raise it, or give --max-size to segment a smaller copy."
        )
        return Outcome(job, error=error, seconds=lost.seconds)
    error = (
        f"{shown(job.source)}: its process was killed, and again when it was tried alone; most often for want of "
        "memory. Give --max-size to segment a smaller copy."
    )
    return Outcome(job, error=error, seconds=lost.seconds)
