"""What GDAL's metadata in a TIFF say of the unit of the stored values: a scale and an offset for each band."""

from __future__ import annotations

import re
from collections.abc import Sequence

__all__ = ["GDAL_METADATA", "describe_band_scales", "describe_stored_scales"]

GDAL_METADATA = 42112  # number of the TIFF tag

# An item is one number with the band, counted from 0, as attributes: <Item name="SCALE" sample="0" role="scale">.
_ITEM = re.compile(r"<Item\b([^<>]{1,200})>([^<>]{1,40})</Item>")
_ATTRIBUTE = re.compile(r"""(\w+)\s*=\s*["']([^"']*)["']""")
_MAX_CHARACTERS = 2**20
_AS_STORED = (1.0, 0.0)


def describe_stored_scales(metadata: object, bands: Sequence[int]) -> tuple[str, ...]:
    """Write a note where a TIFF says that the values of bands are not in their unit.

    Parameters
    ----------
    metadata : object
        Content of the tag `GDAL_METADATA`; anything but a text says nothing.
    bands : sequence of int
        Those that are used, counted from 1.

    Returns
    -------
    tuple of str
        As of `describe_band_scales`.

    Examples
    --------
    >>> len(describe_stored_scales('<Item name="SCALE" sample="0" role="scale">0.5</Item>', (1,)))
    1
    """
    found: dict[tuple[str, str], float] = {}
    for attributes, text in _ITEM.findall(metadata[:_MAX_CHARACTERS] if isinstance(metadata, str) else ""):
        said = dict(_ATTRIBUTE.findall(attributes))
        try:
            found[said.get("role", ""), said.get("sample", "")] = float(text)
        except ValueError:
            continue
    names = [str(band - 1) for band in bands]
    return describe_band_scales([(found.get(("scale", name), 1.0), found.get(("offset", name), 0.0)) for name in names])


def describe_band_scales(scales: Sequence[tuple[float, float]]) -> tuple[str, ...]:
    """Write a note that stored values are not in their unit.

    Parameters
    ----------
    scales : sequence of tuple of 2 float
        Scale and offset of each band that is used.

    Returns
    -------
    tuple of str
        The note, or nothing where every scale is 1 and every offset 0.

    Examples
    --------
    >>> describe_band_scales([(0.0001, -0.1)])[0].partition("; ")[2]
    'the file says that in their unit they are 0.0001 * value - 0.1'
    >>> describe_band_scales([(1.0, 0.0)])
    ()
    """
    scaled = [pair for pair in scales if pair != _AS_STORED]
    if not scaled:
        return ()
    scale, offset = scaled[0]
    shift = f" {'-' if offset < 0 else '+'} {abs(offset):.6g}" if offset else ""
    others = " in some bands, and other in others" if len(set(scales)) > 1 else ""
    return (
        "means, models and --nodata have the values as they are stored; the file says that in their unit they are "
        f"{scale:.6g} * value{shift}{others}",
    )
