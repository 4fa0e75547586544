"""Virtual rasters: a VRT of GDAL, and several files as the bands of one raster.

A VRT is a text that names the files its pixels come from. What it may name is checked, and GDAL gets a text of its own
that is made of nothing but what was checked.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from segment.core.errors import ImageError, printable_path

__all__ = ["SourceBand", "build_stack", "rewrite_vrt"]

MAX_VRT_BYTES = 2**25
# Parts of a VRT that hold numbers and words alone; what only makes it faster is left out.
_PLAIN = {
    *("ColorInterp", "NoDataValue", "HideNoDataValue", "Description", "UnitType", "Offset", "Scale"),
    *("SourceBand", "SourceProperties", "SrcRect", "DstRect", "NODATA", "ScaleOffset", "ScaleRatio", "LUT"),
    *("ColorTableComponent", "Exponent", "SrcMin", "SrcMax", "DstMin", "DstMax", "Clamp", "UseMaskBand"),
    *("SRS", "GeoTransform"),
}
_TABLES = {"ColorTable": "Entry", "CategoryNames": "Category", "Metadata": "MDI"}
_LEFT_OUT = {"OpenOptions", "Overview", "OverviewList", "Histograms", "BlockXSize", "BlockYSize"}
_CONTAINERS = {
    "VRTDataset": {"VRTRasterBand", "MaskBand"},
    "MaskBand": {"VRTRasterBand"},
    "VRTRasterBand": {"SimpleSource", "ComplexSource", "MaskBand"},
    "SimpleSource": {"SourceFilename"},
    "ComplexSource": {"SourceFilename"},
}
_METADATA_DOMAINS = ("", "IMAGE_STRUCTURE")
_MAX_DEPTH = 6


class SourceBand:
    """One band of a file, for :func:`build_stack`.

    Parameters
    ----------
    path : str
        Of the file.
    number : int
        Of the band, from 1.
    dtype : str
        GDAL's name of the type of its values.
    nodata : float or None
        The value of pixels that have none.
    scale : sequence of 2 float
        Scale and offset that the file gives the values.
    """

    def __init__(
        self, path: str, number: int, dtype: str, nodata: float | None, scale: Sequence[float] = (1.0, 0.0)
    ) -> None:
        self.path, self.number, self.dtype, self.nodata, self.scale = path, number, dtype, nodata, scale


def rewrite_vrt(path: str, check_source: Callable[[str], None], *, allow_sources: bool) -> tuple[str, tuple[str, ...]]:
    """Read a VRT and write one that names nothing but files that may be opened.

    Parameters
    ----------
    path : str
        Absolute path of the VRT.
    check_source : callable
        Takes the path of a file and raises an ImageError if it is none that a VRT may have.
    allow_sources : bool
        Whether files outside the folder of the VRT may be opened.

    Returns
    -------
    text : str
        The new VRT, with absolute paths.
    sources : tuple of str
        The files that it names.

    Raises
    ------
    ImageError
        If it is no VRT of bands that are taken from files as they are, or names a file that must not be opened.
    """
    with open(path, "rb") as file:  # noqa: PTH123  a path may hold any bytes
        data = file.read(MAX_VRT_BYTES + 1)
    if len(data) > MAX_VRT_BYTES:
        raise ImageError(f"a VRT has at most {MAX_VRT_BYTES >> 20} MB; got more. Build it of fewer files.")
    if b"<!" in data.replace(b"<!--", b""):
        raise ImageError("a VRT has no declarations of XML; got one. Build it again with gdalbuildvrt.")
    try:
        root = ElementTree.fromstring(data)
    except (ElementTree.ParseError, ValueError, RecursionError) as error:
        raise ImageError(f"the VRT is damaged; {error}. Build it again with gdalbuildvrt.") from error
    sources: dict[str, None] = {}

    def resolve(name: str, *, is_relative: bool) -> str:
        """Return the absolute path of a source that may be opened."""
        found = _resolve_source(path, name, is_relative=is_relative, allow_sources=allow_sources)
        if found not in sources:
            check_source(found)
        sources[found] = None
        return found

    if root.tag != "VRTDataset":
        raise ImageError(f"a VRT is a VRTDataset; got {printable_path(root.tag)}. Build it again with gdalbuildvrt.")
    text = ElementTree.tostring(_copy(root, resolve, 0), encoding="unicode")
    return text, tuple(sources)


def build_stack(bands: Sequence[SourceBand], shape: tuple[int, int], crs: str, transform: Sequence[float]) -> str:
    """Write a VRT whose bands are those of several files.

    Parameters
    ----------
    bands : sequence of SourceBand
        In their order; all of files that are checked and have one size and place.
    shape : tuple of 2 int, pixels
        Height and width.
    crs : str
        The coordinate system as WKT; empty for none.
    transform : sequence of 6 floats
        From pixels to map coordinates, as in rasterio.
    """
    root = Element("VRTDataset", rasterXSize=str(shape[1]), rasterYSize=str(shape[0]))
    a, b, c, d, e, f = transform
    if crs:
        SubElement(root, "SRS").text = crs
    if crs or (a, b, c, d, e, f) != (1, 0, 0, 0, 1, 0):
        SubElement(root, "GeoTransform").text = ", ".join(repr(float(part)) for part in (c, a, b, f, d, e))
    for number, band in enumerate(bands, start=1):
        item = SubElement(root, "VRTRasterBand", dataType=band.dtype, band=str(number))
        if band.nodata is not None:
            SubElement(item, "NoDataValue").text = repr(float(band.nodata))
        SubElement(item, "Offset").text, SubElement(item, "Scale").text = (repr(part) for part in band.scale[::-1])
        source = SubElement(item, "SimpleSource")
        _add_file(source, band.path)
        SubElement(source, "SourceBand").text = str(band.number)
    return ElementTree.tostring(root, encoding="unicode")


def _copy(element: Element, resolve: Callable[..., str], depth: int) -> Element:
    """Copy an element of a VRT with the parts that are known, and refuse all others."""
    if "subClass" in element.attrib:
        raise ImageError(
            f"a VRT takes its pixels from files as they are; got {printable_path(element.attrib['subClass'])}. "
            "Write it as a TIFF: gdal_translate."
        )
    copy = Element(element.tag, element.attrib)
    for child in element:
        if child.tag in _LEFT_OUT:
            continue
        if child.tag in _PLAIN:
            SubElement(copy, child.tag, child.attrib).text = child.text
        elif child.tag in _TABLES:
            _copy_table(child, copy)
        elif child.tag == "SourceFilename":
            _add_file(copy, resolve(child.text or "", is_relative=child.get("relativeToVRT") == "1"))
        elif child.tag in _CONTAINERS.get(element.tag, ()) and depth < _MAX_DEPTH:
            copy.append(_copy(child, resolve, depth + 1))
        else:
            raise ImageError(
                f"a VRT takes its pixels from files as they are; got {printable_path(child.tag)}. "
                "Write it as a TIFF: gdal_translate."
            )
    return copy


def _copy_table(table: Element, parent: Element) -> None:
    """Copy the rows of a table; metadata only where they say how values are stored."""
    if table.tag == "Metadata" and table.get("domain", "") not in _METADATA_DOMAINS:
        return
    copy = SubElement(parent, table.tag, table.attrib)
    for row in table.iter(_TABLES[table.tag]):
        SubElement(copy, row.tag, row.attrib).text = row.text


def _add_file(source: Element, path: str) -> None:
    """Add a file to a source; GDAL opens it for itself and uses no overviews that it might name."""
    SubElement(source, "SourceFilename", relativeToVRT="0", shared="0").text = path
    options = SubElement(source, "OpenOptions")
    SubElement(options, "OOI", key="OVERVIEW_LEVEL").text = "NONE"


def _resolve_source(vrt: str, name: str, *, is_relative: bool, allow_sources: bool) -> str:
    """Return the absolute path of a file that a VRT names; refuse one outside its folder."""
    folder = os.path.dirname(vrt)  # noqa: PTH120
    # Without links, so that none leads out of the folder later.
    found = os.path.realpath(os.path.join(folder, name) if is_relative else name)  # noqa: PTH118
    root = os.path.realpath(folder)
    is_inside = found.startswith(root.rstrip(os.sep) + os.sep)
    if not allow_sources and not is_inside:
        raise ImageError(
            f"a VRT takes its pixels from files in its own folder; got {printable_path(name)}. "
            "If you trust it, give --allow-vrt-sources."
        )
    if not os.path.isfile(found) or found.startswith("/vsi"):  # noqa: PTH113
        raise ImageError(
            f"a VRT takes its pixels from files that are there; got {printable_path(name)}. Put it there, or build "
            "the VRT again."
        )
    return found
