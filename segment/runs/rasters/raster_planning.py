"""Decide which files are rasters of their own and which are the bands of one, and where the results go."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from segment.config.config import SegmentConfig
from segment.core.errors import SegmentError
from segment.runs.job import Job, plan_jobs

__all__ = ["join_stems", "plan_raster_jobs"]

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
