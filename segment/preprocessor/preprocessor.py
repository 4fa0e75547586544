"""Prepare an image: size, grayscale, noise, pixels that are not valid, and the working copy. Image -> Image.

Pixels that are not valid take no part: before a filter they borrow the value of the nearest valid pixel.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from segment.core.errors import SettingsError
from segment.core.image import Image
from segment.core.nearest import fill_in_bands, find_nearest
from segment.core.opencv import filter_bilaterally, load_cv2, resize_to_nearest
from segment.core.threads import IMPORT_LOCK

__all__ = [
    "LUMA",
    "clip_floats",
    "compute_shrunk_shape",
    "denoise",
    "enlarge",
    "fill_invalid",
    "shrink",
    "to_grayscale",
]


LUMA = np.array([0.2125, 0.7154, 0.0721])
"""Weights of red, green and blue in luma (ITU-R BT.709), as in scikit-image's rgb2gray."""

# The bilateral filter takes differences beyond this share of the range from black to white for edges.
_EDGE_SHARE = 0.1

# Least radius of a filter, in pixels: shorter ones change nothing that can be seen.
_MIN_RADIUS = 0.5


def clip_floats(image: Image, limits: tuple[float, float] | None = None) -> Image:
    """Replace float values beyond black and white by these, so that a filter does not spread them.

    Parameters
    ----------
    image : Image
        It is not changed.
    limits : tuple of float, optional
        Other limits than black and white.

    Returns
    -------
    Image
        The image itself if it has no such value.

    Examples
    --------
    >>> pixels = np.array([[0.2, 0.7, 60_000]], dtype=np.float32)
    >>> clip_floats(Image(pixels, np.ones((1, 3), bool), 0.0, 1.0)).pixels.tolist()[0][1:]
    [0.699999988079071, 1.0]
    """
    if image.pixels.dtype.kind != "f" or not image.valid.any():
        return image
    low, high = limits or (image.black, image.white)
    used = image.pixels if image.valid.all() else image.pixels[image.valid]
    if used.min() >= low and used.max() <= high:
        return image
    return _replace_pixels(image, np.clip(image.pixels, np.float32(low), np.float32(high)), image.valid)


def shrink(image: Image, *, max_size: int) -> Image:
    """Shrink an image by averaging areas.

    Parameters
    ----------
    image : Image
        It is never enlarged.
    max_size : int, pixels
        Upper limit for the longer side; 0 keeps the size.

    Returns
    -------
    Image
        A pixel is valid where at least half of its area was.

    Examples
    --------
    >>> image = Image.from_array(np.array([[0, 0, 90, 90], [10, 10, 100, 100]], dtype=np.uint8))
    >>> shrink(image, max_size=2).pixels
    array([[ 5, 95]], dtype=uint8)
    """
    if max_size == 0 or max(image.height, image.width) <= max_size:
        return image
    shape = compute_shrunk_shape(image.height, image.width, max_size)
    # No valid pixel further away is asked for: an area is kept only if half of it is valid.
    reach = math.ceil(1.5 * max(image.height / shape[0], image.width / shape[1])) + 4
    pixels = _average_areas(fill_in_bands(image.pixels, image.valid, reach), shape)
    if image.valid.all():
        return _replace_pixels(image, pixels, np.ones(shape, dtype=bool))
    # The averaged mask is the share of valid area, 255 standing for all of it.
    valid_share = _average_areas(image.valid.view(np.uint8) * np.uint8(255), shape)
    return _replace_pixels(image, pixels, valid_share >= 128)


def compute_shrunk_shape(height: int, width: int, max_size: int) -> tuple[int, int]:
    """Compute the size of an image after shrinking.

    Parameters
    ----------
    height, width : int, pixels
        Size before.
    max_size : int, pixels
        The longer side after.

    Returns
    -------
    height, width : int, pixels
        Size after, with the same aspect ratio and at least 1.

    Examples
    --------
    >>> compute_shrunk_shape(1065, 1600, 800)
    (532, 800)
    """
    longer = max(height, width)
    return max(1, round(height * max_size / longer)), max(1, round(width * max_size / longer))


