"""A folder of images from beginning to end. Read this first: the run, what it skips, and how it stops.

A run has three parts. The plan is made of the folder's names alone: which images there are, and where their results go
(:mod:`segment.runs.job`). The state is on disk: a journal with a row for each image
(:mod:`segment.runs.batch.journal`, :mod:`segment.runs.batch.resume`). The outcomes come from the workers in any order
and are reported in the order of names (:func:`report_in_order`).
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import TracebackType

from segment.config.config import SegmentConfig
from segment.core.atomic_files import refuse_existing, remove_abandoned
from segment.core.errors import ImageError, OutputError, pluralize, printable_path
from segment.core.version import __version__
from segment.runs.batch.class_plan import SHARED_MODEL, ClassPlan
from segment.runs.batch.coco_file import write_coco_file
from segment.runs.batch.folder_search import FolderImages, UnreadImage, find_images
from segment.runs.batch.folder_workers import Workers, start_workers
from segment.runs.batch.image_task import ImageTask, describe_lost_task, prepare_retry, run_image_task
from segment.runs.batch.journal import Journal
from segment.runs.batch.manifest import write_manifest
from segment.runs.batch.manifest_rows import JOURNAL, MODEL_FILES, hash_settings
from segment.runs.batch.resume import ResumeState
from segment.runs.batch.share_table import write_share_table
from segment.runs.batch.task_feed import TaskFeed
from segment.runs.class_source import ClassSource
from segment.runs.job import Job, plan_jobs
from segment.runs.outcome import Outcome
from segment.runs.selection_files import check_selection_files, list_selection_paths, make_selection_absolute
from segment.runs.workers.dask_client import Cluster
from segment.runs.workers.lost_tasks import TaskLost
from segment.runs.workers.processes import hold_signals

__all__ = ["FolderRun", "FolderSettings", "report_in_order"]

SETTLE_SECONDS = 1.0  # since its last change, after which a file in a watched folder is taken to be complete


@dataclass(frozen=True, kw_only=True)
class FolderSettings:
    """Settings of a run over a folder.

    Attributes
    ----------
    recursive : bool
        Whether to look into the folder's folders, too.
    n_workers : int
        Images at the same time; 0 for one on each core, or on each thread of the cluster.
    timeout : float, seconds
        For each image; 0 is no limit.
    resume : bool
        Leave alone what an earlier run did with the same settings.
    watch : bool
        Pass over files that may still grow, and do not try what failed again until it changes.
    classes : ClassPlan
        Whether images have classes of their own.
    debug : bool
        Whether the failure of an image raises the error that caused it.
    """

    recursive: bool = False
    n_workers: int = 0
    timeout: float = 0.0
    resume: bool = False
    watch: bool = False
    classes: ClassPlan = field(default_factory=ClassPlan)
    debug: bool = False


class FolderRun:
    """Segments the images of a folder by several processes, with a journal of what is done. A context manager.

    Parameters
    ----------
    folder : Path
        With the images.
    output : Path
        For the results. The folder's structure is kept below it.
    config : SegmentConfig
        The settings of all images.
    settings : FolderSettings
        The settings of the run.
    cluster : Cluster, optional
        Its workers do the images, in place of processes of this machine.

    Attributes
    ----------
    jobs : list of Job
        All images, in the order of their names.
    unread : list of UnreadImage
        Images of kinds that are not read with what is installed; they are among `jobs`.
    passed_over : list of Path
        Pictures that carry the mark of results although no manifest names them.
    obstacle : str
        Why this process does the images itself, one after the other; empty where workers do them.
    index : Path or None
        The page of all images, once it is written.

    Raises
    ------
    ImageError
        If the folder has no image.
    ClusterError
        If a worker of the cluster does not see the folder or the output.
    OutputError
        If nothing can be written to the output, another run writes there, or there are results of an earlier run and
        neither `resume` nor `overwrite` is set.
    SettingsError
        If a result would replace an input.
    """

    def __init__(
        self,
        folder: Path,
        output: Path,
        config: SegmentConfig,
        settings: FolderSettings,
        cluster: Cluster | None = None,
    ) -> None:
        # Paths are sent to the workers and written into messages: absolute paths mean the same everywhere.
        if cluster is not None:  # its workers have other working folders
            folder, output, config = folder.absolute(), output.absolute(), make_selection_absolute(config)
        check_selection_files(config)
        self.folder, self.output, self.config, self.settings = folder, output, config, settings
        self._start_workers = partial(
            start_workers, cluster=cluster, n_workers=settings.n_workers, timeout=settings.timeout
        )
        self.jobs, self.unread, self.passed_over = self._plan()
        # From here on the folder is locked; whatever goes wrong before the first image must unlock it.
        self._journal = Journal(output)
        try:
            self._refuse_earlier_results()
            if cluster is not None:
                cluster.check_paths(self.folder, self.output / JOURNAL, *list_selection_paths(config))
        except BaseException:
            self._journal.withdraw()
            raise
        self._state = ResumeState(self._journal, folder, output, config)
        self._classes: ClassSource | None = None
        self.obstacle = ""
        self.index: Path | None = None
        self._feed = self._make_feed(skip_done=settings.resume)
        self._n_in_manifest = 0  # of the images begun
        # Temporary files of processes that were killed. Those of living processes stay.
        for place in {job.folder for job in self.jobs}:
            remove_abandoned(place)

    def __enter__(self) -> FolderRun:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with hold_signals():
            if error is None:
                self._write_manifest()
                self._journal.close(remove=True)
            elif self._state.n_begun:
                # The error that stopped the run is reported, not one of the manifest: the journal has all rows.
                with contextlib.suppress(OutputError):
                    self._write_manifest()
                self._journal.close(remove=False)
            else:
                # Nothing was begun, so the folder is left as it was found.
                self._journal.withdraw()

    @property
    def choice(self) -> str:
        """Which number of classes was chosen for all images and why; empty where it was given or is not known yet."""
        return self._classes.choice if self._classes else ""

    @property
    def n_kept(self) -> int:
        """Images that the last pass left as they were: an earlier run had done them."""
        return self._feed.n_kept

    def look_again(self) -> None:
        """Find new images in the folder, after the rows of those that are done are in the manifest."""
        if self._state.n_begun > self._n_in_manifest:
            self._write_manifest()
            self._n_in_manifest = self._state.n_begun
        self.jobs, self.unread, self.passed_over = self._plan()
        self._feed = self._make_feed(skip_done=True)

    def iterate_outcomes(self) -> Iterator[Outcome]:
        """Segment all images that are not done yet.

        Yields
        ------
        Outcome
            Of each image, in the order of names. Images that are done already have none; `n_kept` counts them.

        Raises
        ------
        OutputError
            If the output takes no more files. All tasks in progress are finished before.
        """
        # Once for all passes over a watched folder: their images share the classes.
        if self._classes is None and not all(job.refusal for job in self.jobs):
            self._classes = self._prepare_classes()
            self._state.settings_hash = hash_settings(self.config, __version__, *self._classes.identity)
            self._state.model_key = self._classes.key
        function = partial(
            run_image_task, config=self.config, classes=self._classes or ClassSource(), debug=self.settings.debug
        )
        workers = self._start_workers(function, prepare_retry=prepare_retry)
        self.obstacle = workers.obstacle
        # Closed at once, not by the garbage collector: that ends the workers, also if the caller stops in between.
        with contextlib.closing(self._run_tasks(workers)) as decided:
            yield from report_in_order(decided)
        # All that was in progress when it happened has been finished, recorded and reported.
        if self._feed.error is not None:
            raise self._feed.error

    def _run_tasks(self, workers: Workers) -> Generator[tuple[int, Outcome | None]]:
        """Do the tasks, record their outcomes, and yield every image with its number as soon as it is decided."""
        results = workers.run(iter(self._feed))
        try:
            for task, result in results:
                outcome = describe_lost_task(task.job, result) if isinstance(result, TaskLost) else result
                self._record(outcome)
                yield task.number, outcome
                # Images without a task are decided while workers are busy.
                yield from self._feed.take_decided()
        except BaseException:
            # A second Ctrl-C must not interrupt the cleaning up after the first.
            with hold_signals():
                results.close()
                self._remove_partial_results(workers.in_progress.values())
            raise
        yield from self._feed.take_decided()

    def _plan(self) -> tuple[list[Job], list[UnreadImage], list[Path]]:
        """Find the images of the folder, and decide where their results go."""
        try:
            found = find_images(self.folder, recursive=self.settings.recursive, leave_out=self.output)
        except ImageError:
            # A watched folder may be empty at first, but it must exist.
            if not (self.settings.watch and self.folder.is_dir()):
                raise
            found = FolderImages()
        images = [path for path in found.images if not self.settings.watch or _is_complete(path)]
        # Masks in the folder of the images are no images.
        selection = list_selection_paths(self.config)
        if selection:
            images = [path for path in images if not self._is_mask(path, selection)]
        classes = self.settings.classes
        jobs = plan_jobs(
            images,
            self.output,
            self.config,
            root=self.folder,
            also_read=(*classes.files, *selection),
            n_extra=classes.n_extra,
        )
        refused = [self._refuse_unread(image) for image in found.unread]
        jobs = sorted((*jobs, *refused), key=lambda job: os.fsencode(job.source))
        return jobs, found.unread, found.results

    def _refuse_unread(self, image: UnreadImage) -> Job:
        """Make the job of an image that is not read. It takes no name from the results of others."""
        folder = self.output / image.path.parent.relative_to(self.folder)
        refusal = f"{printable_path(image.path)}: {image.kind.obstacle}. {image.kind.remedy}"
        return Job(image.path, folder, image.path.name, refusal=refusal)

    def _is_mask(self, path: Path, selection: tuple[Path, ...]) -> bool:
        """Return whether a file of the folder is a mask, or in a folder of masks below it."""
        # Links are what they are called, so they are not followed.
        file, folder = (Path(os.path.abspath(place)) for place in (path, self.folder))  # noqa: PTH100
        places = [Path(os.path.abspath(place)) for place in selection]  # noqa: PTH100
        return any(file == place or (place in file.parents and folder in place.parents) for place in places)

    def _refuse_earlier_results(self) -> None:
        """Refuse an output that has results, unless the settings say what to do with them."""
        if self.settings.resume or self.config.overwrite:
            return
        if self._journal.was_interrupted or self._journal.has_manifest:
            run = "a run that was interrupted" if self._journal.was_interrupted else "an earlier run"
            raise OutputError(
                f"{printable_path(self.output)}: has the results of {run}. Give --resume to do what is missing, "
                "--overwrite to do all again, or another folder with -o."
            )

    def _make_feed(self, *, skip_done: bool) -> TaskFeed:
        """Make the tasks of the next pass over the folder."""
        return TaskFeed(self.jobs, self._state, skip_done=skip_done, skip_failed=self.settings.watch)

    def _prepare_classes(self) -> ClassSource:
        """Decide where the classes of all images come from; fit a model to the images if that is asked for."""
        models = {str(self._journal.get_row(name).get("model", "")) for name in self._journal}
        if self.settings.classes.is_fitted:
            # A model file that no run has recorded is somebody's own.
            if models <= {""} and MODEL_FILES not in self._journal and not self.config.overwrite:
                refuse_existing(self.output / SHARED_MODEL)
            # Recorded before it is written, so that a later run knows it as a result whenever this one is killed.
            self._journal.add({"input": MODEL_FILES, "earlier": [{"file": SHARED_MODEL}]})
        sources = [job.source for job in self.jobs if not job.refusal]
        return self.settings.classes.prepare(sources, self.output, self.config, self._start_workers, models)

    def _record(self, outcome: Outcome) -> None:
        """Write the row of an image, and stop the run if the output takes no more files."""
        self._state.record(outcome)
        if outcome.is_stuck and self._feed.error is None:
            self._feed.error = OutputError(
                f"{printable_path(self.output)}: takes no more results; {pluralize(len(self.jobs), 'image')} in all. "
                "Make room there, then give --resume."
            )

    def _write_manifest(self) -> None:
        """Write the manifest, and the index of pages if there are pages."""
        names = [self._state.get_name(job) for job in self.jobs]
        write_manifest(self._journal, names)
        write_share_table(self._journal, names)
        if "coco" in self.config.save:
            write_coco_file(self._journal, names)
        if "report" in self.config.save:
            from segment.runs.batch.folder_index import write_index

            self.index = write_index(self._journal, names)

    def _remove_partial_results(self, tasks: Iterable[ImageTask]) -> None:
        """Remove what workers that were stopped have left; results that a task was to replace stay."""
        for task in tasks:
            if not task.replaces:
                for path in task.job.list_results(self.config):
                    path.unlink(missing_ok=True)
            remove_abandoned(task.job.folder)


def _is_complete(path: Path) -> bool:
    """Return whether a file has not changed for a while, so that nobody is still writing it."""
    try:
        return time.time() - path.stat().st_mtime > SETTLE_SECONDS
    except OSError:
        return False


def report_in_order(decided: Iterable[tuple[int, Outcome | None]]) -> Iterator[Outcome]:
    """Reorder outcomes: each waits until all images before it are decided.

    Parameters
    ----------
    decided : iterable of (int, Outcome or None)
        The number of each image from 0, in any order, with its outcome; None for an image that is left as it is.

    Yields
    ------
    Outcome
        In the order of the numbers, as soon as possible.

    Examples
    --------
    >>> list(report_in_order([(2, "c"), (0, "a"), (3, None), (1, "b"), (4, "e")]))
    ['a', 'b', 'c', 'e']
    """
    waiting: dict[int, Outcome | None] = {}
    following = 0
    for number, outcome in decided:
        waiting[number] = outcome
        while following in waiting:
            ready = waiting.pop(following)
            following += 1
            if ready is not None:
                yield ready
