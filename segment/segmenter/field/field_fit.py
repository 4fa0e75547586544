"""Fit a mixture with a random field."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from segment.core.image import Image
from segment.core.opencv import load_cv2
from segment.features.color_index import ColorIndex
from segment.features.color_space import FeatureSpace
from segment.mixture.cells import concatenate
from segment.mixture.model import MixtureModel
from segment.mixture.prior import Prior
from segment.mixture.spatial_em import SpatialEM, fit_with_neighbors
from segment.preprocessor.preprocessor import make_working_copy
from segment.segmenter.field.random_field import RandomField, carried, mean_field

__all__ = ["build_field", "coherent_mixture", "edge_strengths", "whitening_matrix"]


Planes = NDArray[np.float32]

_FITTED = 2**17  # pixels of the copies that the mixture is fitted to, all together
_LEAST = 2**14  # and of each of many
_REACH = 2  # pixels of the copy, to the farthest neighbors; the weights' standard deviation is 1 pixel


def coherent_mixture(
    model: MixtureModel,
    groups: NDArray[np.intp],
    prior: Prior,
    space: FeatureSpace,
    images: Sequence[Image],
    *,
    smoothness: float,
) -> MixtureModel:
    """The mixture after EM with a random field: the class priors of a pixel come from its neighbors' posteriors.

    E-steps of the field and M-steps of the mixture take turns on copies of the images, some 130 thousand pixels
    together for a few images. Classes whose colors overlap are told apart by where their pixels lie.

    Parameters
    ----------
    model : MixtureModel
        Where to begin: the mixture of colors alone.
    groups : ndarray of shape (K,), int
        The class 0..k-1 of each component.
    prior : Prior
        That of the fit.
    space : FeatureSpace
    images : sequence of Image
        Their working copies will do.
    smoothness : float, >= 0
        See :class:`segment.segmenter.field.random_field.RandomField`.
    """
    copies = [make_working_copy(image, max(_FITTED // len(images), _LEAST)) for image in images]
    if groups.max(initial=0) == 0 or not any(copy.valid.any() for copy in copies):
        return model
    whiten = whitening_matrix(model)
    cells, fields = [], []
    for copy in copies:
        index = ColorIndex(copy)
        found = FeatureSpace(space.name, index.n_channels, index.black, index.white).make_cells(index.pixels)
        cells.append(found[copy.valid.reshape(-1)])
        features = np.ascontiguousarray((found.means @ whiten).T, dtype=np.float32).reshape(-1, *copy.valid.shape)
        fields.append(build_field(copy, features, smoothness))
    em = SpatialEM(concatenate(*cells), model, prior)
    ends = np.cumsum([len(part) for part in cells])
    q: list[Planes | None] = [None] * len(copies)
    odds = np.zeros((int(groups.max()) + 1, int(ends[-1])), dtype=np.float32)

    def agree(logs: Planes) -> Planes:
        for i, (copy, field) in enumerate(zip(copies, fields, strict=True)):
            own = slice(ends[i] - len(cells[i]), ends[i])
            q[i] = after = mean_field(_planes(logs[:, own], copy.valid), field, n_iter=1, start=q[i])
            odds[:, own] = _at_valid(field.agreement(after), copy.valid)
        return odds

    return fit_with_neighbors(em, groups, agree)


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


def build_field(
    copy: Image, features: Planes, smoothness: float, smoothness_map: NDArray[np.generic] | None = None
) -> RandomField:
    """The field on a copy whose features (d, h, w) are in standard deviations within a class."""
    return RandomField(carried(copy.valid, edge_strengths(features, copy.valid), smoothness_map), smoothness, _REACH)


def whitening_matrix(model: MixtureModel) -> NDArray[np.float64]:
    """The matrix (d, d) that takes features to coordinates in which the components have variance 1 on average."""
    within = np.tensordot(model.weights, model.covariances, axes=1)
    return np.asarray(np.linalg.inv(np.linalg.cholesky(within)).T)


_EDGE = 2.0  # deviations within a class that the smoothed colors change from pixel to pixel, at a strong edge


def edge_strengths(features: NDArray[np.float32], valid: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Squared strength of the edge at each pixel, 1 for a strong one and 0 beside pixels that are not valid.

    Parameters
    ----------
    features : ndarray of shape (d, H, W), float32
        In standard deviations within a class.
    valid : ndarray of shape (H, W), bool

    Returns
    -------
    ndarray of shape (H, W), float32
        The squared slopes of the smoothed features, added up.
    """
    cv2 = load_cv2()
    squares = np.zeros(valid.shape, dtype=np.float32)
    for plane in features:
        smooth = cv2.GaussianBlur(plane, (5, 5), 1.0, borderType=cv2.BORDER_REPLICATE)
        for axis in ((1, 0), (0, 1)):
            slope = cv2.Sobel(smooth, -1, *axis, ksize=1, scale=0.5 / _EDGE, borderType=cv2.BORDER_REPLICATE)
            squares += cv2.multiply(slope, slope)
    if not valid.all():
        squares[cv2.dilate((~valid).view(np.uint8), np.ones((7, 7), dtype=np.uint8)) > 0] = 0
    return squares
