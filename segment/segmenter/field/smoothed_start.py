"""Starts for noisy images, from smoothed copies: where colors alone do not show the classes, space does.

Noise widens the colors of every class until their histogram shows fewer classes than there are. A copy that is smoothed
by a pixel or two has little of the noise, and the mixture of its colors shows the classes again. Its labels give the
first classes of the pixels as they are; which start led to the better fit is decided by the *mean-field likelihood* of
the pixels (:func:`compute_mean_field_likelihood`).

A Gaussian filter takes most of the noise away and mixes the colors at borders, where a mixture can spend a class. A
median does not, so that classes with noise of their own, as in radar images, and those of the same mean are found too.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from segment.core.image import Image
from segment.core.opencv import load_cv2
from segment.features.color_space import FeatureSpace
from segment.mixture.candidates import coarsen_to_few, fit_shrunk_mixtures
from segment.mixture.cells import Cells, make_point_cells
from segment.mixture.levels import Levels
from segment.segmenter.field.mean_field import compute_posteriors
from segment.segmenter.field.random_field import RandomField

__all__ = [
    "STARTS",
    "Smoothing",
    "compute_mean_field_likelihood",
    "draw_pixels",
    "find_clusters",
    "make_smoothed_cells",
    "smooth_likelihoods",
]

Planes = NDArray[np.float32]
Mask = NDArray[np.bool_]
Floats = NDArray[np.float64]

# Standard deviation, in pixels, of the neighborhood whose likelihoods give a noisy pixel its first posteriors. A
# Gaussian filter averages as much noise away as the mean of 4 pi sigma**2 pixels does.
NEIGHBORHOOD_SIGMA = 1.0
NEIGHBORHOOD_PIXELS = 4 * math.pi * NEIGHBORHOOD_SIGMA**2

MEDIAN_SIZE = 5  # pixels; the largest for which OpenCV has the median of floats

# Rows whose likelihoods are computed at once.
STRIP_ROWS = 32
# Pixels that clusters are found from: more of a smoothed copy tell nothing new.
MAX_SAMPLED_PIXELS = 2**16
MAX_SAMPLED_CELLS = 2**11  # that are not grouped


def draw_pixels(n: int, n_drawn: int = MAX_SAMPLED_PIXELS) -> NDArray[np.intp]:
    """Draw enough of n pixels to find clusters from, at random and always the same ones.

    Parameters
    ----------
    n : int, >= 1
    n_drawn : int, >= 1
        At most so many.

    Returns
    -------
    ndarray of shape (at most n_drawn,), int
        Their numbers in ascending order; all where there are so few.

    Examples
    --------
    >>> draw_pixels(3), len(draw_pixels(250_000))
    (array([0, 1, 2]), 65536)
    """
    if n <= n_drawn:
        return np.arange(n)
    # Every m-th pixel could fall in with a pattern of the image.
    return np.sort(np.random.default_rng(0).choice(n, n_drawn, replace=False, shuffle=False))


def make_smoothed_cells(
    features: Iterable[NDArray[np.floating]], copies: Sequence[Image], smooth: Callable[[Planes, Mask], Planes]
) -> Cells:
    """Make one cell of each valid pixel of smoothed copies.

    Parameters
    ----------
    features : iterable of ndarray of shape (d, h, w), float
        Features of all pixels of each copy.
    copies : sequence of Image
        The copies: which of their pixels are valid.
    smooth : callable
        Called as ``smooth(planes, valid)`` for each copy, as :func:`smooth_planes`.

    Returns
    -------
    Cells
        Copy by copy.
    """
    pairs = zip(features, copies, strict=True)
    parts = [smooth(planes.astype(np.float32), copy.valid)[:, copy.valid].T for planes, copy in pairs]
    return make_point_cells(np.concatenate(parts, dtype=np.float64))


def find_clusters(
    cells: Cells, space: FeatureSpace, k: int, *, shrinkage: float, covariance_type: str, noise: Floats | None = None
) -> NDArray[np.intp]:
    """Find the clusters of many cells by a mixture that is fitted to a sample of them.

    Parameters
    ----------
    cells : Cells
        n cells in d dimensions.
    space : FeatureSpace
        What the features are.
    k : int, >= 1
        Number of clusters.
    shrinkage : float, >= 0
        Of the covariances, in mean component weights.
    covariance_type : {"full", "tied", "diag", "spherical"}
        Of the components.
    noise : ndarray of shape (d,), float64, optional
        Variances of the noise of the features, which become their units; by default those of the feature space. Bands
        that hold nothing but noise would divide clusters as those that differ do, if their deviations were the units.

    Returns
    -------
    ndarray of shape (n,), int
        The cluster 0..k-1 of each cell. Some clusters may be empty.
    """
    if noise is None:
        few = coarsen_to_few(cells[draw_pixels(len(cells))], k)
        levels = Levels.from_cells(few, k, space.compute_start_metric(few))
    else:
        # Groups of cells would be halved along the noise of all bands, and hold several classes.
        few = cells[draw_pixels(len(cells), MAX_SAMPLED_CELLS)]
        levels = Levels(few, few, k, np.diag(1 / np.sqrt(noise)))
    (model,) = fit_shrunk_mixtures(levels, (shrinkage,), covariance_type=covariance_type, init="mixed")
    return model.predict(cells)


def smooth_planes(planes: Planes, valid: Mask, sigma: float) -> Planes:
    """Smooth planes with a Gaussian filter that takes the mean of valid pixels only.

    Parameters
    ----------
    planes : ndarray of shape (m, h, w), float32
        Finite everywhere.
    valid : ndarray of shape (h, w), bool
        Pixels that count.
    sigma : float, > 0, pixels
        Standard deviation of the filter.

    Returns
    -------
    ndarray of shape (m, h, w), float32
        Values of pixels that are not valid have no meaning.

    Examples
    --------
    >>> smooth_planes(np.full((1, 2, 3), 7, np.float32), np.array([[True, True, False]] * 2), 1.0)[0, 0].round(3)
    array([7., 7., 7.], dtype=float32)
    """
    cv2 = load_cv2()

    def blur(plane: Planes) -> Planes:
        return np.asarray(cv2.GaussianBlur(plane, (0, 0), sigma, borderType=cv2.BORDER_REFLECT_101))

    smooth = np.empty_like(planes)
    if valid.all():
        for out, plane in zip(smooth, planes, strict=True):
            out[:] = blur(plane)
        return smooth
    # Normalized convolution: pixels that are not valid count as 0 in both the sum and the weight.
    weight = np.maximum(blur(valid.astype(np.float32)), np.finfo(np.float32).tiny)
    for out, plane in zip(smooth, planes, strict=True):
        np.divide(blur(plane * valid), weight, out=out)
    return smooth


def filter_by_median(planes: Planes, valid: Mask) -> Planes:
    """Smooth planes by the median of 5 x 5 pixels, which mixes no colors at borders.

    Parameters
    ----------
    planes : ndarray of shape (m, h, w), float32
        Finite everywhere.
    valid : ndarray of shape (h, w), bool
        Pixels that count; others are taken as the mean of the valid ones around them.

    Returns
    -------
    ndarray of shape (m, h, w), float32
        Values of pixels that are not valid have no meaning.

    Examples
    --------
    >>> step = np.repeat([0, 0, 0, 9, 9, 9], 6).reshape(1, 6, 6).astype(np.float32)
    >>> step[0, 1, 1] = 5
    >>> np.unique(filter_by_median(step, np.ones((6, 6), bool))).tolist()
    [0.0, 9.0]
    """
    if not valid.all():
        planes = np.where(valid, planes, smooth_planes(planes, valid, MEDIAN_SIZE / 2))
    return np.stack([np.asarray(load_cv2().medianBlur(plane, MEDIAN_SIZE)) for plane in planes])


class Smoothing(NamedTuple):
    """A start from smoothed copies.

    Attributes
    ----------
    smooth : callable
        Called as ``smooth(planes, valid)``, as :func:`smooth_planes`.
    max_shrinkage : float
        Of the covariances of the clusters, in mean component weights.
    max_smallest : float
        Weight of the smallest component of the best fit so far, in mean component weights, up to which it is tried.
    min_gain : float, nats a pixel
        Of the mean-field likelihood, from which the fit is taken.
    """

    smooth: Callable[[Planes, Mask], Planes]
    max_shrinkage: float
    max_smallest: float
    min_gain: float


STARTS = (
    Smoothing(partial(smooth_planes, sigma=1.0), math.inf, math.inf, 0.0),
    Smoothing(partial(smooth_planes, sigma=2.0), math.inf, math.inf, 0.0),
    # Where all others have lost a class: in other noisy images of known classes it found nothing better.
    # Clusters may differ in their scatter as much as the noise of their classes does. Where that is nothing new, the
    # likelihood gains less than this: .007 to .035 on labeled images with noise, .08 and more where it finds classes.
    Smoothing(filter_by_median, 0.1, 0.1, 0.05),
)
"""Starts from smoothed copies, in the order in which they are tried."""


def smooth_likelihoods(log_likelihoods: Planes, valid: NDArray[np.bool_]) -> Planes:
    """Compute first posteriors of noisy pixels, as if all neighbors of a pixel were of its class.

    Parameters
    ----------
    log_likelihoods : ndarray of shape (k, h, w), float32
        Of the classes at each pixel by its features alone, in nats, up to a number that all classes share.
    valid : ndarray of shape (h, w), bool
        Pixels that count.

    Returns
    -------
    ndarray of shape (k, h, w), float32
        Posteriors for the start of a mean field; they sum to 1 over the classes.

    Notes
    -----
    Posteriors are proportional to the likelihood of the class in the neighborhood: the exponential of the
    Gaussian-smoothed log likelihoods times the number of pixels that the filter averages over.
    """
    logs = smooth_planes(log_likelihoods, valid, NEIGHBORHOOD_SIGMA)
    logs *= np.float32(NEIGHBORHOOD_PIXELS)
    return compute_posteriors(logs, out=logs)


def compute_mean_field_likelihood(
    log_posteriors: Planes,
    log_densities: NDArray[np.floating],
    class_weights: NDArray[np.float64],
    field: RandomField,
    q: Planes,
) -> NDArray[np.float64]:
    """Compute the mean-field log likelihood of each pixel: its neighbors give the class priors.

    Parameters
    ----------
    log_posteriors : ndarray of shape (k, h, w), float32
        Of the classes at each pixel by its features alone, in nats.
    log_densities : ndarray of shape (h, w), float
        Of the mixture at each pixel.
    class_weights : ndarray of shape (k,), float64
        Share of each class in the pixels.
    field : RandomField
        Pixels of weight 0 have no neighbors.
    q : ndarray of shape (k, h, w), float32
        Posteriors in the field.

    Returns
    -------
    ndarray of shape (h, w), float64
        In nats.

    Notes
    -----
    It is ``log sum_c pi_ic p(x_i | c)`` where pi_ic is proportional to the weight of class c times the exponential of
    the neighbor log odds (Forbes & Peyrard 2003, IEEE Trans. Pattern Anal. Mach. Intell. 25, 1089-1101). The free
    energy cannot compare mixtures: a strong field prefers the mixture with the fewest borders, which joins classes.
    """
    found = np.empty(log_densities.shape)
    # In strips: of many classes, all planes at once in double precision would be most of the memory of a fit.
    for start in range(0, len(found), STRIP_ROWS):
        rows = slice(start, min(start + STRIP_ROWS, len(found)))
        log_odds = field.compute_log_odds_of_rows(q, rows)
        top = log_odds.max(axis=0)
        raised = np.exp(log_odds - top, dtype=np.float64)
        # p(x) P(c | x) is the weight times the density of class c.
        joint = (np.exp(log_posteriors[:, rows], dtype=np.float64) * raised).sum(axis=0)
        priors = np.tensordot(class_weights, raised, axes=1)
        found[rows] = np.log(np.maximum(joint, 1e-300)) - np.log(priors) + log_densities[rows]
    return found
