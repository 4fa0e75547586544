"""Pictures of noisy bands with a class far away in a corner, whose classes are known."""

from __future__ import annotations

import numpy as np
from scipy.optimize import linear_sum_assignment

__all__ = ["RANGES", "compute_accuracy", "draw_bands_and_corner"]

# White and the standard deviation of the noise in images of 8, 12 and 16 bits and of floats.
RANGES = {"uint8": (255.0, 2.5), "12 bits": (4095.0, 8.0), "uint16": (65535.0, 65.0), "float32": (1.0, 0.001)}


def draw_bands_and_corner(
    k: int, n_channels: int, separation: float, value_range: str, share: float, *, side: int = 200, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Draw k - 1 bands and a corner far from them.

    Parameters
    ----------
    k : int, >= 2
        Classes.
    n_channels : int, >= 1
        Channels, with independent noise of the same size in each.
    separation : float, > 0
        Distance of the means of neighboring bands in each channel, in standard deviations of the noise.
    value_range : str
        A key of `RANGES`.
    share : float, 0 to 1
        Share of the pixels in the corner; they are at 95 % of white.
    side : int, pixels
        Height and width.
    seed : int

    Returns
    -------
    pixels : ndarray of shape (side, side, n_channels), or (side, side) for one channel
    truth : ndarray of shape (side, side), int
        Class 1..k of each pixel; the corner has k.
    """
    white, sd = RANGES[value_range]
    rows = np.arange(side)[:, None]
    truth = np.minimum(rows * (k - 1) // side, k - 2).repeat(side, axis=1) + 1
    corner = max(2, round(side * share**0.5))
    truth[:corner, :corner] = k
    means = np.append(0.02 * white + (6 + separation * np.arange(k - 1)) * sd, 0.95 * white)
    noise = np.random.default_rng(seed).normal(0, sd, (side, side, n_channels))
    values = np.clip(means[truth - 1][:, :, None] + noise, 0, white)
    pixels = values.astype(np.float32) if value_range == "float32" else np.rint(values).astype(_get_dtype(value_range))
    return (pixels[:, :, 0] if n_channels == 1 else pixels), truth


def compute_accuracy(truth: np.ndarray, labels: np.ndarray) -> float:
    """Compute the share of pixels that are right under the best one-to-one numbering of the classes."""
    n = int(max(truth.max(), labels.max())) + 1
    shared = np.bincount(truth.reshape(-1) * n + labels.reshape(-1), minlength=n * n).reshape(n, n)
    return float(shared[linear_sum_assignment(shared, maximize=True)].sum() / truth.size)


def _get_dtype(value_range: str) -> str:
    return "uint8" if value_range == "uint8" else "uint16"
