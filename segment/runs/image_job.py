"""The work on one image, from its file to files. A failure is an outcome, so that other images go on."""

from __future__ import annotations

import errno
import math
import os
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, BinaryIO

from segment.config.config import SegmentConfig
from segment.core.atomic_files import refuse_existing
from segment.core.errors import ImageError, OutputError, SegmentError, SettingsError, describe_fault, printable_path
from segment.core.stages import Stage
from segment.runs.class_source import ClassSource
from segment.runs.config_files import write_config_file
from segment.runs.job import Job
from segment.runs.outcome import Outcome, TriedRow
from segment.runs.result_outcome import describe_result, list_colors, warn_of_lost_georeference

if TYPE_CHECKING:
    from segment.loader.loader import LoadedFile
    from segment.pipeline.exploration import Exploration

__all__ = ["Work", "compare_job", "explore_job", "relabel_job", "run_job", "segment_job"]

# The folder for the results takes nothing more: all further images would fail alike.
_FOLDER_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS})
# In the order in which they are needed; GIF is needed by Pillow before it saves anything.
_FITTING = ("segment.pipeline.pipeline", "cv2", "numpy.random")
_DRAWING = ("segment.output.label_formats", "PIL.PngImagePlugin", "PIL.GifImagePlugin", "PIL.ImageDraw")
OWN_CLASSES = ClassSource()
Work = Callable[[Job, SegmentConfig, Callable[[str], None]], Outcome]


def run_job(
    job: Job,
    config: SegmentConfig,
    work: Work,
    *,
    on_stage: Callable[[str], None] = lambda _: None,
    debug: bool = False,
) -> Outcome:
    """Do the work of a job, and turn a failure into an outcome.

    Parameters
    ----------
    job : Job
        The image. Existing results are refused before any work, unless they may be replaced.
    config : SegmentConfig
        All settings.
    work : callable
        Takes job, settings and `on_stage`, and returns an outcome: :func:`segment_job`, or another one.
    on_stage : callable
        Called with the text of each stage when it begins.
    debug : bool
        Whether a failure is raised.

    Returns
    -------
    Outcome
        The files and the table, or why the image failed; with the seconds that it took.
    """
    begin = time.perf_counter()
    try:
        # Before any work: nobody wants to wait for minutes and then be refused.
        for path in () if config.overwrite or job.pipe_out else job.list_results(config):
            refuse_existing(path)
        return replace(work(job, config, on_stage), seconds=time.perf_counter() - begin)
    except Exception as error:
        if debug:
            raise
        seconds = time.perf_counter() - begin
        return Outcome(job, error=_describe_failure(error, job), is_stuck=_is_folder_full(error), seconds=seconds)


def segment_job(
    job: Job,
    config: SegmentConfig,
    on_stage: Callable[[str], None],
    *,
    classes: ClassSource = OWN_CLASSES,
    with_shares: bool = False,
) -> Outcome:
    """Segment one image into classes or regions and write the results.

    Parameters
    ----------
    job, config, on_stage
        As for :func:`run_job`.
    classes : ClassSource
        Where the classes come from.
    with_shares : bool
        Whether the outcome has the image's rows of the table of shares.

    Returns
    -------
    Outcome
        The files and the class table.
    """
    if config.regions != 0:
        return _segment_regions(job, config, on_stage)
    # Classes that are adapted to the image are its own.
    model = None if classes.adapt else classes.model
    if job.n_pages:
        from segment.runs.page_job import segment_job_pages

        return segment_job_pages(job, config, on_stage, model, with_shares=with_shares)
    source = _read_source(job, config, on_stage)
    # Two ways to classes: fitted to this image, perhaps from a start, or found as a model has them.
    if model is None:
        from segment.pipeline.pipeline import segment_image

        result = segment_image(source, config, start=classes.model, on_stage=on_stage)
    else:
        from segment.pipeline.shared_classes import label_with_model

        result = label_with_model(model, source, config, on_stage=on_stage)
    if classes.reference is not None:
        from segment.pipeline.alignment import align_classes

        result = align_classes(result, classes.reference)
    # An image drifts from classes that it shares with others, not from its own.
    shared = classes.reference or model
    on_stage(Stage.WRITE)
    # Results that were written count, whatever fails afterwards; so the table is made of what is in memory.
    paths = result.save(job.pipe_out or job.folder, stem=job.stem, suffix=job.picture_suffix)
    return describe_result(job, result, paths, shared, with_shares=with_shares)


def _segment_regions(job: Job, config: SegmentConfig, on_stage: Callable[[str], None]) -> Outcome:
    """Segment an image into connected regions."""
    source = _read_source(job, config, on_stage)
    from segment.pipeline.region_pipeline import segment_regions

    found = segment_regions(source, config, on_stage=on_stage)
    on_stage(Stage.WRITE)
    paths = tuple(found.save(job.pipe_out or job.folder, stem=job.stem, suffix=job.picture_suffix))
    warnings = found.warnings + warn_of_lost_georeference(found)
    return Outcome(job, paths, warnings=warnings, n_regions=found.n_regions)


