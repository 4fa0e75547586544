"""Open a raster, one file or several, and describe it; nothing of its pixels is read yet."""

from __future__ import annotations

import math
import os
import re
import stat
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from segment.core.errors import ImageError, SettingsError, describe_os_error, printable_path
from segment.core.pixel_arrays import describe_bands
from segment.core.pixel_grid import NO_SIZE, PixelSize
from segment.loader.decoders.band_scales import describe_band_scales
from segment.loader.decoders.frame_count import list_tiff_pages
from segment.loader.decoders.geotiff import LOST_PLACE
from segment.loader.decoders.pixel_sizes import read_microscope_size, read_resolution
from segment.loader.file_kind import HEAD_BYTES, TIFF_HEADS, describe_content, identify_stream
from segment.runs.rasters.gdal_files import explain_errors, find_envi_header, open_file, open_in_thread
from segment.runs.rasters.reader import Raster
from segment.runs.rasters.tiff_notes import describe_tiff
from segment.runs.rasters.virtual_rasters import SourceBand, build_stack, rewrite_vrt

__all__ = ["Paths", "identify_driver", "open_raster", "read_raster_size"]

# First bytes of the formats that GDAL is asked to read, by its name of the format.
_SIGNATURES = {
    **dict.fromkeys(TIFF_HEADS, "GTiff"),
    **dict.fromkeys((b"\0\0\0\x0cjP  \r\n\x87\n", b"\xffO\xffQ"), "JP2OpenJPEG"),
    b"EHFA_HEADER_TAG": "HFA",
}
_VRT = re.compile(rb"(\xef\xbb\xbf)?\s*(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)*<VRTDataset", re.DOTALL)
# Formats of which a virtual raster may take pixels: each is one file, which names no other.
_SOURCE_DRIVERS = ("GTiff", "JP2OpenJPEG")
_FORMATS = "a TIFF, JPEG 2000, ENVI, HFA (.img) or VRT"
_MAX_SHIFT = 1e-6  # of a pixel, by which the places of bands may differ
# GDAL's names of types of numbers that NumPy has other names for.
_GDAL_TYPES = {
    **{"uint8": "Byte", "int8": "Int8", "uint16": "UInt16", "int16": "Int16", "uint32": "UInt32", "int32": "Int32"},
    **{"uint64": "UInt64", "int64": "Int64", "float32": "Float32", "float64": "Float64"},
}
Paths = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]


def open_raster(source: Paths, bands: tuple[int, ...] = (), *, allow_vrt_sources: bool = False) -> Raster:
    """Open a raster of any size, and describe it.

    Parameters
    ----------
    source : str, os.PathLike, or a sequence of them
        A TIFF, GeoTIFF, COG or BigTIFF, JPEG 2000, ENVI, HFA or VRT; or several TIFF or JPEG 2000 files of one size and
        place, whose bands are those of one raster.
    bands : tuple of int
        Those to use, counted from 1; by default all but one of opacity.
    allow_vrt_sources : bool
        Whether a VRT may take its pixels from files outside its own folder.

    Returns
    -------
    Raster
        Nothing of its pixels is read yet.

    Raises
    ------
    ImageError
        If it is no such file, names files that must not be opened, or holds nothing that can be segmented.
    DependencyError
        If rasterio is not installed.
    SettingsError
        If a band does not exist or is given twice.
    """
    paths = [source] if isinstance(source, (str, os.PathLike)) else list(source)
    if not paths:
        raise SettingsError("source: a raster, or the files of its bands; got none. Name one.")
    if not all(isinstance(path, (str, os.PathLike)) for path in paths):
        raise SettingsError(f"source: paths of files; got {type(source).__name__}. Give arrays to segment_image.")
    # A path may hold any bytes, and must not look like a URL.
    names = [os.path.abspath(os.fsdecode(path)) for path in paths]  # noqa: PTH100
    if len(names) > 1:
        return _open_stack(names, bands)
    (name,) = names
    driver = identify_driver(name)
    with explain_errors(name):
        vrt: str = ""
        sources: tuple[str, ...] = (name,)
        if driver == "VRT":
            vrt, sources = rewrite_vrt(name, _check_source, allow_sources=allow_vrt_sources)
        raster = _describe_file(open_in_thread(name, driver, vrt), name, bands)
        notes = raster.notes + (describe_tiff(name) if driver == "GTiff" else ()) + _note_side_files(name, driver)
    return replace(raster, driver=driver, vrt=vrt, sources=sources, notes=notes)


