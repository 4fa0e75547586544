"""The tags that tie a TIFF to the earth: GeoTIFF 1.1 (OGC 19-008)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from segment.core.georeference import NOWHERE, Georeference, Keys, Transform

__all__ = ["read_georeference"]

_SCALE, _TIEPOINT, _TRANSFORMATION, _KEYS, _DOUBLES, _TEXTS = 33550, 33922, 34264, 34735, 34736, 34737
_MODEL, _RASTER, _CITATION, _GEOGRAPHIC, _PROJECTED, _UNITS = 1024, 1025, 1026, 2048, 3072, 3076
_IS_PROJECTED, _IS_POINT = 1, 2
_METRES = {9001: 1.0, 9002: 0.3048, 9003: 1200 / 3937}
_ESRI = "ESRI PE String = "
# Systems in meters, for files that leave the unit to the number: UTM on WGS 84, ETRS89 and NAD83, and Web Mercator.
_IN_METRES = (range(32601, 32661), range(32701, 32761), range(25828, 25839), range(26901, 26924), (3857,))


def read_georeference(tag: Callable[[int], Any]) -> Georeference:
    """The georeference of a TIFF page; none where there is none or where it is damaged.

    Parameters
    ----------
    tag : callable
        Returns the value of a tag by its number, None where there is none.
    """
    try:
        transform = _transform(tag)
        if transform == NOWHERE.transform:  # a system without a place in it
            return NOWHERE
        keys = _keys(tag)
        if keys.get(_RASTER) == _IS_POINT:  # coordinates are those of pixel centers
            a, b, c, d, e, f = transform
            transform = (a, b, c - (a + b) / 2, d, e, f - (d + e) / 2)
        found = Georeference(transform, *_system(keys), _raw_keys(tag))
    except (TypeError, ValueError, IndexError, OverflowError):  # damaged metadata never costs the pixels
        return NOWHERE
    sound = all(map(math.isfinite, transform)) and found.determinant != 0 and math.isfinite(found.determinant)
    return found if sound else NOWHERE


def _transform(tag: Callable[[int], Any]) -> Transform:
    matrix = tag(_TRANSFORMATION)
    if matrix is not None:
        m = [float(value) for value in matrix]
        return m[0], m[1], m[3], m[4], m[5], m[7]
    scale, tie = tag(_SCALE), tag(_TIEPOINT)
    if scale is None or tie is None:
        return NOWHERE.transform
    wide, tall = float(scale[0]), float(scale[1])
    column, row, _, x, y = (float(value) for value in tie[:5])
    return wide, 0.0, x - column * wide, 0.0, -tall, y + row * tall


def _keys(tag: Callable[[int], Any]) -> dict[int, int | str]:
    """The keys that hold numbers or text, by their number."""
    directory = tag(_KEYS)
    if directory is None:
        return {}
    text = _text(tag)
    keys: dict[int, int | str] = {}
    for i in range(4, 4 + 4 * int(directory[3]), 4):
        key, place, count, value = (int(number) for number in directory[i : i + 4])
        if place == 0:
            keys[key] = value
        elif place == _TEXTS:
            keys[key] = text[value : value + count].rstrip("|\0")
    return keys


def _raw_keys(tag: Callable[[int], Any]) -> Keys:
    """The key directory and what it points into, as they are."""
    numbers = tuple(int(number) for number in tag(_KEYS) or ())
    return numbers, tuple(float(number) for number in tag(_DOUBLES) or ()), _text(tag)


def _text(tag: Callable[[int], Any]) -> str:
    text = tag(_TEXTS) or ""
    return text.decode("latin-1") if isinstance(text, bytes) else str(text)


def _system(keys: Mapping[int, int | str]) -> tuple[str, float]:
    """The coordinate system, and how many meters its unit is."""
    projected = keys.get(_MODEL) == _IS_PROJECTED
    number = keys.get(_PROJECTED if projected else _GEOGRAPHIC, 0)
    known = isinstance(number, int) and 1024 <= number < 32767  # EPSG numbers; 32767 is a system of the file's own
    citation = str(keys.get(_CITATION, ""))
    own = citation.removeprefix(_ESRI) if citation.startswith(_ESRI) else ""
    if not projected:
        return f"EPSG:{number}" if known else own, 0.0
    unit = keys.get(_UNITS)
    meters = _METRES.get(unit, 0.0) if isinstance(unit, int) else 0.0
    if unit is None and any(number in numbers for numbers in _IN_METRES):
        meters = 1.0
    return f"EPSG:{number}" if known else own, meters
