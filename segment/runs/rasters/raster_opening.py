"""Open a raster and describe it; nothing of its pixels is read yet."""

from __future__ import annotations

import math
import os
import stat
from typing import Any

import numpy as np

from segment.core.errors import ImageError, SettingsError, describe_os_error, printable_path
from segment.core.pixel_grid import NO_SIZE, PixelSize
from segment.loader.decoders.frame_count import list_tiff_pages
from segment.loader.decoders.pixel_sizes import read_microscope_size, read_resolution
from segment.runs.rasters.gdal_files import explain_errors, open_in_thread
from segment.runs.rasters.reader import Raster

__all__ = ["open_raster", "read_raster_size"]

_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")  # TIFF and BigTIFF, little and big endian


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
    with explain_errors(name):
        return _describe_file(open_in_thread(name), name, bands)


def read_raster_size(raster: Raster, *, dpi: bool) -> tuple[PixelSize, tuple[str, ...]]:
    """Read how large a pixel is: as OME or ImageJ tell it, or from the resolution of the file.

    Parameters
    ----------
    raster : Raster
    dpi : bool
        Whether the resolution counts.

    Returns
    -------
    PixelSize
    notes : tuple of str
        That a size is none that pixels can have, and is not used.

    Raises
    ------
    ImageError
        If the resolution is wanted and there is none.
    """
    with open(raster.path, "rb") as stream:  # noqa: PTH123  a path may hold any bytes
        if dpi:
            try:
                return read_resolution(stream), ()
            except ImageError as error:
                raise ImageError(f"{printable_path(raster.path)}: {error}") from error
        pages = list_tiff_pages(stream)
        return read_microscope_size(pages[0]) if pages else (NO_SIZE, ())


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
        **_describe_units(file.crs),
        kind="uint8" if colors else dtype if dtype in ("uint8", "uint16") else "float32",
        white=float(2**bits - 1) if dtype == "uint16" and not colors else 255.0,
    )


def _describe_units(crs: Any) -> dict[str, Any]:
    """Name a coordinate system, and tell the sizes of its units; rasterio has None for no system."""
    if not crs:
        return {}
    number = crs.to_epsg()
    about = {"crs_name": f"EPSG:{number}" if number else crs.to_wkt()}
    if crs.is_geographic:
        return {**about, "degrees": math.degrees(crs.units_factor[1])}
    return {**about, "meters": float(crs.linear_units_factor[1])} if crs.is_projected else about


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
