"""Read a raster file window by window."""

from __future__ import annotations

import math
import os
import stat
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segment.core.errors import (
    DependencyError,
    ImageError,
    SegmentError,
    SettingsError,
    describe_os_error,
    printable_path,
)
from segment.core.float_range import MAX_FLOAT_VALUE
from segment.core.image import Image
from segment.runs.rasters.gdal_lock import GDAL_LOCK
from segment.runs.rasters.tile_selection import EVERYTHING, TileSelection
from segment.runs.rasters.tiles import Window

__all__ = ["GDAL_LOCK", "Raster", "configure_rasterio", "open_raster"]

_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")  # TIFF and BigTIFF, little and big endian
CACHE_MEGABYTES = 64  # decoded blocks that GDAL keeps
_OPENED = threading.local()  # a file of GDAL's must not be used by several threads


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
    lowest_nodata : float
        The smallest value where it lies far below all others, so that it stands for no data; NaN where there is none.
    selection : TileSelection
        The part of the file that is used, and the pixels of it that count.
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
    lowest_nodata: float = math.nan
    selection: TileSelection = EVERYTHING

    @property
    def n_channels(self) -> int:
        """Channels of a pixel: a palette of colors makes three of one band."""
        if self.palette:
            return 1 if all(red == green == blue for red, green, blue in self.palette) else 3
        return len(self.bands)

    @property
    def is_scale_known(self) -> bool:
        """Whether black and white follow from the type of the values."""
        return bool(self.palette) or self.dtype == "uint8" or (self.dtype == "uint16" and 8 < self.bits < 16)

    @property
    def may_have_gaps(self) -> bool:
        """Whether some pixels may not be valid."""
        is_marked = not math.isnan(self.nodata) or bool(self.alpha) or self.has_mask or self.selection.has_gaps
        return is_marked or self.kind == "float32"

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
        with _explain_errors(self.path):
            return self._build_image(*self._read_samples(_open_in_thread(self.path), window))

    def read_values(self, window: Window) -> NDArray[Any]:
        """Read the values of a window's valid pixels as they are in the file.

        Parameters
        ----------
        window : Window
            The part to read.

        Returns
        -------
        ndarray of shape (n, bands)
            Row by row.
        """
        with _explain_errors(self.path):
            samples, valid = self._read_samples(_open_in_thread(self.path), window)
        return samples[valid]

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
        is_averaged = not self.palette and math.isnan(self.lowest_nodata) and not self.selection.nodata
        method = Resampling.average if is_averaged else Resampling.nearest
        with _explain_errors(self.path):
            return self._build_image(*self._read_samples(_open_in_thread(self.path), everything, shape, method))

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
            values = table[np.minimum(samples[..., 0], len(table) - 1)]
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
            is_data = (np.abs(pixels) < MAX_FLOAT_VALUE) & (pixels != np.float32(self.lowest_nodata))
            valid = valid & (is_data if is_data.ndim == 2 else is_data.all(axis=2))
        if not valid.all():
            # Pixels that are not valid are 0, so that the value in the file cannot matter.
            pixels = np.where(valid if pixels.ndim == 2 else valid[..., None], pixels, pixels.dtype.type(0))
        return Image(np.ascontiguousarray(pixels), valid, self.black, self.white, self.notes)


def open_raster(path: str | os.PathLike[str], bands: tuple[int, ...] = ()) -> Raster:
    """Open a TIFF, GeoTIFF, COG or BigTIFF of any size, and describe it.

    Parameters
    ----------
    path : str or os.PathLike
        The file.
    bands : tuple of int
        Those to use, counted from 1; by default all but one of opacity.

    Returns
    -------
    Raster
        Nothing of its pixels is read yet.

    Raises
    ------
    ImageError
        If it is not such a file, or holds nothing that can be segmented.
    DependencyError
        If rasterio is not installed.
    SettingsError
        If a band does not exist or is given twice.
    """
    name = os.path.abspath(os.fsdecode(path))  # noqa: PTH100  a path may hold any bytes, and must not look like a URL
    _check_file(path, name)
    with _explain_errors(name):
        return _describe_file(_open_in_thread(name), name, bands)


@contextmanager
def configure_rasterio() -> Iterator[None]:
    """Limit the memory of GDAL's cache within a block, and close at its end the files that this thread has opened.

    Raises
    ------
    DependencyError
        If rasterio is not installed.
    """
    try:
        import rasterio
    except ImportError as error:
        raise DependencyError(
            f"rasters: need rasterio, which cannot be loaded; {error}. Install it: pip install rasterio."
        ) from error
    with rasterio.Env(GDAL_CACHEMAX=CACHE_MEGABYTES), warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        try:
            yield
        finally:
            vars(_OPENED).clear()