def compare_job(job: Job, config: SegmentConfig, on_stage: Callable[[str], None]) -> Outcome:
    """Compare the mixture with other methods on one image and write the picture.

    Parameters
    ----------
    job, config, on_stage
        As for :func:`run_job`.

    Returns
    -------
    Outcome
        The file and the table of methods.
    """
    from segment.pipeline.comparison import compare_image

    # The setting `save` is followed here: the picture, and perhaps the settings.
    found = compare_image(job.source, replace(config, save=SegmentConfig.save), on_stage=on_stage)
    on_stage(Stage.WRITE)
    picture = found.save(job.folder, stem=job.stem, suffix=job.picture_suffix)
    paths = (*picture, *write_config_file(config, job.folder, job.stem))
    result = found.result
    return Outcome(job, paths, warnings=result.warnings, methods=found.methods, choice=result.selection.sentence)


def explore_job(job: Job, config: SegmentConfig, on_stage: Callable[[str], None]) -> Outcome:
    """Segment one image into several numbers of classes and write the sheet.

    Parameters
    ----------
    job, config, on_stage
        As for :func:`run_job`.

    Returns
    -------
    Outcome
        The file and the table of numbers.
    """
    from segment.pipeline.exploration import explore

    found = explore(job.source, replace(config, save=SegmentConfig.save), on_stage=on_stage)
    on_stage(Stage.WRITE)
    paths = tuple(found.save(job.folder, stem=job.stem, suffix=job.picture_suffix))
    criterion = {candidate.n_classes: candidate.value for candidate in found.selection.candidates}
    tried = []
    for result in found.results:
        # An image of few colors has fewer classes than were asked for.
        shares = tuple(row.share for row in result.classes)
        tried.append(TriedRow(result.k, criterion.get(result.k, math.nan), shares))
    return Outcome(job, paths, warnings=_collect_warnings(found), tried=tuple(tried), choice=found.selection.sentence)


def _collect_warnings(found: Exploration) -> tuple[str, ...]:
    """Collect the warnings of several numbers of classes, with the numbers that one is not true of all of."""
    numbers: dict[str, list[str]] = {}
    for result in found.results:
        for words in result.warnings:
            numbers.setdefault(words, []).append(str(result.config.k))
    everywhere = len(found.results)
    return found.warnings + tuple(
        words if len(those) == everywhere else f"k = {', '.join(those)}: {words}" for words, those in numbers.items()
    )


def relabel_job(job: Job, config: SegmentConfig, on_stage: Callable[[str], None]) -> Outcome:
    """Relabel one label image and write the results.

    Parameters
    ----------
    job, config, on_stage
        As for :func:`run_job`; the number of classes is that of the labels.

    Returns
    -------
    Outcome
        The files and the class table.
    """
    from segment.pipeline.relabeling import relabel_classes

    on_stage(Stage.READ)
    result = relabel_classes(job.source, job.pictured, config)
    on_stage(Stage.WRITE)
    paths = result.save(job.folder, stem=job.stem, suffix=job.picture_suffix)
    return Outcome(
        job,
        tuple(paths),
        result.classes,
        list_colors(result.colors),
        changed=math.nan,
        warnings=result.warnings + warn_of_lost_georeference(result),
        old_numbers=result.old_numbers,
    )


def _read_source(job: Job, config: SegmentConfig, on_stage: Callable[[str], None]) -> LoadedFile | BinaryIO:
    """Read the file of a job while another thread loads the libraries that segment it; return a pipe as it is."""
    if job.pipe_in is not None:
        return job.pipe_in
    from segment.loader.loader import LoadedFile
    from segment.pipeline.file_loading import load_file

    on_stage(Stage.READ)
    begin = time.perf_counter()
    image = load_file(job.source, config, partial(_load_libraries, config))
    return LoadedFile(os.fspath(job.source), image, begin)


def _load_libraries(config: SegmentConfig) -> None:
    """Load what segments an image and draws results: it takes as long as to decode a large image."""
    draws = {"panel", "labels"} & set(config.save)
    for module in (*_FITTING, *(_DRAWING if draws else ())):
        import_module(module)


def _is_folder_full(error: Exception) -> bool:
    """Return whether an error says that the folder for results takes no more files."""
    # The number of the system's error is data; its text depends on the language of the system.
    cause = error.__cause__
    return isinstance(error, OutputError) and isinstance(cause, OSError) and cause.errno in _FOLDER_FULL


def _describe_failure(error: Exception, job: Job) -> str:
    """Describe a failure, expected or not, in one line that names the image."""
    # The message of the error names the folder only, and the reader wants to know which image has no results.
    if _is_folder_full(error):
        return f"{printable_path(job.source)}: has no results; {error}"
    if not isinstance(error, SegmentError):
        return f"{printable_path(job.source)}: {describe_fault(error)}"
    text = str(error)
    names = tuple(printable_path(path) for path in (job.source, *job.more_bands))
    # A setting may fit the bands of all images but this one.
    is_nameless = isinstance(error, (ImageError, SettingsError)) and not text.startswith(names)
    # An image in memory knows the name of its file, and not its folder.
    return f"{names[0]}: {text.removeprefix(f'{printable_path(job.source.name)}: ')}" if is_nameless else text
