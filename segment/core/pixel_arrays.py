"""Convert arrays of any kind to the pixels of an image: bands, alpha, masks and types."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any, TypeGuard

import numpy as np
from numpy.typing import ArrayLike, NDArray

from segment.core.errors import ImageError, SettingsError, format_percent
from segment.core.nodata_notes import describe_incomplete
from segment.core.opencv import load_cv2

__all__ = [
    "check_mask",
    "combine_masks",
    "convert_selection",
    "convert_to_array",
    "convert_to_stored_type",
    "describe_bands",
    "describe_transparent",
    "find_highest_plane",
    "find_opaque",
    "gather_planes",
    "is_pillow_picture",
    "select_bands",
]

# An array of more bands than this that has fewer rows or columns has its axes in another order.
_MAX_SURE_BANDS = 4
# Pixels whose values are gathered at once, so that they stay in the cache.
_GATHERED_PIXELS = 2**15


def select_bands(values: NDArray[Any], bands: tuple[int, ...]) -> NDArray[Any]:
    """Select some of the bands of an array.

    Parameters
    ----------
    values : ndarray of shape (H, W) or (H, W, C)
        Pixels.
    bands : tuple of int
        Those to select, counted from 1; each at most once, at least one.

    Returns
    -------
    ndarray of shape (H, W) or (H, W, C)
        In the order of `bands`; without the last axis if it is one band.

    Raises
    ------
    SettingsError
        If a band does not exist or is named twice.

    Examples
    --------
    >>> select_bands(np.array([[[10, 20, 30, 40]]]), (4, 3)).tolist()
    [[[40, 30]]]
    >>> select_bands(np.array([[7, 8]]), (2,))
    Traceback (most recent call last):
        ...
    segment.core.errors.SettingsError: bands (--bands): each of the bands 1 to 1 at most once; got 2.
    """
    stack = values if values.ndim == 3 else values[..., None]
    wrong = [band for band in bands if not 1 <= band <= stack.shape[2] or bands.count(band) > 1]
    if wrong:
        raise SettingsError(f"bands (--bands): each of the bands 1 to {stack.shape[2]} at most once; got {wrong[0]}.")
    picked = stack[..., [band - 1 for band in bands]]
    return np.asarray(picked[..., 0] if len(bands) == 1 else picked)


def describe_bands(n: int, *, is_known: bool = True) -> tuple[str, ...]:
    """Write a note on the bands of an image that is neither gray nor RGB.

    Parameters
    ----------
    n : int
        Number of bands.
    is_known : bool
        Whether it is known that none of them is the opacity.

    Returns
    -------
    tuple of str
        The note, or nothing for one or three bands.

    Examples
    --------
    >>> describe_bands(5)
    ('5 bands, each a feature as it is; pictures show the first three as red, green and blue',)
    >>> describe_bands(3)
    ()
    """
    if n in (1, 3):
        return ()
    shown = "the first three as red, green and blue" if n > 3 else "them as red and green"
    kind = "each a feature as it is"
    if not is_known and n in (2, 4):
        kind = "none of them transparency; give alpha=True to Image.from_array if the last one is"
    return (f"{n} bands, {kind}; pictures show {shown}",)


def describe_transparent(opaque: NDArray[np.bool_]) -> tuple[str, ...]:
    """Write a note on the share of the pixels that are transparent.

    Parameters
    ----------
    opaque : ndarray of shape (H, W), bool
        False where a pixel is transparent.

    Returns
    -------
    tuple of str
        The note, or nothing if all are opaque.

    Examples
    --------
    >>> describe_transparent(np.array([[True, False, True, True]]))
    ('25 % of the pixels are transparent: they get no label',)
    """
    if opaque.strides == (0, 0):  # one value for the whole picture: nothing to count
        n = 0 if opaque[0, 0] else opaque.size
    else:
        n = opaque.size - int(np.count_nonzero(opaque))
    return (f"{format_percent(n, opaque.size)} of the pixels are transparent: they get no label",) if n else ()


def is_pillow_picture(value: object) -> bool:
    """Say whether a value is a picture of Pillow, without loading Pillow."""
    pillow = sys.modules.get("PIL.Image")
    return pillow is not None and isinstance(value, pillow.Image)


def _is_masked_array(value: object) -> TypeGuard[np.ma.MaskedArray[Any, Any]]:
    """Say whether a value is a masked array, without loading ``numpy.ma``, which takes as long as a small fit."""
    masked = sys.modules.get("numpy.ma")
    return masked is not None and isinstance(value, masked.MaskedArray)


def convert_to_array(
    array: ArrayLike, channel_axis: int | None, bands: tuple[int, ...] = ()
) -> tuple[NDArray[Any], NDArray[np.bool_], tuple[str, ...]]:
    """Convert what was given to an array (H, W) or (H, W, C), and return where it is not masked (H, W), with a note.

    Of a masked array the masks of the bands to use count.
    """
    if isinstance(array, (bytes, bytearray)):
        raise ImageError(f"array: numbers; got {len(array)} bytes. Give io.BytesIO(...) of what an image file holds.")
    try:
        # An array of another library, such as xarray, Dask and PyTorch, converts itself.
        values = array if _is_masked_array(array) else np.asarray(array)
    except (TypeError, ValueError, RuntimeError) as error:
        reason = str(error).rstrip(".")
        raise ImageError(
            f"array: cannot be converted to a NumPy array; {reason}. Give an array of numbers, (H, W) or (H, W, bands)."
        ) from error
    if values.ndim == 0:
        got = type(array).__name__
        raise ImageError(f"array: numbers of an image, (H, W) or (H, W, bands); got {got}. Read files with load_image.")
    if values.ndim not in (2, 3):
        raise ImageError(
            f"array: an image has the shape (H, W) or (H, W, bands); got {values.shape}. Give one image at a time."
        )
    if values.size == 0:
        raise ImageError(f"array: an image has at least one pixel; got the shape {values.shape}.")
    if values.dtype.kind not in "buif":
        cure = "Give their magnitude, np.abs." if values.dtype.kind == "c" else "Convert them."
        raise ImageError(f"array: pixels are booleans, integers or floats; got {values.dtype}. {cure}")
    if values.ndim == 3 and channel_axis is not None:
        if not -3 <= channel_axis < 3:
            raise ImageError(f"channel_axis: an axis of the array, -3 to 2; got {channel_axis}.")
        values = np.ma.asanyarray(values) if _is_masked_array(values) else values
        order = [axis for axis in range(3) if axis != channel_axis % 3] + [channel_axis % 3]
        values = values.transpose(order)
    elif values.ndim == 3:
        _refuse_other_axes(values.shape)
    everywhere = np.broadcast_to(np.True_, values.shape[:2])  # takes no memory
    if not _is_masked_array(values):
        fill = _get_fill_value(array)
        is_data = everywhere if fill is None else values != fill
        return np.asarray(values), np.asarray(is_data if is_data.ndim == 2 else is_data.any(axis=2)), ()
    # Masked values are arbitrary: they must not count for the type and the scale.
    mask = np.ma.getmaskarray(values)
    plain = np.where(mask, values.dtype.type(0), np.ma.getdata(values))
    return plain, *_find_complete(~(select_bands(mask, bands) if bands else mask), everywhere)


def _find_complete(has_value: NDArray[np.bool_], valid: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], tuple[str, ...]]:
    """Return where all bands have a value (H, W), and a note where many valid pixels have one in some bands only."""
    if has_value.ndim == 2:
        return has_value, ()
    is_complete = np.asarray(has_value.all(axis=2))
    if is_complete.all():
        return is_complete, ()
    n = int(np.count_nonzero(has_value.any(axis=2) & ~is_complete & valid))
    return is_complete, describe_incomplete(n, valid.size)


def _get_fill_value(array: object) -> float | None:
    """Get the value for no data of an array of xarray, whose values were not decoded; None for any other."""
    attributes = getattr(array, "attrs", None)
    if not (isinstance(attributes, Mapping) and hasattr(array, "dims")):
        return None
    values = (attributes.get(name) for name in ("_FillValue", "missing_value"))
    return next((float(value) for value in values if isinstance(value, (int, float, np.number))), None)


def _refuse_other_axes(shape: tuple[int, ...]) -> None:
    """Refuse an array whose bands are not the last axis, as far as its shape tells."""
    shortest = int(np.argmin(shape))
    if shape[2] <= max(_MAX_SURE_BANDS, shape[shortest]):
        return
    order = ("(bands, H, W)", "(H, bands, W)")[shortest]
    raise ImageError(
        f"array: the bands are the last axis, (H, W, bands); got {shape}, which looks like {order}. Give "
        f"np.moveaxis(array, {shortest}, -1), or name the axis: Image.from_array(array, channel_axis={shortest})."
    )


def convert_selection(array: ArrayLike) -> NDArray[Any]:
    """Convert a mask, or a label image of regions, to a plain array.

    Parameters
    ----------
    array : array_like
        Not 0 where a pixel counts.

    Returns
    -------
    ndarray of the same shape
        0 where it is NaN or itself masked: what is not known does not count.

    Examples
    --------
    >>> convert_selection(np.array([1.0, np.nan, 0.0])).tolist()
    [1.0, 0.0, 0.0]
    """
    values = array.filled(0) if _is_masked_array(array) else np.asarray(array)
    return np.nan_to_num(values) if values.dtype.kind == "f" else values


def check_mask(valid: ArrayLike, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Check that a mask has the shape of the image (H, W)."""
    mask = convert_selection(valid).astype(bool)
    if mask.shape != shape:
        raise ImageError(f"valid: the mask has the image's shape {shape}; got {mask.shape}.")
    return mask


