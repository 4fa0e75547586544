"""Fit a mixture with a random field over the pixels of working copies."""

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
from segment.segmenter.class_mixture import ClassMixture
from segment.segmenter.field.random_field import RandomField, compute_pixel_weights, solve_mean_field

__all__ = ["build_field", "compute_edge_strengths", "compute_whitening_matrix", "fit_with_field"]

Planes = NDArray[np.float32]

MAX_FIT_PIXELS = 2**17  # of all copies together that the mixture is fitted to
MIN_FIT_PIXELS = 2**14  # of each copy, where there are many
REACH_PIXELS = 2  # of the copy, to the farthest neighbors; the weights' standard deviation is 1 pixel
STRONG_EDGE = 2.0  # change of the smoothed features from pixel to pixel, in standard deviations within a class


def fit_with_field(
    classes: ClassMixture, prior: Prior, space: FeatureSpace, images: Sequence[Image], *, smoothness: float
) -> MixtureModel:
    """Continue EM with a random field: the class priors of a pixel come from its neighbors' posteriors.

    E-steps of the field and M-steps of the mixture take turns on copies of the images, some 130 thousand pixels
    together for a few images. Classes whose colors overlap are told apart by where their pixels lie.

    Parameters
    ----------
    classes : ClassMixture
        The start: a mixture that was fitted to colors alone.
    prior : Prior
        The prior of that fit.
    space : FeatureSpace
        How a color becomes a feature vector.
    images : sequence of Image
        The images or their working copies. They are not changed.
    smoothness : float, >= 0
        See :class:`segment.segmenter.field.random_field.RandomField`.

    Returns
    -------
    MixtureModel
        The model of `classes` itself if there is one class or no valid pixel.
    """
    copies = [make_working_copy(image, max(MAX_FIT_PIXELS // len(images), MIN_FIT_PIXELS)) for image in images]
    if classes.n_classes < 2 or not any(copy.valid.any() for copy in copies):
        return classes.model
    whiten = compute_whitening_matrix(classes.model)
    cells, fields = [], []
    for copy in copies:
        index = ColorIndex(copy)
        own_space = FeatureSpace(space.name, index.n_channels, index.black, index.white)
        found = own_space.make_cells(index.pixels)  # one cell for each pixel: the field needs their places
        cells.append(found[copy.valid.reshape(-1)])
        features = np.ascontiguousarray((found.means @ whiten).T, dtype=np.float32).reshape(-1, *copy.valid.shape)
        fields.append(build_field(copy, features, smoothness))
    ends = np.cumsum([len(part) for part in cells])
    q: list[Planes | None] = [None] * len(copies)
    odds = np.zeros((classes.n_classes, int(ends[-1])), dtype=np.float32)

    def compute_neighbor_log_odds(logs: Planes) -> Planes:
        """Take one step of the mean field of each copy, from the posteriors of the last one."""
        for i, (copy, field) in enumerate(zip(copies, fields, strict=True)):
            own = slice(ends[i] - len(cells[i]), ends[i])
            q[i] = after = solve_mean_field(_place_pixels(logs[:, own], copy.valid), field, n_iter=1, start=q[i])
            odds[:, own] = _take_valid(field.compute_neighbor_log_odds(after), copy.valid)
        return odds

    # EM in turns: each E-step has the class priors that the field gives each pixel.
    em = SpatialEM(concatenate(*cells), classes.model, prior)
    return fit_with_neighbors(em, classes.groups, compute_neighbor_log_odds)


def _place_pixels(values: Planes, valid: NDArray[np.bool_]) -> Planes:
    """Put the values of the n valid pixels, (k, n), in their places: (k, h, w), 0 elsewhere."""
    if valid.all():
        return values.reshape(-1, *valid.shape)
    planes = np.zeros((len(values), *valid.shape), dtype=np.float32)
    planes[:, valid] = values
    return planes


def _take_valid(planes: Planes, valid: NDArray[np.bool_]) -> Planes:
    """Take the values (k, n) of planes (k, h, w) at the valid pixels."""
    return planes.reshape(len(planes), -1) if valid.all() else planes[:, valid]


def build_field(
    copy: Image, features: Planes, smoothness: float, smoothness_map: NDArray[np.generic] | None = None
) -> RandomField:
    """Build the random field over the pixels of a working copy.

    Parameters
    ----------
    copy : Image
        h x w pixels.
    features : ndarray of shape (d, h, w), float32
        In standard deviations within a class; strong edges in them weaken the field.
    smoothness : float, >= 0
        Log odds in nats that neighbors of one class give a pixel.
    smoothness_map : ndarray of shape (h, w), 0 to 1, optional
        Share of the smoothness that counts at each pixel.

    Returns
    -------
    RandomField
    """
    weights = compute_pixel_weights(copy.valid, compute_edge_strengths(features, copy.valid), smoothness_map)
    return RandomField(weights, smoothness, REACH_PIXELS)


def compute_whitening_matrix(model: MixtureModel) -> NDArray[np.float64]:
    """Compute the matrix that takes features to coordinates of mean variance 1 within the components.

    Parameters
    ----------
    model : MixtureModel
        In d dimensions.

    Returns
    -------
    ndarray of shape (d, d), float64
        Features (n, d) times it are whitened.
    """
    # W = L^-T with L L' the mean covariance, so that (x W)' (x W) is x' C^-1 x.
    within = np.tensordot(model.weights, model.covariances, axes=1)
    return np.asarray(np.linalg.inv(np.linalg.cholesky(within)).T)


def compute_edge_strengths(features: NDArray[np.float32], valid: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Compute the squared strength of the edge at each pixel.

    Parameters
    ----------
    features : ndarray of shape (d, H, W), float32
        In standard deviations within a class.
    valid : ndarray of shape (H, W), bool
        True where a pixel counts.

    Returns
    -------
    ndarray of shape (H, W), float32
        Squared slopes of the smoothed features, summed: 1 for a strong edge, 0 beside pixels that are not valid.
    """
    cv2 = load_cv2()
    squares = np.zeros(valid.shape, dtype=np.float32)
    for plane in features:
        smooth = cv2.GaussianBlur(plane, (5, 5), 1.0, borderType=cv2.BORDER_REPLICATE)
        for axis in ((1, 0), (0, 1)):
            slope = cv2.Sobel(smooth, -1, *axis, ksize=1, scale=0.5 / STRONG_EDGE, borderType=cv2.BORDER_REPLICATE)
            squares += cv2.multiply(slope, slope)
    # The kernels reach 3 pixels: beside invalid pixels a slope would be one of their fill values.
    if not valid.all():
        squares[cv2.dilate((~valid).view(np.uint8), np.ones((7, 7), dtype=np.uint8)) > 0] = 0
    return squares