def identify_driver(name: str) -> str:
    """Tell the format of a raster by its first bytes.

    Parameters
    ----------
    name : str
        The absolute path of the file.

    Returns
    -------
    {"GTiff", "JP2OpenJPEG", "HFA", "ENVI", "VRT"}
        GDAL's name of the format.

    Raises
    ------
    ImageError
        If it is no regular file of such a format.
    """
    shown = printable_path(name)
    try:
        if not stat.S_ISREG(os.stat(name).st_mode):  # noqa: PTH116
            raise ImageError(f"{shown}: a raster is a regular file; got something else. Name {_FORMATS}.")
        with open(name, "rb") as file:  # noqa: PTH123
            head = file.read(HEAD_BYTES)
            kind = identify_stream(file)
            content = kind.name if kind else describe_content(file)[0]
    except (OSError, ValueError) as error:
        raise ImageError(
            f"{shown}: cannot be opened; {describe_os_error(error)}. Check the path and its permissions."
        ) from error
    if not head:
        raise ImageError(f"{shown}: the file is empty; 0 bytes. Fetch or export it again.")
    found = next((driver for start, driver in _SIGNATURES.items() if head.startswith(start)), "")
    if found or _VRT.match(head):
        return found or "VRT"
    if find_envi_header(name):
        return "ENVI"
    if head.startswith(b"ENVI"):
        raise ImageError(f"{shown}: a raster is the file of the pixels; got an ENVI header. Name the file beside it.")
    # 'segment run' is named only for files that it reads.
    cure = "Give it to 'segment run'." if kind is not None and kind.is_readable else "Convert it to a TIFF."
    raise ImageError(f"{shown}: a raster is {_FORMATS}; got {content}. {cure}")


def _check_source(name: str) -> None:
    """Refuse a file that a virtual raster must not take pixels from."""
    driver = identify_driver(name)
    if driver not in _SOURCE_DRIVERS:
        raise ImageError(
            f"a virtual raster takes its pixels from TIFF or JPEG 2000 files; got {driver} in {printable_path(name)}. "
            "Build it of such files."
        )


def _open_stack(names: Sequence[str], bands: tuple[int, ...]) -> Raster:
    """Open several files whose bands are those of one raster."""
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise SettingsError(f"{printable_path(twice[0])}: each file of bands once; got it twice. Leave one out.")
    first: Any = None
    found: list[SourceBand] = []
    own_notes: dict[str, None] = {}
    for name in names:
        with explain_errors(name):
            about, bands_of_file = _read_bands(name)
            own_notes.update(dict.fromkeys(describe_tiff(name)))
            first = first or about
            _check_same_grid(about, first, printable_path(names[0]))
            found += bands_of_file
    shape, crs, transform = first
    with explain_errors(names[0]):
        vrt = build_stack(found, shape, crs.to_wkt() if crs else "", transform)
        raster = _describe_file(open_in_thread(names[0], "VRT", vrt), names[0], bands)
    notes: tuple[str, ...] = (f"the {len(found)} bands are those of {len(names)} files, in their order",)
    notes += tuple(own_notes)
    side_notes = tuple(note for name in names for note in _note_side_files(name, "GTiff"))
    return replace(raster, driver="VRT", vrt=vrt, sources=tuple(names), notes=raster.notes + notes + side_notes)


def _read_bands(name: str) -> tuple[Any, list[SourceBand]]:
    """Read the shape, the coordinate system and the place of a file, and which bands it has."""
    from rasterio.enums import MaskFlags

    _check_source(name)
    with open_file(name, identify_driver(name)) as file:
        if any(flags == [MaskFlags.per_dataset] for flags in file.mask_flag_enums):
            raise ImageError("a file of bands has no mask of its own; got one. Give the mask with --mask.")
        bands = [
            SourceBand(name, number, _GDAL_TYPES.get(file.dtypes[number - 1], "Float64"), nodata, scale)
            for number, nodata, *scale in zip(file.indexes, file.nodatavals, file.scales, file.offsets, strict=True)
        ]
        return ((file.height, file.width), file.crs, tuple(file.transform)[:6]), bands


def _check_same_grid(about: Any, first: Any, name: str) -> None:
    """Refuse a file of bands that has another size or place than the first one."""
    (shape, crs, transform), (first_shape, first_crs, first_transform) = about, first
    cure = "Bring them to one grid (gdalwarp), or give rasters one by one."
    if shape != first_shape:
        raise ImageError(
            f"the files of the bands have one size; got {shape[1]} x {shape[0]} pixels beside {first_shape[1]} x "
            f"{first_shape[0]} of {name}. {cure}"
        )
    if crs != first_crs:
        raise ImageError(f"the files of the bands have one coordinate system; got another than that of {name}. {cure}")
    allowed = _MAX_SHIFT * max(abs(part) for part in (first_transform[0], first_transform[1], first_transform[4]))
    if any(abs(mine - other) > allowed for mine, other in zip(transform, first_transform, strict=True)):
        raise ImageError(f"the files of the bands have one place on the map; got another than that of {name}. {cure}")