def find_opaque(values: NDArray[Any], white: float | None) -> NDArray[np.bool_]:
    """Return True where the last band (H, W, C), the alpha channel, is more than one half: (H, W)."""
    alpha = values[..., -1]
    if alpha.dtype in (np.uint8, np.uint16, bool):
        full = 1.0 if alpha.dtype == bool else float(np.iinfo(alpha.dtype).max)
    else:
        # The type does not tell how large full alpha is, so take the smallest usual scale that holds all values.
        with np.errstate(invalid="ignore"):
            largest = float(np.fmax.reduce(alpha if alpha.dtype.kind == "f" else values, axis=None))
        scales = (1.0, 255.0, 65535.0) if alpha.dtype.kind == "f" else (255.0, 65535.0)
        full = next((scale for scale in scales if largest <= scale), largest)
    # A white that was given is that of the alpha too.
    if white is not None and alpha.dtype.kind in "ui":
        full = float(white)
    return np.asarray(alpha > full / 2)


def combine_masks(mask: NDArray[np.bool_], other: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return True where both masks are True: (H, W)."""
    # Strides of 0 are those of a single True broadcast to the whole picture: nothing to compute.
    for one, another in ((mask, other), (other, mask)):
        if another.strides == (0, 0) and another[0, 0]:
            return one
    return mask & other


def convert_to_stored_type(
    values: NDArray[Any], valid: NDArray[np.bool_]
) -> tuple[NDArray[np.generic], NDArray[np.bool_], tuple[str, ...]]:
    """Return the values as uint8, uint16 or float32, True where no value of a pixel is NaN (H, W), and a note of that.

    Values that are not valid (H, W), such as -9999 of nodata, have no effect on the type, and may be any number in it.
    """
    everywhere = np.broadcast_to(np.True_, values.shape[:2])  # takes no memory
    if values.dtype == bool:
        return values.astype(np.uint8) * np.uint8(255), everywhere, ()
    if values.dtype in (np.uint8, np.uint16):
        return values, everywhere, ()
    # Wider integers often hold 8-bit or 16-bit values; kept as such, their depth can be inferred.
    if values.dtype.kind in "iu":
        used = values if valid.all() else values[valid]
        if used.size and used.min() >= 0 and used.max() <= 65535:
            return values.astype(np.uint8 if used.max() <= 255 else np.uint16), everywhere, ()
    # Values beyond float32 become infinite, which stands for no data.
    with np.errstate(over="ignore"):
        floats = values.astype(np.float32)
    return floats, *_find_complete(~np.isnan(floats), valid)


def find_highest_plane(planes: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Find which plane has the highest value at each pixel.

    Parameters
    ----------
    planes : ndarray of shape (k, ...), float
        1 to 256 planes.

    Returns
    -------
    ndarray of shape (...), uint8
        From 0; of equal ones the first.

    Examples
    --------
    >>> find_highest_plane(np.array([[[0.5, 0.2]], [[0.5, 0.8]]]))
    array([[0, 1]], dtype=uint8)
    """
    # Plane by plane: argmax along the first axis takes several times as long.
    highest, best = planes[0].copy(), np.zeros(planes.shape[1:], np.uint8)
    for number, plane in enumerate(planes[1:], start=1):
        # A later plane has the larger number.
        np.maximum(best, (plane > highest).view(np.uint8) * np.uint8(number), out=best)
        np.maximum(highest, plane, out=highest)
    return best


def gather_planes(rows: NDArray[np.float32], places: NDArray[np.integer]) -> NDArray[np.float32]:
    """Gather the values of the color of each pixel, as planes.

    Parameters
    ----------
    rows : ndarray of shape (m, k), float32
        k values of each color.
    places : ndarray of shape (n,), integers 0..m-1
        The color of each pixel.

    Returns
    -------
    ndarray of shape (k, n), float32

    Examples
    --------
    >>> gather_planes(np.array([[0, 1], [2, 3]], np.float32), np.array([1, 1, 0])).tolist()
    [[2.0, 2.0, 0.0], [3.0, 3.0, 1.0]]
    """
    k, cv2 = rows.shape[1], load_cv2()
    # All values of a color lie side by side, so that it is looked for once, not in every plane. NumPy copies rows of a
    # multiple of four numbers several times as fast as others.
    if k % 4:
        rows = np.pad(rows, ((0, 0), (0, -k % 4)))
    planes = np.empty((rows.shape[1], len(places)), dtype=rows.dtype)
    for start in range(0, len(places), _GATHERED_PIXELS):
        some = slice(start, start + _GATHERED_PIXELS)
        cv2.transpose(rows.take(places[some], axis=0, mode="clip"), dst=planes[:, some])
    return planes[:k]
