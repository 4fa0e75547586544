"""Classes that hold together: the random field in the fit, and from a working copy to the full resolution."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from segment._opencv import load_cv2
from segment.colours import ColourIndex
from segment.features import FeatureSpace
from segment.image import Image
from segment.mixture.cells import merge
from segment.mixture.model import MixtureModel
from segment.mixture.neighbours import NeighbourlyEM, fit_with_neighbours, log_evidence
from segment.mixture.prior import Prior
from segment.preprocessor import shrink, shrunk_shape
from segment.spatial.edges import edge_strengths
from segment.spatial.random_field import RandomField, carried, mean_field
from segment.spatial.upsampling import Upsampled, nearest
from segment.threads import side_by_side

__all__ = ["WORKING", "CoherentLabels", "coherent_mixture", "coherent_posteriors", "working_copy", "working_shape"]

Planes = NDArray[np.float32]

WORKING = 2**19  # pixels of the copy that is labelled
_FITTED = 2**17  # pixels of the copies that the mixture is fitted to, all together
_LEAST = 2**14  # and of each of many
_REACH = 2  # pixels of the copy, to the farthest neighbours; the weights' standard deviation is 1 pixel
_ITERATIONS, _STILL = 12, 1e-3  # of the mean field: at most, and the mean change at which it stands still
_BLOCK = 2**16  # pixels decided at once


def working_copy(image: Image, pixels: int = WORKING) -> Image:
    """The image, shrunk to about that many pixels if it has more: on it neighbours are neighbours.

    An image whose valid pixels are so scattered that most would be lost is its own copy.
    """
    copy = shrink(image, max_size=max(working_shape(image.height, image.width, pixels)))
    return copy if copy.valid.mean() >= image.valid.mean() / 2 else image


def working_shape(height: int, width: int, pixels: int = WORKING) -> tuple[int, int]:
    """Height and width of the working copy of an image of so many pixels."""
    longer, area = max(height, width), height * width
    return shrunk_shape(height, width, max(1, round(longer * min(1.0, math.sqrt(pixels / area)))))


def coherent_mixture(
    model: MixtureModel,
    groups: NDArray[np.intp],
    prior: Prior,
    space: FeatureSpace,
    images: Sequence[Image],
    *,
    smoothness: float,
) -> MixtureModel:
    """The mixture after EM with a random field: the class priors of a pixel come from its neighbours' posteriors.

    E-steps of the field and M-steps of the mixture take turns on copies of the images, some 130 thousand pixels
    together for a few images. Classes whose colours overlap are told apart by where their pixels lie.

    Parameters
    ----------
    model : MixtureModel
        Where to begin: the mixture of colours alone.
    groups : ndarray of shape (K,), int
        The class 0..k-1 of each component.
    prior : Prior
        That of the fit.
    space : FeatureSpace
    images : sequence of Image
        Their working copies will do.
    smoothness : float, >= 0
        See :class:`segment.spatial.random_field.RandomField`.
    """
    copies = [working_copy(image, max(_FITTED // len(images), _LEAST)) for image in images]
    if groups.max(initial=0) == 0 or not any(copy.valid.any() for copy in copies):
        return model
    whiten = _whitening(model)
    cells, fields = [], []
    for copy in copies:
        index = ColourIndex(copy)
        found = FeatureSpace(space.name, index.n_channels, index.black, index.white).cells(index.pixels)
        cells.append(found[copy.valid.reshape(-1)])
        features = np.ascontiguousarray((found.means @ whiten).T, dtype=np.float32).reshape(-1, *copy.valid.shape)
        fields.append(_field(copy, features, smoothness))
    em = NeighbourlyEM(merge(*cells), model, prior)
    ends = np.cumsum([len(part) for part in cells])
    q: list[Planes | None] = [None] * len(copies)
    odds = np.zeros((int(groups.max()) + 1, int(ends[-1])), dtype=np.float32)

    def agree(logs: Planes) -> Planes:
        for i, (copy, field) in enumerate(zip(copies, fields, strict=True)):
            own = slice(ends[i] - len(cells[i]), ends[i])
            q[i] = after = mean_field(_planes(logs[:, own], copy.valid), field, n_iter=1, start=q[i])
            odds[:, own] = _at_valid(field.agreement(after), copy.valid)
        return odds

    return fit_with_neighbours(em, groups, agree)


class CoherentLabels:
    """The labels of an image that holds together, window by window.

    Where a pixel of the working copy and those around it have one label, so have the pixels of the image there. All
    others take the class of highest posterior, from their own colour and the neighbours' agreement in the copy, which
    is interpolated: borders are as sharp as the image.

    Parameters
    ----------
    model : MixtureModel
    groups : ndarray of shape (K,), int
        The class 0..k-1 of each component, ascending.
    space : FeatureSpace
    copy : Image
        The :func:`working_copy` of the image, or the image itself.
    shape : (height, width)
        Of the image, in pixels.
    smoothness : float, >= 0
        See :class:`segment.spatial.random_field.RandomField`.
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
        """Label the pixels of these numbers by colour and neighbours."""
        open_ = image.pixels.reshape(flat.size, -1).take(where, axis=0).reshape(1, len(where), *image.pixels.shape[2:])
        index = ColourIndex(replace(image, pixels=open_, valid=np.ones((1, len(where)), dtype=bool)))
        evidence = index.gatherer(lambda colours: log_evidence(self._model, self._groups, self._space.cells(colours)))

        def decide(start: int) -> None:
            at = np.arange(start, min(start + _BLOCK, len(where)))
            down, across = np.divmod(where[at], image.width)
            flat[where[at]] = (evidence(at) + odds.at(down + row, across + column)).argmax(axis=1) + 1

        side_by_side(decide, range(0, len(where), _BLOCK))


