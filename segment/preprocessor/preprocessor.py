"""Image to image: size, greyscale and noise.

Pixels that are not valid take no part: before a filter they borrow the value of the nearest valid pixel.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segment.core.errors import SettingsError
from segment.core.image import Image
from segment.core.opencv import load_cv2

__all__ = [
    "DENOISERS",
    "WORKING_PIXELS",
    "compute_shrunk_shape",
    "compute_working_shape",
    "denoise",
    "enlarge",
    "fill_invalid",
    "make_working_copy",
    "shrink",
    "to_grayscale",
]


WORKING_PIXELS = 2**19  # of the copy that is labeled, at most
DENOISERS = ("none", "gaussian", "median", "bilateral")
_LUMA = np.array([[0.2125, 0.7154, 0.0721]])  # ITU-R BT.709, as in scikit-image's rgb2gray
_EDGE = 0.1  # color differences beyond this share of black to white are edges to the bilateral filter


def shrink(image: Image, *, max_size: int) -> Image:
    """Shrink an image by averaging areas until its longer side has at most `max_size` pixels; 0 keeps it.

    A pixel of the result is valid where at least half of its area was. Images are never enlarged.
    """
    if max_size < 0:
        raise SettingsError(f"max_size: zero or more pixels; got {max_size}.")
    if max_size == 0 or max(image.height, image.width) <= max_size:
        return image
    shape = compute_shrunk_shape(image.height, image.width, max_size)
    pixels = _averaged(fill_invalid(image), shape)
    if image.valid.all():
        return _with(image, pixels, np.ones(shape, dtype=bool))
    share = _averaged(image.valid.view(np.uint8) * np.uint8(255), shape)
    return _with(image, pixels, share >= 128)


def compute_shrunk_shape(height: int, width: int, max_size: int) -> tuple[int, int]:
    """Height and width, in pixels, of an image whose longer side is shrunk to `max_size` pixels."""
    longer = max(height, width)
    return max(1, round(height * max_size / longer)), max(1, round(width * max_size / longer))


def enlarge(values: NDArray[Any], image: Image, fill_value: float = 0) -> NDArray[Any]:
    """Values for the pixels of a shrunk image (h, w) at the image's own size (H, W).

    Each pixel has the value of the one it lies in, and `nothing` where it is not valid.
    """
    if values.shape == (image.height, image.width):
        return values
    cv2 = load_cv2()
    large = cv2.resize(values, (image.width, image.height), interpolation=cv2.INTER_NEAREST_EXACT)
    large[~image.valid] = fill_value
    return large  # type: ignore[no-any-return]


def to_grayscale(image: Image) -> Image:
    """The luma of an image (ITU-R BT.709), in the same dtype and scale. A gray image stays as it is."""
    if image.is_gray:
        return image
    gray = load_cv2().transform(image.pixels, _LUMA)
    return _with(image, gray.reshape(image.pixels.shape[:2]), image.valid)


def denoise(image: Image, *, method: str, radius: float) -> Image:
    """Filter noise.

    Parameters
    ----------
    image : Image
    method : {"none", "gaussian", "median", "bilateral"}
        ``gaussian`` blurs everything, ``median`` removes specks and keeps straight edges, ``bilateral`` blurs between
        edges only: differences above a tenth of the range from black to white.
    radius : float, >= 0
        As a share of the image diagonal: the standard deviation of ``gaussian`` and ``bilateral``, half the window of
        ``median``. Raising it removes larger noise and more detail. A radius of less than a third of a pixel leaves the
        image as it is.
    """
    if method not in DENOISERS:
        raise SettingsError(f"denoise: one of {', '.join(DENOISERS)}; got {method!r}.")
    if not (math.isfinite(radius) and radius >= 0):
        raise SettingsError(f"denoise_radius: zero or above, a share of the diagonal; got {radius}.")
    length = radius * math.hypot(image.height, image.width)
    if method == "none" or length < 1 / 3:
        return image
    filters = {"gaussian": _gaussian, "median": _median, "bilateral": _bilateral}
    filtered = filters[method](fill_invalid(image), length, image.white - image.black)
    return _with(image, filtered, image.valid)


def _averaged(pixels: NDArray[Any], shape: tuple[int, int]) -> NDArray[Any]:
    """Pixels (H, W) or (H, W, C) averaged over the areas that become a smaller image of this height and width."""
    cv2 = load_cv2()
    if pixels.ndim == 3 and pixels.shape[2] > 4:  # more than OpenCV takes at once
        return np.dstack([_averaged(np.ascontiguousarray(band), shape) for band in np.moveaxis(pixels, 2, 0)])
    return cv2.resize(pixels, shape[::-1], interpolation=cv2.INTER_AREA)  # type: ignore[no-any-return]


def _gaussian(pixels: NDArray[np.generic], sigma: float, range_: float) -> NDArray[np.generic]:  # noqa: ARG001
    cv2 = load_cv2()
    return cv2.GaussianBlur(pixels, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)  # type: ignore[no-any-return]


def _median(pixels: NDArray[np.generic], radius: float, range_: float) -> NDArray[np.generic]:  # noqa: ARG001
    size = 2 * max(1, round(radius)) + 1
    if pixels.dtype == np.uint8 and size > 255:
        return _wide_median(pixels, size)
    if pixels.dtype == np.uint8 or size <= 5:
        return load_cv2().medianBlur(np.ascontiguousarray(pixels), size)  # type: ignore[no-any-return]
    from scipy.ndimage import median_filter

    window = (size, size) if pixels.ndim == 2 else (size, size, 1)
    return median_filter(pixels, size=window, mode="nearest")  # type: ignore[no-any-return]


def _wide_median(pixels: NDArray[np.generic], size: int) -> NDArray[np.generic]:
    """The median of 8-bit pixels in windows that overflow OpenCV's 16-bit counts: the levels below it are counted."""
    cv2 = load_cv2()
    median = np.zeros_like(pixels, dtype=np.uint8)
    for level in range(255):
        below = cv2.boxFilter(
            np.less_equal(pixels, level).view(np.uint8),
            cv2.CV_32S,
            (size, size),
            normalize=False,
            borderType=cv2.BORDER_REPLICATE,
        )
        median += below <= size * size // 2
    return median


