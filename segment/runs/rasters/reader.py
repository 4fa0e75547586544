"""A raster file that is read window by window, and what must be known of all of it before."""

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
from segment.core.image import Image
from segment.runs.rasters.tiles import Window

__all__ = ["ONE_AT_A_TIME", "Raster", "open_raster", "rasterio_settings"]

_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_CACHE = 64  # megabytes of decoded blocks that GDAL keeps
_OPENED = threading.local()  # GDAL's files are not for several threads
# Nor is its cache of blocks quite: who reads one file may have to write what is changed of another to make room.
ONE_AT_A_TIME = threading.RLock()


@dataclass(frozen=True)
class Raster:
    """A raster file, by what is needed to read any window of it. Small, and can be sent to another process.

    Attributes
    ----------
    path : str
    height, width : int, pixels
    bands : tuple of int
        Those that are read, counted from 1. One is gray, or colored by a palette; three are red, green and blue.
    dtype : str
        What the file holds; all bands alike.
    bits : int
        Bits of a value that are in use.
    nodata : float
        The value that stands for none; NaN where there is no such value, or where it is NaN.
    alpha : int
        The band of opacity; 0 for none.
    has_mask : bool
        Whether the file has a mask.
    palette : tuple of (red, green, blue)
        Colors that the values of the band stand for; empty where they stand for themselves.
    is_inverted : bool
        Whether 0 is white.
    transform : tuple of 6 floats
    crs : str
        As :class:`segment.core.georeference.Georeference` has them; the system as WKT.
    kind : {"uint8", "uint16", "float32"}
        What pixels are read as.
    black, white : float
    notes : tuple of str
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

    @property
    def n_channels(self) -> int:
        """Of its pixels."""
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
        return not math.isnan(self.nodata) or bool(self.alpha) or self.has_mask or np.dtype(self.dtype).kind == "f"

    def read(self, window: Window) -> Image:
        """The pixels of a window.

        Raises
        ------
        ImageError
            If they cannot be read.
        """
        with _explained(self.path):
            return self._image(*self._samples(_file(self.path), window))

    def values(self, window: Window) -> NDArray[Any]:
        """The values of a window's valid pixels, as they are in the file: (n, bands)."""
        with _explained(self.path):
            samples, valid = self._samples(_file(self.path), window)
        return samples[valid]

    def thumbnail(self, longest: int) -> Image:
        """A copy of at most `longest` pixels on the longer side, by averaging areas, or from the file's overviews."""
        from rasterio.enums import Resampling

        share = min(1.0, longest / max(self.height, self.width))
        shape = max(1, round(self.height * share)), max(1, round(self.width * share))
        whole = Window(0, 0, self.height, self.width)
        way = Resampling.nearest if self.palette else Resampling.average
        with _explained(self.path):
            return self._image(*self._samples(_file(self.path), whole, shape, way))

    def _samples(
        self, file: Any, window: Window, shape: tuple[int, int] | None = None, way: Any = None
    ) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """The values (h, w, bands) as they are in the file, and which pixels count."""
        from rasterio.windows import Window as FileWindow

        how: dict[str, Any] = {"window": FileWindow(window.column, window.row, window.width, window.height)}
        if shape is not None:
            how["out_shape"] = (len(self.bands), *shape)
            how["resampling"] = way
        with ONE_AT_A_TIME:
            samples = file.read(list(self.bands), **how)
        valid = np.ones(samples.shape[1:], dtype=bool)
        if not math.isnan(self.nodata):
            valid = (samples != self.nodata).any(axis=0)
        if samples.dtype.kind == "f":
            valid &= np.isfinite(samples).all(axis=0)
        flat = {**how, "out_shape": shape} if shape is not None else how
        if self.alpha:
            with ONE_AT_A_TIME:
                alpha = file.read(self.alpha, **flat)
            full = 1.0 if alpha.dtype.kind == "f" else float(2**self.bits - 1)
            valid &= alpha > full / 2
        if self.has_mask:
            with ONE_AT_A_TIME:
                valid &= file.dataset_mask(**flat) > 127
        return np.moveaxis(samples, 0, -1), valid

    def _image(self, samples: NDArray[Any], valid: NDArray[np.bool_]) -> Image:
        values = samples
        if self.palette:
            table = np.array(self.palette, dtype=np.uint8)[:, : self.n_channels]
            values = table[np.minimum(samples[..., 0], len(table) - 1)]
            values = values[..., 0] if self.n_channels == 1 else values
        elif values.shape[2] == 1:
            values = values[..., 0]
        if self.dtype == "uint8" and self.bits < 8 and not self.palette:
            values = np.rint(values * (255 / (2**self.bits - 1))).astype(np.uint8)
        if self.is_inverted:
            values = (255 if self.dtype == "uint8" else 2**self.bits - 1) - values
        with np.errstate(over="ignore", invalid="ignore"):
            pixels = values.astype(self.kind, copy=False)
        if pixels.dtype.kind == "f":
            finite = np.isfinite(pixels)
            valid = valid & (finite if finite.ndim == 2 else finite.all(axis=2))
        if not valid.all():
            pixels = np.where(valid if pixels.ndim == 2 else valid[..., None], pixels, pixels.dtype.type(0))
        return Image(np.ascontiguousarray(pixels), valid, self.black, self.white, self.notes)


