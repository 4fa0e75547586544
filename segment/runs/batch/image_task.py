"""One image of a folder as a task for a worker, and its outcome where the worker was lost."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from functools import partial

from segment.config.config import SegmentConfig
from segment.core.errors import printable_path
from segment.runs.class_source import ClassSource
from segment.runs.fingerprint import compute_fingerprint, stat_file
from segment.runs.image_job import run_job, segment_job
from segment.runs.job import Job
from segment.runs.outcome import Outcome
from segment.runs.workers.lost_tasks import TaskLost

__all__ = ["ImageTask", "describe_lost_task", "prepare_retry", "run_image_task"]


MAX_HASHED_FIRST = 2**30  # bytes of a file that is hashed before it is segmented


@dataclass(frozen=True)
class ImageTask:
    """An image to segment.

    Attributes
    ----------
    number : int
        Its place in the order of names, from 0.
    job : Job
        The image and its results.
    replaces : bool
        Whether results that are there may be replaced: an earlier attempt was cut short, or they are out of date.
    """

    number: int
    job: Job
    replaces: bool


def run_image_task(task: ImageTask, *, config: SegmentConfig, classes: ClassSource, debug: bool) -> Outcome:
    """Segment one image of many.

    Parameters
    ----------
    task : ImageTask
        The image.
    config : SegmentConfig
        The settings of all images.
    classes : ClassSource
        Where the classes come from.
    debug : bool
        Whether a failure is raised.

    Returns
    -------
    Outcome
        With the fingerprint of the file. An image that changed while it was read has failed, and has no results.
    """
    begin = time.perf_counter()
    job = task.job
    if task.replaces and not config.overwrite:
        config = replace(config, overwrite=True)
    # The manifest records what was segmented, so the file must be the same before and after. To read a huge file that
    # is then refused would take minutes: it is hashed afterwards.
    before = stat_file(job.source)
    is_huge = before is not None and before.bytes > MAX_HASHED_FIRST
    before = before if is_huge else compute_fingerprint(job.source)
    work = partial(segment_job, classes=classes, with_shares=True)
    outcome = run_job(job, config.for_ready_classes() if classes.is_shared else config, work, debug=debug)
    if is_huge and outcome.error:
        return replace(outcome, fingerprint=before, seconds=time.perf_counter() - begin)
    if is_huge and before == stat_file(job.source):
        before = compute_fingerprint(job.source)
    after = compute_fingerprint(job.source, before)
    if before and after and before.sha256 != after.sha256:
        # The result may be made of half of the old and half of the new file.
        for path in outcome.paths:
            path.unlink(missing_ok=True)
        error = (
            f"{printable_path(job.source)}: the file changed while it was read. Segment it again when it is complete."
        )
        outcome = Outcome(job, error=error)
    return replace(outcome, fingerprint=before, seconds=time.perf_counter() - begin)


def prepare_retry(task: ImageTask) -> ImageTask:
    """Return the same task for a second attempt, which may replace what the first one left.

    Parameters
    ----------
    task : ImageTask
        Any task.

    Returns
    -------
    ImageTask
        The same with `replaces` set.
    """
    return replace(task, replaces=True)


def describe_lost_task(job: Job, lost: TaskLost) -> Outcome:
    """Describe an image whose task has no result.

    Parameters
    ----------
    job : Job
        The image.
    lost : TaskLost
        Why there is no result.

    Returns
    -------
    Outcome
        A failure.

    Examples
    --------
    >>> from pathlib import Path
    >>> job = Job(Path("sea.jpg"), Path("results"), "sea")
    >>> describe_lost_task(job, TaskLost("timeout", 60.1)).error.split(",")[0]
    'sea.jpg: stopped after 60.1 s'
    """
    if lost.reason == "timeout":
        error = (
            f"{printable_path(job.source)}: stopped after {lost.seconds:.1f} s, which is more than --timeout allows. "
            "Raise it, or give --max-size to segment a smaller copy."
        )
    else:
        error = (
            f"{printable_path(job.source)}: its process was killed, and again when it ran alone, most often because "
            "memory ran out. Give --max-size to segment a smaller copy."
        )
    return Outcome(job, error=error, seconds=lost.seconds)
