"""Convert the samples of a TIFF page to gray, RGB or bands: palettes, inks, alpha and the value for no data."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segment.core.errors import ImageError
from segment.core.pixel_arrays import select_bands
from segment.loader.decoders.band_scales import GDAL_METADATA

__all__ = [
    "CMYK",
    "NODATA",
    "PALETTE",
    "RGB",
    "WHITE_IS_ZERO",
    "YCBCR",
    "DecodedPage",
    "convert_samples",
    "get_tag",
    "has_palette",
    "mask_nodata",
    "read_nodata",
]

# Values of the tag for photometric interpretation.
WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE, CMYK, YCBCR = 0, 1, 2, 3, 5, 6
# Values of the tag for extra samples: alpha that the colors are multiplied with, and alpha that they are not.
_PREMULTIPLIED_ALPHA, _PLAIN_ALPHA = 1, 2
# Number of the tag with GDAL's value for no data.
NODATA = 42113
# How GDAL's metadata say that the numbers of a band stand for colors.
_PALETTE_ITEM = re.compile(r"""<Item\b[^<>]{0,200}role=["']colorinterp["'][^<>]{0,200}>\s*Palette\s*</Item>""")


@dataclass(frozen=True)
class DecodedPage:
    """The pixels of a page as they are stored, before they are turned upright.

    Attributes
    ----------
    array : ndarray of shape (H, W) or (H, W, C)
        Gray, RGB or bands, followed by alpha if there is one.
    valid : ndarray of shape (H, W), bool
        False where a truncated file lacks the pixel, and where it has GDAL's value for no data.
    white : float or None
        The value of white, if the file tells it.
    has_alpha : bool
        Whether the last band is alpha.
    notes : tuple of str
        What a user should know.
    stored : ndarray of shape (H, W) or (H, W, C), optional
        The values in the file, where `array` has others: those of a palette, of fewer than 8 bits, or with white as 0.
    """

    array: NDArray[np.generic]
    valid: NDArray[np.bool_]
    white: float | None
    has_alpha: bool
    notes: tuple[str, ...]
    stored: NDArray[np.generic] | None = None


def convert_samples(
    page: Any,
    samples: NDArray[Any],
    present: NDArray[np.bool_],
    bands: tuple[int, ...],
    notes: tuple[str, ...] = (),
) -> DecodedPage:
    """Convert the samples of a page to gray, RGB or bands.

    Parameters
    ----------
    page : tifffile.TiffPage
        Its tags say what the samples are.
    samples : ndarray of shape (H, W, S)
        As they are stored.
    present : ndarray of shape (H, W), bool
        False where a truncated file lacks them.
    bands : tuple of int
        Bands to use, counted from 1; empty for all but alpha.
    notes : tuple of str
        The first notes.
    """
    kind = page.photometric
    n_colors = _count_colors(page)
    alpha_kind, alpha = _find_alpha(page, samples, n_colors)
    colors = samples[..., [i for i in range(samples.shape[2]) if i != alpha]]
    if kind == CMYK and colors.shape[2] > n_colors:
        notes += (f"{colors.shape[2] - n_colors} further inks of the CMYK picture are left out",)
        colors = colors[..., :n_colors]
    # Bands of other kinds are no bands of their own: they are converted first.
    is_converted_first = kind in (CMYK, YCBCR)
    if bands and not is_converted_first:
        picked = select_bands(samples, bands)
        colors = picked if picked.ndim == 3 else picked[..., None]
    valid = present & mask_nodata(colors, read_nodata(get_tag(page, NODATA)))
    stored = _get_stored(page, colors)
    array, white = _convert_colors(page, colors)
    if bands and is_converted_first:
        array = select_bands(array, bands)
    array = array if array.ndim == 3 else array[..., None]
    if alpha is None:
        return DecodedPage(array, valid, white, False, notes, stored)
    opacity = samples[..., [alpha]]
    if alpha_kind == _PREMULTIPLIED_ALPHA and array.dtype.kind in "uf":
        array = _divide_by_alpha(array, opacity)
    array = np.concatenate([array, opacity.astype(array.dtype)], axis=2)
    return DecodedPage(array, valid, white, True, notes, stored)


def read_nodata(tag: object) -> float:
    """Read GDAL's nodata value.

    Parameters
    ----------
    tag : object
        Content of the tag, such as ``"-9999"``; of several numbers, one a band, the first counts as it does for GDAL.

    Returns
    -------
    float
        NaN for anything that does not begin with a number.

    Examples
    --------
    >>> read_nodata("-9999 "), read_nodata(None)
    (-9999.0, nan)
    """
    try:
        return float(str(tag).strip("\0 ").split()[0])
    except (ValueError, IndexError):
        return float("nan")


def mask_nodata(samples: NDArray[np.generic], nodata: float) -> NDArray[np.bool_]:
    """Mark the pixels that have the nodata value in all their channels as not valid.

    Parameters
    ----------
    samples : ndarray of shape (H, W) or (H, W, C)
        Pixels of any type.
    nodata : float
        NaN marks nothing.

    Returns
    -------
    ndarray of shape (H, W), bool
        False where a pixel has no data.

    Examples
    --------
    >>> mask_nodata(np.array([[7, 8, 9]]), 8)
    array([[ True, False,  True]])
    """
    if np.isnan(nodata):
        return np.ones(samples.shape[:2], dtype=bool)
    return np.asarray((samples.reshape(*samples.shape[:2], -1) != nodata).any(axis=2))


def get_tag(page: Any, tag: int) -> Any:
    """Get the value of a tag.

    Parameters
    ----------
    page : tifffile.TiffPage
    tag : int
        Its number.

    Returns
    -------
    object
        None if the page has no such tag.
    """
    return getattr(page.tags.get(tag), "value", None)


def has_palette(photometric: int, colormap: object, metadata: object) -> bool:
    """Tell whether the numbers of a page stand for the colors of its palette.

    Parameters
    ----------
    photometric : int
        What the page says that its samples are.
    colormap : object
        Content of the tag for the palette; None without one.
    metadata : object
        Content of the tag `GDAL_METADATA`: a palette that is given to a gray file (``write_colormap`` of rasterio) is
        declared there.
    """
    if colormap is None or photometric not in (PALETTE, BLACK_IS_ZERO):
        return False
    is_declared = isinstance(metadata, str) and _PALETTE_ITEM.search(metadata[: 2**20]) is not None
    return photometric == PALETTE or is_declared


def _has_colors(page: Any) -> bool:
    """Tell whether the numbers of a page stand for the colors of its palette."""
    return has_palette(page.photometric, page.colormap, get_tag(page, GDAL_METADATA))


def _get_stored(page: Any, samples: NDArray[Any]) -> NDArray[np.generic] | None:
    """Return the samples of a page, without alpha, where `_convert_colors` makes other values of them."""
    is_inverted = page.photometric == WHITE_IS_ZERO and samples.dtype.kind in "ub"
    if not _has_colors(page) and page.photometric != PALETTE and not is_inverted and int(page.bitspersample) >= 8:
        return None
    stored = samples.view(np.uint8) if samples.dtype == bool else samples
    return stored[..., 0] if stored.shape[2] == 1 else stored


def _convert_colors(page: Any, samples: NDArray[Any]) -> tuple[NDArray[np.generic], float | None]:
    """Convert the samples of a page, without alpha, to gray, RGB or bands; return the value of white if it is told."""
    kind, bits = page.photometric, int(page.bitspersample)
    if _has_colors(page) and samples.shape[2] == 1:
        # Palettes have 16 bits, of which the lower 8 repeat the upper ones.
        table = (np.asarray(page.colormap).T >> 8).astype(np.uint8)
        return table[np.minimum(samples[..., 0], len(table) - 1)], None
    is_unsigned = samples.dtype.kind == "u"
    colors = samples
    if kind == WHITE_IS_ZERO:
        colors = _invert(colors, bits)
    if kind == CMYK:
        colors = _convert_cmyk_to_rgb(colors)
    elif is_unsigned and bits < 8:  # spread to 0..255
        colors = np.rint(colors * (255 / (2**bits - 1))).astype(np.uint8)
    return colors, float(2**bits - 1) if is_unsigned and 8 < bits < 16 else None


def _count_colors(page: Any) -> int:
    """Count the samples of a pixel that are colors; the others are extra samples."""
    return 3 if page.photometric in (RGB, YCBCR) else 4 if page.photometric == CMYK else 1


def _find_alpha(page: Any, samples: NDArray[Any], n_colors: int) -> tuple[int, int | None]:
    """Find the first extra sample that is alpha: its kind and its number, None where there is none."""
    for place, kind in enumerate(page.extrasamples, start=n_colors):
        if int(kind) in (_PREMULTIPLIED_ALPHA, _PLAIN_ALPHA) and place < samples.shape[2]:
            return int(kind), place
    return 0, None


def _invert(values: NDArray[Any], bits: int) -> NDArray[Any]:
    """Exchange black and white. Floats and signed numbers, which have no fixed white, are measurements: they stay."""
    if values.dtype == bool:
        return ~values
    return np.asarray(values.dtype.type(2**bits - 1) - values) if values.dtype.kind == "u" else values


def _convert_cmyk_to_rgb(values: NDArray[Any]) -> NDArray[Any]:
    """Convert inks to light: (1 - ink) (1 - black), as Pillow does."""
    if values.dtype.kind != "u" or values.shape[2] < 4:
        raise ImageError(f"CMYK values are unsigned integers; got {values.dtype}. Save it as RGB.")
    full = np.iinfo(values.dtype).max
    light: NDArray[Any] = (full - values).astype(np.float64)
    return np.asarray(np.rint(light[..., :3] * (light[..., 3:] / full)).astype(values.dtype))


def _divide_by_alpha(colors: NDArray[Any], alpha: NDArray[Any]) -> NDArray[Any]:
    """Undo the multiplication of the colors by alpha; fully transparent pixels become 0."""
    full = float(np.iinfo(alpha.dtype).max) if alpha.dtype.kind == "u" else 1.0
    with np.errstate(divide="ignore", invalid="ignore"):
        light = colors / (alpha / full)
    light = np.where(alpha > 0, light, 0)
    if colors.dtype.kind == "f":
        return light.astype(colors.dtype)
    return np.minimum(np.rint(light), full).astype(colors.dtype)