def coherent_posteriors(
    model: MixtureModel,
    groups: NDArray[np.intp],
    space: FeatureSpace,
    image: Image,
    *,
    smoothness: float,
) -> Callable[[NDArray[np.intp]], Planes]:
    """Probability of each class at some pixels given their colours and their neighbours.

    The parameters are those of :class:`CoherentLabels`.

    Returns
    -------
    callable
        Takes numbers of pixels in row order, (n,), and returns (n, k), float32, rows summing to 1. What it gives for
        pixels that are not valid has no meaning.
    """
    copy = working_copy(image)
    field, q = _solved(model, groups, space, copy, smoothness, None)
    if copy.valid.shape == image.valid.shape:
        flat = q.reshape(len(q), -1)
        return lambda at: flat[:, at].T
    odds = Upsampled(field.agreement(q), image.valid.shape)
    evidence = ColourIndex(image).gatherer(lambda colours: log_evidence(model, groups, space.cells(colours)))

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
    whiten = _whitening(model)

    def known(colours: NDArray[np.generic]) -> Planes:
        cells = space.cells(colours)
        return np.concatenate([log_evidence(model, groups, cells), (cells.means @ whiten).astype(np.float32)], axis=1)

    n, values = copy.valid.size, ColourIndex(copy).gatherer(known)
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
    field = _field(copy, features, smoothness, smoothness_map)
    return field, mean_field(logs, field, n_iter=_ITERATIONS, tol=_STILL)


def _planes(values: Planes, valid: NDArray[np.bool_]) -> Planes:
    """Values of the n valid pixels, (k, n), in their places: (k, h, w), 0 elsewhere."""
    if valid.all():
        return values.reshape(-1, *valid.shape)
    planes = np.zeros((len(values), *valid.shape), dtype=np.float32)
    planes[:, valid] = values
    return planes


def _at_valid(planes: Planes, valid: NDArray[np.bool_]) -> Planes:
    """The values (k, n) of planes (k, h, w) at the valid pixels."""
    return planes.reshape(len(planes), -1) if valid.all() else planes[:, valid]


def _field(
    copy: Image, features: Planes, smoothness: float, smoothness_map: NDArray[np.generic] | None = None
) -> RandomField:
    """The field on a copy whose features (d, h, w) are in standard deviations within a class."""
    return RandomField(carried(copy.valid, edge_strengths(features, copy.valid), smoothness_map), smoothness, _REACH)


def _whitening(model: MixtureModel) -> NDArray[np.float64]:
    """The matrix (d, d) that takes features to coordinates in which the components have variance 1 on average."""
    within = np.tensordot(model.weights, model.covariances, axes=1)
    return np.asarray(np.linalg.inv(np.linalg.cholesky(within)).T)
