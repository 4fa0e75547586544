"""Drawings of flat areas: regions of clearly different colors are not merged, whatever people do in photographs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from segment.core.image import Image
from segment.segmenter.regions.region_adjacency import NEIGHBOR_SLICES
from segment.segmenter.regions.texture_maps import compute_color_maps

__all__ = ["find_flat_pixels", "raise_flat_costs", "sum_flat_colors"]

Floats = NDArray[np.float64]
Labels = NDArray[np.intp]
Mask = NDArray[np.bool_]

_MIN_FLAT_SHARE = 0.6  # of the pixels of a drawing are equal to those around them; of photographs .3 at most
_MIN_DISTANCE = 10.0  # of two colors, in units of CIELAB: clearly different
# The squared distance of two colors by the sum of their variances. Along an even ramp cut anywhere it is 6 at most.
_MIN_SEPARATION = 16.0
_MAX_JOINED = 0.1  # the share of people who join two flat areas of clearly different colors


def find_flat_pixels(image: Image) -> Mask | None:
    """Find the pixels of a drawing that are equal to the four around them: neighbors among these have one color.

    Parameters
    ----------
    image : Image
        H x W pixels.

    Returns
    -------
    ndarray of shape (H, W), bool, or None
        None where they are less than six tenths of the valid pixels, so that the image is no drawing of flat areas.
    """
    is_flat = image.valid.copy()
    for one, other in NEIGHBOR_SLICES:
        differ = image.pixels[one] != image.pixels[other]
        differ = differ if image.is_gray else differ.any(axis=2)
        is_flat[one] &= ~differ
        is_flat[other] &= ~differ
    return is_flat if is_flat.sum() >= _MIN_FLAT_SHARE * image.valid.sum() else None


def sum_flat_colors(image: Image, is_flat: Mask, labels: Labels, n_regions: int) -> Floats:
    """Sum over the flat pixels of each region their number, their colors in CIELAB and the squares of these.

    Parameters
    ----------
    image : Image
        H x W pixels. Every pixel must have a value, whether valid or not.
    is_flat : ndarray of shape (H, W), bool
        As :func:`find_flat_pixels` returns it.
    labels : ndarray of shape (H, W), int
        0..n_regions - 1; negative pixels belong to no region.
    n_regions : int

    Returns
    -------
    ndarray of shape (n_regions, 1 + 2 c), float64
        The number of pixels, the sums of the c colors, 3 or of a gray image 1, and those of their squares.
    """
    counted = is_flat & (labels >= 0)
    colors = [each[counted].astype(np.float64) for each in compute_color_maps(image)]
    values = (np.ones(int(counted.sum())), *colors, *(each**2 for each in colors))
    return np.column_stack([np.bincount(labels[counted], each, n_regions) for each in values])


def raise_flat_costs(costs: Floats, pairs: Labels, flat_sums: Floats) -> Floats:
    """Raise the costs of merging flat regions of clearly different colors, so that no automatic cut joins them.

    Parameters
    ----------
    costs : ndarray of shape (m,), float64, 0 to 1
        Of merging the m pairs of neighbors.
    pairs : ndarray of shape (m, 2), int
        The two regions of each.
    flat_sums : ndarray of shape (n, 1 + 2 c), float64
        Of n regions, as :func:`sum_flat_colors` returns them.

    Returns
    -------
    ndarray of shape (m,), float64, 0 to 1
        Costs of such pairs are at least 0.9, in their former order.
    """
    # A region without a flat pixel has a color of 0 and an infinite variance: no pair with it is raised.
    numbers = np.maximum(flat_sums[:, :1], 1)
    means, squares = np.split(flat_sums[:, 1:] / numbers, 2, axis=1)
    variances = np.where(flat_sums[:, 0] > 0, np.maximum(squares - means**2, 0).sum(axis=1), np.inf)
    low, high = pairs.T
    distances = ((means[low] - means[high]) ** 2).sum(axis=1)
    are_apart = distances >= np.maximum(_MIN_DISTANCE**2, _MIN_SEPARATION * (variances[low] + variances[high]))
    return np.where(are_apart, 1 - _MAX_JOINED * (1 - costs), costs)
