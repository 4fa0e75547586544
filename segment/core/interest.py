"""Regions of interest: the named parts of an image for which tables have rows of their own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segment.core.errors import ImageError

__all__ = ["MAX_REGIONS", "RegionsOfInterest", "check_region_labels"]

MAX_REGIONS = 65535  # that a label image of 16 bits can hold


@dataclass(frozen=True, eq=False)
class RegionsOfInterest:
    """The regions of interest of an image, each with its name.

    Attributes
    ----------
    label_image : ndarray of shape (H, W), integers 0..n
        The number of the region that each pixel lies in; 0 for none.
    names : tuple of n str
        The names of the regions 1..n.

    Examples
    --------
    >>> regions = RegionsOfInterest(np.array([[0, 1, 1], [0, 2, 2]]), ("left", "right"))
    >>> regions.count_pixels().tolist()
    [2, 2]
    """

    label_image: NDArray[np.integer[Any]]
    names: tuple[str, ...]

    @classmethod
    def from_labels(cls, labels: NDArray[Any]) -> RegionsOfInterest:
        """Make regions of interest of a label image with any numbers.

        Parameters
        ----------
        labels : ndarray of shape (H, W)
            Whole numbers from 0, which is no region. They need not be consecutive.

        Returns
        -------
        RegionsOfInterest
            Each is called by its number.

        Raises
        ------
        ImageError
            If labels are negative, fractions or too many, or all are 0.

        Examples
        --------
        >>> regions = RegionsOfInterest.from_labels(np.array([[0, 7], [20, 7]]))
        >>> regions.label_image.tolist(), regions.names
        ([[0, 1], [2, 1]], ('7', '20'))
        """
        numbers, label_image = np.unique(labels, return_inverse=True)
        check_region_labels(numbers[numbers != 0])
        names = tuple(f"{number:.10g}" for number in numbers.tolist() if number)
        # Where nothing is 0, the first number is a region.
        first = 0 if len(names) < len(numbers) else 1
        return cls((label_image.reshape(labels.shape) + first).astype(np.uint16), names)

    def drop_empty(self) -> RegionsOfInterest:
        """Leave out the regions without a pixel, unless none has any.

        Returns
        -------
        RegionsOfInterest
            The others, numbered anew in their order.

        Examples
        --------
        >>> regions = RegionsOfInterest(np.array([[0, 1, 3]]), ("a", "b", "c")).drop_empty()
        >>> regions.label_image.tolist(), regions.names
        ([[0, 1, 2]], ('a', 'c'))
        """
        has_pixels = self.count_pixels() > 0
        if has_pixels.all() or not has_pixels.any():
            return self
        numbers = np.concatenate([[0], np.cumsum(has_pixels)]).astype(self.label_image.dtype)
        return RegionsOfInterest(numbers[self.label_image], tuple(np.array(self.names, dtype=object)[has_pixels]))

    def count_pixels(self, valid: NDArray[np.bool_] | None = None) -> NDArray[np.intp]:
        """Count the pixels of each region.

        Parameters
        ----------
        valid : ndarray of shape (H, W), bool, optional
            Count only pixels where this is True.

        Returns
        -------
        ndarray of shape (n,), int
        """
        labels = self.label_image.reshape(-1) if valid is None else self.label_image[valid]
        return np.bincount(labels, minlength=len(self.names) + 1)[1:]


def check_region_labels(labels: NDArray[Any]) -> None:
    """Refuse labels that cannot be those of regions of interest.

    Parameters
    ----------
    labels : ndarray of shape (n,)
        Each that occurs in an image, once, without 0.

    Raises
    ------
    ImageError
        If labels are negative, fractions or too many, or there are none.
    """
    if not labels.size:
        raise ImageError("regions of interest have labels that are not 0; got none. Draw some.")
    wrong = labels[(labels < 0) | (labels != np.rint(labels))]
    if wrong.size or labels.size > MAX_REGIONS:
        got = f"{wrong[0]:.10g}" if wrong.size else f"{labels.size} of them"
        raise ImageError(
            f"labels of regions of interest are whole numbers from 0, at most {MAX_REGIONS} of them; got {got}. "
            "Renumber them."
        )