def _note_side_files(name: str, driver: str) -> tuple[str, ...]:
    """Note files beside a raster that other programs would read and that could change what it is."""
    stem = os.path.splitext(name)[0]  # noqa: PTH122
    others = [f"{name}.msk", f"{name}.aux.xml", *([f"{stem}.tfw"] if driver == "GTiff" else [])]
    there = [os.path.basename(other) for other in others if os.path.exists(other)]  # noqa: PTH110, PTH119
    shown = " and ".join(map(printable_path, there))
    return (f"{shown} beside it {'is' if len(there) == 1 else 'are'} not read: a raster is one file",) if there else ()


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
    if raster.driver == "VRT" and dpi:
        raise SettingsError("pixel_size (--pixel-size): dpi of one file; got several. Give a size, such as 0.1mm.")
    with open(raster.path, "rb") as stream:  # noqa: PTH123  a path may hold any bytes
        if dpi:
            try:
                return read_resolution(stream), ()
            except ImageError as error:
                raise ImageError(f"{printable_path(raster.path)}: {error}") from error
        pages = list_tiff_pages(stream) if raster.driver == "GTiff" else []
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
        cure = "Choose some: --bands." if len(kinds) > 1 else "Save their magnitude, as intensity."
        raise ImageError(f"raster bands are integers or floats, of one type; got {', '.join(sorted(kinds))}. {cure}")
    # GDAL keeps NBITS with the band and MINISWHITE with the file.
    image_structure = {**file.tags(ns="IMAGE_STRUCTURE"), **file.tags(used[0], ns="IMAGE_STRUCTURE")}
    dtype = kinds.pop()
    bits = int(image_structure.get("NBITS", 8 * np.dtype(dtype).itemsize))
    is_palette = len(used) == 1 and roles[used[0] - 1] == ColorInterp.palette and np.dtype(dtype).kind in "iu"
    # Signed numbers and floats have no fixed white: they stay as they are.
    is_white_zero = image_structure.get("MINISWHITE") == "YES"
    is_inverted = is_white_zero and np.dtype(dtype).kind == "u"
    # GDAL makes a palette of grays of integers with white as 0.
    colors = file.colormap(used[0]) if is_palette and not is_white_zero else {}
    # In a TIFF all bands have one value for no data, in a virtual raster each may have its own.
    nodata = [file.nodatavals[number - 1] for number in used]
    nodata_notes = (
        "the bands have different values for no data: that of the first counts; --nodata gives one for each",
    )
    notes: tuple[str, ...] = nodata_notes if len(set(map(str, nodata))) > 1 else ()
    notes += _describe_palette(colors, bits) if colors else describe_bands(len(used))
    if file.transform.is_identity and (file.gcps[0] or file.rpcs):
        notes += (LOST_PLACE,)
    notes += describe_band_scales([(file.scales[number - 1], file.offsets[number - 1]) for number in used])
    return Raster(
        path=name,
        height=file.height,
        width=file.width,
        bands=used,
        dtype=dtype,
        bits=bits,
        nodata=math.nan if nodata[0] is None else float(nodata[0]),
        alpha=alpha,
        has_mask=any(flags == [MaskFlags.per_dataset] for flags in file.mask_flag_enums),
        palette=tuple((r, g, b) for _, (r, g, b, _) in sorted(colors.items())),
        is_inverted=is_inverted,
        transform=tuple(file.transform)[:6],
        crs=file.crs.to_wkt() if file.crs else "",
        **_describe_units(file.crs),
        kind="uint8" if colors else dtype if dtype in ("uint8", "uint16") else "float32",
        white=float(2**bits - 1) if dtype == "uint16" and not colors else 255.0,
        notes=notes,
    )


def _describe_palette(colors: Mapping[int, Any], bits: int) -> tuple[str, ...]:
    """Note that a palette has fewer colors than there are numbers of so many bits."""
    if len(colors) >= 2**bits:
        return ()
    return (f"the palette has colors for the numbers 0 to {len(colors) - 1}: pixels of others get no label",)


def _describe_units(crs: Any) -> dict[str, Any]:
    """Name a coordinate system, and tell the sizes of its units; rasterio has None for no system."""
    if not crs:
        return {}
    number = crs.to_epsg()
    about = {"crs_name": f"EPSG:{number}" if number else crs.to_wkt()}
    if crs.is_geographic:
        return {**about, "degrees": math.degrees(crs.units_factor[1])}
    return {**about, "meters": float(crs.linear_units_factor[1])} if crs.is_projected else about
