"""The pixels of a raster that count, window by window: crop, no data, mask and regions of interest."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segment.core.errors import ImageError, describe_os_error, printable_path
from segment.core.float_range import MAX_FLOAT_VALUE
from segment.core.float_scale import NODATA_VALUES
from segment.core.interest import RegionsOfInterest
from segment.loader.file_kind import TIFF_HEADS
from segment.loader.mask_files import MaskFile, read_head, read_interest, read_mask
from segment.loader.polygon_files import PolygonFile
from segment.preprocessor.interest import Circle, label_polygons, make_circle
from segment.preprocessor.masking import find_nodata
from segment.runs.rasters.gdal_files import GDAL_LOCK, forbid_other_files, open_file
from segment.runs.rasters.tiles import Window

__all__ = [
    "EVERYTHING",
    "FileLabels",
    "TileSelection",
    "find_set",
    "is_tiff",
    "load_mask",
    "number_labels",
    "read_file_window",
]

Rings = tuple[NDArray[np.float64], ...]
Version = tuple[str, int, int]  # of a file: its place, when it was changed, and its size


@dataclass(frozen=True)
class FileLabels:
    """A label image of regions of interest that has the size of the raster's file.

    Attributes
    ----------
    path : str
    numbers : tuple of float
        The labels in the file, ascending, without 0: those of the regions 1..n.
    """

    path: str
    numbers: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class TileSelection:
    """Which pixels of a raster count. Small enough to send to another process.

    Attributes
    ----------
    row, column : int
        First pixel of the part of the file that is used.
    shape : tuple of 2 int, pixels
        Height and width of this part.
    file_shape : tuple of 2 int, pixels
        Height and width of the file.
    nodata : tuple of float
        Value of pixels that do not count, one for all bands or one for each; empty for none.
    mask : str
        Path of a mask of the size of the file; empty for none.
    labels : FileLabels, optional
        Regions of interest in a file.
    polygons : tuple of tuple of ndarray of shape (m, 2)
        Regions of interest by their rings, in pixels of the file.
    circle : Circle, optional
        A region of interest, in pixels of the file.
    grid : tuple of 2 int, optional
        Rows and columns of cells of the part.
    names : tuple of str
        The names of the regions of interest; empty where there are none.
    notes : tuple of str
        A sentence for the user for each guess.
    """

    row: int = 0
    column: int = 0
    shape: tuple[int, int] = (0, 0)
    file_shape: tuple[int, int] = (0, 0)
    nodata: tuple[float, ...] = ()
    mask: str = ""
    labels: FileLabels | None = None
    polygons: tuple[Rings, ...] = ()
    circle: Circle | None = None
    grid: tuple[int, int] | None = None
    names: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def has_gaps(self) -> bool:
        """Whether some pixels of the part may not count."""
        return bool(self.nodata or self.mask or (self.names and self.grid is None))

    def shift(self, window: Window) -> Window:
        """Find the window of the file for a window of the part."""
        return Window(window.row + self.row, window.column + self.column, window.height, window.width)

    def find_counted(self, samples: NDArray[Any], window: Window) -> NDArray[np.bool_]:
        """Find the pixels of a window that count.

        Parameters
        ----------
        samples : ndarray of shape (h, w, bands)
            The values in the file; a smaller copy of the window where it has other than its size.
        window : Window
            Of the part.

        Returns
        -------
        ndarray of shape (h, w), bool
        """
        counted = np.ones(samples.shape[:2], dtype=bool)
        if self.nodata:
            counted &= ~find_nodata(samples, self.nodata)
        if not self.mask and not self.names:
            return counted
        # In a smaller copy the middle of each pixel decides.
        rows, columns = (
            ((np.arange(n) + 0.5) * size / n).astype(np.intp)
            for n, size in zip(samples.shape[:2], (window.height, window.width), strict=True)
        )
        is_whole = samples.shape[:2] == (window.height, window.width)
        if self.mask:
            mask = _read_mask_window(self.mask, self.shift(window), self.file_shape)
            counted &= mask if is_whole else mask[np.ix_(rows, columns)]
        if self.names and self.grid is None:
            inside = self.label(window).label_image > 0
            counted &= inside if is_whole else inside[np.ix_(rows, columns)]
        return counted

    def label(self, window: Window) -> RegionsOfInterest:
        """Label the regions of interest in a window.

        Parameters
        ----------
        window : Window
            Of the part.

        Returns
        -------
        RegionsOfInterest
            All of them, whether they reach the window or not.
        """
        inside, shape = self.shift(window), (window.height, window.width)
        if self.grid is not None:
            down, across = (
                (np.arange(first, first + size) * parts // whole)
                for first, size, parts, whole in zip(
                    (window.row, window.column), shape, self.grid, self.shape, strict=True
                )
            )
            labels: NDArray[Any] = down[:, None] * self.grid[1] + across + 1
        elif self.circle is not None:
            x, y, radius = self.circle
            labels = make_circle(shape, (x - inside.column, y - inside.row, radius)).label_image
        elif self.labels is not None:
            labels = _read_labels_window(self.labels, inside, self.file_shape)
        else:
            labels, _ = label_polygons(self.polygons, shape, (inside.row, inside.column))
        return RegionsOfInterest(labels.astype(np.uint16, copy=False), self.names)


EVERYTHING = TileSelection()
"""All pixels count."""


def is_tiff(path: str) -> bool:
    """Return whether a file is a TIFF, which can be read window by window."""
    return read_head(path).startswith(TIFF_HEADS)


def read_file_window(path: str, window: Window | None, shape: tuple[int, int]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Read a window of a TIFF that has the size of a raster.

    Parameters
    ----------
    path : str
    window : Window or None
        None to look at the size alone.
    shape : tuple of 2 int, pixels
        Height and width that the file must have.

    Returns
    -------
    values : ndarray of shape (bands, h, w)
    valid : ndarray of shape (h, w), bool
        False where the file itself says that a pixel has no value.
    """
    from rasterio.errors import RasterioError
    from rasterio.windows import Window as FileWindow

    try:
        with GDAL_LOCK, forbid_other_files(), open_file(os.path.abspath(path)) as file:  # noqa: PTH100
            _check_shape(path, (file.height, file.width), shape)
            if window is None:
                return np.zeros((0, 0, 0)), np.zeros((0, 0), dtype=bool)
            place = FileWindow(window.column, window.row, window.width, window.height)
            colors = [
                number for number, role in zip(file.indexes, file.colorinterp, strict=True) if role.name != "alpha"
            ]
            return file.read(colors, window=place), file.dataset_mask(window=place) > 0
    except (RasterioError, OSError, ValueError) as error:
        raise ImageError(
            f"{printable_path(path)}: the file is damaged; {describe_os_error(error)}. Export it again."
        ) from error


