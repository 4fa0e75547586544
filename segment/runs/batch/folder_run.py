"""A folder of images from beginning to end: what is left to do, in which order it is told, and how it may stop."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import TracebackType

from segment.config.config import SegmentConfig
from segment.core.atomic_files import refuse_existing, remove_abandoned
from segment.core.errors import ImageError, OutputError, pluralize, printable_path
from segment.core.version import __version__
from segment.runs.batch.class_plan import SHARED_MODEL, Classes, ClassPlan
from segment.runs.batch.folder_search import Found, find_images
from segment.runs.batch.folder_workers import crew_of
from segment.runs.batch.image_task import Task, again, attempt, lost_outcome
from segment.runs.batch.journal import Journal
from segment.runs.batch.manifest import write_manifest
from segment.runs.batch.manifest_rows import CLAIM, JOURNAL, settings_hash
from segment.runs.batch.resume import Ledger
from segment.runs.job import Job, plan
from segment.runs.outcome import Outcome
from segment.runs.workers.dask_client import Cluster
from segment.runs.workers.processes import Lost, undisturbed

__all__ = ["FolderRun", "FolderSettings"]

_SETTLED = 1.0  # seconds since its last change after which a file is taken to be complete, where a folder is watched


@dataclass(frozen=True, kw_only=True)
class FolderSettings:
    """How a folder is done.

    Attributes
    ----------
    recursive : bool
        Whether to look into its folders too.
    n_workers : int
        0 for one on each core, or each thread of the cluster.
    timeout : float, seconds
        For each image; 0 is no limit.
    resume : bool
        Leave alone what an earlier run did with the same settings.
    watch : bool
        Pass over files that may still grow, and do not try what failed again until it changes.
    classes : ClassPlan
        Whether images have classes of their own.
    debug : bool
        Whether the failure of an image raises what caused it.
    """

    recursive: bool = False
    n_workers: int = 0
    timeout: float = 0.0
    resume: bool = False
    watch: bool = False
    classes: ClassPlan = field(default_factory=ClassPlan)
    debug: bool = False


class FolderRun:
    """The images of a folder, segmented by several processes, with a journal of what is done. A context manager.

    Parameters
    ----------
    folder : Path
    output : Path
        For the results. The folder's structure is kept below it.
    config : SegmentConfig
    settings : FolderSettings
    cluster : Cluster, optional
        Whose workers do the images, in place of processes of this machine.

    Raises
    ------
    ImageError
        If the folder has no image.
    ClusterError
        If a worker of the cluster does not see the folder or the output.
    OutputError
        If nothing can be written to the output, another run does so, or there are results that nobody asked to replace.
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
        if cluster is not None:  # its workers stand elsewhere
            folder, output = folder.absolute(), output.absolute()
        self.folder, self.output, self.config, self.settings = folder, output, config, settings
        self._crew = partial(crew_of, cluster=cluster, n_workers=settings.n_workers, timeout=settings.timeout)
        self.jobs: list[Job] = self._find()
        self.n_kept = 0
        self._journal = Journal(output)
        self._ledger = Ledger(self._journal, folder, output, config)
        self._classes: Classes | None = None
        self._skips = settings.resume
        self._stop: Exception | None = None
        self._ready: dict[int, Outcome | None] = {}
        self._lock = threading.Lock()
        self._began = self._has_news = False
        if not (settings.resume or config.overwrite) and (self._journal.was_interrupted or self._journal.has_manifest):
            what = "a run that was interrupted" if self._journal.was_interrupted else "an earlier run"
            self._journal.withdraw()
            raise OutputError(
                f"{printable_path(output)}: has the results of {what}. Give --resume to do what is missing, "
                "--overwrite to do all again, or another folder with -o."
            )
        if cluster is not None:
            self._check_sight(cluster)
        for place in {job.folder for job in self.jobs}:
            remove_abandoned(place)

    def __enter__(self) -> FolderRun:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with undisturbed():
            if error is None:
                self._write_manifest()
                self._journal.close(remove=True)
            elif self._began:
                with contextlib.suppress(OutputError):  # what stopped the run is to be told
                    self._write_manifest()
                self._journal.close(remove=False)
            else:
                self._journal.withdraw()

    def look_again(self) -> None:
        """Find what has come up in the folder since, once what was done has its row in the manifest."""
        if self._has_news:
            self._write_manifest()
        self.jobs = self._find()
        self._skips, self._has_news = True, False

    def outcomes(self) -> Iterator[Outcome]:
        """Do what is left to do; what became of each image, in the order of their names.

        Images that are done already have no outcome; `n_kept` counts them.

        Raises
        ------
        OutputError
            If the output takes no more files. All that is under way is brought to an end before.
        """
        if self._classes is None:
            self._classes = self._prepared()
            self._ledger.settings = settings_hash(self.config, __version__, *self._classes.identity)
            self._ledger.model = self._classes.key
        do = partial(attempt, config=self.config, classes=self._classes, debug=self.settings.debug)
        crew = self._crew(do, again=again)
        self._ready, self.n_kept = {}, 0
        results = crew.perform(self._tasks())
        following = 0
        try:
            for task, result in results:
                outcome = lost_outcome(task.job, result, self.settings.timeout) if isinstance(result, Lost) else result
                self._record(outcome)
                with self._lock:
                    self._ready[task.number] = outcome
                    told, following = self._in_turn(following)
                yield from told
        except BaseException:
            with undisturbed():
                results.close()
                self._clear(crew.under_way.values())
            raise
        yield from self._in_turn(following)[0]
        if self._stop is not None:
            raise self._stop

    def _check_sight(self, cluster: Cluster) -> None:
        try:
            cluster.check_sees(self.folder, self.output / JOURNAL)
        except BaseException:
            self._journal.withdraw()
            raise

    def _write_manifest(self) -> None:
        names = [self._ledger.name(job) for job in self.jobs]
        write_manifest(self._journal, names)
        if "report" in self.config.save:
            from segment.runs.batch.folder_index import write_index

            write_index(self._journal, names)

    def _prepared(self) -> Classes:
        """The classes for all images, fitted to them first where that is asked for."""
        models = {str(self._journal.row(name).get("model", "")) for name in self._journal}
        if self.settings.classes.is_fitted:
            if models <= {""} and CLAIM not in self._journal and not self.config.overwrite:
                refuse_existing(self.output / SHARED_MODEL)
            self._journal.add({"input": CLAIM, "earlier": [{"file": SHARED_MODEL}]})
        sources = [job.source for job in self.jobs]
        return self.settings.classes.prepare(sources, self.output, self.config, self._crew, models)

    def _find(self) -> list[Job]:
        try:
            found = find_images(self.folder, recursive=self.settings.recursive, leave_out=self.output)
        except ImageError:
            if not (self.settings.watch and self.folder.is_dir()):
                raise
            found = Found([], [])
        self.passed_over = found.results
        images = [path for path in found.images if not self.settings.watch or _is_settled(path)]
        also_read, n_extra = self.settings.classes.files, self.settings.classes.n_extra
        return plan(images, self.output, self.config, root=self.folder, also_read=also_read, n_extra=n_extra)

    def _tasks(self) -> Iterator[Task]:
        """What is left to do. Runs in a thread of joblib's, which an exception would leave waiting for ever."""
        try:
            for number, job in enumerate(self.jobs):
                if self._stop is not None:
                    return
                if self._skips and self._ledger.is_done(job, failures_too=self.settings.watch):
                    self._say(number, None)
                    continue
                foreign = [] if self.config.overwrite else self._ledger.foreign(job)
                if foreign:
                    name = printable_path(foreign[0])
                    error = f"{name}: exists already. Give --overwrite to replace it, or another folder."
                    outcome = Outcome(job, error=error)
                    self._record(outcome)
                    self._say(number, outcome)
                    continue
                self._began = self._has_news = True
                yield Task(number, job, replaces=self._ledger.begin(job))
        except Exception as error:
            self._stop = error

    def _say(self, number: int, outcome: Outcome | None) -> None:
        with self._lock:
            self._ready[number] = outcome
            self.n_kept += outcome is None

    def _in_turn(self, following: int) -> tuple[list[Outcome], int]:
        """The outcomes that can be told without passing over one that is not there yet."""
        told = []
        while following in self._ready:
            outcome = self._ready.pop(following)
            following += 1
            if outcome is not None:
                told.append(outcome)
        return told, following

    def _record(self, outcome: Outcome) -> None:
        self._ledger.record(outcome)
        if outcome.is_stuck and self._stop is None:
            self._stop = OutputError(
                f"{printable_path(self.output)}: takes no more results; {pluralize(len(self.jobs), 'image')} in all. "
                "Make room there, then give --resume."
            )

    def _clear(self, tasks: Iterable[Task]) -> None:
        """Take away what the workers that were ended left half done."""
        for task in tasks:
            if not task.replaces:
                for path in task.job.results(self.config):
                    path.unlink(missing_ok=True)
            remove_abandoned(task.job.folder)


def _is_settled(path: Path) -> bool:
    try:
        return time.time() - path.stat().st_mtime > _SETTLED
    except OSError:
        return False
