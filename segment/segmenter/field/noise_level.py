"""How much of the scatter of the features is noise that changes from pixel to pixel, and smoothing against it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from segment.core.image import Image
from segment.features.color_index import ColorIndex
from segment.features.color_space import FeatureSpace
from segment.preprocessor.preprocessor import denoise, shrink
from segment.preprocessor.working_copy import make_working_copy

__all__ = [
    "MASK",
    "MASK_POWER",
    "MAX_SQUARE_WINDOWS",
    "MIN_GROWTH",
    "MIN_NOISE_SHARE",
    "NORMAL_MEDIAN",
    "SMOOTHED_WIDTHS",
    "are_planes_noisy",
    "choose_windows",
    "measure_noise_share",
    "measure_noise_variances",
    "shrink_to_squares",
    "smooth_noise",
]

Floats = NDArray[np.float64]

# Share of the variance within classes from which on an image is noisy. Noise of pixels that do not depend on each other
# gives 1 and more; photographs and labeled images of microscopes have 0.02 and less.
MIN_NOISE_SHARE = 0.25
# Share of the variance of the whole image from which on it is smoothed, and the share that smoothing leaves. Noise of
# a fifth of the distance of four classes has the first; photographs have 0.003 and less.
MIN_SMOOTHED_SHARE, SHARE_LEFT = 0.05, 0.0125
SMOOTHED_WIDTHS = (1, 2, 3)
"""Sides of squares, in pixels, in whose means noise is measured that neighbors share."""
MIN_GROWTH = 2.0
"""Where neighbors share noise, its share in the means of squares is at least this many times that in single pixels.

