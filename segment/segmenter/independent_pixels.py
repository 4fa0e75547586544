"""Count pixels that tell something new: those inside areas, and of these as many as are independent."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from segment.core.opencv import load_cv2

__all__ = ["estimate_effective_size", "mask_interior", "measure_contrast", "measure_correlation_area"]

Floats = NDArray[np.float64]

# The autocorrelation is summed up to the distance at which it has fallen to this. Beyond are slow trends, such as
# shading, and the noise of the estimate, added up over a great many displacements.
_MIN_CORRELATION = 0.05


def mask_interior(pixels: NDArray[Any], valid: NDArray[np.bool_], *, edge_share: float) -> NDArray[np.bool_]:
    """Mark the valid pixels, without those of the highest contrast to their neighbors.

    Parameters
    ----------
    pixels : ndarray of shape (H, W, c)
        Colors of any depth.
    valid : ndarray of shape (H, W), bool
        Pixels that count.
    edge_share : float, 0 to 1
        Share of the valid pixels to leave out, at most: pixels of equal contrast stay or go together. Raised: fewer
        pixels stay, farther from the edges.

    Returns
    -------
    ndarray of shape (H, W), bool
        True inside areas.
    """
    if not valid.any():
        return valid
    contrast = measure_contrast(pixels, valid)
    threshold = np.quantile(contrast[valid], 1 - edge_share, method="higher")
    return np.asarray(valid & (contrast <= threshold))


def measure_contrast(pixels: NDArray[Any], valid: NDArray[np.bool_]) -> Floats:
    """Measure the range of the values in the 3 x 3 window of each pixel, in the channel of the widest range.

    Parameters
    ----------
    pixels : ndarray of shape (H, W, c)
        Colors of any depth.
    valid : ndarray of shape (H, W), bool
        Pixels that count.

    Returns
    -------
    ndarray of shape (H, W), float64, >= 0
        Greatest minus least value of the valid pixels in the window; 0 where the pixel itself is not valid.

    Examples
    --------
    A step from 5 to 9 has contrast on both of its sides:

    >>> row = np.array([5, 5, 5, 9, 9]).reshape(1, 5, 1)
    >>> measure_contrast(row, np.ones((1, 5), dtype=bool))
    array([[0., 0., 4., 4., 0.]])
    """
    cv2 = load_cv2()
    contrast, window = np.zeros(valid.shape), np.ones((3, 3), np.uint8)
    for values in np.moveaxis(pixels, 2, 0):
        highest = cv2.dilate(np.where(valid, values, -np.inf), window)
        lowest = cv2.erode(np.where(valid, values, np.inf), window)
        contrast = np.maximum(contrast, np.subtract(highest, lowest, out=np.zeros(valid.shape), where=valid))
    return contrast


def estimate_effective_size(maps: Floats, valid: NDArray[np.bool_]) -> float:
    """Estimate how many independent pixels would determine a mean as well as all pixels of the maps do.

    Parameters
    ----------
    maps : ndarray of shape (H, W, m), float64
        m quantities at each pixel, on one scale.
    valid : ndarray of shape (H, W), bool
        Pixels that count.

    Returns
    -------
    float
        From 1 to the number of valid pixels; 1 where there is none. Twice as many pixels of the same scene make no
        difference once neighbors are alike.

    Notes
    -----
    With n pixels of one variance and correlation rho(h) at displacement h, the variance of their mean is that of
    ``n / sum(rho(h))`` independent ones (Bayley & Hammersley 1946, J. R. Stat. Soc. Suppl. 8; in the plane e.g.
    Cressie 1993, Statistics for Spatial Data, 1.3).

    Examples
    --------
    Maps that do not vary have no correlation, so all six pixels count:

    >>> estimate_effective_size(np.ones((2, 3, 1)), np.ones((2, 3), dtype=bool))
    6.0
    """
    return max(1.0, float(np.count_nonzero(valid) / measure_correlation_area(maps, valid)))


def measure_correlation_area(maps: Floats, valid: NDArray[np.bool_]) -> float:
    """Sum the autocorrelation over all displacements up to the distance at which it has fallen to 5 %.

    Parameters
    ----------
    maps : ndarray of shape (H, W, m), float64
        m quantities at each pixel, on one scale. Each is centered on its own mean; the autocorrelation is that of all
        together.
    valid : ndarray of shape (H, W), bool
        Pixels that count. A displacement has the weight of the share of pixels that have a valid partner there.

    Returns
    -------
    float
        In pixels, at least 1, which is that of white noise. Maps that do not vary have no correlation and area 1.
    """
    n_valid = np.count_nonzero(valid)
    mask = valid.astype(np.float64)
    centered = (maps - maps[valid].mean(axis=0) if n_valid else maps) * mask[..., None]
    products = _correlate(np.moveaxis(centered, 2, 0))
    # The product at displacement 0 is the total variance; below rounding, the maps are constant.
    if not products[0, 0] > np.finfo(float).eps * n_valid * (maps**2).sum(axis=2).max(initial=0.0):
        return 1.0
    # The correlation of the mask with itself counts the pairs of valid pixels at each displacement.
    n_pairs = np.rint(_correlate(mask[None]))
    # Displacements wrap around: index n - 1 along an axis stands for -1.
    height, width = n_pairs.shape
    rows, columns = (np.minimum(np.arange(n), n - np.arange(n)) for n in (height, width))
    distance = np.rint(np.hypot(rows[:, None], columns)).astype(np.intp)
    # The mean product in rings of one pixel's width shows at which distance the correlation has died out.
    n_pairs_in_ring = np.maximum(np.bincount(distance.ravel(), weights=n_pairs.ravel()), 1.0)
    mean_product = np.bincount(distance.ravel(), weights=products.ravel()) / n_pairs_in_ring
    is_low = mean_product < _MIN_CORRELATION * mean_product[0]
    # Some ring is low: the products add up to the square of the sum of the maps around their means, which is 0.
    is_near = distance < is_low.argmax()
    return max(1.0, float(products[is_near].sum() / products[0, 0]))


def _correlate(maps: Floats) -> Floats:
    """Sum over the maps (m, H, W) the products of all pixels with those at each displacement: (2 H, 2 W)."""
    # Wiener-Khinchin: the autocorrelation is the inverse transform of the power spectrum. Zeros to twice the size keep
    # opposite rims from meeting.
    shape = (2 * maps.shape[1], 2 * maps.shape[2])
    power = sum((np.abs(np.fft.rfft2(values, shape)) ** 2 for values in maps), start=np.zeros(()))
    return np.asarray(np.fft.irfft2(power, shape))
