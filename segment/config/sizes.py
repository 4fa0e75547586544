"""Sizes of pixels, distances, and sizes of what is cleaned up: how they are written, split and converted."""

from __future__ import annotations

import math
import re

from segment.config.text_forms import Form
from segment.core.errors import SettingsError
from segment.core.units import METERS_PER_UNIT

__all__ = [
    "AREA",
    "DISTANCE",
    "LENGTH",
    "PIXEL_SIZE",
    "compute_area_share",
    "compute_radius_share",
    "parse_pixel_size",
    "split_size",
]

_NUMBER = r"(\d{1,15}\.?\d{0,15}|\.\d{1,15})"
_UNITS = "|".join(METERS_PER_UNIT)
_SQUARE_METERS = {**{unit + "2": length**2 for unit, length in METERS_PER_UNIT.items()}, "ha": 1e4}
AREA = Form("AREA", rf"{_NUMBER}({'|'.join(('px', *_SQUARE_METERS))})", "an area such as 50px, 4mm2, 400m2 or 0.5ha")
LENGTH = Form("LENGTH", rf"{_NUMBER}(px|{_UNITS})", "a length such as 2px, 0.3mm or 5m")
DISTANCE = Form(
    "LENGTH",
    rf"{_NUMBER} ?(px|{_UNITS})?",
    "a length in px, nm, um, mm, cm, m, km or in, such as 12px or 5mm; a number alone is in pixels",
)
PIXEL_SIZE = Form(
    "SIZE or dpi",
    rf"{_NUMBER}(x{_NUMBER})? ?([\u00b5\u03bc]m|{_UNITS})|dpi",
    "the side of a pixel with its unit, nm, um, mm, cm, m, km or in, such as 0.21mm or 0.2x0.3um, or dpi",
)


def parse_pixel_size(text: str) -> tuple[float, float, str]:
    """Split ``0.21mm`` or ``0.2x0.3mm`` into width, height and unit.

    Parameters
    ----------
    text : str
        Of the form :data:`PIXEL_SIZE`, but not ``dpi``.

    Returns
    -------
    width, height : float
        In the unit; the same where one side is given.
    unit : str
        One of :data:`segment.core.units.METERS_PER_UNIT`.

    Examples
    --------
    >>> parse_pixel_size("0.21mm"), parse_pixel_size("0.2x0.3 \u00b5m")
    ((0.21, 0.21, 'mm'), (0.2, 0.3, 'um'))
    """
    width, _, last = text.replace("\u00b5", "u").replace("\u03bc", "u").rpartition("x")
    height, unit = split_size(last)
    return float(width or height), height, unit


def split_size(text: str) -> tuple[float, str]:
    """Split a length or an area into its number and its unit.

    Parameters
    ----------
    text : str
        Of the form :data:`LENGTH`, :data:`AREA` or :data:`DISTANCE`.

    Returns
    -------
    number : float
    unit : str
        ``"px"`` where there is none.

    Examples
    --------
    >>> split_size("400m2"), split_size("12")
    ((400.0, 'm2'), (12.0, 'px'))
    """
    number, *unit = re.split(" ?(?=[a-z])", text, maxsplit=1)
    return float(number), unit[0] if unit else "px"


def compute_area_share(value: float | str, shape: tuple[int, int], pixel_area: float, name: str) -> float:
    """Compute the share of an image that an area is.

    Parameters
    ----------
    value : float or str
        A share already, or of the form :data:`AREA`.
    shape : (height, width)
        Of the image, in pixels.
    pixel_area : float
        Of one pixel, in square meters; NaN where it is not known.
    name : str
        Of the setting, for messages.

    Returns
    -------
    float
        May be above 1.

    Raises
    ------
    SettingsError
        If the area is not in pixels and that of a pixel is not known.

    Examples
    --------
    >>> compute_area_share("50px", (100, 100), float("nan"), "min_region")
    0.005
    >>> compute_area_share("2ha", (100, 100), 100.0, "min_region")
    0.02
    """
    if not isinstance(value, str):
        return value
    number, unit = split_size(value)
    if unit in _SQUARE_METERS:
        number *= _SQUARE_METERS[unit] / _require_pixel_area(pixel_area, name, value)
    return number / max(1, math.prod(shape))


def compute_radius_share(value: float | str, shape: tuple[int, int], pixel_area: float, name: str) -> float:
    """Compute the share of the diagonal of an image that a length is.

    Parameters
    ----------
    value : float or str
        A share already, or of the form :data:`LENGTH`.
    shape, pixel_area, name
        As for :func:`compute_area_share`.

    Returns
    -------
    float
        May be above 1.

    Raises
    ------
    SettingsError
        If the length is not in pixels and the area of a pixel is not known.
    """
    if not isinstance(value, str):
        return value
    number, unit = split_size(value)
    if unit in METERS_PER_UNIT:
        number *= METERS_PER_UNIT[unit] / math.sqrt(_require_pixel_area(pixel_area, name, value))
    return number / max(1.0, math.hypot(*shape))


def _require_pixel_area(pixel_area: float, name: str, value: str) -> float:
    """Refuse a size in meters where the area of a pixel is not known."""
    if not pixel_area > 0:
        option = "--" + name.replace("_", "-")
        raise SettingsError(
            f"{name} ({option}): sizes in pixels (50px) or as a share of the image where the size of a pixel is not "
            f"known; got {value}. Give --pixel-size."
        )
    return pixel_area
