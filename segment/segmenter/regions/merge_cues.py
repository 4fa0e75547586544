"""Cues of two neighboring regions, and the cost of merging them: how likely a person is to part them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from segment.segmenter.regions.perceptron import load_perceptron
from segment.segmenter.regions.region_adjacency import Adjacency

__all__ = ["CUES", "compute_merge_costs", "compute_merge_cues"]

Floats = NDArray[np.float64]
Ids = NDArray[np.intp]

# Columns of the borders: length, then sums along it of the change of the mixtures at three scales, of lightness and of
# chroma at the finest and the coarsest scale, of the boundary strength and its square; the network's probabilities that
# people part the two sides, at four distances, and their log-odds.
_MIXED, _COLOR, _STRENGTH, _SQUARED_STRENGTH = slice(1, 4), slice(4, 8), 8, 9
_SEEN = slice(10, 18)
# Columns of the sums: area, L a b, their squares, two textures, strength.
_LAB, _SQUARES, _TEXTURE, _INNER = slice(1, 4), slice(4, 7), slice(7, 9), 9
# After them the posteriors of the mixtures of color and texture with 8, 16 and 32 components.
_MIXTURES = (slice(10, 18), slice(18, 34), slice(34, 66))

CUES = (
    *("mixture 1", "mixture 2", "mixture 4", "light 1", "light 4", "chroma 1", "chroma 4", "unevenness"),
    *("hellinger 8", "hellinger 16", "hellinger 32", "smallest hellinger"),
    *("color", "bhattacharyya", "chroma distance", "smaller area", "larger area", "contact", "regions"),
    *("relative strength", "relative hellinger", "inner strength", "excess smaller", "excess larger", "image strength"),
    *("parted 2", "parted 6", "parted 12", "parted 20", "log-odds 2", "log-odds 6", "log-odds 12", "log-odds 20"),
)

_VARIANCES = np.array([9.0, 4.0, 4.0])  # added to those of L, a and b
_TEXTURE_VARIANCE = 0.05


def compute_merge_costs(adjacency: Adjacency, sums: Floats) -> Floats:
    """Compute the cost of merging each pair of neighbors: the share of people, by the cues, who part the two regions.

    A perceptron computes it from :func:`compute_merge_cues`; its weights were learned from the training images of
    BSDS500.

    Parameters
    ----------
    adjacency : Adjacency
        n regions and their m borders, with the sums of the `cues` of
        :class:`segment.segmenter.regions.boundary_evidence.BoundaryEvidence` along them.
    sums : ndarray of shape (n, 66), float64
        Sums over the regions, as
        :meth:`segment.segmenter.regions.boundary_evidence.BoundaryEvidence.sum_inside` gives them.

    Returns
    -------
    ndarray of shape (m,), float64, 0 to 1
    """
    log_odds = load_perceptron().compute_log_odds(compute_merge_cues(adjacency, sums))
    return np.asarray(1 / (1 + np.exp(log_odds)))


def compute_merge_cues(adjacency: Adjacency, sums: Floats) -> Floats:
    """Compute the cues of each pair of neighbors.

    Parameters
    ----------
    adjacency : Adjacency
        n regions and their m borders.
    sums : ndarray of shape (n, 66), float64
        Sums over the regions.

    Returns
    -------
    ndarray of shape (m, 33), float64
        In the order of :data:`CUES`.
    """
    n = adjacency.n_regions
    areas = sums[:, 0]
    total_area = areas.sum()
    means = sums / areas[:, None]
    low, high = adjacency.pairs.T
    is_swapped = areas[high] < areas[low]
    small, large = np.where(is_swapped, high, low), np.where(is_swapped, low, high)
    # The border: means along it, and how much its strength varies.
    length = adjacency.borders[:, 0]
    along = adjacency.borders / length[:, None]
    strength = along[:, _STRENGTH]
    uneven = np.sqrt(np.maximum(along[:, _SQUARED_STRENGTH] - strength**2, 0))
    image_strength = max(float(adjacency.borders[:, _STRENGTH].sum() / max(length.sum(), 1.0)), 1e-3)
    # The insides: distances of the distributions of the mixtures' components in the two regions.
    roots = np.sqrt(np.maximum(means, 0))
    hellinger = np.stack([_compute_hellinger(roots[low, k], roots[high, k]) for k in _MIXTURES], axis=1)
    middle = (hellinger[:, 1] + hellinger[:, 2]) / 2
    image_middle = float(middle @ length / max(length.sum(), 1.0))
    # How much of its borders the smaller region shares with the larger, and how the pair compares with their others.
    perimeter = np.bincount(low, length, n) + np.bincount(high, length, n)
    excess = _compute_excess(strength + middle, small, large, n)
    columns = [
        *(along[:, _MIXED].T, along[:, _COLOR].T, uneven, hellinger.T),
        *(hellinger.min(axis=1), *_compute_color_distances(means, low, high)),
        *(np.log(areas[small] / total_area), np.log(areas[large] / total_area)),
        length / perimeter[small],
        np.full(len(low), np.log(n)),
        *(strength / image_strength, middle / (image_middle + 0.05)),
        np.maximum(means[low, _INNER], means[high, _INNER]),
        *excess,
        np.full(len(low), np.log(image_strength)),
        *along[:, _SEEN].T,
    ]
    return np.vstack(columns).T


def _compute_color_distances(means: Floats, low: Ids, high: Ids) -> tuple[Floats, Floats, Floats]:
    """Compute the distances of mean colors, of Gaussians of color and texture (Bhattacharyya), and of mean chroma."""
    gaps = means[low, _LAB] - means[high, _LAB]
    # Variance = mean of squares - square of the mean; a constant keeps flat regions from being infinitely apart.
    variances = np.maximum(means[:, _SQUARES] - means[:, _LAB] ** 2, 0) + _VARIANCES
    texture = means[low, _TEXTURE] - means[high, _TEXTURE]
    distance = _compute_bhattacharyya(gaps, variances[low], variances[high])
    distance += (texture**2).sum(axis=1) / (8 * _TEXTURE_VARIANCE)
    # exp(-distance) is the overlap of the Gaussians (Bhattacharyya coefficient); this is their Hellinger distance.
    hellinger = np.sqrt(np.maximum(1 - np.exp(-distance), 0))
    return np.sqrt((gaps**2).sum(axis=1)) / 30, hellinger, np.hypot(gaps[:, 1], gaps[:, 2]) / 20


def _compute_bhattacharyya(gaps: Floats, one: Floats, other: Floats) -> Floats:
    """Compute the Bhattacharyya distance (m,) of Gaussians from gaps of means and diagonal variances, each (m, d)."""
    middle = (one + other) / 2
    return np.asarray((gaps**2 / middle).sum(axis=1) / 8 + 0.5 * np.log(middle / np.sqrt(one * other)).sum(axis=1))


def _compute_hellinger(one: Floats, other: Floats) -> Floats:
    """Compute the Hellinger distance (m,), 0 to 1, of distributions given by their square roots (m, k)."""
    return np.asarray(np.sqrt(np.maximum(1 - (one * other).sum(axis=1), 0)))


def _compute_excess(cost: Floats, small: Ids, large: Ids, n: int) -> tuple[Floats, Floats]:
    """Compute by how much each pair costs more than the best pair of its smaller and of its larger region."""
    best = np.full(n, np.inf)
    np.minimum.at(best, small, cost)
    np.minimum.at(best, large, cost)
    return cost - best[small], cost - best[large]
