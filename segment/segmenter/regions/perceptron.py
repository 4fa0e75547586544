"""A perceptron with one hidden layer: a few hundred constants that turn cues into a probability."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["FARTHEST", "Perceptron"]

Floats = NDArray[np.float64]

FARTHEST = 6.0  # deviations from the usual at which a cue is cut off, since nothing was learned beyond


@dataclass(frozen=True)
class Perceptron:
    """A logistic function of d cues and of h hidden units, each the hyperbolic tangent of a sum of the cues.

    Attributes
    ----------
    centers, spreads : ndarray of shape (d,), float64
        Mean and standard deviation of each cue; cues are counted in these.
    hidden : ndarray of shape (1 + d, h), float64
        What each hidden unit adds to the weighted cues, then the weights.
    outer : ndarray of shape (1 + d + h,), float64
        What is added to the weighted cues and units, then the weights of the cues, then those of the units.
    """

    centers: Floats
    spreads: Floats
    hidden: Floats
    outer: Floats

    def log_odds(self, cues: NDArray[np.floating]) -> Floats:
        """The logit of the probability for each row of cues (m, d): (m,)."""
        scaled = np.clip((cues - self.centers) / self.spreads, -FARTHEST, FARTHEST)
        units = np.tanh(self.hidden[0] + scaled @ self.hidden[1:])
        d = len(self.centers)
        return np.asarray(self.outer[0] + scaled @ self.outer[1 : 1 + d] + units @ self.outer[1 + d :])
