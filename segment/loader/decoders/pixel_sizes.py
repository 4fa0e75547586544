"""Read how large a pixel is: from the metadata of microscopes, and from the resolution of scanners and cameras."""

from __future__ import annotations

import html
import math
import re
from collections.abc import Mapping
from typing import Any, BinaryIO

from segment.core.errors import ImageError
from segment.core.pixel_grid import NO_SIZE, PixelSize
from segment.core.units import MAX_PIXEL_SIDE, METERS_PER_UNIT, MIN_PIXEL_SIDE
from segment.loader.decoders.frame_count import TiffPage

__all__ = ["read_microscope_size", "read_resolution"]

# How files write units, beside the names that the program has for them. Others, such as pixel, are no lengths.
_NAMES = {
    **{name: name for name in METERS_PER_UNIT},
    **dict.fromkeys(("\u00b5m", "\u03bcm", "\\u00b5m", "\\u00B5m", "micron", "microns", "micrometer"), "um"),
    **{"\u00b5": "um", "inch": "in", "nanometer": "nm", "millimeter": "mm", "centimeter": "cm", "meter": "m"},
}
_ANGSTROM_NAMES = ("\u00c5", "\u212b", "\\u00c5", "\\u00C5", "angstrom", "Angstrom")
# The unit in which tables give lengths, and meters for one of the file.
_UNITS = {
    **{text: (name, METERS_PER_UNIT[name]) for text, name in _NAMES.items()},
    **dict.fromkeys(_ANGSTROM_NAMES, ("nm", 1e-10)),
    **dict.fromkeys(("pm", "picometer"), ("nm", 1e-12)),
}
# Numbers of EXIF and TIFF tags, and values of the tag for the unit of resolutions.
_ORIENTATION, _X_RESOLUTION, _Y_RESOLUTION, _RESOLUTION_UNIT = 274, 282, 283, 296
_METERS_PER_RESOLUTION_UNIT = {2: 0.0254, 3: 0.01}


def read_microscope_size(page: TiffPage) -> tuple[PixelSize, tuple[str, ...]]:
    """Read the size of a pixel in a file of OME or ImageJ.

    Parameters
    ----------
    page : TiffPage
        The first page of the TIFF.

    Returns
    -------
    PixelSize
        Unknown where the file does not say it.
    notes : tuple of str
        That a size is none that pixels can have, and is not used.

    Examples
    --------
    >>> text = '<?xml version="1.0"?><OME><Pixels PhysicalSizeX="0.5" PhysicalSizeY="0.5" PhysicalSizeYUnit="&#181;m"/>'
    >>> read_microscope_size(TiffPage(0, 0, (4, 3), text.encode()))[0].unit
    'um'
    """
    text = page.description.decode("utf-8", errors="replace")
    if text.lstrip().startswith("ImageJ="):
        return _read_imagej_size(page, text)
    found = re.search(r"<(?:\w+:)?Pixels\s[^>]*>", text)
    if not text.lstrip().startswith(("<?xml", "<OME")) or found is None:
        return NO_SIZE, ()
    attributes = dict(re.findall(r"(PhysicalSize[XY](?:Unit)?)\s*=\s*[\"']([^\"']*)[\"']", found[0]))
    if "PhysicalSizeX" not in attributes or "PhysicalSizeY" not in attributes:
        return NO_SIZE, ()
    # A micrometer is what OME means where there is no unit.
    units = [_UNITS.get(html.unescape(attributes.get(f"PhysicalSize{axis}Unit", "um"))) for axis in "XY"]
    sides = [_convert_to_float(attributes[f"PhysicalSize{axis}"]) for axis in "XY"]
    if units[0] is None or units[1] is None:
        return NO_SIZE, ()
    return _make_size(sides[0] * units[0][1], sides[1] * units[1][1], units[0][0])


def read_resolution(stream: BinaryIO) -> PixelSize:
    """Read the size of a pixel from the resolution of a picture, such as of a scanner, in pixels for each inch.

    Parameters
    ----------
    stream : binary file
        JPEG, PNG, TIFF, or another file that Pillow opens.

    Returns
    -------
    PixelSize
        In millimeters.

    Raises
    ------
    ImageError
        If the file says no resolution, or none that an image has.
    """
    import PIL.Image

    stream.seek(0)
    try:
        with PIL.Image.open(stream) as picture:
            tags: Mapping[int, Any] = getattr(picture, "tag_v2", None) or picture.getexif()
            width, height = _list_sides(picture, tags)
            is_turned = tags.get(_ORIENTATION) in (5, 6, 7, 8)
    except (OSError, ValueError, SyntaxError):
        width = height = math.nan
        is_turned = False
    if not all(MIN_PIXEL_SIDE <= side <= MAX_PIXEL_SIDE for side in (width, height)):
        raise ImageError(
            "pixel_size (--pixel-size): dpi where the file says its resolution; got none. Give a size, such as 0.1mm."
        )
    return PixelSize(height, width, "mm") if is_turned else PixelSize(width, height, "mm")


def _list_sides(picture: Any, tags: Mapping[int, Any]) -> tuple[float, float]:
    """List width and height of a pixel in meters; NaN where the file does not say them."""
    # Pillow makes up 72 dpi for a JPEG whose EXIF does not say it: only what is stored counts.
    if picture.format == "PNG" or picture.info.get("jfif_unit") in (1, 2):
        dpi = picture.info.get("dpi", (math.nan, math.nan))
        return _divide(0.0254, dpi[0]), _divide(0.0254, dpi[1])
    meters = _METERS_PER_RESOLUTION_UNIT.get(tags.get(_RESOLUTION_UNIT, 2), math.nan)
    sides = [_divide(meters, tags.get(number, math.nan)) for number in (_X_RESOLUTION, _Y_RESOLUTION)]
    return sides[0], sides[1]


def _read_imagej_size(page: TiffPage, text: str) -> tuple[PixelSize, tuple[str, ...]]:
    """Read the size of a pixel as ImageJ writes it: pixels for each unit, and the unit in the description."""
    found = re.search(r"^unit=(.*)$", text, re.MULTILINE)
    unit = _UNITS.get(found[1].strip()) if found else None
    if unit is None or not all(page.resolution):
        return NO_SIZE, ()
    name, meters = unit
    return _make_size(_divide(meters, page.resolution[0]), _divide(meters, page.resolution[1]), name)


def _make_size(width: float, height: float, unit: str) -> tuple[PixelSize, tuple[str, ...]]:
    """Make a pixel size; one that no pixel has is left out and noted."""
    if all(MIN_PIXEL_SIDE <= side <= MAX_PIXEL_SIDE for side in (width, height)):
        return PixelSize(width, height, unit), ()
    got = f"{width / METERS_PER_UNIT[unit]:.4g} x {height / METERS_PER_UNIT[unit]:.4g} {unit}"
    return NO_SIZE, (
        f"the pixel size in the file, {got}, is none that a pixel has and is not used; --pixel-size gives another",
    )


def _convert_to_float(text: str) -> float:
    """Convert a text to a number; NaN where it is none."""
    try:
        return float(text)
    except ValueError:
        return math.nan


def _divide(dividend: float, divisor: Any) -> float:
    """Divide by a number of a file; NaN where that is not possible."""
    try:
        return dividend / float(divisor)
    except (TypeError, ValueError, ZeroDivisionError, OverflowError):
        return math.nan
