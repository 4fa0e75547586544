"""Pixels inside areas, as against those at edges, which mix the colours of two areas or ring with them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["contrast", "interior"]


def interior(pixels: NDArray[Any], valid: NDArray[np.bool_], *, edges: float) -> NDArray[np.bool_]:
    """The valid pixels without those of the greatest contrast to their neighbours.

    Parameters
    ----------
    pixels : ndarray of shape (H, W, c)
    valid : ndarray of shape (H, W), bool
    edges : float, 0 to 1
        Share of the valid pixels to leave out, at most: those of equal contrast stay or go together.

    Returns
    -------
    ndarray of shape (H, W), bool
    """
    if not valid.any():
        return valid
    found = contrast(pixels, valid)
    return np.asarray(valid & (found <= np.quantile(found[valid], 1 - edges, method="higher")))


def contrast(pixels: NDArray[Any], valid: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Greatest minus least value in the 3 x 3 valid pixels around each pixel, in the channel where it is greatest.

    Parameters
    ----------
    pixels : ndarray of shape (H, W, c)
    valid : ndarray of shape (H, W), bool

    Returns
    -------
    ndarray of shape (H, W), float64, >= 0
        0 where a pixel is not valid.
    """
    values = np.asarray(pixels, dtype=np.float64)
    high = _around(np.maximum, np.where(valid[..., None], values, -np.inf))
    low = _around(np.minimum, np.where(valid[..., None], values, np.inf))
    spread = np.zeros(valid.shape)
    spread[valid] = (high[valid] - low[valid]).max(axis=-1, initial=0.0)
    return spread


def _around(combine: np.ufunc, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The maximum or minimum over the 3 x 3 values around each, fewer at the rim."""
    tall = values.copy()
    combine(tall[1:], values[:-1], out=tall[1:])
    combine(tall[:-1], values[1:], out=tall[:-1])
    wide = tall.copy()
    combine(wide[:, 1:], tall[:, :-1], out=wide[:, 1:])
    combine(wide[:, :-1], tall[:, 1:], out=wide[:, :-1])
    return wide