def enlarge(values: NDArray[Any], image: Image, fill_value: float = 0) -> NDArray[Any]:
    """Enlarge values for the pixels of a shrunk image to the size of the image itself.

    Parameters
    ----------
    values : ndarray of shape (h, w), any type
        A value for each pixel of the shrunk image.
    image : Image
        The image before shrinking, (H, W).
    fill_value : float
        Value of pixels that are not valid.

    Returns
    -------
    ndarray of shape (H, W), same type
        For each pixel the value of the shrunk pixel that it lies in. `values` itself if the sizes are the same.

    Examples
    --------
    >>> image = Image.from_array(np.zeros((2, 4), dtype=np.uint8))
    >>> enlarge(np.array([[1, 2]], dtype=np.uint8), image)
    array([[1, 1, 2, 2],
           [1, 1, 2, 2]], dtype=uint8)
    """
    if values.shape == (image.height, image.width):
        return values
    large = resize_to_nearest(values, (image.width, image.height))
    large[~image.valid] = fill_value
    return large


def to_grayscale(image: Image) -> Image:
    """Convert an image to its luma.

    Parameters
    ----------
    image : Image
        Gray or RGB.

    Returns
    -------
    Image
        In the same type and scale; the image itself if it is gray.

    Raises
    ------
    SettingsError
        If it has another number of bands.

    Notes
    -----
    Y = 0.2125 R + 0.7154 G + 0.0721 B, of ITU-R BT.709, on the values as they are stored.
    """
    if image.is_gray:
        return image
    if image.n_bands != 3:
        raise SettingsError(
            f"greyscale (--greyscale): of one or three bands; got {image.n_bands}. Choose some with --bands."
        )
    gray = load_cv2().transform(image.pixels, LUMA[None])
    return _replace_pixels(image, gray.reshape(image.pixels.shape[:2]), image.valid)


def denoise(image: Image, *, method: Literal["none", "gaussian", "median", "bilateral"], radius: float) -> Image:
    """Reduce noise with a filter.

    Parameters
    ----------
    image : Image
        The bands are filtered one by one; ``bilateral`` looks at the three bands of RGB together.
    method : {"none", "gaussian", "median", "bilateral"}
        ``gaussian`` blurs everything, ``median`` removes specks and keeps straight edges, ``bilateral`` blurs only
        between edges, which are differences above a tenth of the range from black to white.
    radius : float, >= 0
        Share of the image diagonal: the standard deviation of ``gaussian`` and ``bilateral``, half the window of
        ``median``. Raising it removes larger noise and more detail. It is at least half a pixel, so that a filter has
        an effect on small images too, and one pixel for ``median``; 0 leaves the image as it is.

    Returns
    -------
    Image
        In the same type and scale. The image itself if there is nothing to filter.
    """
    if method == "none" or radius == 0:
        return image
    length = max(_MIN_RADIUS, radius * math.hypot(image.height, image.width))
    pixels = fill_invalid(image)
    if method == "gaussian":
        filtered = _filter_gaussian(pixels, length)
    elif method == "median":
        filtered = _filter_each_band(lambda band: _filter_median(band, length), pixels)
    else:
        edge = _EDGE_SHARE * (image.white - image.black)
        filtered = _filter_each_band(lambda band: _filter_bilateral(band, length, edge), pixels)
    return _replace_pixels(image, filtered, image.valid)


def _average_areas(pixels: NDArray[Any], shape: tuple[int, int]) -> NDArray[Any]:
    """Average pixels (H, W) or (H, W, C) over the areas that become the pixels of a smaller image (h, w)."""
    cv2 = load_cv2()
    # OpenCV takes at most four channels at once.
    if pixels.ndim == 3 and pixels.shape[2] > 4:
        return np.dstack([_average_areas(np.ascontiguousarray(band), shape) for band in np.moveaxis(pixels, 2, 0)])
    return cv2.resize(pixels, shape[::-1], interpolation=cv2.INTER_AREA)  # type: ignore[no-any-return]


