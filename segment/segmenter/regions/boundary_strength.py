"""How strong a boundary runs through each pixel of maps of what is there, and the regions between boundaries."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from segment.core.opencv import load_cv2

__all__ = ["basins", "boundary_strengths", "directional_changes", "resized"]

Map = NDArray[np.float32]
Changes = NDArray[np.float32]
Labels = NDArray[np.intp]
Mask = NDArray[np.bool_]

_DIRECTIONS = 4
_LARGE = 3.0  # pixels: Gaussians of this width and more are taken of a copy of half the size,
_SMALL = 16  # pixels: unless its shorter side is less than this
_BLUR = 0.75  # pixels: what is left of a boundary's place between two pixels before regions are drawn
_APART = 5  # pixels: two minima closer than this are one
_ROUNDING = np.float32(2e-5)  # strength: a minimum less deep comes from rounding, where in truth nothing changes


def directional_changes(maps: Iterable[Map], *, sigmas: tuple[float, ...]) -> list[Changes]:
    """How much all maps together change across lines in four directions through each pixel.

    At each scale the maps are smoothed by a Gaussian, the absolute derivatives across the line are added up over the
    maps and multiplied by the scale, so that edges of all widths count alike (Lindeberg 1998, Int. J. Comput. Vis. 30).
    Of posteriors, which sum to 1, that is the change of what the pixels are.

    Parameters
    ----------
    maps : iterable of ndarray of shape (H, W), float32
        At least one.
    sigmas : tuple of float, > 0, ascending
        Standard deviations of the Gaussians, in pixels. The large ones are measured on smaller copies.

    Returns
    -------
    list of ndarray of shape (4, h, w), float32, >= 0
        One for each scale, of the size of the copy: the change to the right, then each time an eighth of a turn
        further, clockwise.
    """
    totals: dict[float, Changes] = {}
    for values in maps:
        smaller, factor = values, 1
        for sigma in sigmas:
            while sigma / factor >= _LARGE and min(smaller.shape) >= _SMALL:
                smaller, factor = resized(smaller, (-(-smaller.shape[0] // 2), -(-smaller.shape[1] // 2))), 2 * factor
            changes = _changes(smaller, sigma / factor)
            totals[sigma] = totals[sigma] + changes if sigma in totals else changes
    return list(totals.values())


def boundary_strengths(changes: Iterable[Changes], shape: tuple[int, int]) -> list[Map]:
    """The largest change of the four directions, at this size: one map for each scale."""
    return [resized(each.max(axis=0), shape) for each in changes]


def _changes(values: Map, sigma: float) -> Changes:
    """Absolute derivative of one map, smoothed, in each of four directions, times sigma: (4, H, W)."""
    cv2 = load_cv2()
    edge = cv2.BORDER_REPLICATE
    smooth = cv2.GaussianBlur(values, (0, 0), sigma, borderType=edge)
    across = cv2.Sobel(smooth, cv2.CV_32F, 1, 0, ksize=1, scale=sigma / 2, borderType=edge)
    down = cv2.Sobel(smooth, cv2.CV_32F, 0, 1, ksize=1, scale=sigma / 2, borderType=edge)
    changes = np.empty((_DIRECTIONS, *values.shape), dtype=np.float32)
    np.abs(across, out=changes[0])
    np.abs(across + down, out=changes[1])
    np.abs(down, out=changes[2])
    np.abs(across - down, out=changes[3])
    changes[1::2] *= np.float32(np.sqrt(0.5))
    return changes


def resized(values: Map, shape: tuple[int, int]) -> Map:
    """A map at another size: means of areas where that is smaller, interpolated where it is larger."""
    if values.shape == shape:
        return values
    cv2 = load_cv2()
    method = cv2.INTER_AREA if shape[0] < values.shape[0] else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(values, shape[::-1], interpolation=method))


def basins(strength: Map, valid: Mask) -> tuple[Labels, int]:
    """The regions that water would fill, rising from the minima of the boundary strength (watershed).

    Parameters
    ----------
    strength : ndarray of shape (H, W), float32
    valid : ndarray of shape (H, W), bool
        No basin reaches beyond these pixels.

    Returns
    -------
    labels : ndarray of shape (H, W), int
        0..n - 1 and -1 where not valid. Each region is 4-connected.
    n : int
    """
    from scipy.ndimage import label
    from skimage.segmentation import watershed

    cv2 = load_cv2()
    smooth = cv2.GaussianBlur(strength, (0, 0), _BLUR, borderType=cv2.BORDER_REPLICATE)
    high = np.float32(np.finfo(np.float32).max)
    walled = np.where(valid, smooth, high)
    lowest = cv2.erode(walled, np.ones((_APART, _APART), np.uint8), borderType=cv2.BORDER_REPLICATE)
    markers, _ = label((walled <= lowest + _ROUNDING) & valid)
    # A valid part may be without a minimum of its own where a lower pixel lies beyond a gap in the mask.
    parts, n_parts = label(valid)
    reached = np.zeros(n_parts + 1, dtype=bool)
    reached[parts[markers > 0]] = True
    missing = ~reached[parts] & valid
    markers[missing] = parts[missing] + markers.max()
    found = watershed(smooth, markers, mask=valid)
    used, labels = np.unique(found[valid], return_inverse=True)
    out = np.full(valid.shape, -1, dtype=np.intp)
    out[valid] = labels.reshape(-1)
    return out, len(used)
