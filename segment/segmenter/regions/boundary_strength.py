"""How strong a boundary runs through each pixel: changes of maps in four directions, at several scales."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from segment.core.opencv import load_cv2
from segment.segmenter.regions.texture_maps import compute_derivatives

__all__ = ["compute_boundary_strengths", "resize_map"]

Map = NDArray[np.float32]

_N_DIRECTIONS = 4
_MIN_HALVED_SIGMA = 3.0  # pixels: Gaussians of this width and more are applied to a copy of half the size,
_MIN_HALVED_SIDE = 16  # pixels: unless its shorter side is less than this


def compute_boundary_strengths(maps: Iterable[Map], shape: tuple[int, int], *, sigmas: tuple[float, ...]) -> list[Map]:
    """Compute how much all maps together change across a line through each pixel, the most in four directions.

    At each scale the maps are smoothed by a Gaussian, the absolute derivatives across the line are summed over the
    maps and multiplied by the scale, so that edges of all widths count alike. For posteriors, which sum to 1, that is
    how much the class membership changes.

    Parameters
    ----------
    maps : iterable of ndarray of shape (H, W), float32
        At least one.
    shape : tuple of int
        Height and width of the result, in pixels.
    sigmas : tuple of float, > 0, ascending
        Standard deviations of the Gaussians, in pixels. The large ones are applied to smaller copies.

    Returns
    -------
    list of ndarray of shape `shape`, float32, >= 0
        One for each scale.

    References
    ----------
    Lindeberg 1998, Int. J. Comput. Vis. 30.
    """
    totals: dict[float, NDArray[np.float32]] = {}
    for values in maps:
        smaller, factor = values, 1
        for sigma in sigmas:
            # A wide Gaussian leaves no detail that a copy of half the size would lose, and costs a quarter there.
            while sigma / factor >= _MIN_HALVED_SIGMA and min(smaller.shape) >= _MIN_HALVED_SIDE:
                half = (-(-smaller.shape[0] // 2), -(-smaller.shape[1] // 2))
                smaller, factor = resize_map(smaller, half), 2 * factor
            changes = _compute_changes(smaller, sigma / factor)
            totals[sigma] = totals[sigma] + changes if sigma in totals else changes
    return [resize_map(each.max(axis=0), shape) for each in totals.values()]


def resize_map(values: Map, shape: tuple[int, int]) -> Map:
    """Resize a map: averaged over areas where that is smaller, interpolated linearly where it is larger.

    Parameters
    ----------
    values : ndarray of shape (H, W), float32
    shape : tuple of int
        New height and width, in pixels.

    Returns
    -------
    ndarray of shape `shape`, float32
        `values` itself if it has that shape.
    """
    if values.shape == shape:
        return values
    cv2 = load_cv2()
    # Linear interpolation of a smaller size would skip pixels.
    method = cv2.INTER_AREA if shape[0] < values.shape[0] else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(values, shape[::-1], interpolation=method))


def _compute_changes(values: Map, sigma: float) -> NDArray[np.float32]:
    """Compute the absolute derivatives of one map in four directions at a scale: (4, H, W)."""
    across, down = compute_derivatives(values, sigma)
    changes = np.empty((_N_DIRECTIONS, *values.shape), dtype=np.float32)
    # The derivative in the direction at an angle t is cos(t) across + sin(t) down; here t is 0, 45, 90 and 135 degrees.
    np.abs(across, out=changes[0])
    np.abs(across + down, out=changes[1])
    np.abs(down, out=changes[2])
    np.abs(across - down, out=changes[3])
    changes[1::2] *= np.float32(np.sqrt(0.5))
    return changes
