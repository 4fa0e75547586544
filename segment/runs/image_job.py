"""The work on one image, and what became of it: a failure is an outcome, so that the rest can go on."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any, BinaryIO

from segment.config.config import SegmentConfig
from segment.core.atomic_files import refuse_existing
from segment.core.errors import OutputError, SegmentError, describe_fault, printable_path
from segment.runs.job import Job

if TYPE_CHECKING:
    from segment.loader.loader import LoadedFile
    from segment.pipeline.result import Segmentation
    from segment.segmenter.class_model.class_model import ClassModel
from segment.runs.outcome import Outcome

__all__ = ["attempted", "compare_job", "run_job"]


# The folder for the results takes nothing more: all further images would fail alike.
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS})
# In the order in which they are needed; numpy.ma is needed by numpy.unique, GIF by Pillow before it saves anything.
_FITTING = ("segment.pipeline.pipeline", "cv2", "numpy.random", "numpy.ma")
_DRAWING = ("segment.output.label_formats", "PIL.PngImagePlugin", "PIL.GifImagePlugin", "PIL.ImageDraw")
Work = Callable[[Job, SegmentConfig, Callable[[str], None]], Outcome]


def run_job(
    job: Job,
    config: SegmentConfig,
    *,
    model: ClassModel | None = None,
    adapt: bool = False,
    like: ClassModel | None = None,
    on_stage: Callable[[str], None] = lambda _: None,
    debug: bool = False,
) -> Outcome:
    """Segment one image and write the results.

    With a `model` its classes are found, or with `adapt` too the fit starts from them. `like` another model the classes
    are numbered as its own.

    A failure of the image is an outcome, not an exception, so that the rest can go on; with `debug` it is raised.
    """
    classes = partial(_segmented, model=model, adapt=adapt, like=like)
    return attempted(job, config, classes if config.regions == 0 else _divided, on_stage, debug)


def compare_job(
    job: Job, config: SegmentConfig, *, on_stage: Callable[[str], None] = lambda _: None, debug: bool = False
) -> Outcome:
    """Compare the mixture with other methods on one image and write the panel. Failures as in :func:`run_job`."""
    return attempted(job, config, _compared, on_stage, debug)


def attempted(job: Job, config: SegmentConfig, work: Work, on_stage: Callable[[str], None], debug: bool) -> Outcome:
    """Do the work of a job; what goes wrong is its outcome, or with `debug` is raised."""
    begin = time.perf_counter()
    try:
        for path in () if config.overwrite or job.pipe_out else job.results(config):
            refuse_existing(path)
        return replace(work(job, config, on_stage), seconds=time.perf_counter() - begin)
    except Exception as error:
        if debug:
            raise
        seconds = time.perf_counter() - begin
        return Outcome(job, error=_explained(error, job), is_stuck=_is_stuck(error), seconds=seconds)


def _segmented(
    job: Job,
    config: SegmentConfig,
    on_stage: Callable[[str], None],
    *,
    model: ClassModel | None,
    adapt: bool,
    like: ClassModel | None,
) -> Outcome:
    source = _source(job, config, on_stage)
    if model is None or adapt:
        from segment.pipeline.pipeline import segment_image

        result = segment_image(source, config, start=model, on_stage=on_stage)
    else:
        from segment.pipeline.shared_classes import apply_classes

        result = apply_classes(model, source, config, on_stage=on_stage)
    if like is not None:
        from segment.pipeline.alignment import align_classes

        result = align_classes(result, like)
    shared = like or (None if adapt else model)
    on_stage("writing")
    paths = result.save(job.pipe_out or job.folder, stem=job.stem, suffix=job.picture_suffix)
    colors = [(red, green, blue) for red, green, blue in result.colors.tolist()]
    rows = tuple((row.label, c, row.share, row.mean) for row, c in zip(result.classes, colors, strict=True))
    return Outcome(
        job,
        tuple(paths),
        rows,
        changed=result.changed,
        warnings=result.warnings,
        names=result.names,
        pixels=tuple(row.pixels for row in result.classes),
        choice=_choice(result),
        drift=_drift(shared, result),
        **_about(result),
    )


def _source(job: Job, config: SegmentConfig, on_stage: Callable[[str], None]) -> LoadedFile | BinaryIO:
    """What to segment: the file, read while another thread loads what works on it, or the pipe."""
    if job.pipe_in is not None:
        return job.pipe_in
    from segment.loader.loader import LoadedFile, load_image

    on_stage("reading")
    begin = time.perf_counter()
    with ThreadPoolExecutor(1) as pool:
        pool.submit(_load_stages, config)  # what cannot be loaded is said by the stage that needs it
        image = load_image(job.source, max_pixels=config.max_pixels, allow_truncated=config.allow_truncated)
    return LoadedFile(os.fspath(job.source), image, begin)


def _load_stages(config: SegmentConfig) -> None:
    """Load what segments an image: it takes as long as to decode a large one, and both can be done at once."""
    draws = {"panel", "labels"} & set(config.save)
    for module in (*_FITTING, *(_DRAWING if draws else ())):
        import_module(module)


def _choice(result: Segmentation) -> str:
    return result.selection.sentence if result.selection.candidates else ""


def _drift(shared: ClassModel | None, result: Segmentation) -> float | None:
    """How far the image is from what the classes that it shares come from; None where they are its own."""
    if shared is None:
        return None
    from segment.pipeline.alignment import measure_drift

    return measure_drift(shared, result)


def _about(result: Segmentation) -> dict[str, Any]:
    """What an index of pages shows of a page."""
    if "report" not in result.config.save or result.n_classes == 0:
        return {}
    import numpy as np

    from segment.output.report.index import make_thumbnail_url

    return {"uncertainty": float(np.nanmean(result.uncertainty())), "thumbnail": make_thumbnail_url(result)}


def _divided(job: Job, config: SegmentConfig, on_stage: Callable[[str], None]) -> Outcome:
    source = _source(job, config, on_stage)
    from segment.pipeline.region_pipeline import segment_regions

    found = segment_regions(source, config, on_stage=on_stage)
    on_stage("writing")
    paths = tuple(found.save(job.pipe_out or job.folder, stem=job.stem, suffix=job.picture_suffix))
    return Outcome(job, paths, warnings=found.warnings, n_regions=found.n_regions)


def _compared(job: Job, config: SegmentConfig, on_stage: Callable[[str], None]) -> Outcome:
    from segment.pipeline.comparison import compare_image

    found = compare_image(job.source, config, on_stage=on_stage)
    on_stage("writing")
    paths = found.save(job.folder, stem=job.stem, suffix=job.picture_suffix)
    rows = tuple((m.name, m.seconds, m.inertia, m.log_likelihood, m.agreement) for m in found.methods)
    choice = _choice(found.result)
    return Outcome(job, tuple(paths), warnings=found.result.warnings, methods=rows, choice=choice)


def _is_stuck(error: Exception) -> bool:
    cause = error.__cause__
    return isinstance(error, OutputError) and isinstance(cause, OSError) and cause.errno in _NO_ROOM


def _explained(error: Exception, job: Job) -> str:
    """One line for a failure, expected or not, that names the image."""
    if _is_stuck(error):
        return f"{printable_path(job.source)}: has no results; {error}"
    if isinstance(error, SegmentError):
        return str(error)
    if isinstance(error, MemoryError):
        return f"{printable_path(job.source)}: not enough memory. Give --max-size to segment a smaller copy."
    return f"{printable_path(job.source)}: {describe_fault(error)}"
