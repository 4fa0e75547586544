"""The work on one label image, from file to files: its classes are merged, named, ordered and saved again."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

from segment.config.config import SegmentConfig
from segment.core.stages import Stage
from segment.runs.job import Job, refuse_conflicts
from segment.runs.outcome import Outcome
from segment.runs.result_outcome import list_colors, warn_of_lost_georeference

__all__ = ["plan_relabel_jobs", "relabel_job"]


def plan_relabel_jobs(sources: tuple[Path, ...], output: Path, config: SegmentConfig, image: Path | None) -> list[Job]:
    """Decide where the results of every label image go.

    Parameters
    ----------
    sources : tuple of Path
        The label images.
    output : Path
        Folder for the results.
    config : SegmentConfig
        The settings of all.
    image : Path, optional
        The image that was segmented, which no result may replace.

    Returns
    -------
    list of Job
        ``sea_labels.png`` gives ``sea_relabeled_labels.png``.

    Raises
    ------
    SettingsError
        If two label images would share a result, or a result would replace a file that is read.
    """
    distinct = dict.fromkeys(sources)
    jobs = [
        Job(source, output, f"{source.stem.removesuffix('_labels')}_relabeled", pictured=image) for source in distinct
    ]
    refuse_conflicts(jobs, [*sources, *(() if image is None else (image,))], config)
    return jobs


def relabel_job(job: Job, config: SegmentConfig, on_stage: Callable[[str], None]) -> Outcome:
    """Relabel one label image and write the results.

    Parameters
    ----------
    job, config, on_stage
        As for :func:`segment.runs.image_job.run_job`; the number of classes is that of the labels.

    Returns
    -------
    Outcome
        The files and the class table.
    """
    # Loaded here: a program that only prints its help should not load NumPy.
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