def open_raster(path: str | os.PathLike[str], bands: tuple[int, ...] = ()) -> Raster:
    """Look at a TIFF, GeoTIFF, COG or BigTIFF of any size.

    Parameters
    ----------
    path : str or os.PathLike
    bands : tuple of int
        Those to use, counted from 1; by default all but one of opacity.

    Raises
    ------
    ImageError
        If it is not such a file, or holds nothing that can be segmented.
    DependencyError
        If rasterio is not installed.
    SettingsError
        If there are no such bands.
    """
    name = os.path.abspath(os.fsdecode(path))  # noqa: PTH100  a path may hold any bytes, and must not look like a URL
    _check_file(path, name)
    with _explained(name):
        return _described(_file(name), name, bands)


@contextmanager
def rasterio_settings() -> Iterator[None]:
    """Within this GDAL keeps little in memory."""
    try:
        import rasterio
    except ImportError as error:
        raise DependencyError(
            f"rasters: need rasterio, which cannot be loaded; {error}. Install it: pip install rasterio."
        ) from error
    with rasterio.Env(GDAL_CACHEMAX=_CACHE), warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        try:
            yield
        finally:
            vars(_OPENED).clear()


def _described(file: Any, name: str, bands: tuple[int, ...]) -> Raster:
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
    kinds = {file.dtypes[number - 1] for number in used}
    if len(kinds) > 1 or np.dtype(next(iter(kinds))).kind not in "iuf":
        raise ImageError(f"raster bands are numbers of one type; got {', '.join(sorted(kinds))}. Choose some: --bands.")
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
    """Refuse all but regular files that begin as a TIFF does: GDAL would open far more, and far away."""
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


def _file(name: str) -> Any:
    """The file, opened once in each thread."""
    if getattr(_OPENED, "name", "") != name or _OPENED.file.closed:
        import rasterio

        _OPENED.file = rasterio.open(name, driver="GTiff")
        _OPENED.name = name
    return _OPENED.file


@contextmanager
def _explained(name: str) -> Iterator[None]:
    """Say which file it is that cannot be read."""
    from rasterio.errors import RasterioError

    try:
        yield
    except ImageError as error:
        raise ImageError(f"{printable_path(name)}: {error}") from error
    except SegmentError:
        raise
    except (RasterioError, OSError, ValueError) as error:
        detail = " ".join(str(error.__cause__ or error).split())[:120]
        raise ImageError(
            f"{printable_path(name)}: the raster is damaged or of an unknown kind; {detail}. Export it again."
        ) from error
