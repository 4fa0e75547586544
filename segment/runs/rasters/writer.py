"""Write a label raster: the complete file, or nothing."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from segment.core.atomic_files import make_temporary_name, refuse_existing, remove_abandoned
from segment.core.errors import OutputError, describe_os_error, printable_path
from segment.output.result_mark import MARK
from segment.runs.rasters.gdal_lock import GDAL_LOCK
from segment.runs.rasters.reader import Raster
from segment.runs.rasters.tiles import Window, cut_tiles

if TYPE_CHECKING:
    from rasterio.io import DatasetWriter

__all__ = ["LabelWriter", "create_label_raster"]

BLOCK_SIDE = 512  # pixels, of the tiles of the file
MAX_SMALLEST_OVERVIEW = 256  # pixels on its longer side
CHECK_SIDE = 1024  # pixels, of the windows that are read to check the file


class LabelWriter:
    """Writes labels to an open file, window by window.

    Parameters
    ----------
    file : rasterio.io.DatasetWriter
        Open for writing.
    """

    def __init__(self, file: DatasetWriter) -> None:
        self._file = file
        self._counts = np.zeros(256, dtype=np.int64)

    def write(self, window: Window, labels: NDArray[np.uint8]) -> None:
        """Write the labels of a window.

        Parameters
        ----------
        window : Window
            No two windows may overlap.
        labels : ndarray of the window's shape, uint8
            0 for no label.
        """
        self._counts += _count_labels(labels)
        with GDAL_LOCK:
            self._file.write(labels, 1, window=_convert_window(window))

    def add_overviews(self) -> None:
        """Add smaller copies of the raster to the file, each half as large as the one before, for viewers."""
        from rasterio.enums import Resampling

        longest = max(self._file.height, self._file.width)
        # Halved until the longer side has at most MAX_SMALLEST_OVERVIEW pixels.
        levels = [2**i for i in range(1, 32) if longest / 2 ** (i - 1) > MAX_SMALLEST_OVERVIEW]
        if levels:
            self._file.build_overviews(levels, Resampling.nearest)

    def check(self, path: Path) -> None:
        """Read the closed file and compare its labels: GDAL does not report every write that fails on a full disk.

        Parameters
        ----------
        path : Path
            The file.

        Raises
        ------
        OSError
            If the file does not hold what was written.
        """
        import rasterio

        # Counting labels needs no memory; a block that was not written reads as zeros or not at all.
        counts = np.zeros_like(self._counts)
        with rasterio.open(path, driver="GTiff") as file:
            for window in cut_tiles(file.height, file.width, CHECK_SIDE):
                counts += _count_labels(file.read(1, window=_convert_window(window)))
        if not np.array_equal(counts, self._counts):
            raise OSError("not all of it was written, as on a full disk")


@contextlib.contextmanager
def create_label_raster(
    path: Path, raster: Raster, colors: NDArray[np.uint8], *, overwrite: bool = False
) -> Iterator[LabelWriter]:
    """Create a GeoTIFF for the labels of a raster: tiled, compressed, with a palette, overviews, and 0 as nodata.

    It gets its name when it is complete. An error leaves nothing; what a killed process leaves is removed by the next
    one that writes into the folder.

    Parameters
    ----------
    path : Path
        Its folder is made if it is not there.
    raster : Raster
        The labels get its size and its place on the map.
    colors : ndarray of shape (k, 3), uint8
        Of the labels 1..k.
    overwrite : bool
        Whether a file of this name may be replaced.

    Yields
    ------
    LabelWriter
        Takes the labels. The file is completed and checked at the end of the block.

    Raises
    ------
    OutputError
        If there is a file already, or it cannot be written.
    """
    from rasterio.errors import RasterioError

    if not overwrite:
        refuse_existing(path)
    made = [part for part in (path.parent, *path.parent.parents) if not os.path.lexists(part)]
    remove_abandoned(path.parent)
    temporary = path.parent / make_temporary_name()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _create_file(temporary, raster, colors) as file:
            writer = LabelWriter(file)
            yield writer
            writer.add_overviews()
        writer.check(temporary)
        # Once more: another program may have written it meanwhile.
        if not overwrite:
            refuse_existing(path)
        temporary.replace(path)
    except BaseException as error:
        _remove_all(temporary, made)
        if isinstance(error, (OSError, RasterioError)):
            reason = describe_os_error(error)
            raise OutputError(f"{printable_path(path)}: cannot be written; {reason}. Check the disk.") from error
        raise


def _create_file(temporary: Path, raster: Raster, colors: NDArray[np.uint8]) -> Any:
    """Create an empty label raster and open it for writing."""
    import rasterio
    from rasterio.enums import ColorInterp

    # A raster without a place on the map gets none: an identity transform would be taken for one.
    place: dict[str, Any] = {"crs": raster.crs or None}
    if raster.crs or rasterio.Affine(*raster.transform) != rasterio.Affine.identity():
        place["transform"] = rasterio.Affine(*raster.transform)
    file = rasterio.open(
        os.path.abspath(temporary),  # noqa: PTH100
        "w",
        driver="GTiff",
        height=raster.height,
        width=raster.width,
        count=1,
        dtype="uint8",
        nodata=0,
        tiled=True,
        blockxsize=BLOCK_SIDE,
        blockysize=BLOCK_SIDE,
        compress="deflate",
        zlevel=1,
        photometric="palette",
        bigtiff="if_safer",
        **place,
    )
    file.update_tags(TIFFTAG_SOFTWARE=MARK)
    file.colorinterp = [ColorInterp.palette]
    file.write_colormap(1, {0: (0, 0, 0, 0), **{i: (*rgb, 255) for i, rgb in enumerate(colors.tolist(), start=1)}})
    return file


def _count_labels(labels: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Count how often each label occurs, (256,)."""
    # Row by row: numpy.bincount converts to eight bytes a pixel.
    counts = np.zeros(256, dtype=np.int64)
    for row in labels:
        counts += np.bincount(row, minlength=256)
    return counts


def _convert_window(window: Window) -> Any:
    """Convert a window to one of rasterio's."""
    from rasterio.windows import Window as FileWindow

    return FileWindow(window.column, window.row, window.width, window.height)


def _remove_all(temporary: Path, made: list[Path]) -> None:
    """Remove an incomplete file, and the folders that were made for it."""
    # GDAL keeps what does not fit into the TIFF in a file beside it.
    for leftover in (temporary, temporary.with_name(temporary.name + ".aux.xml")):
        with contextlib.suppress(OSError):
            leftover.unlink()
    for folder in made:
        with contextlib.suppress(OSError):
            folder.rmdir()
