"""What the steps of a run over a raster share."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from raster_files import write

from segment.config.config import SegmentConfig
from segment.runs.rasters.gdal_files import configure_rasterio
from segment.runs.rasters.raster_opening import open_raster
from segment.runs.rasters.raster_run import RasterRun, RasterStage
from segment.runs.rasters.tile_workers import Threads
from segment.runs.rasters.tiles import Window


def test_progress_is_reported_after_each_tile(tmp_path: Path) -> None:
    with configure_rasterio():
        raster = open_raster(write(tmp_path / "a.tif", np.zeros((30, 50), dtype=np.uint8)))
    stages: list[str] = []
    run = RasterRun(raster, SegmentConfig(), 20, Threads(), stages.append)
    assert len(run.windows) == 2 * 3
    areas = run.map_tiles(lambda window: window.height * window.width, RasterStage.LABEL)
    assert list(areas) == [400, 400, 200, 200, 200, 100]
    assert stages == [f"labeling, tile {number} of 6" for number in range(1, 7)]
    others = [Window(0, 0, 3, 4)]
    assert list(run.map_tiles(lambda window: window.width, RasterStage.MAKE_COPY, others)) == [4]
    parts = run.sum_tiles(lambda _: 1, lambda first, second: first + second, RasterStage.COUNT_COLORS)
    assert sum(parts) == 6
    assert stages[-1] == "counting colors, tile 6 of 6"