def _filter_each_band(
    filter_: Callable[[NDArray[np.generic]], NDArray[np.generic]], pixels: NDArray[np.generic]
) -> NDArray[np.generic]:
    """Filter pixels (H, W) or (H, W, C), each band by itself where OpenCV does not take so many."""
    if pixels.ndim == 2 or pixels.shape[2] in (1, 3):
        return filter_(pixels)
    return np.dstack([filter_(np.ascontiguousarray(band)) for band in np.moveaxis(pixels, 2, 0)])


def _filter_gaussian(pixels: NDArray[np.generic], sigma: float) -> NDArray[np.generic]:
    """Blur with a Gaussian of this standard deviation in pixels."""
    cv2 = load_cv2()
    return cv2.GaussianBlur(pixels, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)  # type: ignore[no-any-return]


def _filter_median(pixels: NDArray[np.generic], radius: float) -> NDArray[np.generic]:
    """Take the median of square windows, each channel by itself."""
    size = 2 * max(1, round(radius)) + 1
    # OpenCV's median is much faster, but it takes wider types in windows of up to 5 x 5 only, and 8-bit pixels in
    # windows of up to 255 x 255.
    if pixels.dtype == np.uint8 and size > 255:
        return _filter_wide_median(pixels, size)
    if pixels.dtype == np.uint8 or size <= 5:
        return load_cv2().medianBlur(np.ascontiguousarray(pixels), size)  # type: ignore[no-any-return]
    with IMPORT_LOCK:
        from scipy.ndimage import median_filter

    window = (size, size) if pixels.ndim == 2 else (size, size, 1)
    return median_filter(pixels, size=window, mode="nearest")  # type: ignore[no-any-return]


def _filter_wide_median(pixels: NDArray[np.generic], size: int) -> NDArray[np.generic]:
    """Take the median of 8-bit pixels in windows whose counts overflow the 16 bits of OpenCV's median."""
    cv2 = load_cv2()
    # The median is the number of levels that lie below it: those for which at most half of the window is as dark.
    median = np.zeros_like(pixels, dtype=np.uint8)
    for level in range(255):
        count = cv2.boxFilter(
            np.less_equal(pixels, level).view(np.uint8),
            cv2.CV_32S,
            (size, size),
            normalize=False,
            borderType=cv2.BORDER_REPLICATE,
        )
        median += count <= size * size // 2
    return median


def _filter_bilateral(pixels: NDArray[np.generic], sigma: float, edge: float) -> NDArray[np.generic]:
    """Blur between edges: `sigma` pixels wide, across differences of up to about `edge`."""
    # OpenCV filters uint8 and float32 only; float32 holds every uint16 exactly.
    exact = pixels if pixels.dtype == np.uint8 else pixels.astype(np.float32)
    filtered = filter_bilaterally(exact, 0, edge, sigma)
    return (filtered if pixels.dtype.kind == "f" else np.rint(filtered)).astype(pixels.dtype)


def fill_invalid(image: Image) -> NDArray[np.generic]:
    """Replace pixels that are not valid by the nearest valid ones, so that a filter can treat all pixels alike.

    Parameters
    ----------
    image : Image
        With any number of channels.

    Returns
    -------
    ndarray of the shape and type of ``image.pixels``
        The pixels themselves if all, or none, are valid.

    Examples
    --------
    >>> image = Image.from_array(np.array([[5.0, np.nan, np.nan, 8.0]]))
    >>> fill_invalid(image)
    array([[5., 5., 8., 8.]], dtype=float32)
    """
    if image.valid.all() or not image.valid.any():
        return image.pixels
    flat = image.pixels.reshape(image.height * image.width, -1)
    return flat[find_nearest(image.valid).reshape(-1)].reshape(image.pixels.shape)


def _replace_pixels(image: Image, pixels: NDArray[np.generic], valid: NDArray[np.bool_]) -> Image:
    """Return the image with other pixels on the same scale, 0 where they are not valid."""
    if not valid.all():
        pixels = np.where(valid if pixels.ndim == 2 else valid[..., None], pixels, pixels.dtype.type(0))
    return replace(image, pixels=np.ascontiguousarray(pixels), valid=valid)