def _read_mask_window(path: str, window: Window, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Return True where a pixel of a window counts."""
    if not is_tiff(path):
        return load_mask(path, shape).counts[window.slices]
    return find_set(*read_file_window(path, window, shape))


def find_set(values: NDArray[Any], valid: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Find the pixels that a mask in a TIFF counts.

    Parameters
    ----------
    values : ndarray of shape (bands, h, w)
    valid : ndarray of shape (h, w), bool
        Both as :func:`read_file_window` gives them.

    Returns
    -------
    ndarray of shape (h, w), bool
    """
    is_set = values != 0
    if values.dtype.kind in "if":
        # The values that the loader takes for no data; NaN is never less than a number.
        is_set &= (np.abs(values) < MAX_FLOAT_VALUE) & ~np.isin(values, list(NODATA_VALUES))
    return np.asarray(is_set.any(axis=0) & valid)


def _read_labels_window(labels: FileLabels, window: Window, shape: tuple[int, int]) -> NDArray[np.uint16]:
    """Return the numbers of the regions of interest in a window."""
    if not is_tiff(labels.path):
        return _load_labels(labels.path, shape)[window.slices]
    values, valid = read_file_window(labels.path, window, shape)
    return number_labels(np.where(valid, values[0], 0), labels.numbers)


def number_labels(values: NDArray[Any], numbers: Sequence[float]) -> NDArray[np.uint16]:
    """Replace the labels of a file by the numbers of their regions.

    Parameters
    ----------
    values : ndarray
        Labels in the file, and 0 for none.
    numbers : sequence of float
        The labels that there are, ascending, without 0.

    Returns
    -------
    ndarray of the same shape, uint16

    Examples
    --------
    >>> number_labels(np.array([0, 20, 7]), (7.0, 20.0)).tolist()
    [0, 2, 1]
    """
    place = np.searchsorted(np.asarray(numbers), values)
    return np.where(values != 0, place + 1, 0).astype(np.uint16)


def load_mask(path: str, shape: tuple[int, int]) -> MaskFile:
    """Load a mask that cannot be read by windows; once in each process, unless the file changes.

    Parameters
    ----------
    path : str
    shape : tuple of 2 int, pixels
        Height and width that the mask must have.
    """
    return _load_mask_once(path, shape, _find_version(path))


def _load_labels(path: str, shape: tuple[int, int]) -> NDArray[np.uint16]:
    """Load a label image that cannot be read by windows; once in each process, unless the file changes."""
    return _load_labels_once(path, shape, _find_version(path))


def _find_version(path: str) -> Version:
    """Find what tells a file from others, and from what it was before."""
    try:
        status = Path(path).stat()
    except OSError:
        return "", 0, 0  # to read it fails, too, and tells why
    return str(Path(path).absolute()), status.st_mtime_ns, status.st_size


@lru_cache(maxsize=1)
def _load_mask_once(path: str, shape: tuple[int, int], version: Version) -> MaskFile:  # noqa: ARG001  a key
    """Load a mask; once for all windows."""
    mask = read_mask(path, max_pixels=shape[0] * shape[1])
    _check_shape(path, mask.counts.shape, shape)
    return mask


@lru_cache(maxsize=1)
def _load_labels_once(path: str, shape: tuple[int, int], version: Version) -> NDArray[np.uint16]:  # noqa: ARG001  a key
    """Load a label image; once for all windows."""
    file = read_interest(path, max_pixels=shape[0] * shape[1])
    assert not isinstance(file, PolygonFile)
    _check_shape(path, file.interest.label_image.shape, shape)
    return file.interest.label_image.astype(np.uint16, copy=False)


def _check_shape(path: str, found: tuple[int, ...], shape: tuple[int, int]) -> None:
    """Refuse a mask or label image of another size than the file of the raster."""
    if found != shape:
        raise ImageError(
            f"{printable_path(path)}: a mask has the size of its image, {shape[1]} x {shape[0]} pixels; got "
            f"{found[1]} x {found[0]}. Make one of that size."
        )