Texture is as rough in small as in large."""
# Windows of 3 x 3 pixels in which the noise of an image is measured.
MAX_WINDOWS = 2**12
MAX_SQUARE_WINDOWS = 2**10
"""Windows of 3 x 3 squares in which the noise of their means is measured: fewer, as clean images are asked, too."""
NORMAL_MEDIAN = 0.6744898
"""The median of the absolute value of a standard normal variable."""
MASK = (1, -2, 1, -2, 4, -2, 1, -2, 1)
"""The mask of a window of 3 x 3 pixels, row by row, that measures noise."""
MASK_POWER = 36.0
"""The variance that the mask gives to noise of variance 1."""


def measure_noise_share(
    images: Sequence[Image], feature_name: str, whiten: Floats, *, max_windows: int = MAX_WINDOWS
) -> float:
    """Measure how much of the scatter within the classes is noise.

    Parameters
    ----------
    images : sequence of Image
        One or many images, or their working copies.
    feature_name : str
        Name of the feature space.
    whiten : ndarray of shape (d, d), float64
        Features times it have the mean variance 1 within the classes.
    max_windows : int
        As for :func:`measure_noise_variances`.

    Returns
    -------
    float, >= 0
        Variance of the noise, mean of the whitened features and of the images: 0 to 1 and, by chance, a little more.
        From `MIN_NOISE_SHARE` on an image is noisy.
    """
    variances = (measure_noise_variances(image, feature_name, whiten, max_windows=max_windows)[0] for image in images)
    return float(np.mean([noise.mean() for noise in variances]))


def are_planes_noisy(planes: NDArray[np.floating], valid: NDArray[np.bool_]) -> bool:
    """Check whether noise is a large part, of features that have been computed and whitened already.

    Parameters
    ----------
    planes : ndarray of shape (d, H, W), float
        Features of mean variance 1 within the classes.
    valid : ndarray of shape (H, W), bool
        False where they do not count.

    Returns
    -------
    bool

    Examples
    --------
    >>> noise = np.random.default_rng(0).normal(0, 1, (1, 40, 40))
    >>> are_planes_noisy(noise, np.ones((40, 40), bool)), are_planes_noisy(noise / 4, np.ones((40, 40), bool))
    (True, False)
    """
    windows = choose_windows(valid)
    if not windows.size:
        return False
    features = planes.reshape(len(planes), -1).take(windows, axis=1)
    return float(_measure_variances(features).mean()) >= MIN_NOISE_SHARE


def smooth_noise(
    image: Image,
    feature_name: str,
    *,
    min_share: float = MIN_SMOOTHED_SHARE,
    max_pixels: int | None = None,
    widths: Sequence[int] = (1,),
) -> Image:
    """Smooth a noisy image until its noise is a small share of its variance.

    Parameters
    ----------
    image : Image
        It is not changed.
    feature_name : str
        Name of the feature space in which variances are summed.
    min_share : float, 0 to 1
        Share of the variance that is noise, from which on the image is smoothed. Raised: fewer images are.
    max_pixels : int, optional
        The size at which the image will be looked at: noise counts that is left when it is shrunk to about so many
        pixels. By default its own.
    widths : sequence of int, pixels
        Sides of the squares in whose means noise is sought, 1 first. Noise of wide squares may be fine structure.

    Returns
    -------
    Image
        Of the same size; the image itself where a smaller share of the variance is noise.

    Notes
    -----
    A Gaussian filter of standard deviation s divides the variance of noise by ``4 pi s**2``. Noise that neighbors share
    is measured in the means of squares: where their share is large enough, and twice that of single pixels, the filter
    is as many times wider as the squares.
    """
    copy = make_working_copy(image, max_pixels) if max_pixels else image
    width, share = _find_noise(copy, feature_name, min_share, widths)
    if not share:
        return image
    sigma = width * math.sqrt(share / (4 * math.pi * SHARE_LEFT))
    return denoise(image, method="gaussian", radius=sigma / math.hypot(copy.height, copy.width))


def _find_noise(image: Image, feature_name: str, min_share: float, widths: Sequence[int]) -> tuple[int, float]:
    """Find the smallest squares whose means are noisy: their side, 1 for pixels, and the share of all their variance.

    The share is 0 where none are.
    """
    enough = min_share
    for width in widths:
        max_windows = MAX_WINDOWS if width == 1 else MAX_SQUARE_WINDOWS
        squares = shrink_to_squares(image, width)
        noise, total = measure_noise_variances(squares, feature_name, max_windows=max_windows)
        # Of one color both are rounding errors, of which the first may be the larger by far.
        share = min(1.0, float(noise.sum() / max(total.sum(), np.finfo(float).tiny)))
        if share >= enough:
            return width, share
        if width == 1:
            enough = max(min_share, MIN_GROWTH * share)
    return 1, 0.0


def shrink_to_squares(image: Image, width: int) -> Image:
    """Shrink an image to the means of squares.

    Parameters
    ----------
    image : Image
        It is not changed.
    width : int, >= 1, pixels
        Side of the squares.

    Returns
    -------
    Image
        The image itself for a side of 1.

    Examples
    --------
    >>> shrink_to_squares(Image.from_array(np.zeros((60, 90), np.uint8)), 3).pixels.shape
    (20, 30)
    """
    return shrink(image, max_size=max(1, max(image.height, image.width) // width))


def measure_noise_variances(
    image: Image, feature_name: str, whiten: Floats | None = None, *, max_windows: int = MAX_WINDOWS
) -> tuple[Floats, Floats]:
    """Measure the variance of the noise that changes from pixel to pixel, and that of all differences.

    Parameters
    ----------
    image : Image
        The image or its working copy.
    feature_name : str
        Name of the feature space, of d features.
    whiten : ndarray of shape (d, d), float64, optional
        Matrix that the features are multiplied by; none by default.
    max_windows : int
        About how many windows of 3 x 3 pixels noise is measured in. Lowered, it is faster and less exact.

    Returns
    -------
    noise : ndarray of shape (d,), float64
        Variance of the noise of each feature; 0 where no window of 3 x 3 pixels is valid. Flat and smooth parts, edges,
        and noise that neighbors share count little.
    total : ndarray of shape (d,), float64
        Variance of each feature over the image.

    Notes
    -----
    The mask ``[1 -2 1; -2 4 -2; 1 -2 1]`` removes what is linear along rows or columns (Immerkaer 1996, Computer Vision
    and Image Understanding 64, 300-302); the median of its absolute values is robust against edges.

    Examples
    --------
    A ramp with noise of standard deviation 10:

    >>> ramp = np.arange(80) + np.random.default_rng(0).normal(80, 10, (80, 80))
    >>> noise, total = measure_noise_variances(Image.from_array(ramp.astype(np.uint8)), "rgb")
    >>> bool(90 < noise[0] < 110), bool(600 < total[0] < 700)
    (True, True)
    """
    windows = choose_windows(image.valid, max_windows)
    if not windows.size:
        space = FeatureSpace(feature_name, 1 if image.is_gray else image.pixels.shape[2], image.black, image.white)
        return np.zeros(len(space.feature_names)), np.zeros(len(space.feature_names))
    # Windows of small images overlap: their pixels are fewer than the places in windows.
    is_small = image.valid.size <= windows.size
    if not is_small:
        pixels = image.pixels.reshape(image.valid.size, *image.pixels.shape[2:])[windows]
        image = replace(image, pixels=pixels, valid=np.ones(windows.shape, dtype=bool))
    index = ColorIndex(image)
    space = FeatureSpace(feature_name, index.n_channels, index.black, index.white)
    features = space.make_cells(index.pixels).means
    planes = np.ascontiguousarray((features if whiten is None else features @ whiten).T)
    planes = planes.take(windows, axis=1) if is_small else planes.reshape(-1, *windows.shape)
    return _measure_variances(planes), np.asarray(planes.var(axis=(1, 2)))


def choose_windows(valid: NDArray[np.bool_], max_windows: int = MAX_WINDOWS) -> NDArray[np.intp]:
    """Choose windows of 3 x 3 valid pixels that are spread evenly over an image.

    Parameters
    ----------
    valid : ndarray of shape (H, W), bool
    max_windows : int
        About how many.

    Returns
    -------
    ndarray of shape (9, n), int
        The numbers of their pixels, row by row.

    Examples
    --------
    >>> choose_windows(np.ones((3, 3), bool))[:, 0]
    array([0, 1, 2, 3, 4, 5, 6, 7, 8])
    """
    height, width = valid.shape
    step = max(1, int(math.sqrt(max(height - 2, 0) * max(width - 2, 0) / max_windows)))
    first = (np.arange(0, height - 2, step)[:, None] * width + np.arange(0, width - 2, step)).reshape(-1)
    windows = first + (np.arange(3)[:, None] * width + np.arange(3)).reshape(-1, 1)
    return np.asarray(windows if valid.all() else windows[:, valid.reshape(-1)[windows].all(axis=0)])


def _measure_variances(features: NDArray[np.floating]) -> Floats:
    """Measure the variance of the noise of each feature in windows of shape (d, 9, n): (d,)."""
    filtered = np.matmul(np.array(MASK, dtype=features.dtype), features)
    # The median; np.median loads numpy.ma.
    middle = [(filtered.shape[1] - 1) // 2, filtered.shape[1] // 2]
    deviations = np.partition(np.abs(filtered), middle, axis=1)[:, middle].mean(axis=1) / NORMAL_MEDIAN
    return np.asarray(deviations**2 / MASK_POWER)
