"""A mixture whose components are grouped to classes: posteriors, labels, order and merges of the classes.

The one place where class 0 becomes label 1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from segment.features.color_memory import ColorMemory
from segment.mixture.cells import Cells
from segment.mixture.component_merging import pool_posteriors
from segment.mixture.model import MixtureModel
from segment.mixture.rejection import is_rejected
from segment.mixture.spatial_em import compute_class_log_posteriors

__all__ = ["ClassMixture", "Merges", "choose_chunk_pixels", "compute_entropy", "find_merge_targets"]

Floats = NDArray[np.float64]
Groups = NDArray[np.intp]
Merges = Sequence[tuple[str, tuple[int, ...]]]

TINY = np.finfo(float).tiny
MIN_WEIGHT = 1e-6  # of a class, where its logarithm is taken: a class without pixels must not win by it
CHUNK_PIXELS, MAX_CHUNK_VALUES = 2**16, 2**20  # whose posteriors are in memory at once, and posteriors


@dataclass(frozen=True, eq=False)
class ClassMixture:
    """A mixture of K components that make up k classes.

    Attributes
    ----------
    model : MixtureModel
        K components in d dimensions; none where no pixel is valid.
    groups : ndarray of shape (K,), int
        The class 0..k-1 of each component, ascending: 0, 1, 2, ... where each component is a class of its own.
    parts : ndarray of shape (K,), int, optional
        The class of each component before classes were merged; none where none were. Pixels are labeled, and labels
        cleaned up, with the classes of before: merging some changes no label of the others.
    memory : ColorMemory, optional
        Where the values of colors are kept for the next image; of the classes of a saved model.

    Examples
    --------
    Three components in two classes: the first two are the dark one.

    >>> import numpy as np
    >>> means = np.array([[10.0], [30.0], [200.0]])
    >>> model = MixtureModel(np.full(3, 1 / 3), means, np.ones((3, 1, 1)))
    >>> classes = ClassMixture(model, np.array([0, 0, 1]))
    >>> classes.n_classes
    2
    >>> classes.label_cells(Cells(np.ones(2), np.array([[29.0], [190.0]]), np.zeros((2, 1))))
    array([1, 2], dtype=uint8)
    """

    model: MixtureModel
    groups: Groups
    parts: Groups | None = None
    memory: ColorMemory | None = field(default=None, compare=False, repr=False)

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return int(self.groups.max(initial=-1)) + 1

    @property
    def unmerged(self) -> ClassMixture:
        """The classes before some were merged, numbered as then; itself where none were."""
        if self.parts is None:
            return self
        order = np.argsort(self.parts, kind="stable")
        return ClassMixture(self.model.reorder(order), self.parts[order], memory=self.memory)

    @property
    def merged_numbers(self) -> Groups:
        """The class 0..k-1 that each class of `unmerged` is part of."""
        parts = self.groups if self.parts is None else self.parts
        # A class without components has no pixels: its number counts for nothing.
        numbers = np.zeros(int(parts.max(initial=-1)) + 1, dtype=np.intp)
        numbers[parts] = self.groups
        return numbers

    @property
    def old_numbers(self) -> tuple[str, ...]:
        """The labels that each class had before some were merged, such as ``2+3``; empty where none were."""
        if self.parts is None:
            return ()
        numbers = [np.unique(self.parts[self.groups == group]) + 1 for group in range(self.n_classes)]
        return tuple("+".join(map(str, part.tolist())) for part in numbers)

    def merge_labels(self, labels: NDArray[np.integer]) -> NDArray[np.uint8]:
        """Merge labels of the classes of `unmerged`.

        Parameters
        ----------
        labels : ndarray of any shape, integers up to 255
            0 for none.

        Returns
        -------
        ndarray of the same shape, uint8
            Labels 1..k; 0 for none. The input itself where no classes were merged.

        Examples
        --------
        >>> model = MixtureModel(np.full(3, 1 / 3), np.zeros((3, 1)), np.ones((3, 1, 1)))
        >>> classes = ClassMixture(model, np.arange(3)).merge_classes([("", (1, 3))])
        >>> classes.merge_labels(np.array([0, 1, 2, 3], dtype=np.uint8))
        array([0, 1, 2, 1], dtype=uint8)
        """
        if self.parts is None:
            return labels.astype(np.uint8, copy=False)
        return np.asarray(np.concatenate([[0], self.merged_numbers + 1]).astype(np.uint8)[labels])

    def compute_posteriors(self, cells: Cells) -> Floats:
        """Compute the probability of each class for each cell, the sum over its components.

        Parameters
        ----------
        cells : Cells
            n cells.

        Returns
        -------
        ndarray of shape (n, k), float64
            Rows sum to 1.
        """
        return pool_posteriors(self.model.posteriors(cells), self.groups)

    def compute_log_posteriors(self, cells: Cells) -> NDArray[np.float32]:
        """Compute the log posterior of each class by the features alone, noise shared out by the components' weights.

        Parameters
        ----------
        cells : Cells
            n cells.

        Returns
        -------
        ndarray of shape (n, k), float32
            In nats.
        """
        return compute_class_log_posteriors(self.model, self.groups, cells)

    def compute_weight_offsets(self, power: float) -> NDArray[np.float32]:
        """Compute what log posteriors by color change by where the weights of the classes have this power.

        Parameters
        ----------
        power : float, 0 to 1
            1 leaves the log posteriors as they are, 0 makes log likelihoods of them.

        Returns
        -------
        ndarray of shape (k,), float32
            In nats, up to a number that all classes share; at most -log(1e-6).

        Examples
        --------
        >>> model = MixtureModel(np.array([0.1, 0.1, 0.8]), np.zeros((3, 1)), np.ones((3, 1, 1)))
        >>> ClassMixture(model, np.array([0, 0, 1])).compute_weight_offsets(0.5).astype(float).round(2).tolist()
        [0.8, 0.11]
        """
        log_weights = np.log(np.maximum(self._pool_weights_and_means()[0], MIN_WEIGHT), dtype=np.float32)
        return np.asarray((power - 1) * log_weights)

    def label_cells(self, cells: Cells, *, min_log_density: float = -np.inf) -> NDArray[np.uint8]:
        """Label each cell with its most probable class.

        Parameters
        ----------
        cells : Cells
            n cells. What the mixture takes for noise gets the label of the component that comes nearest.
        min_log_density : float
            In nats. Cells whose log density under the components alone, without noise, is below this get label 0.

        Returns
        -------
        ndarray of shape (n,), uint8
            Labels 1..k; 0 for all cells if the mixture has no component.
        """
        if self.model.n_components == 0:
            return np.zeros(len(cells), dtype=np.uint8)
        if self.parts is not None:
            return self.merge_labels(self.unmerged.label_cells(cells, min_log_density=min_log_density))
        if np.array_equal(self.groups, np.arange(len(self.groups))):  # each component is a class
            labels = (self.model.predict(cells) + 1).astype(np.uint8)
        else:
            labels = (self.compute_posteriors(cells).argmax(axis=1) + 1).astype(np.uint8)
        if min_log_density > -np.inf:
            labels[is_rejected(self.model, cells, min_log_density)] = 0
        return labels

    def order_classes(self, key: Callable[[Floats, Floats], Floats]) -> ClassMixture:
        """Sort the classes by a key, ties by their means, feature by feature.

        Parameters
        ----------
        key : callable
            Takes the mean (n, d) and the weight (n,) of each class, and returns a number for each, (n,).

        Returns
        -------
        ClassMixture
            Components in the order of their classes, and by their own key within each class.
        """
        # Classes are sorted by their means, then the components within each class by their own.
        rank = np.argsort(self.sort_classes(key))[self.groups]
        order = np.lexsort(
            (np.argsort(_sort_by_key(self.model.means, key(self.model.means, self.model.weights))), rank)
        )
        return ClassMixture(self.model.reorder(order), rank[order], None if self.parts is None else self.parts[order])

    def sort_classes(self, key: Callable[[Floats, Floats], Floats]) -> Groups:
        """Find the order of the classes by a key, as :meth:`order_classes` makes it.

        Parameters
        ----------
        key : callable
            As for :meth:`order_classes`.

        Returns
        -------
        ndarray of shape (k,), int
            The classes 0..k-1 in their new order.
        """
        weights, means = self._pool_weights_and_means()
        return _sort_by_key(means, key(means, weights))

    def rank_classes(self) -> list[int]:
        """List the labels in the order in which they win ties: heavy classes first, whatever their numbers."""
        weights, means = self._pool_weights_and_means()
        return [int(number) + 1 for number in _sort_by_key(means, -weights)]

    def compute_means(self) -> Floats:
        """Compute the mean of each class over its components.

        Returns
        -------
        ndarray of shape (k, d), float64
            0 for a class without components.
        """
        return self._pool_weights_and_means()[1]

    def merge_classes(self, merges: Merges) -> ClassMixture:
        """Make one class of several: their labels become one, and their posteriors add up.

        A merged class takes the place of its lowest label, and the classes after it move up.

        Parameters
        ----------
        merges : sequence of (name, labels)
            The labels 1..k that become one; labels that do not exist have no effect.

        Returns
        -------
        ClassMixture
            Components in the order of their classes; itself where no two classes become one.
        """
        # Merged classes keep the place of the lowest; the numbers left are then made 0, 1, 2, ... again.
        left, targets = np.unique(find_merge_targets(self.n_classes, merges), return_inverse=True)
        if len(left) == self.n_classes:
            return self
        merged = targets.reshape(-1).astype(np.intp)[self.groups]
        order = np.argsort(merged, kind="stable")
        parts = self.groups if self.parts is None else self.parts
        return ClassMixture(self.model.reorder(order), merged[order], parts[order])

    def _pool_weights_and_means(self) -> tuple[Floats, Floats]:
        """Compute the weight (k,) and mean (k, d) of each class; both 0 for one without components."""
        # A component belongs to one class, so pooling the identity matrix gives the sums over each class.
        masses = pool_posteriors(np.eye(len(self.groups)), self.groups).T * np.maximum(self.model.weights, TINY)
        weights = masses.sum(axis=1)
        return weights, (masses / np.maximum(weights, TINY)[:, None]) @ self.model.means


def choose_chunk_pixels(n_classes: int) -> int:
    """Choose of how many pixels all posteriors are in memory at once.

    Parameters
    ----------
    n_classes : int
        Those of each pixel.

    Returns
    -------
    int
        `CHUNK_PIXELS`, or less where these would have more than `MAX_CHUNK_VALUES` posteriors: several arrays of as
        many are made of them, and of 128 classes they took more memory than the image.

    Examples
    --------
    >>> choose_chunk_pixels(8), choose_chunk_pixels(128)
    (65536, 8192)
    """
    return min(CHUNK_PIXELS, max(1, MAX_CHUNK_VALUES // max(1, n_classes)))


def compute_entropy(posteriors: NDArray[np.floating]) -> NDArray[np.floating]:
    """Compute how uncertain the class of each row is.

    Parameters
    ----------
    posteriors : ndarray of shape (n, k), float
        Probabilities; rows sum to 1.

    Returns
    -------
    ndarray of shape (n,), float
        Entropy in bits, 0 to log2 k.

    Examples
    --------
    >>> compute_entropy(np.array([[1.0, 0.0], [0.5, 0.5]]))
    array([0., 1.])
    """
    # p log p tends to 0 as p does: the smallest number stands for 0 in the logarithm.
    tiny = np.finfo(posteriors.dtype).tiny
    return np.asarray(np.abs((posteriors * np.log2(np.maximum(posteriors, tiny))).sum(axis=1)))


def _sort_by_key(means: Floats, keys: Floats) -> NDArray[np.intp]:
    """Return the order of the keys (n,), ties by the means (n, d)."""
    return np.lexsort((*means.T[::-1], keys))


def find_merge_targets(n_classes: int, merges: Merges) -> NDArray[np.intp]:
    """Find the class 0..k-1 that each class becomes part of.

    Parameters
    ----------
    n_classes : int
        Number of classes, k.
    merges : sequence of (name, labels)
        As for :meth:`ClassMixture.merge_classes`.

    Returns
    -------
    ndarray of shape (k,), int

    Examples
    --------
    >>> find_merge_targets(4, [("ground", (2, 4))])
    array([0, 1, 2, 1])
    """
    targets = np.arange(n_classes)
    for _, labels in merges:
        existing = [label - 1 for label in labels if label <= n_classes]
        targets[existing] = min(existing, default=0)
    return targets