def _describe_file(file: Any, name: str, bands: tuple[int, ...]) -> Raster:
    """Describe an open file, and refuse bands that cannot be used together."""
    from rasterio.enums import ColorInterp, MaskFlags

    roles = file.colorinterp
    if ColorInterp.cyan in roles:
        raise ImageError("raster colors are bands, gray, RGB or a palette; got CMYK. Save it as RGB.")
    alpha = roles.index(ColorInterp.alpha) + 1 if ColorInterp.alpha in roles else 0
    used = bands or tuple(number for number in file.indexes if number != alpha)
    wrong = [number for number in used if number not in file.indexes or used.count(number) > 1]
    if wrong or not used:
        raise SettingsError(
            f"bands (--bands): each of the bands 1 to {file.count} at most once; got {wrong[0] if wrong else 'none'}."
        )
    # The type of the values decides their scale, so all bands have one type.
    kinds = {file.dtypes[number - 1] for number in used}
    if len(kinds) > 1 or np.dtype(next(iter(kinds))).kind not in "iuf":
        raise ImageError(f"raster bands are numbers of one type; got {', '.join(sorted(kinds))}. Choose some: --bands.")
    # GDAL keeps NBITS with the band and MINISWHITE with the file.
    image_structure = {**file.tags(ns="IMAGE_STRUCTURE"), **file.tags(used[0], ns="IMAGE_STRUCTURE")}
    dtype = kinds.pop()
    bits = int(image_structure.get("NBITS", 8 * np.dtype(dtype).itemsize))
    is_palette = len(used) == 1 and roles[used[0] - 1] == ColorInterp.palette
    is_inverted = image_structure.get("MINISWHITE") == "YES" and np.dtype(dtype).kind == "u"
    colors = file.colormap(used[0]) if is_palette and not is_inverted else {}
    return Raster(
        path=name,
        height=file.height,
        width=file.width,
        bands=used,
        dtype=dtype,
        bits=bits,
        nodata=math.nan if file.nodata is None else float(file.nodata),
        alpha=alpha,
        has_mask=any(flags == [MaskFlags.per_dataset] for flags in file.mask_flag_enums),
        palette=tuple((r, g, b) for _, (r, g, b, _) in sorted(colors.items())),
        is_inverted=is_inverted,
        transform=tuple(file.transform)[:6],
        crs=file.crs.to_wkt() if file.crs else "",
        kind="uint8" if colors else dtype if dtype in ("uint8", "uint16") else "float32",
        white=float(2**bits - 1) if dtype == "uint16" and not colors else 255.0,
    )


def _check_file(path: str | os.PathLike[str], name: str) -> None:
    """Refuse all but regular files that begin as a TIFF does: GDAL opens other formats, and URLs, too."""
    try:
        if not stat.S_ISREG(os.stat(name).st_mode):  # noqa: PTH116
            raise ImageError(f"{printable_path(path)}: a raster is a regular file; got something else. Name a TIFF.")
        with open(name, "rb") as file:  # noqa: PTH123
            head = file.read(4)
    except (OSError, ValueError) as error:
        raise ImageError(
            f"{printable_path(path)}: cannot be opened; {describe_os_error(error)}. Check the path and its permissions."
        ) from error
    if head not in _TIFF:
        raise ImageError(
            f"{printable_path(path)}: a raster is a TIFF; got another kind of file. Give it to 'segment run'."
        )


def _open_in_thread(name: str) -> Any:
    """Open a file once in each thread."""
    # A file that was closed by the end of configure_rasterio is opened again.
    if getattr(_OPENED, "name", "") != name or _OPENED.file.closed:
        import rasterio

        _OPENED.file = rasterio.open(name, driver="GTiff")
        _OPENED.name = name
    return _OPENED.file


@contextmanager
def _explain_errors(name: str) -> Iterator[None]:
    """Raise errors that name the file that cannot be read."""
    from rasterio.errors import RasterioError

    try:
        yield
    except ImageError as error:
        raise ImageError(f"{printable_path(name)}: {error}") from error
    except SegmentError:
        raise
    except (RasterioError, OSError, ValueError) as error:
        reason = describe_os_error(error)
        raise ImageError(
            f"{printable_path(name)}: the raster is damaged or of an unknown kind; {reason}. Export it again."
        ) from error
