"""Classes that hold together: the random field in the fit, and from a working copy to the full resolution."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from segment.core.image import Image
from segment.core.opencv import load_cv2
from segment.core.threads import run_in_threads
from segment.features.color_index import ColorIndex
from segment.features.color_space import FeatureSpace
from segment.mixture.model import MixtureModel
from segment.mixture.spatial_em import compute_class_log_posteriors
from segment.preprocessor.preprocessor import make_working_copy
from segment.segmenter.field.field_fit import build_field, whitening_matrix
from segment.segmenter.field.random_field import RandomField, mean_field
from segment.segmenter.field.upsampling import Upsampled, nearest

__all__ = ["CoherentLabels", "coherent_posteriors"]


Planes = NDArray[np.float32]
_ITERATIONS, _STILL = 12, 1e-3  # of the mean field: at most, and the mean change at which it stands still
_BLOCK = 2**16  # pixels decided at once


class CoherentLabels:
    """The labels of an image that holds together, window by window.

    Where a pixel of the working copy and those around it have one label, so have the pixels of the image there. All
    others take the class of highest posterior, from their own color and the neighbors' agreement in the copy, which
    is interpolated: borders are as sharp as the image.

    Parameters
    ----------
    model : MixtureModel
    groups : ndarray of shape (K,), int
        The class 0..k-1 of each component, ascending.
    space : FeatureSpace
    copy : Image
        The :func:`make_working_copy` of the image, or the image itself.
    shape : (height, width)
        Of the image, in pixels.
    smoothness : float, >= 0
        See :class:`segment.segmenter.field.random_field.RandomField`.
    smoothness_map : array_like of shape (H, W), 0 to 1, optional
        How much of it counts at each pixel.
    """

    def __init__(
        self,
        model: MixtureModel,
        groups: NDArray[np.intp],
        space: FeatureSpace,
        copy: Image,
        shape: tuple[int, int],
        *,
        smoothness: float,
        smoothness_map: NDArray[np.generic] | None = None,
    ) -> None:
        self._model, self._groups, self._space = model, groups, space
        self._rows, self._columns = (nearest(n, m) for n, m in zip(copy.valid.shape, shape, strict=True))
        self._labels = np.zeros(copy.valid.shape, dtype=np.uint8)
        self._odds: Upsampled | None = None  # where the copy is the image, nothing is left to decide
        if model.n_components == 0:
            return
        field, q = _solved(model, groups, space, copy, smoothness, smoothness_map)
        self._labels[:] = q.argmax(axis=0) + 1
        self._labels[~copy.valid] = 0
        if copy.valid.shape != shape:
            cv2 = load_cv2()
            window = np.ones((3, 3), dtype=np.uint8)
            self._labels[cv2.dilate(self._labels, window) != cv2.erode(self._labels, window)] = 0  # decided later
            self._odds = Upsampled(field.agreement(q), shape)

    def of(self, image: Image, row: int = 0, column: int = 0) -> NDArray[np.uint8]:
        """Label 1..k of each pixel, 0 where it is not valid: (h, w), uint8.

        Parameters
        ----------
        image : Image
            The image, or the window of it whose first pixel lies in this row and column.
        row, column : int
        """
        down = self._rows[row : row + image.height]
        across = self._columns[column : column + image.width]
        labels = self._labels.take(across, axis=1).take(down, axis=0)
        if not image.valid.all():
            labels[~image.valid] = 0
        if self._odds is not None:
            where = np.flatnonzero((labels == 0) & image.valid)
            if len(where):
                self._decide(labels.reshape(-1), where, image, self._odds, row, column)
        return labels

    def _decide(
        self, flat: NDArray[np.uint8], where: NDArray[np.intp], image: Image, odds: Upsampled, row: int, column: int
    ) -> None:
        """Label the pixels of these numbers by color and neighbors."""
        open_ = image.pixels.reshape(flat.size, -1).take(where, axis=0).reshape(1, len(where), *image.pixels.shape[2:])
        index = ColorIndex(replace(image, pixels=open_, valid=np.ones((1, len(where)), dtype=bool)))
        evidence = index.make_pixel_lookup(
            lambda colors: compute_class_log_posteriors(self._model, self._groups, self._space.make_cells(colors))
        )

        def decide(start: int) -> None:
            at = np.arange(start, min(start + _BLOCK, len(where)))
            down, across = np.divmod(where[at], image.width)
            flat[where[at]] = (evidence(at) + odds.at(down + row, across + column)).argmax(axis=1) + 1

        run_in_threads(decide, range(0, len(where), _BLOCK))


def coherent_posteriors(
    model: MixtureModel,
    groups: NDArray[np.intp],
    space: FeatureSpace,
    image: Image,
    *,
    smoothness: float,
) -> Callable[[NDArray[np.intp]], Planes]:
    """Probability of each class at some pixels given their colors and their neighbors.

    The parameters are those of :class:`CoherentLabels`.

    Returns
    -------
    callable
        Takes numbers of pixels in row order, (n,), and returns (n, k), float32, rows summing to 1. What it gives for
        pixels that are not valid has no meaning.
    """
    copy = make_working_copy(image)
    field, q = _solved(model, groups, space, copy, smoothness, None)
    if copy.valid.shape == image.valid.shape:
        flat = q.reshape(len(q), -1)
        return lambda at: flat[:, at].T
    odds = Upsampled(field.agreement(q), image.valid.shape)
    evidence = ColorIndex(image).make_pixel_lookup(lambda colors: compute_class_log_posteriors(model, groups, space.make_cells(colors)))

    def posteriors(at: NDArray[np.intp]) -> Planes:
        logs = evidence(at) + odds.at(*np.divmod(at, image.width))
        logs -= logs.max(axis=1, keepdims=True)
        np.exp(logs, out=logs)
        logs /= logs.sum(axis=1, keepdims=True)
        return np.asarray(logs)

    return posteriors


def _solved(
    model: MixtureModel,
    groups: NDArray[np.intp],
    space: FeatureSpace,
    copy: Image,
    smoothness: float,
    smoothness_map: NDArray[np.generic] | None,
) -> tuple[RandomField, Planes]:
    """The field of a working copy and the posteriors of its pixels."""
    k = int(groups.max()) + 1
    whiten = whitening_matrix(model)

    def known(colors: NDArray[np.generic]) -> Planes:
        cells = space.make_cells(colors)
        return np.concatenate(
            [compute_class_log_posteriors(model, groups, cells), (cells.means @ whiten).astype(np.float32)], axis=1
        )

    n, values = copy.valid.size, ColorIndex(copy).make_pixel_lookup(known)
    planes = np.empty((k + len(whiten), n), dtype=np.float32)
    for start in range(0, n, _BLOCK):
        at = np.arange(start, min(start + _BLOCK, n))
        planes[:, start : start + len(at)] = values(at).T
    planes = planes.reshape(-1, *copy.valid.shape)
    logs, features = planes[:k], planes[k:]
    if smoothness_map is not None:
        cv2 = load_cv2()
        size = (copy.width, copy.height)
        smoothness_map = cv2.resize(np.asarray(smoothness_map, dtype=np.float32), size, interpolation=cv2.INTER_AREA)
    field = build_field(copy, features, smoothness, smoothness_map)
    return field, mean_field(logs, field, n_iter=_ITERATIONS, tol=_STILL)