def _bilateral(pixels: NDArray[np.generic], sigma: float, range_: float) -> NDArray[np.generic]:
    cv2 = load_cv2()
    exact = pixels if pixels.dtype == np.uint8 else pixels.astype(np.float32)
    filtered = cv2.bilateralFilter(exact, 0, _EDGE * range_, sigma, borderType=cv2.BORDER_REPLICATE)
    return (filtered if pixels.dtype.kind == "f" else np.rint(filtered)).astype(pixels.dtype)  # type: ignore[no-any-return]


def fill_invalid(image: Image) -> NDArray[np.generic]:
    """The pixels, with the nearest valid value where they are not valid."""
    if image.valid.all() or not image.valid.any():
        return image.pixels
    cv2 = load_cv2()
    _, nearest = cv2.distanceTransformWithLabels(
        (~image.valid).view(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    donors = np.zeros(int(nearest.max()) + 1, dtype=np.intp)
    places = np.flatnonzero(image.valid)
    donors[nearest.reshape(-1)[places]] = places
    flat = image.pixels.reshape(image.height * image.width, -1)
    return flat[donors[nearest.reshape(-1)]].reshape(image.pixels.shape)  # type: ignore[no-any-return]


def _with(image: Image, pixels: NDArray[np.generic], valid: NDArray[np.bool_]) -> Image:
    """The image with other pixels on the same scale, 0 where they are not valid."""
    if not valid.all():
        pixels = np.where(valid if pixels.ndim == 2 else valid[..., None], pixels, pixels.dtype.type(0))
    return replace(image, pixels=np.ascontiguousarray(pixels), valid=valid)


def make_working_copy(image: Image, max_pixels: int | None = None) -> Image:
    """The image, shrunk to about that many pixels if it has more: on it neighbors are neighbors.

    An image whose valid pixels are so scattered that most would be lost is its own copy.
    """
    copy = shrink(image, max_size=max(compute_working_shape(image.height, image.width, max_pixels)))
    return copy if copy.valid.mean() >= image.valid.mean() / 2 else image


def compute_working_shape(height: int, width: int, max_pixels: int | None = None) -> tuple[int, int]:
    """Height and width of the working copy of an image of so many pixels."""
    pixels = WORKING_PIXELS if max_pixels is None else max_pixels
    longer, area = max(height, width), height * width
    return compute_shrunk_shape(height, width, max(1, round(longer * min(1.0, math.sqrt(pixels / area)))))
