"""Read a raster file window by window."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segment.core.float_range import MAX_FLOAT_VALUE
from segment.core.georeference import Georeference
from segment.core.image import Image
from segment.core.pixel_grid import NO_SIZE, PixelGrid, PixelSize
from segment.runs.rasters.gdal_files import GDAL_LOCK, explain_errors, open_in_thread
from segment.runs.rasters.tile_selection import EVERYTHING, TileSelection
from segment.runs.rasters.tiles import Window

__all__ = ["Raster"]


@dataclass(frozen=True)
class Raster:
    """A raster file, described by what is needed to read any window of it. Small enough to send to another process.

    Attributes
    ----------
    path : str
        Absolute path of the file.
    height, width : int, pixels
        Size of the raster.
    bands : tuple of int
        Those that are read, counted from 1. One is gray, or colored by a palette; three are red, green and blue.
    dtype : str
        Type of the values in the file, the same for all bands.
    bits : int
        Bits of a value that are in use.
    nodata : float
        The value of pixels that have none; NaN where there is no such value, or where it is NaN.
    alpha : int
        The band of opacity; 0 for none.
    has_mask : bool
        Whether the file has a mask.
    palette : tuple of (red, green, blue)
        Colors that the values of the band stand for; empty where they stand for themselves.
    is_inverted : bool
        Whether 0 is white.
    transform : tuple of 6 floats
        From pixels to map coordinates, as in :class:`segment.core.georeference.Georeference`.
    crs : str
        Coordinate system as WKT; empty for none.
    kind : {"uint8", "uint16", "float32"}
        Type of the pixels of the images that are read.
    black, white : float
        The values of black and white.
    notes : tuple of str
        A sentence for the user for each guess.
    guessed_nodata : tuple of 2 float
        The smallest and the largest value where they lie far from all others, so that they stand for no data; NaN where
        they do not.
    selection : TileSelection
        The part of the file that is used, and the pixels of it that count.
    crs_name : str
        ``EPSG:NUMBER`` for a coordinate system that has one, else its WKT.
    meters, degrees : float
        Size of one unit of map coordinates, as in :class:`segment.core.georeference.Georeference`.
    pixel_size : PixelSize
        How large a pixel is, as the user or the file says.
    driver : str
        GDAL's name of the format.
    vrt : str
        The text of a virtual raster, or of one whose bands are several files; empty for a single file.
    sources : tuple of str
        The files that it takes its pixels from.
    limits : tuple of float, optional
        Those of :class:`segment.Image`.
    """

    path: str
    height: int
    width: int
    bands: tuple[int, ...]
    dtype: str
    bits: int
    nodata: float
    alpha: int
    has_mask: bool
    palette: tuple[tuple[int, int, int], ...]
    is_inverted: bool
    transform: tuple[float, float, float, float, float, float]
    crs: str
    kind: str = "uint8"
    black: float = 0.0
    white: float = 255.0
    notes: tuple[str, ...] = ()
    guessed_nodata: tuple[float, float] = (math.nan, math.nan)
    selection: TileSelection = EVERYTHING
    crs_name: str = ""
    meters: float = 0.0
    degrees: float = 0.0
    pixel_size: PixelSize = NO_SIZE
    driver: str = "GTiff"
    vrt: str = ""
    sources: tuple[str, ...] = ()
    limits: tuple[float, float] | None = None

    @property
    def georeference(self) -> Georeference:
        """The place of the raster on the earth."""
        return Georeference(self.transform, self.crs_name, self.meters, degrees=self.degrees)

    @property
    def pixel_area(self) -> float:
        """Mean area of a pixel in square meters; NaN where it is not known."""
        return PixelGrid(self.pixel_size, self.georeference).compute_mean_area((self.height, self.width))

    @property
    def n_channels(self) -> int:
        """Channels of a pixel: a palette of colors makes three of one band."""
        if self.palette:
            return 1 if all(red == green == blue for red, green, blue in self.palette) else 3
        return len(self.bands)

    @property
    def is_converted(self) -> bool:
        """Whether the pixels of images have other values than the file."""
        return bool(self.palette) or self.is_inverted or self.bits < 8

    @property
    def is_scale_known(self) -> bool:
        """Whether black and white follow from the type of the values."""
        return bool(self.palette) or self.dtype == "uint8" or (self.dtype == "uint16" and 8 < self.bits < 16)

    @property
    def may_have_gaps(self) -> bool:
        """Whether some pixels may not be valid."""
        is_marked = not math.isnan(self.nodata) or bool(self.alpha) or self.has_mask or self.selection.has_gaps
        # Some numbers may have no color.
        return is_marked or self.kind == "float32" or 0 < len(self.palette) < 2**self.bits

    def _open(self) -> Any:
        """Open the file, once in each thread."""
        return open_in_thread(self.path, self.driver, self.vrt)

    def read(self, window: Window) -> Image:
        """Read a window.

        Parameters
        ----------
        window : Window
            The part to read.

        Returns
        -------
        Image
            Its pixels; those without a value are not valid.

        Raises
        ------
        ImageError
            If the file is damaged.
        """
        with explain_errors(self.path):
            return self._build_image(*self._read_samples(self._open(), window))

    def read_values(self, window: Window) -> tuple[NDArray[Any], int]:
        """Read the values of a window's valid pixels as they are in the file, and count the incomplete ones.

        Parameters
        ----------
        window : Window
            The part to read.

        Returns
        -------
        values : ndarray of shape (n, bands)
            Row by row.
        n_incomplete : int
            How many pixels that count are not valid because they are NaN in some bands only.
        """
        with explain_errors(self.path):
            samples, valid = self._read_samples(self._open(), window)
        if samples.dtype.kind != "f" or valid.all():
            return samples[valid], 0
        is_nan = np.isnan(samples)
        is_incomplete = is_nan.any(axis=2) & ~is_nan.all(axis=2) & self.selection.find_counted(samples, window)
        return samples[valid], int(np.count_nonzero(is_incomplete))

    def read_thumbnail(self, max_size: int) -> Image:
        """Read a small copy of the raster, from the file's overviews if it has some.

        Parameters
        ----------
        max_size : int, pixels
            On the longer side.

        Returns
        -------
        Image
            Averaged over areas; with a palette, the nearest pixels.
        """
        from rasterio.enums import Resampling

        share = min(1.0, max_size / max(self.height, self.width))
        shape = max(1, round(self.height * share)), max(1, round(self.width * share))
        everything = Window(0, 0, self.height, self.width)
        # Values that stand for no data must not be averaged with others.
        has_guess = not all(map(math.isnan, self.guessed_nodata))
        is_averaged = not self.palette and not has_guess and not self.selection.nodata
        method = Resampling.average if is_averaged else Resampling.nearest
        with explain_errors(self.path):
            samples, valid = self._read_samples(self._open(), everything, shape, method)
        image = self._build_image(samples, valid)
        return replace(image, stored=samples) if self.is_converted else image

    def _read_samples(
        self, file: Any, window: Window, shape: tuple[int, int] | None = None, method: Any = None
    ) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Read the values (h, w, bands) as they are in the file, and which pixels are valid (h, w)."""
        from rasterio.windows import Window as FileWindow

        inside = self.selection.shift(window)
        options: dict[str, Any] = {"window": FileWindow(inside.column, inside.row, inside.width, inside.height)}
        if shape is not None:
            options["out_shape"] = (len(self.bands), *shape)
            options["resampling"] = method
        with GDAL_LOCK:
            samples = file.read(list(self.bands), **options)
        valid = np.ones(samples.shape[1:], dtype=bool)
        if not math.isnan(self.nodata):
            # As GDAL has it: a pixel has no data where all its bands have the value.
            valid = (samples != self.nodata).any(axis=0)
        if samples.dtype.kind == "f":
            valid &= ~np.isnan(samples).any(axis=0)
        flat = {**options, "out_shape": shape} if shape is not None else options
        if self.alpha:
            with GDAL_LOCK:
                alpha = file.read(self.alpha, **flat)
            # More than half opaque counts as valid, as in the loader.
            full = 1.0 if alpha.dtype.kind == "f" else float(2**self.bits - 1)
            valid &= alpha > full / 2
        if self.has_mask:
            with GDAL_LOCK:
                valid &= file.dataset_mask(**flat) > 127
        values = np.moveaxis(samples, 0, -1)
        return values, valid & self.selection.find_counted(values, window)

    def _build_image(self, samples: NDArray[Any], valid: NDArray[np.bool_]) -> Image:
        """Build an image from values as they are in the file, with the scale and the palette of the raster."""
        values = samples
        if self.palette:
            table = np.array(self.palette, dtype=np.uint8)[:, : self.n_channels]
            numbers = samples[..., 0].astype(np.intp)
            # A number without a color has no label, as map programs show nothing there.
            valid = valid & (numbers >= 0) & (numbers < len(table))
            values = table[np.clip(numbers, 0, len(table) - 1)]
            values = values[..., 0] if self.n_channels == 1 else values
        elif values.shape[2] == 1:
            values = values[..., 0]
        # Values of fewer bits are spread over 0..255.
        if self.dtype == "uint8" and self.bits < 8 and not self.palette:
            values = np.rint(values * (255 / (2**self.bits - 1))).astype(np.uint8)
        if self.is_inverted:
            values = (255 if self.dtype == "uint8" else 2**self.bits - 1) - values
        # A value beyond the range of float32 becomes infinite, which stands for no data.
        with np.errstate(over="ignore", invalid="ignore"):
            pixels = values.astype(self.kind, copy=False)
        if pixels.dtype.kind == "f":
            is_data = np.abs(pixels) < MAX_FLOAT_VALUE
            for value in self.guessed_nodata:
                is_data &= pixels != np.float32(value)
            valid = valid & (is_data if is_data.ndim == 2 else is_data.all(axis=2))
        if not valid.all():
            # Pixels that are not valid are 0, so that the value in the file cannot matter.
            pixels = np.where(valid if pixels.ndim == 2 else valid[..., None], pixels, pixels.dtype.type(0))
        pixels = np.ascontiguousarray(pixels)
        return Image(pixels, valid, self.black, self.white, self.notes, limits=self.limits)
