"""The work on one raster, from file to file. A failure is an outcome, so that other rasters go on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from segment.config.config import SegmentConfig
from segment.core.errors import SegmentError, printable_path
from segment.core.stages import Stage
from segment.runs.config_files import write_config_file
from segment.runs.job import Job
from segment.runs.outcome import Outcome
from segment.runs.workers.dask_client import Cluster

__all__ = ["segment_raster_job"]


def segment_raster_job(
    job: Job,
    config: SegmentConfig,
    on_stage: Callable[[str], None],
    *,
    cluster: Cluster | None = None,
    allow_vrt_sources: bool = False,
) -> Outcome:
    """Segment one raster and write its labels; errors name it as it was given.

    Parameters
    ----------
    job, config
        As for :func:`segment.runs.image_job.run_job`.
    on_stage : callable
        Called with the text of each stage when it begins, and after each tile.
    cluster : Cluster, optional
        Its workers read and label the tiles.
    allow_vrt_sources : bool
        Whether a VRT may take its pixels from files outside its own folder.

    Returns
    -------
    Outcome
        The files and the class table.
    """
    try:
        return _segment_raster(job, config, on_stage, cluster, allow_vrt_sources)
    except SegmentError as error:
        # GDAL and workers get its absolute path.
        for source in (job.source, *job.more_bands):
            absolute = printable_path(source.absolute())
            if str(error).startswith(f"{absolute}: "):
                error.args = (printable_path(source) + str(error).removeprefix(absolute),)
        raise


def _segment_raster(
    job: Job,
    config: SegmentConfig,
    on_stage: Callable[[str], None],
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
    # The pipeline writes only labels, tile by tile, and refuses settings of other products: these are made after it.
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
