"""Cues of two neighboring regions, and the cost of merging them: how likely a person is to part them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from segment.segmenter.regions.learned_weights import load_weights
from segment.segmenter.regions.region_adjacency import Adjacency
from segment.segmenter.regions.region_networks import N_DESCRIPTORS

__all__ = [
    "CUES",
    "MAX_DEVIATIONS",
    "WEIGHTS_FILE",
    "Perceptron",
    "compute_merge_costs",
    "compute_merge_cues",
    "load_perceptron",
]

Floats = NDArray[np.float64]

# Columns of the borders: length, then sums along it of the change of the mixtures at three scales, of lightness and of
# chroma at the finest and the coarsest scale, of the boundary strength and its square, and of the network's
# probabilities that people part the two sides, at four distances.
_CHANGES, _STRENGTH, _SQUARED_STRENGTH, _PARTED = slice(1, 8), 8, 9, slice(10, 14)
# Columns of the sums: area, the posteriors of the mixtures of color and texture with 8, 16 and 32 components, and the
# descriptors of places.
_MIXTURES = (slice(9, 25), slice(25, 57))  # those that are compared
_DESCRIPTORS = slice(57, 57 + N_DESCRIPTORS)  # of the network

# Numbers in the names. Mixture, light and chroma: the scale, relative to the finest. Hellinger: the components of the
# mixture. Parted: the distance in pixels between the two sides. Descriptor: the distance of the means of the
# descriptors of places; spread: how much these differ in the image. Contact is the share of the smaller region's border
# that lies between the two.
CUES = (
    *("mixture 1", "mixture 2", "mixture 4", "light 1", "light 4", "chroma 1", "chroma 4", "unevenness"),
    *("hellinger 16", "hellinger 32", "smaller area", "larger area", "contact", "regions"),
    *("parted 2", "parted 6", "parted 12", "parted 20", "descriptor", "spread"),
)
WEIGHTS_FILE = "merge_weights.npz"  # an array for each attribute; ``tests/benchmarks/train_merge_costs.py`` writes it
MAX_DEVIATIONS = 6.0  # standard deviations from the mean at which a cue is clipped: no training example lay beyond


def compute_merge_costs(adjacency: Adjacency, sums: Floats) -> Floats:
    """Compute the cost of merging each pair of neighbors: the share of people, by the cues, who part the two regions.

    A perceptron computes it from :func:`compute_merge_cues`; its weights were learned from the training images of
    BSDS500.

    Parameters
    ----------
    adjacency : Adjacency
        n regions and their m borders, with the sums of the `cues` of
        :class:`segment.segmenter.regions.boundary_evidence.BoundaryEvidence` along them.
    sums : ndarray of shape (n, 73), float64
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
    sums : ndarray of shape (n, 73), float64
        Sums over the regions.

    Returns
    -------
    ndarray of shape (m, 20), float64
        In the order of :data:`CUES`.
    """
    n = adjacency.n_regions
    areas = sums[:, 0]
    low, high = adjacency.pairs.T
    smaller, larger = np.sort(areas[adjacency.pairs], axis=1).T / areas.sum()
    # The border: means along it, and how much its strength varies.
    length = adjacency.borders[:, 0]
    along = adjacency.borders / length[:, None]
    uneven = np.sqrt(np.maximum(along[:, _SQUARED_STRENGTH] - along[:, _STRENGTH] ** 2, 0))
    # The insides: Hellinger distances, 0 to 1, of the distributions of the mixtures' components in the two regions.
    roots = np.sqrt(np.maximum(sums / areas[:, None], 0))
    overlaps = [(roots[low, k] * roots[high, k]).sum(axis=1) for k in _MIXTURES]
    means = sums[:, _DESCRIPTORS] / areas[:, None]
    apart = np.sqrt(((means[low] - means[high]) ** 2).sum(axis=1))
    # How much the descriptors differ in the whole image: where they hardly do, they tell nothing about it.
    deviations = means - areas @ means / areas.sum()
    spread = np.sqrt((areas @ deviations**2).sum() / areas.sum())
    # How much of its borders the smaller region shares with the larger.
    perimeter = np.bincount(low, length, n) + np.bincount(high, length, n)
    contact = length / perimeter[np.where(areas[high] < areas[low], high, low)]
    columns = [
        *(*along[:, _CHANGES].T, uneven),
        *np.sqrt(np.maximum(1 - np.array(overlaps), 0)),
        *(np.log(smaller), np.log(larger), contact, np.full(len(low), np.log(n))),
        *(*along[:, _PARTED].T, apart, np.full(len(low), spread)),
    ]
    return np.vstack(columns).T


@dataclass(frozen=True)
class Perceptron:
    """A logistic function of d cues and of h hidden units, each the hyperbolic tangent of a weighted sum of the cues.

    Attributes
    ----------
    means, scales : ndarray of shape (d,), float64
        Mean and standard deviation of each cue, by which cues are standardized.
    hidden : ndarray of shape (1 + d, h), float64
        Hidden layer: the intercept of each hidden unit, then its weights of the cues.
    output : ndarray of shape (1 + d + h,), float64
        Output layer: the intercept, then the weights of the cues, then those of the hidden units.

    Examples
    --------
    With no hidden unit it is a logistic regression; cues further than 6 standard deviations off are clipped.

    >>> perceptron = Perceptron(np.array([1.0]), np.array([2.0]), np.zeros((2, 0)), np.array([0.5, 1.0]))
    >>> perceptron.compute_log_odds(np.array([[1.0], [3.0], [999.0]])).tolist()
    [0.5, 1.5, 6.5]
    """

    means: Floats
    scales: Floats
    hidden: Floats
    output: Floats

    def compute_log_odds(self, cues: NDArray[np.floating]) -> Floats:
        """Compute the log-odds of the probability for each row of cues.

        Parameters
        ----------
        cues : ndarray of shape (m, d), float

        Returns
        -------
        ndarray of shape (m,), float64
            ``log(p / (1 - p))``.
        """
        standardized = np.clip((cues - self.means) / self.scales, -MAX_DEVIATIONS, MAX_DEVIATIONS)
        units = np.tanh(self.hidden[0] + standardized @ self.hidden[1:])
        # The cues also reach the output directly (skip connections), so the hidden units learn only what is nonlinear.
        d = len(self.means)
        return np.asarray(self.output[0] + standardized @ self.output[1 : 1 + d] + units @ self.output[1 + d :])


@cache
def load_perceptron() -> Perceptron:
    """Load the perceptron that judges pairs of neighbors by :mod:`segment.segmenter.regions.merge_cues`.

    Returns
    -------
    Perceptron
        Its log-odds are those of the probability that a person joins the two regions. The same object each time.
    """
    return Perceptron(**load_weights(WEIGHTS_FILE))
