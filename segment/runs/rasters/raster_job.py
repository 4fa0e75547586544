"""The work on one raster, from file to file, and which files are rasters of their own and which the bands of one."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from segment.config.config import SegmentConfig
from segment.core.errors import SegmentError, printable_path
from segment.core.stages import Stage
from segment.runs.config_files import write_config_file
from segment.runs.job import Job, plan_jobs
from segment.runs.outcome import Outcome
from segment.runs.workers.dask_client import Cluster

if TYPE_CHECKING:
    from segment.segmenter.class_model.class_model import ClassModel

__all__ = ["join_stems", "plan_raster_jobs", "segment_raster_job"]

MAX_STEM_LENGTH = 80  # characters


def plan_raster_jobs(
    inputs: Sequence[Path], output: Path, config: SegmentConfig, also_read: Sequence[Path] = ()
) -> list[Job]:
    """Plan the jobs of some rasters: several files of a single band each are the bands of one raster.

    Parameters
    ----------
    inputs : sequence of Path
        The files.
    output : Path
        Folder for the results.
    config : SegmentConfig
        The settings of all rasters.
    also_read : sequence of Path
        Other files that no result may replace.

    Raises
    ------
    SettingsError
        If two inputs would share a result, or a result would replace an input.
    """
    if len(inputs) < 2 or not _have_single_bands(inputs):
        return plan_jobs(inputs, output, config, also_read=also_read)
    (job,) = plan_jobs(inputs[:1], output, config, also_read=(*inputs[1:], *also_read))
    return [replace(job, stem=join_stems([path.stem for path in inputs]), more_bands=tuple(inputs[1:]))]


def join_stems(stems: Sequence[str]) -> str:
    """Name the results of several files: what their names have in common, and what is different in each.

    Examples
    --------
    >>> join_stems(["S2_B04", "S2_B03", "S2_B02"])
    'S2_B04_B03_B02'
    >>> join_stems(["red", "green"])
    'red_green'
    """
    # In common up to the end of a word.
    start = len(re.sub(r"[^_\-. ]+$", "", os.path.commonprefix(stems)))  # noqa: RUF071  of names, not of paths
    stem = "_".join([stems[0], *(name[start:] or name for name in stems[1:])])
    return stem if len(stem) <= MAX_STEM_LENGTH else f"{stems[0]}_to_{stems[-1][start:]}"


def segment_raster_job(
    job: Job,
    config: SegmentConfig,
    on_stage: Callable[[str], None],
    *,
    model: ClassModel | None = None,
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
    model : ClassModel, optional
        Whose classes are found.
    cluster : Cluster, optional
        Its workers read and label the tiles.
    allow_vrt_sources : bool
        Whether a VRT may take its pixels from files outside its own folder.

    Returns
    -------
    Outcome
        The files and the class table.
    """
    # Loaded here: a program that only prints its help should not load NumPy.
    from segment.runs.rasters.raster_pipeline import segment_raster
    from segment.runs.rasters.raster_products import check_raster_products, save_raster_products
    from segment.runs.result_outcome import list_colors

    source = [job.source, *job.more_bands]
    # The pipeline writes only labels, tile by tile, and refuses settings of other products: these are made after it.
    work = replace(config, save=("labels",), drop_class=(), geojson_crs="wgs84")
    (path,) = job.list_results(work)
    try:
        check_raster_products(source, config, allow_vrt_sources=allow_vrt_sources)
        result = segment_raster(
            source, path, work, model=model, allow_vrt_sources=allow_vrt_sources, cluster=cluster, on_stage=on_stage
        )
        on_stage(Stage.WRITE)
        products = save_raster_products(result, config, job.stem)
    except SegmentError as error:
        # GDAL and workers get its absolute path.
        for given in source:
            absolute = printable_path(given.absolute())
            if str(error).startswith(f"{absolute}: "):
                error.args = (printable_path(given) + str(error).removeprefix(absolute),)
        raise
    settings = write_config_file(config, job.folder, job.stem)
    return Outcome(
        job,
        (result.path, *products, *settings),
        result.classes,
        list_colors(result.colors),
        changed=result.changed,
        warnings=result.warnings,
        interest=result.interest,
        old_numbers=result.old_numbers,
        choice=result.choice,
    )


def _have_single_bands(inputs: Sequence[Path]) -> bool:
    """Return whether each file can be read and has one band."""
    # Loaded here: a program that only prints its help should not load NumPy.
    from segment.runs.rasters.gdal_files import configure_rasterio
    from segment.runs.rasters.raster_opening import open_raster

    try:
        with configure_rasterio():
            return all(len(open_raster(path).bands) == 1 for path in inputs)
    except SegmentError:  # each file is reported by itself
        return False
