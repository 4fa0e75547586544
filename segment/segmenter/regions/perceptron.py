"""A perceptron with one hidden layer, which turns cues into a probability."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from segment.segmenter.regions.learned_weights import load_weights

__all__ = ["MAX_DEVIATIONS", "WEIGHTS_FILE", "Perceptron", "load_perceptron"]

Floats = NDArray[np.float64]

WEIGHTS_FILE = "merge_weights.npz"  # an array for each attribute; ``tests/benchmarks/train_merge_costs.py`` writes it
MAX_DEVIATIONS = 6.0  # standard deviations from the mean at which a cue is clipped: no training example lay beyond


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
