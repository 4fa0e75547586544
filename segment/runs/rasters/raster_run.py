"""All that the steps of one run over a raster share: file, settings, tiles, workers, and progress."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from segment.config.config import SegmentConfig
from segment.core.stages import Stage
from segment.runs.rasters.reader import Raster
from segment.runs.rasters.tile_workers import TileWorkers
from segment.runs.rasters.tiles import Window, cut_tiles
from segment.segmenter.class_fitting import FittedClasses, fit_image_classes
from segment.segmenter.fit_data import FitData

__all__ = ["RasterRun", "RasterStage"]

Result = TypeVar("Result")


class RasterStage(StrEnum):
    """The stages of a run over a raster; the text of each is what people read."""

    READ = Stage.READ
    FIND_SCALE = "looking for black and white"
    MAKE_COPY = "making the working copy"
    COUNT_COLORS = Stage.COUNT_COLORS
    FIT = Stage.FIT
    SOLVE_FIELD = "solving the random field"
    LABEL = "labeling"


@dataclass(frozen=True, eq=False)
class RasterRun:
    """One run over a raster.

    Attributes
    ----------
    raster : Raster
        The file that is read.
    config : SegmentConfig
        All settings.
    tile : int, pixels
        Side of the tiles.
    workers : TileWorkers
        Who works on the tiles.
    on_stage : callable
        Called with the text of each stage when it begins, and after each tile.
    find_classes : callable
        Finds the classes of what was collected of the raster: by a fit, or those of a saved model.
    """

    raster: Raster
    config: SegmentConfig
    tile: int
    workers: TileWorkers
    on_stage: Callable[[str], None]
    find_classes: Callable[[FitData, SegmentConfig], FittedClasses] = fit_image_classes

    @property
    def windows(self) -> list[Window]:
        """The tiles of the raster."""
        return cut_tiles(self.raster.height, self.raster.width, self.tile)

    def map_tiles(
        self, function: Callable[[Window], Result], stage: RasterStage, windows: list[Window] | None = None
    ) -> Iterator[Result]:
        """Let the workers apply a function to each tile, and report progress.

        Parameters
        ----------
        function : callable
            Takes a window. With a cluster it is sent to the workers, so it must not refer to this run.
        stage : RasterStage
            What it does.
        windows : list of Window, optional
            Other windows than the tiles of the raster.

        Returns
        -------
        iterator
            The results in the order of the tiles.
        """
        # Blocks of the working copy are windows, too, of another size.
        windows = self.windows if windows is None else windows
        return self.workers.map_tiles(function, windows, self._count_tiles(stage, len(windows)))

    def sum_tiles(
        self, function: Callable[[Window], Result], add: Callable[[Result, Result], Result], stage: RasterStage
    ) -> Iterator[Result]:
        """Let the workers apply a function to each tile and add results, and report progress.

        Parameters
        ----------
        function, stage
            As for :meth:`map_tiles`.
        add : callable
            Takes two results and returns their sum.

        Returns
        -------
        iterator
            Parts that remain to be added, in the order of the tiles.
        """
        windows = self.windows
        return self.workers.sum_tiles(function, windows, add, self._count_tiles(stage, len(windows)))

    def _count_tiles(self, stage: RasterStage, total: int) -> Callable[[], None]:
        """Return what to call after each tile, so that it is reported how many are done."""
        numbers = iter(range(1, total + 1))
        # Called where results are taken, in one thread, so that it needs no lock.
        return lambda: self.on_stage(f"{stage}, tile {next(numbers)} of {total}")
