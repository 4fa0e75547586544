"""The tasks of one pass over a folder, decided one by one as workers become free."""

from __future__ import annotations

from collections.abc import Iterator
from queue import Empty, SimpleQueue

from segment.core.errors import printable_path
from segment.runs.batch.image_task import ImageTask
from segment.runs.batch.resume import ResumeState
from segment.runs.fingerprint import stat_file
from segment.runs.job import Job
from segment.runs.outcome import Outcome

__all__ = ["TaskFeed"]


class TaskFeed:
    """Decides for each image whether it is left as it is, refused, or given to a worker.

    joblib iterates over it in a thread of its own, and a thread of joblib's that fails leaves the run waiting for ever.
    So an error ends the tasks and is kept in `error`, to be raised when all tasks in progress are done.

    Parameters
    ----------
    jobs : list of Job
        All images of the folder, in order.
    state : ResumeState
        What is done already.
    skip_done : bool
        Whether images that are done are left as they are.
    skip_failed : bool
        Whether also those that failed, if they have not changed.

    Attributes
    ----------
    error : Exception, optional
        Why no more tasks are handed out.
    n_kept : int
        Images that are left as they are.
    """

    def __init__(self, jobs: list[Job], state: ResumeState, *, skip_done: bool, skip_failed: bool) -> None:
        self._jobs = jobs
        self._state = state
        self._skip_done = skip_done
        self._skip_failed = skip_failed
        self._decided: SimpleQueue[tuple[int, Outcome | None]] = SimpleQueue()
        self.error: Exception | None = None
        self.n_kept = 0

    def __iter__(self) -> Iterator[ImageTask]:
        try:
            for number, job in enumerate(self._jobs):
                # It may have been set from outside: the disk is full.
                if self.error is not None:
                    return
                if self._skip_done and self._state.is_done(job, failures_too=self._skip_failed):
                    self.n_kept += 1
                    self._decided.put((number, None))
                elif refusal := self._refuse(job):
                    self._state.record(refusal)
                    self._decided.put((number, refusal))
                else:
                    # Recorded as begun at the last moment before a worker gets it.
                    yield ImageTask(number, job, replaces=self._state.begin(job))
        except Exception as error:
            self.error = error

    def take_decided(self) -> Iterator[tuple[int, Outcome | None]]:
        """Take the images that were decided without a worker since the last call.

        Yields
        ------
        tuple of (int, Outcome or None)
            The number of the image, and its outcome if it was refused.
        """
        while True:
            try:
                yield self._decided.get_nowait()
            except Empty:
                return

    def _refuse(self, job: Job) -> Outcome | None:
        """Refuse an image that cannot be read, or whose results would replace a file that no run has written."""
        error = job.refusal
        if not error:
            foreign = [] if self._state.config.overwrite else self._state.find_foreign_files(job)
            if not foreign:
                return None
            error = f"{printable_path(foreign[0])}: exists already. Replace it (--overwrite), or give another folder."
        return Outcome(job, error=error, fingerprint=stat_file(job.source))
