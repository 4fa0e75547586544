"""Read the georeference of a TIFF from its tags: GeoTIFF 1.1 (OGC 19-008)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from segment.core.georeference import NOWHERE, Georeference, Keys, Transform

__all__ = ["LOST_PLACE", "METERS_PER_EPSG_UNIT", "describe_lost_place", "find_unit", "read_georeference"]

LOST_PLACE = (
    "the file tells the place of its pixels by control points or polynomials, which are not read: results have none. "
    "Warp it to a map first (gdalwarp)"
)
"""Note on a file that does not lie on a grid of a map, as radar scenes and aerial photographs come."""

# Numbers of TIFF tags.
_SCALE, _TIEPOINT, _TRANSFORMATION, _KEYS, _DOUBLES, _TEXTS = 33550, 33922, 34264, 34735, 34736, 34737
_POLYNOMIALS = 50844
# Numbers of GeoTIFF keys, which the key directory holds, and some of their values.
_MODEL, _RASTER, _CITATION, _GEOGRAPHIC, _ANGLES = 1024, 1025, 1026, 2048, 2054
_PROJECTED, _PROJECTED_CITATION, _UNITS = 3072, 3073, 3076
_IS_PROJECTED, _IS_GEOGRAPHIC, _IS_OTHER, _IS_POINT = 1, 2, 32767, 2
# EPSG numbers of units of angle, and their sizes: radian, degree, grad, gon; degrees are usual.
_DEGREES_PER_UNIT = {None: 1.0, 9101: 180 / math.pi, 9102: 1.0, 9105: 0.9, 9106: 0.9, 9122: 1.0}
# How Esri's programs write a system that has no EPSG number.
_ESRI_PREFIX = "ESRI PE String = "
# EPSG numbers of units, and their lengths: meter, foot, US survey foot, kilometer.
METERS_PER_EPSG_UNIT = {9001: 1.0, 9002: 0.3048, 9003: 1200 / 3937, 9036: 1000.0}

# GeoTIFF 1.1 leaves the unit out where it follows from the number, and GDAL does so where a system has heights, too. So
# here are the horizontal parts of the compound systems of EPSG, by their units, and UTM on WGS 84, ETRS89 and NAD83.
_IN_METERS = (
    "2154 2157 2169 2196-2198 2393 2955-2962 3006-3018 3057-3067 3154-3160 3395 3414 3761 3794 3812 3857 "
    "4093-4096 5048 5105-5130 5316-5325 5490 5596 5682-5685 6669-6681 7878-7887 8088 8908 9300 9367-9373 9387 "
    "9456 9709-9713 9741 9761-9766 9793-9794 9869-9880 9943 9967-9977 10183-10240 10275-10280 10471 10626 10641 "
    "10744-10745 10759 10851-10863 10899 11021-11026 20002 23700 25828-25838 26901-26940 26996-26998 27571-27583 "
    "27700 28992 31370 32601-32660 32701-32760"
)
_IN_FEET = "2222-2224 2251-2253 2256 2265-2266 2269-2270 2273"
_IN_SURVEY_FEET = (
    "2225-2250 2254-2255 2257-2264 2267-2268 2271-2272 2274-2279 2283-2289 2965-2966 3417-3438 3451-3455 "
    "3560-3567 3734-3739 4457 5646 26847-26854 32037"
)


def read_georeference(tag: Callable[[int], Any]) -> Georeference:
    """Read the georeference of a TIFF page.

    Parameters
    ----------
    tag : callable
        Returns the value of a tag by its number, None if the page has no such tag.

    Returns
    -------
    Georeference
        `NOWHERE` if there is none, or if it is damaged.

    Examples
    --------
    >>> tags = {33550: (10.0, 10.0, 0.0), 33922: (0, 0, 0, 500.0, 900.0, 0)}  # pixels of 10 x 10, first corner
    >>> read_georeference(tags.get).transform
    (10.0, 0.0, 500.0, 0.0, -10.0, 900.0)
    """
    try:
        transform = _read_transform(tag)
        if transform == NOWHERE.transform:  # a coordinate system, and no place in it
            return NOWHERE
        keys = _read_keys(tag)
        # Coordinates of pixel centers: move the origin half a pixel, to the outer corner.
        if keys.get(_RASTER) == _IS_POINT:
            a, b, c, d, e, f = transform
            transform = (a, b, c - (a + b) / 2, d, e, f - (d + e) / 2)
        crs, meters, degrees = _identify_system(keys)
        georeference = Georeference(transform, crs, meters, _copy_keys(tag), degrees)
    except (TypeError, ValueError, IndexError, OverflowError):  # damaged metadata must not prevent reading the pixels
        return NOWHERE
    determinant = georeference.determinant
    is_usable = all(map(math.isfinite, transform)) and determinant != 0 and math.isfinite(determinant)
    return georeference if is_usable else NOWHERE


def describe_lost_place(tag: Callable[[int], Any]) -> tuple[str, ...]:
    """Write a note where a TIFF page tells its place on the earth in a way that is not read.

    Parameters
    ----------
    tag : callable
        As for :func:`read_georeference`.

    Returns
    -------
    tuple of str
        The note, or nothing.

    Examples
    --------
    >>> len(describe_lost_place({33922: (0, 0, 0, 500, 900, 0, 9, 0, 0, 590, 900, 0)}.get))
    1
    """
    is_placed = tag(_TRANSFORMATION) is not None or tag(_SCALE) is not None
    has_more = tag(_TIEPOINT) is not None or tag(_POLYNOMIALS) is not None
    return (LOST_PLACE,) if has_more and not is_placed else ()


def _read_transform(tag: Callable[[int], Any]) -> Transform:
    """Return the transform from pixel to world coordinates, that of `NOWHERE` if there is none."""
    matrix = tag(_TRANSFORMATION)
    if matrix is not None:  # 4 x 4, of which the rows of x and y count, without the column of heights
        m = [float(value) for value in matrix]
        return m[0], m[1], m[3], m[4], m[5], m[7]
    scale, tie = tag(_SCALE), tag(_TIEPOINT)
    if scale is None or tie is None:
        return NOWHERE.transform
    # The tie point says where one pixel lies; rows run from north to south, so y falls.
    pixel_width, pixel_height = float(scale[0]), float(scale[1])
    column, row, _, x, y = (float(value) for value in tie[:5])
    return pixel_width, 0.0, x - column * pixel_width, 0.0, -pixel_height, y + row * pixel_height


def _read_keys(tag: Callable[[int], Any]) -> dict[int, int | str]:
    """Return the GeoTIFF keys that hold integers or text, by their numbers."""
    directory = tag(_KEYS)
    if directory is None:
        return {}
    text = _read_text(tag)
    keys: dict[int, int | str] = {}
    # Four numbers of header, then four for each key: its number, the tag of its value (0: here), count, and the value
    # or its position in that tag.
    for i in range(4, 4 + 4 * int(directory[3]), 4):
        key, place, count, value = (int(number) for number in directory[i : i + 4])
        if place == 0:
            keys[key] = value
        elif place == _TEXTS:
            keys[key] = text[value : value + count].rstrip("|\0")
    return keys


def _copy_keys(tag: Callable[[int], Any]) -> Keys:
    """Return the key directory and the numbers and text that it points into, unchanged."""
    numbers = tuple(int(number) for number in tag(_KEYS) or ())
    return numbers, tuple(float(number) for number in tag(_DOUBLES) or ()), _read_text(tag)


def _read_text(tag: Callable[[int], Any]) -> str:
    """Return the text of all keys."""
    text = tag(_TEXTS) or ""
    return text.decode("latin-1") if isinstance(text, bytes) else str(text)


def _identify_system(keys: Mapping[int, int | str]) -> tuple[str, float, float]:
    """Return the coordinate reference system, and the size of its unit in meters and in degrees (0 if it has none)."""
    # GDAL and Esri's programs write Esri's Web Mercator, among others, as a model of another kind. Its system is in the
    # text, and the geographic key names only what it is projected from.
    is_projected = keys.get(_MODEL) in (_IS_PROJECTED, _IS_OTHER)
    number = keys.get(_PROJECTED if is_projected else _GEOGRAPHIC, 0)
    # 32767 and above stand for systems that the file defines itself.
    has_number = isinstance(number, int) and 1024 <= number < 32767
    citations = (str(keys.get(key, "")) for key in (_CITATION, _PROJECTED_CITATION))
    wkt = next((text.removeprefix(_ESRI_PREFIX) for text in citations if text.startswith(_ESRI_PREFIX)), "")
    crs = f"EPSG:{number}" if has_number else wkt
    if not is_projected:
        angle: Any = keys.get(_ANGLES)
        return crs, 0.0, _DEGREES_PER_UNIT.get(angle, 0.0) if keys.get(_MODEL) == _IS_GEOGRAPHIC else 0.0
    unit = keys.get(_UNITS, find_unit(number) if isinstance(number, int) else None)
    return crs, METERS_PER_EPSG_UNIT.get(unit, 0.0) if isinstance(unit, int) else 0.0, 0.0


def find_unit(system: int) -> int | None:
    """Find the unit of a projected system.

    Parameters
    ----------
    system : int
        Its EPSG number.

    Returns
    -------
    int or None
        The EPSG number of the unit; None where it is not known.

    Examples
    --------
    >>> find_unit(28992), find_unit(2230), find_unit(1024)
    (9001, 9003, None)
    """
    for unit, text in ((9001, _IN_METERS), (9002, _IN_FEET), (9003, _IN_SURVEY_FEET)):
        for words in text.split():
            first, _, last = words.partition("-")
            if int(first) <= system <= int(last or first):
                return unit
    return None
