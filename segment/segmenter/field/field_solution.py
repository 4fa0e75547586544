"""The random field of a working copy, once it is solved: of all classes, or of the few likeliest of each pixel."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from segment.segmenter.class_mixture import ClassMixture
from segment.segmenter.field.calibration import measure_overlap
from segment.segmenter.field.few_classes import FewField
from segment.segmenter.field.mean_field import normalize
from segment.segmenter.field.random_field import RandomField
from segment.segmenter.field.share_sample import (
    BorderPixels,
    ShareSample,
    choose_share_pixels,
    draw_share_sample,
    make_share_sample,
)
from segment.segmenter.field.upsampling import BilinearUpsampler

__all__ = ["FewSolution", "FieldSolution", "FullSolution"]

Planes = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class FieldSolution(ABC):
    """The random field of a working copy.

    Attributes
    ----------
    classes : ClassMixture
        k classes.
    q, logs : ndarray of shape (m, h, w), float32
        Posteriors of m classes at each pixel with the field, and their logarithms by color alone.
    labels : ndarray of shape (h, w), uint8
        The most probable classes from 1; 0 where a pixel is not valid.
    valid : ndarray of shape (h, w), bool
        Pixels that count.
    measure_correlation : callable
        Returns the correlation of neighbors within their classes.
    is_noisy : bool
        Whether the color of a pixel alone shows little.
    weight_power : float, 0 to 1
        How much the weights of the classes count at each pixel.
    design_effect : float, optional
        That of the colors alone, for clean-up, where it was measured.
    """

    classes: ClassMixture
    q: Planes
    logs: Planes
    labels: NDArray[np.uint8]
    valid: NDArray[np.bool_]
    measure_correlation: Callable[[], float]
    is_noisy: bool
    weight_power: float
    design_effect: float | None

    def measure_overlap(self) -> float:
        """Measure the expected share of wrong labels by color alone, 0 to 1."""
        return measure_overlap(self.logs, self.valid)

    @abstractmethod
    def draw_shares(self, weights: Planes, plain: Planes, at_border: BorderPixels | None) -> ShareSample:
        """Draw the sample that shares are estimated from; see :func:`share_sample.draw_share_sample`."""

    @abstractmethod
    def make_upsampler(self, shape: tuple[int, int]) -> BilinearUpsampler:
        """Make the interpolation of the neighbor log odds of all classes to the pixels of an image of this shape."""


@dataclass(frozen=True, eq=False)
class FullSolution(FieldSolution):
    """All k classes at each pixel, in their field."""

    field: RandomField

    def draw_shares(self, weights: Planes, plain: Planes, at_border: BorderPixels | None) -> ShareSample:
        """Draw the sample that shares are estimated from; see :meth:`FieldSolution.draw_shares`."""
        correlation = self.measure_correlation()
        return draw_share_sample(self.q, self.logs, weights, correlation, plain=plain, at_border=at_border)

    def make_upsampler(self, shape: tuple[int, int]) -> BilinearUpsampler:
        """Make the interpolation of neighbor log odds; see :meth:`FieldSolution.make_upsampler`."""
        return BilinearUpsampler(self._compute_values, (*self.valid.shape, len(self.q)), shape)

    def _compute_values(self, rows: slice) -> tuple[Planes, None]:
        """Compute what is added to the log posteriors by color of all classes at the pixels of some rows, (rows, w, k).

        These are the neighbor log odds, and the offsets by which the weights of the classes count less.
        """
        log_odds = np.ascontiguousarray(self.field.compute_log_odds_of_rows(self.q, rows).transpose(1, 2, 0))
        if self.weight_power < 1:
            log_odds += self.classes.compute_weight_offsets(self.weight_power)
        return log_odds, None


@dataclass(frozen=True, eq=False)
class FewSolution(FieldSolution):
    """The few likeliest classes of each pixel.

    Attributes
    ----------
    few : FewField
        Which they are.
    look_up : callable
        Takes numbers of pixels, (n,), and returns their log posteriors by color alone of all classes, (n, k).
    """

    few: FewField
    look_up: Callable[[NDArray[np.intp]], Planes]

    def draw_shares(self, weights: Planes, plain: Planes, at_border: BorderPixels | None) -> ShareSample:
        """Draw the sample that shares are estimated from; see :meth:`FieldSolution.draw_shares`."""
        sums = np.zeros(self.few.n_classes)
        for numbers, q in zip(self.few.numbers, self.q, strict=True):  # plane by plane: in less memory, and faster
            sums += np.bincount(numbers.reshape(-1), (q * plain).reshape(-1), self.few.n_classes)
        # A temperature gives weight to classes that are not among the few: the sample has all.
        at = choose_share_pixels(weights > 0)
        logs = self.look_up(at).T
        odds = self.few.compute_log_odds_at(self.q, at).T
        is_plain = plain.reshape(-1)[at] > 0
        return make_share_sample(sums, normalize(logs + odds), logs, is_plain, self.measure_correlation(), at_border)

    def make_upsampler(self, shape: tuple[int, int]) -> BilinearUpsampler:
        """Make the interpolation of neighbor log odds; see :meth:`FieldSolution.make_upsampler`."""
        size = (*self.valid.shape, self.few.n_classes)
        return BilinearUpsampler(partial(self.few.compute_log_odds_of_rows, self.q), size, shape)
