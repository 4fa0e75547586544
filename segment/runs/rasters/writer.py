"""A label raster that comes into being whole or not at all."""

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
from segment.runs.rasters.reader import ONE_AT_A_TIME, Raster
from segment.runs.rasters.tiles import Window, tiles

if TYPE_CHECKING:
    from rasterio.io import DatasetWriter

__all__ = ["RasterWriter", "label_raster"]

_BLOCK = 512  # pixels a side of the tiles of the file
_SMALLEST = 256  # pixels on the longer side of the smallest overview, at most
_AT_ONCE = 1024  # pixels a side that are read to check what was written


class RasterWriter:
    """A label raster that is being written, window by window."""

    def __init__(self, file: DatasetWriter) -> None:
        self._file = file
        self._counts = np.zeros(256, dtype=np.int64)

    def write(self, window: Window, labels: NDArray[np.uint8]) -> None:
        """Write the labels of a window; each pixel once."""
        self._counts += _count(labels)
        with ONE_AT_A_TIME:
            self._file.write(labels, 1, window=_file_window(window))

    def finish(self) -> None:
        """Complete the file with smaller copies of itself, for viewers."""
        from rasterio.enums import Resampling

        longest = max(self._file.height, self._file.width)
        levels = [2**i for i in range(1, 32) if longest / 2 ** (i - 1) > _SMALLEST]
        if levels:
            self._file.build_overviews(levels, Resampling.nearest)

    def check(self, path: Path) -> None:
        """Read it all: GDAL does not tell of every write that fails, as where the disk is full.

        Raises
        ------
        OSError
            If the file does not hold what was written.
        """
        import rasterio

        counts = np.zeros_like(self._counts)
        with rasterio.open(path, driver="GTiff") as file:
            for window in tiles(file.height, file.width, _AT_ONCE):
                counts += _count(file.read(1, window=_file_window(window)))
        if not np.array_equal(counts, self._counts):
            raise OSError("not all of it was written; is the disk full?")


@contextlib.contextmanager
def label_raster(
    path: Path, raster: Raster, colors: NDArray[np.uint8], *, overwrite: bool = False
) -> Iterator[RasterWriter]:
    """A GeoTIFF for the labels of a raster: tiled, compressed, with a palette, overviews, and 0 as nodata.

    It has its name once it is complete; whatever goes wrong before leaves nothing, but where the process is killed: the
    next one to write into the folder removes what is left then.

    Parameters
    ----------
    path : Path
        Its folder is made if it is not there.
    raster : Raster
        What it has the size and the place of.
    colors : ndarray of shape (k, 3), uint8
        Of the labels 1..k.
    overwrite : bool
        Whether a file of this name may be replaced.

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
        with _opened(temporary, raster, colors) as file:
            writer = RasterWriter(file)
            yield writer
            writer.finish()
        writer.check(temporary)
        if not overwrite:
            refuse_existing(path)
        temporary.replace(path)
    except BaseException as error:
        _remove(temporary, made)
        if isinstance(error, (OSError, RasterioError)):
            reason = describe_os_error(error)
            raise OutputError(f"{printable_path(path)}: cannot be written; {reason}. Check the disk.") from error
        raise


def _opened(temporary: Path, raster: Raster, colors: NDArray[np.uint8]) -> Any:
    import rasterio
    from rasterio.enums import ColorInterp

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
        blockxsize=_BLOCK,
        blockysize=_BLOCK,
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


def _count(labels: NDArray[np.uint8]) -> NDArray[np.int64]:
    """How often each label occurs, (256,). Counting takes eight bytes a pixel, so it is done row by row."""
    counts = np.zeros(256, dtype=np.int64)
    for row in labels:
        counts += np.bincount(row, minlength=256)
    return counts


def _file_window(window: Window) -> Any:
    from rasterio.windows import Window as FileWindow

    return FileWindow(window.column, window.row, window.width, window.height)


def _remove(temporary: Path, made: list[Path]) -> None:
    for leftover in (temporary, temporary.with_name(temporary.name + ".aux.xml")):
        with contextlib.suppress(OSError):
            leftover.unlink()
    for folder in made:
        with contextlib.suppress(OSError):
            folder.rmdir()
