"""How likely two neighboring regions are to be one to a person: cues from their border, their insides and around."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from segment.segmenter.regions.merge_weights import LIKENESS
from segment.segmenter.regions.region_adjacency import Adjacency

__all__ = ["CUES", "difference", "features"]

Floats = NDArray[np.float64]

# Columns of the borders: length, then sums along it of the mixtures' boundary strength at three scales, that of the
# oriented texture, of lightness and of chroma at the finest and the coarsest scale, of all together and its square; the
# log-odds, by the places along it, that people leave it out, and the probabilities.
_MIXED, _TEXTON, _COLOR, _STRENGTH, _LEFT_OUT, _SHARE_LEFT_OUT = slice(1, 4), 4, slice(5, 9), 9, 11, 12
# Columns of the sums: area, L a b, their squares, row and column in 0..1, two textures, strength, sides on the frame.
_LAB, _SQUARES, _PLACE, _TEXTURE, _INNER, _FRAME = slice(1, 4), slice(4, 7), slice(7, 9), slice(9, 11), 11, 12
# After them the posteriors of the mixtures of color and texture with 8, 16 and 32 components and of the textons.
_MIXTURES = (slice(13, 21), slice(21, 37), slice(37, 69), slice(69, 81))
# Columns of the sums beside borders: number of places, posteriors of all these but the first, L a b and their squares.
_BESIDE, _LAB_BESIDE, _SQUARES_BESIDE = (slice(1, 17), slice(17, 49), slice(49, 61)), slice(61, 64), slice(64, 67)

CUES = (
    *("mixture 1", "mixture 2", "mixture 4", "texton", "light 1", "light 4", "chroma 1", "chroma 4", "unevenness"),
    *("hellinger 8", "hellinger 16", "hellinger 32", "hellinger texton", "least hellinger"),
    *("color", "bhattacharyya", "chroma distance", "smaller area", "larger area", "contact", "slenderness"),
    *("frame smaller", "frame larger", "regions", "relative strength", "relative hellinger", "inner strength"),
    *("lead smaller", "lead larger", "image strength", "distance", "image contrast"),
    *("hellinger 16 beside", "hellinger 32 beside", "hellinger texton beside", "color beside", "chroma beside"),
    *("bhattacharyya beside", "unlike inside most", "unlike inside least"),
    *("left out", "share left out", "odds left out"),
)

_VARIANCES = np.array([9.0, 4.0, 4.0])  # added to those of L, a and b
_TEXTURE_VARIANCE = 0.05
_LEAST_SHARE = 0.005


def difference(adjacency: Adjacency, sums: Floats) -> Floats:
    """How different the regions of each pair are, from 0 to 1: the share of people, by the cues, who part them.

    A perceptron's answer to :func:`features`; its weights were learned from the training images of BSDS500.
    """
    return np.asarray(1 / (1 + np.exp(LIKENESS.log_odds(features(adjacency, sums)))))


def features(adjacency: Adjacency, sums: Floats) -> Floats:
    """The cues of each of m pairs of neighbors, in the order of :data:`CUES`: (m, n_cues)."""
    n = adjacency.n_regions
    areas = sums[:, 0]
    whole = areas.sum()
    means = sums / areas[:, None]
    low, high = adjacency.pairs.T
    swapped = areas[high] < areas[low]
    small, large = np.where(swapped, high, low), np.where(swapped, low, high)
    length = adjacency.borders[:, 0]
    along = adjacency.borders / length[:, None]
    strength = along[:, _STRENGTH]
    image_strength = max(float(adjacency.borders[:, _STRENGTH].sum() / max(length.sum(), 1.0)), 1e-3)
    uneven = np.sqrt(np.maximum(along[:, _STRENGTH + 1] - strength**2, 0))
    roots = np.sqrt(np.maximum(means, 0))
    hellinger = np.stack([_hellinger(roots[low, k], roots[high, k]) for k in _MIXTURES], axis=1)
    usual = (hellinger[:, 1] + hellinger[:, 2]) / 2
    usual_mean = float(usual @ length / max(length.sum(), 1.0))
    perimeter = np.bincount(low, length, n) + np.bincount(high, length, n) + sums[:, _FRAME]
    lead = _lead(strength + usual, small, large, n)
    place = means[low, _PLACE] - means[high, _PLACE]
    columns = [
        *(along[:, _MIXED].T, along[:, [_TEXTON]].T, along[:, _COLOR].T, uneven, hellinger.T),
        *(hellinger[:, :3].min(axis=1), *_color_distances(means, low, high)),
        *(np.log(areas[small] / whole), np.log(areas[large] / whole)),
        *(length / perimeter[small], length / np.sqrt(areas[small])),
        *(sums[small, _FRAME] / perimeter[small], sums[large, _FRAME] / perimeter[large]),
        np.full(len(low), np.log(n)),
        *(strength / image_strength, usual / (usual_mean + 0.05)),
        np.maximum(means[low, _INNER], means[high, _INNER]),
        *lead,
        np.full(len(low), np.log(image_strength)),
        np.sqrt((place**2).sum(axis=1)),
        np.full(len(low), np.log(_contrast(sums, whole))),
        *_beside(adjacency, roots),
        *(along[:, _LEFT_OUT], along[:, _SHARE_LEFT_OUT], _logit(along[:, _SHARE_LEFT_OUT])),
    ]
    return np.vstack(columns).T


def _color_distances(means: Floats, low: NDArray[np.intp], high: NDArray[np.intp]) -> tuple[Floats, Floats, Floats]:
    """Distance of the mean colors, of the Gaussians of color and texture (Bhattacharyya), and of the mean chroma."""
    apart = means[low, _LAB] - means[high, _LAB]
    variances = np.maximum(means[:, _SQUARES] - means[:, _LAB] ** 2, 0) + _VARIANCES
    texture = means[low, _TEXTURE] - means[high, _TEXTURE]
    distance = _bhattacharyya(apart, variances[low], variances[high])
    distance += (texture**2).sum(axis=1) / (8 * _TEXTURE_VARIANCE)
    overlap = np.sqrt(np.maximum(1 - np.exp(-distance), 0))
    return np.sqrt((apart**2).sum(axis=1)) / 30, overlap, np.hypot(apart[:, 1], apart[:, 2]) / 20


def _bhattacharyya(apart: Floats, one: Floats, other: Floats) -> Floats:
    """Distance (m,) of Gaussians whose means are so far apart (m, d), and whose diagonal variances are these (m, d)."""
    middle = (one + other) / 2
    return np.asarray((apart**2 / middle).sum(axis=1) / 8 + 0.5 * np.log(middle / np.sqrt(one * other)).sum(axis=1))


def _beside(adjacency: Adjacency, roots: Floats) -> list[Floats]:
    """How the two strips beside each border differ, and how each differs from all of its region.

    `roots` are those of the mean posteriors of the regions.
    """
    means = adjacency.beside / adjacency.beside[:, :, :1]
    strips = np.sqrt(np.maximum(means, 0))
    hellinger = [_hellinger(strips[:, 0, k], strips[:, 1, k]) for k in _BESIDE]
    apart = means[:, 0, _LAB_BESIDE] - means[:, 1, _LAB_BESIDE]
    variances = np.maximum(means[:, :, _SQUARES_BESIDE] - means[:, :, _LAB_BESIDE] ** 2, 0) + _VARIANCES
    distance = _bhattacharyya(apart, variances[:, 0], variances[:, 1])
    inside = [_hellinger(strips[:, side, _BESIDE[1]], roots[adjacency.pairs[:, side], _MIXTURES[2]]) for side in (0, 1)]
    return [
        *hellinger,
        np.sqrt((apart**2).sum(axis=1)) / 30,
        np.hypot(apart[:, 1], apart[:, 2]) / 20,
        np.sqrt(np.maximum(1 - np.exp(-distance), 0)),
        *(np.maximum(*inside), np.minimum(*inside)),
    ]


def _hellinger(one: Floats, other: Floats) -> Floats:
    """Distance of distributions given by their square roots (m, k): (m,), 0 to 1."""
    return np.asarray(np.sqrt(np.maximum(1 - (one * other).sum(axis=1), 0)))


def _logit(shares: Floats) -> Floats:
    """The log-odds of probabilities, which count as no closer to 0 and 1 than this."""
    kept = np.clip(shares, _LEAST_SHARE, 1 - _LEAST_SHARE)
    return np.asarray(np.log(kept / (1 - kept)))


def _lead(cost: Floats, small: NDArray[np.intp], large: NDArray[np.intp], n: int) -> tuple[Floats, Floats]:
    """By how much each pair is worse than the best that its smaller and its larger region could do."""
    best = np.full(n, np.inf)
    np.minimum.at(best, small, cost)
    np.minimum.at(best, large, cost)
    return cost - best[small], cost - best[large]


def _contrast(sums: Floats, whole: float) -> float:
    """Standard deviation of the image's colors, at least 1."""
    means = sums.sum(axis=0) / whole
    return float(np.sqrt(max(1.0, (means[_SQUARES] - means[_LAB] ** 2).sum())))
