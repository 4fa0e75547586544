"""The work on one raster, from file to file. A failure is an outcome, so that other rasters go on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from segment.config.config import SegmentConfig
from segment.core.errors import SegmentError, printable_path
from segment.core.stages import Stage
from segment.runs.config_files import write_config_file
from segment.runs.image_job import try_job
from segment.runs.job import Job
from segment.runs.outcome import Outcome
from segment.runs.workers.dask_client import Cluster

__all__ = ["run_raster_job"]


def run_raster_job(
    job: Job,
    config: SegmentConfig,
    *,
    allow_vrt_sources: bool = False,
    cluster: Cluster | None = None,
    on_stage: Callable[[str], None] = lambda _: None,
    debug: bool = False,
) -> Outcome:
    """Segment one raster and write its labels.

    Parameters
    ----------
    job : Job
        The raster, and where its labels go.
    config : SegmentConfig
        All settings.
    allow_vrt_sources : bool
        Whether a VRT may take its pixels from files outside its own folder.
    cluster : Cluster, optional
        Its workers read and label the tiles.
    on_stage : callable
        Called with the text of each stage when it begins, and after each tile.
    debug : bool
        Whether a failure is raised.

    Returns
    -------
    Outcome
        The file and the class table, or why the raster failed.
    """
    work = partial(_name_as_given, cluster=cluster, allow_vrt_sources=allow_vrt_sources)
    return try_job(job, config, work, on_stage, debug)


def _name_as_given(job: Job, config: SegmentConfig, on_stage: Callable[[str], None], **options: Any) -> Outcome:
    """Segment a raster; errors name it as it was given, although GDAL and workers get its absolute path."""
    try:
        return _segment_raster(job, config, on_stage, **options)
    except SegmentError as error:
        for source in (job.source, *job.more_bands):
            absolute = printable_path(source.absolute())
            if str(error).startswith(f"{absolute}: "):
                error.args = (printable_path(source) + str(error).removeprefix(absolute),)
        raise


def _segment_raster(
    job: Job,
    config: SegmentConfig,
    on_stage: Callable[[str], None],
    *,
    cluster: Cluster | None,
    allow_vrt_sources: bool,
) -> Outcome:
    """Segment a raster and convert the result to an outcome."""
    # Loaded here: a program that only prints its help should not load NumPy.
    from segment.runs.rasters.raster_pipeline import segment_raster
    from segment.runs.rasters.raster_products import check_raster_products, save_raster_products
    from segment.runs.result_outcome import list_colors

    source = [job.source, *job.more_bands]
    check_raster_products(source, config, allow_vrt_sources=allow_vrt_sources)
    work = replace(config, save=("labels",), drop_class=(), geojson_crs="wgs84")
    (path,) = job.list_results(work)
    result = segment_raster(
        source,
        path,
        work,
        allow_vrt_sources=allow_vrt_sources,
        cluster=cluster,
        on_stage=on_stage,
    )
    on_stage(Stage.WRITE)
    products = save_raster_products(result, config, job.stem)
    settings = write_config_file(config, job.folder, job.stem)
    return Outcome(
        job,
        (result.path, *products, *settings),
        result.classes,
        list_colors(result.colors),
        changed=result.changed,
        warnings=result.warnings,
        interest=result.interest,
        choice=result.choice,
    )
