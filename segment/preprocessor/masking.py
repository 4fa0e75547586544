"""Choose the pixels of an image that count: a part of it, a mask, and values that stand for no data. Image -> Image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segment.core.color_codes import count_codes, pack_codes, unpack_codes
from segment.core.errors import ImageError
from segment.core.image import Image
from segment.core.interest import RegionsOfInterest
from segment.core.nodata_notes import NodataNote
from segment.core.opencv import load_cv2

__all__ = [
    "FlatBorder",
    "crop",
    "describe_absent_nodata",
    "find_flat_border",
    "find_nodata",
    "keep_interest",
    "keep_masked",
    "mask_nodata",
]

# Float values beyond this are written in too few digits to be compared exactly.
HUGE_VALUE = 1e30
HUGE_TOLERANCE = 2e-6  # relative

# A color of the border is worth a hint above this share of the image, where no other color fills as much.
MIN_FLAT_SHARE = 0.02
MIN_BORDER_SHARE = 0.1  # of the pixels at the border
MIN_PAIRS = 0.8  # of the pixels of the color, that have another to their left or above
MAX_OTHER_SHARE = 0.25  # of all other pixels: an image that is flat itself has no collar
SAMPLED_BORDER = 2**10
SAMPLED_PIXELS = 2**14
MAX_CODE_BITS = 64  # of a color that is counted as one integer
# A collar ends abruptly, while clipped highlights fade. JPEG blurs that within its blocks of 8 pixels.
MIN_EDGE = 0.03  # of the range from black to white, between the color and most pixels beside it
JPEG_RADIUS = 9  # pixels from the color, beyond the block
MIN_JPEG_EDGE = 0.25  # of the range, between the color and three quarters of the pixels at that distance


@dataclass(frozen=True)
class FlatBorder:
    """One exact color that lies at the border of an image and fills much of it.

    Attributes
    ----------
    values : tuple of float
        Of each channel, as they are stored in the file.
    share : float, 0 to 1
        Share of the image that it fills.
    """

    values: tuple[float, ...]
    share: float

    @property
    def text(self) -> str:
        """The color as the setting `nodata` takes it: one number where all channels have the same."""
        words = [f"{value:.10g}" for value in self.values]
        return words[0] if len(set(words)) == 1 else ",".join(words)


def crop(image: Image, box: Sequence[int]) -> Image:
    """Cut a part out of an image.

    Parameters
    ----------
    image : Image
        It is not changed.
    box : sequence of 4 int, pixels
        Left, top, right and bottom; right and bottom are the first column and row that do not belong to the part.

    Returns
    -------
    Image
        With the georeference of the part.

    Raises
    ------
    ImageError
        If the box is empty or reaches beyond the image.

    Examples
    --------
    >>> image = Image.from_array(np.arange(12, dtype=np.uint8).reshape(3, 4))
    >>> crop(image, (1, 0, 3, 2)).pixels
    array([[1, 2],
           [5, 6]], dtype=uint8)
    """
    left, top, right, bottom = box
    if not (0 <= left < right <= image.width and 0 <= top < bottom <= image.height):
        raise ImageError(
            f"crop (--crop): a part of the image, within 0,0,{image.width},{image.height}; got "
            f"{','.join(map(str, box))}. Give smaller numbers."
        )
    part = slice(top, bottom), slice(left, right)
    interest = image.interest
    if interest is not None:
        interest = replace(interest, label_image=interest.label_image[part])
    smaller = replace(
        image,
        pixels=np.ascontiguousarray(image.pixels[part]),
        valid=np.ascontiguousarray(image.valid[part]),
        georeference=image.georeference.move_origin(left, top),
        interest=interest,
        stored=None if image.stored is None else image.stored[part],
    )
    return smaller.infer_scale_again(image)


def find_nodata(pixels: NDArray[Any], values: Sequence[float]) -> NDArray[np.bool_]:
    """Find the pixels that have a value, or one value for each channel.

    Parameters
    ----------
    pixels : ndarray of shape (H, W) or (H, W, C)
    values : sequence of float
        One for all channels, or one for each.

    Returns
    -------
    ndarray of shape (H, W), bool
        True where every channel has its value.

    Raises
    ------
    ImageError
        If there is another number of values.

    Examples
    --------
    >>> find_nodata(np.array([[[0, 0], [0, 9]]], dtype=np.uint8), [0])
    array([[ True, False]])
    """
    channels = [pixels] if pixels.ndim == 2 else [pixels[..., i] for i in range(pixels.shape[2])]
    if len(values) not in (1, len(channels)):
        raise ImageError(
            f"nodata (--nodata): one number, or one for each of the {len(channels)} channels; got {len(values)}. "
            "Give one number."
        )
    found = np.ones(pixels.shape[:2], dtype=bool)
    for i, channel in enumerate(channels):
        value = values[i % len(values)]
        if channel.dtype.kind != "f":
            # An integer type never holds a fraction or a number out of its range.
            limits = np.iinfo(channel.dtype)
            is_possible = value == int(value) and limits.min <= value <= limits.max
            found &= channel == int(value) if is_possible else False
        elif abs(value) > HUGE_VALUE:
            with np.errstate(over="ignore", invalid="ignore"):
                found &= np.abs(channel / value - 1) < HUGE_TOLERANCE
        else:
            found &= channel == channel.dtype.type(value)
    return found


def mask_nodata(image: Image, values: Sequence[float]) -> Image:
    """Let pixels of a certain value not count.

    Parameters
    ----------
    image : Image
        It is not changed.
    values : sequence of float
        One for all channels, or one for each, as they are stored in the file.

    Returns
    -------
    Image
        With a note where no pixel has the value.

    Raises
    ------
    ImageError
        If there is another number of values than of channels.

    Examples
    --------
    >>> image = mask_nodata(Image.from_array(np.array([[-9999.0, 0.5, 0.25]])), [-9999])
    >>> image.valid.tolist(), image.black
    ([[False, True, True]], 0.0)
    """
    found = find_nodata(image.pixels if image.stored is None else image.stored, values)
    notes = tuple(note for note in image.notes if not (isinstance(note, NodataNote) and note.is_about(values)))
    image = replace(image, notes=notes)
    # Pixels that are not valid hold 0 and may have had the value in the file.
    if image.valid.all() and not found.any():
        return replace(image, notes=(*image.notes, describe_absent_nodata(values, image.n_bands)))
    return image.restrict(~found)


def describe_absent_nodata(values: Sequence[float], n_bands: int) -> str:
    """Say that no pixel has the value that stands for no data.

    Parameters
    ----------
    values : sequence of float
        One for all channels, or one for each.
    n_bands : int
        Some of several may have it: such pixels count.

    Returns
    -------
    str
        A sentence without its period.
    """
    where = " in all bands" if n_bands > 1 else ""
    return f"no pixel has the nodata value {FlatBorder(tuple(values), 0.0).text}{where}"


def keep_masked(image: Image, mask: NDArray[np.bool_]) -> Image:
    """Let only the pixels of a mask count.

    Parameters
    ----------
    image : Image
        It is not changed.
    mask : ndarray of shape (H, W), bool
        True where a pixel counts.

    Returns
    -------
    Image
        Its other pixels are 0 and not valid; black and white are inferred again where they were a guess.

    Raises
    ------
    ImageError
        If the mask has another size, or leaves no pixel.
    """
    _check_size("a mask", mask.shape, image)
    if not mask.any():
        raise ImageError("a mask has pixels that are not zero; got none. Draw where the image counts.")
    return image.restrict(mask)


def keep_interest(image: Image, interest: RegionsOfInterest) -> Image:
    """Let only the pixels of regions of interest count.

    Parameters
    ----------
    image : Image
        It is not changed.
    interest : RegionsOfInterest

    Returns
    -------
    Image
        It knows its regions of interest.

    Raises
    ------
    ImageError
        If they are for another size, or one of them has no pixel.
    """
    _check_size("a label image of regions of interest", interest.label_image.shape, image)
    empty = [name for name, count in zip(interest.names, interest.count_pixels(), strict=True) if count == 0]
    if empty or not interest.names:
        which = f"region of interest {empty[0]!r}" if empty else "a label image of regions of interest"
        raise ImageError(f"{which}: lies on the image; got no pixel there. Check its coordinates, or remove it.")
    return replace(image.restrict(interest.label_image > 0), interest=interest)


def _check_size(what: str, shape: tuple[int, ...], image: Image) -> None:
    """Refuse a mask or label image that has not the size of the image."""
    if shape != (image.height, image.width):
        got = " x ".join(map(str, shape[1::-1]))
        is_turned = shape == (image.width, image.height)
        cure = "Turn it: images are read upright, as their EXIF data ask" if is_turned else "Make one of that size"
        raise ImageError(f"{what} has the size of its image, {image.width} x {image.height} pixels; got {got}. {cure}.")


def find_flat_border(image: Image) -> FlatBorder | None:
    """Find one exact color that lies at the border and fills more than 2 % of an image: a collar or a surround.

    Parameters
    ----------
    image : Image

    Returns
    -------
    FlatBorder or None
        None where there is no such color, and where other colors of the image are as frequent, as in a drawing.

    Examples
    --------
    >>> pixels = np.arange(100, dtype=np.uint8).reshape(10, 10)
    >>> pixels[:, :2] = 0
    >>> find_flat_border(Image.from_array(pixels))
    FlatBorder(values=(0.0,), share=0.2)
    """
    pixels, valid = image.pixels, image.valid
    edges = ((0, slice(None)), (-1, slice(None)), (slice(None), 0), (slice(None), -1))
    border = np.concatenate([pixels[edge][valid[edge]].reshape(-1, *pixels.shape[2:]) for edge in edges])
    if len(border) == 0:
        return None
    # Most images end here: only some pixels of the border are looked at.
    n_border = 2 * (image.height + image.width)
    border = border[:: 1 + n_border // SAMPLED_BORDER]
    colors, counts = _count_colors(border)
    color = colors[counts.argmax()]
    if counts.max() < MIN_BORDER_SHARE * n_border / (1 + n_border // SAMPLED_BORDER):
        return None
    is_color = _find_color(pixels, color) & valid
    share = float(np.count_nonzero(is_color)) / valid.size
    # In a collar the pixels of the color lie side by side; in noise they are scattered.
    is_beside = np.zeros_like(is_color)
    is_beside[:, 1:] = is_color[:, :-1]
    is_beside[1:] |= is_color[:-1]
    n_pairs = np.count_nonzero(is_color & is_beside)
    if share <= MIN_FLAT_SHARE or n_pairs < MIN_PAIRS * share * valid.size or not _has_edge(image, is_color, color):
        return None
    # An image that is flat itself, such as a drawing, has other colors as frequent as this one.
    step = 1 + valid.size // SAMPLED_PIXELS
    is_other = (valid & ~is_color).reshape(-1)[::step]
    others = pixels.reshape(valid.size, -1)[::step][is_other]
    if len(others) == 0 or _count_colors(others)[1].max() > MAX_OTHER_SHARE * len(others):
        return None
    if image.stored is not None:
        colors, counts = _count_colors(image.stored[is_color])
        color = colors[counts.argmax()]
    return FlatBorder(tuple(np.atleast_1d(color).astype(float).tolist()), share)


def _has_edge(image: Image, is_color: NDArray[np.bool_], color: NDArray[Any]) -> bool:
    """Return whether the pixels of one color end abruptly."""
    near = _measure_edge(image, is_color, color, 1, 50)
    return near > MIN_EDGE or _measure_edge(image, is_color, color, JPEG_RADIUS, 25) > MIN_JPEG_EDGE


def _measure_edge(image: Image, is_color: NDArray[np.bool_], color: NDArray[Any], radius: int, percent: int) -> float:
    """Return a percentile of the difference from a color at some distance from its pixels, as a share of the range."""
    cv2 = load_cv2()
    larger, smaller = (
        cv2.dilate(is_color.view(np.uint8), np.ones((2 * r + 1, 2 * r + 1), np.uint8)) for r in (radius, radius - 1)
    )
    beside = image.pixels[(larger > smaller) & image.valid]
    if len(beside) == 0:
        return 0.0
    differences = np.abs(beside.astype(np.float64) - color).reshape(len(beside), -1).max(axis=1)
    return float(np.percentile(differences, percent)) / (image.white - image.black)


def _find_color(pixels: NDArray[Any], color: NDArray[Any]) -> NDArray[np.bool_]:
    """Return True where a pixel has a color exactly: (H, W)."""
    if pixels.ndim == 3 and pixels.shape[2] > 4:
        return np.asarray((pixels == color).all(axis=2))
    bounds = np.atleast_1d(color).astype(float)
    return load_cv2().inRange(np.ascontiguousarray(pixels), bounds, bounds).view(bool)  # type: ignore[no-any-return]


def _count_colors(pixels: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.intp]]:
    """Count the distinct colors of some pixels, (n,) or (n, C)."""
    bits, n_channels = 8 * pixels.dtype.itemsize, pixels[0].size
    if pixels.dtype.kind != "u" or bits * n_channels > MAX_CODE_BITS:
        return np.unique(pixels, axis=0, return_counts=True)
    # Integers are sorted many times as fast as rows. The first channel is in the highest bits, for the same order.
    codes, counts = count_codes(pack_codes(pixels.reshape(len(pixels), n_channels)[:, ::-1], bits))
    colors = unpack_codes(codes, bits, n_channels)[:, ::-1].astype(pixels.dtype)
    return colors.reshape(len(codes), *pixels.shape[1:]), counts
