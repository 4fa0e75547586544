"""How far the pixels of an image say the same as their neighbours, and so how many independent ones they are worth."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["correlation_area", "effective_size"]

Floats = NDArray[np.float64]

# Correlations are followed to the distance at which they have fallen to this. Beyond it lie slow trends, such as
# shading, and the noise of the estimate, summed over a great many distances.
_CUT = 0.05


def effective_size(maps: Floats, valid: NDArray[np.bool_]) -> float:
    """The number of independent pixels that know as much of a mean as the pixels of the maps together.

    With n pixels of one variance and correlation rho(h) at displacement h, the variance of their mean is that of
    n / sum(rho(h)) independent ones (Bayley & Hammersley 1946, J. R. Stat. Soc. Suppl. 8; in the plane e.g. Cressie
    1993, Statistics for Spatial Data, 1.3).

    Parameters
    ----------
    maps : ndarray of shape (H, W, m), float64
        m quantities at each pixel, of one scale.
    valid : ndarray of shape (H, W), bool
        Pixels that count.

    Returns
    -------
    float
        From 1 to the number of valid pixels; 1 where there is none. Twice as many pixels of the same scene make no
        difference once neighbours are alike.
    """
    return max(1.0, np.count_nonzero(valid) / correlation_area(maps, valid))


def correlation_area(maps: Floats, valid: NDArray[np.bool_]) -> float:
    """Sum of the autocorrelation over all displacements up to the distance at which it has fallen to 5 %, in pixels.

    The autocorrelation is that of all maps together, each around its mean; every displacement counts with the share of
    the pixels that have a partner there.

    Parameters
    ----------
    maps : ndarray of shape (H, W, m), float64
    valid : ndarray of shape (H, W), bool

    Returns
    -------
    float
        At least 1, which is that of white noise. Maps that do not vary have no correlation and area 1.
    """
    pixels = np.count_nonzero(valid)
    mask = valid.astype(np.float64)
    centred = (maps - maps[valid].mean(axis=0) if pixels else maps) * mask[..., None]
    products = _products(np.moveaxis(centred, 2, 0))
    if not products[0, 0] > np.finfo(float).eps * pixels * (maps**2).sum(axis=2).max(initial=0.0):
        return 1.0
    pairs = np.rint(_products(mask[None]))
    height, width = pairs.shape
    rows, columns = (np.minimum(np.arange(n), n - np.arange(n)) for n in (height, width))
    distance = np.rint(np.hypot(rows[:, None], columns)).astype(np.intp)
    paired = np.maximum(np.bincount(distance.ravel(), weights=pairs.ravel()), 1.0)
    mean_product = np.bincount(distance.ravel(), weights=products.ravel()) / paired
    fallen = mean_product < _CUT * mean_product[0]
    near = distance < (fallen.argmax() if fallen.any() else len(fallen))
    return max(1.0, float(products[near].sum() / products[0, 0]))


def _products(maps: Floats) -> Floats:
    """Sum over the maps (m, H, W) of the products of all pixels with those at each displacement: (2 H, 2 W)."""
    shape = (2 * maps.shape[1], 2 * maps.shape[2])
    power = sum((np.abs(np.fft.rfft2(values, shape)) ** 2 for values in maps), start=np.zeros(()))
    return np.asarray(np.fft.irfft2(power, shape))
