"""Write a label raster: the complete file, or nothing.

GDAL makes the file without its blocks: sizes, georeference, palette, and tables for the places of the blocks, overviews
included. The blocks come compressed and are appended, and their places are entered in the tables at the end.
"""

from __future__ import annotations

import contextlib
import io
import math
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from segment.core.atomic_files import make_temporary_name, refuse_existing, remove_abandoned
from segment.core.errors import OutputError, describe_os_error, get_write_remedy, printable_path
from segment.loader.decoders.tiff_high_depth import open_with_tifffile
from segment.output.result_mark import MARK
from segment.runs.rasters.label_blocks import BLOCK_SIDE, LabelBlock, compress_labels, decompress_labels, list_levels
from segment.runs.rasters.reader import Raster

__all__ = ["LabelWriter", "create_label_raster"]

_OFFSETS, _SIZES = 324, 325  # the TIFF tags of the first bytes of blocks, and of how many there are
_INTEGERS = {4: "u4", 16: "u8"}  # by the number that a TIFF has for them


class LabelWriter:
    """Writes blocks of labels to an open file.

    Parameters
    ----------
    file : binary file
        A label raster without its blocks, open for reading and writing.
    shape : tuple of 2 int, pixels
        Height and width of the raster.
    """

    def __init__(self, file: BinaryIO, shape: tuple[int, int]) -> None:
        self._file = file
        # First byte and number of bytes of each block of each level; 0 while it is not written.
        self._places = [
            np.zeros((2, *(-(-len(side) // BLOCK_SIDE) for side in sides)), dtype=np.int64)
            for sides in list_levels(*shape)
        ]
        # Blocks of which tiles had a part, and how many pixels are still to come.
        self._begun: dict[tuple[int, int, int], tuple[NDArray[np.uint8], int]] = {}
        file.seek(0, io.SEEK_END)

    def write(self, blocks: Iterable[LabelBlock]) -> None:
        """Write the blocks of a tile.

        Parameters
        ----------
        blocks : iterable of LabelBlock
            No two tiles may overlap. A block that lies in several tiles is kept until it is complete.
        """
        for block in blocks:
            data = block.data if block.is_complete else self._complete(block)
            if data:
                self._places[block.level][:, block.row, block.column] = self._file.tell(), len(data)
                self._file.write(data)

    def _complete(self, block: LabelBlock) -> bytes:
        """Add what a tile has of a block to what other tiles had; return the block once it is complete."""
        key = block.level, block.row, block.column
        if key not in self._begun:
            self._begun[key] = np.zeros((BLOCK_SIDE, BLOCK_SIDE), dtype=np.uint8), math.prod(block.shape)
        labels, missing = self._begun.pop(key)
        labels[block.window.slices] = decompress_labels(block.data, block.window)
        missing -= block.window.height * block.window.width
        if missing == 0:
            return compress_labels(labels)
        self._begun[key] = labels, missing
        return b""

    def finish(self) -> None:
        """Enter the places of all blocks in the tables of the file.

        Raises
        ------
        OSError
            If some block was not written.
        """
        if not all(places.all() for places in self._places):
            raise OSError("not all of it was written")
        with open_with_tifffile(self._file) as file:
            pages = list(file.pages)
            for page, places in zip(pages, self._places, strict=True):
                for tag, numbers in zip((page.tags[_OFFSETS], page.tags[_SIZES]), places, strict=True):
                    self._file.seek(tag.valueoffset)
                    self._file.write(numbers.astype(file.byteorder + _INTEGERS[tag.dtype]).tobytes())


@contextlib.contextmanager
def create_label_raster(
    path: Path, raster: Raster, colors: NDArray[np.uint8], *, description: str = "", overwrite: bool = False
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
    description : str
        What :func:`segment.output.label_formats.format_label_text` makes of the classes; empty for none.
    overwrite : bool
        Whether a file of this name may be replaced.

    Yields
    ------
    LabelWriter
        Takes the labels. The file is completed at the end of the block.

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
        frame = _make_frame(raster, colors, description)
        with temporary.open("w+b") as file:
            file.write(frame)
            writer = LabelWriter(file, (raster.height, raster.width))
            yield writer
            writer.finish()
        # Once more: another program may have written it meanwhile.
        if not overwrite:
            refuse_existing(path)
        temporary.replace(path)
    except BaseException as error:
        _remove_all(temporary, made)
        if isinstance(error, (OSError, RasterioError)):
            reason = describe_os_error(error)
            raise OutputError(
                f"{printable_path(path)}: cannot be written; {reason}. {get_write_remedy(error)}"
            ) from error
        raise


def _make_frame(raster: Raster, colors: NDArray[np.uint8], description: str) -> bytes:
    """Make a label raster that has all but its blocks."""
    import rasterio
    from rasterio.enums import ColorInterp, Resampling

    # A raster without a place on the map gets none: an identity transform would be taken for one.
    place: dict[str, Any] = {"crs": raster.crs or None}
    if raster.crs or rasterio.Affine(*raster.transform) != rasterio.Affine.identity():
        place["transform"] = rasterio.Affine(*raster.transform)
    # In memory, as GDAL does not report every write that fails on a full disk.
    with rasterio.Env(SPARSE_OK_OVERVIEW=True), rasterio.MemoryFile() as memory:
        with memory.open(
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
            photometric="palette",
            bigtiff="if_safer",
            sparse_ok=True,
            **place,
        ) as file:
            about = {"TIFFTAG_IMAGEDESCRIPTION": description} if description else {}
            file.update_tags(TIFFTAG_SOFTWARE=MARK, **about)
            file.colorinterp = [ColorInterp.palette]
            palette = {i: (*rgb, 255) for i, rgb in enumerate(colors.tolist(), start=1)}
            file.write_colormap(1, {0: (0, 0, 0, 0), **palette})
            n_overviews = len(list_levels(raster.height, raster.width)) - 1
            if n_overviews:
                file.build_overviews([2**i for i in range(1, n_overviews + 1)], Resampling.nearest)
        return bytes(memory.read())


def _remove_all(temporary: Path, made: list[Path]) -> None:
    """Remove an incomplete file, and the folders that were made for it."""
    with contextlib.suppress(OSError):
        temporary.unlink()
    for folder in made:
        with contextlib.suppress(OSError):
            folder.rmdir()
