"""Choose from the images how strongly the covariances of the classes are shrunk (``--shrinkage auto``).

Shrinkage draws the covariance of each class toward a common one, as if so many mean class sizes of extra pixels had
it. How much is best depends on the image. Mixtures of three shrinkages are fitted, small copies of the images are
labeled by each of them, and the *normalized cut* (Shi & Malik 2000) of the labels tells where the borders lie better:
it is small where neighbors in different classes look different. The likelihood cannot choose, because it is always
highest without any shrinkage.

What is taken is a mean of the three, in which those of small cuts count most. Of two cuts that are nearly the same, a
slightly changed image would have the other one as the smallest, and other labels with it; the mean hardly moves.

The common covariance is that within clusters, and clusters depend on the units of the features. Where other units make
them tighter (:attr:`segment.mixture.levels.Levels.tightest`), as where a class far away stretches the unit of
lightness, a mixture with these is compared as well.

``tests/benchmarks/SHRINKAGE.md`` compares this choice with fixed shrinkages and with other criteria.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from segment.core.opencv import load_cv2
from segment.features.pixel_features import extract_features
from segment.mixture.candidates import fit_shrunk_mixtures
from segment.mixture.component_merging import group_components
from segment.mixture.levels import Levels
from segment.mixture.multistart import MANY_COMPONENTS
from segment.postprocessor.postprocessor import postprocess
from segment.preprocessor.working_copy import make_working_copy
from segment.segmenter.class_mixture import ClassMixture
from segment.segmenter.field.field_labels import FieldLabeler
from segment.segmenter.field.field_solver import FieldProblem
from segment.segmenter.field.mean_field import SHORT_STEPS
from segment.segmenter.fit_data import FitData

__all__ = ["DEFAULT_SHRINKAGE", "Affinities", "choose_shrinkage", "compute_normalized_cut"]


DEFAULT_SHRINKAGE = 1.5
"""In mean class sizes: the best of those that are the same for all images."""

# The shrinkages that are compared: the default, twice and half of it.
_SHRINKAGES = (DEFAULT_SHRINKAGE, 3.0, 0.75)
# Share by which a cut is larger than the smallest where its shrinkage weighs 1 / e as much. With half of it, labels of
# changed images agree less often; with twice as much, those of labeled images lie worse.
_CUT_SCALE = 0.1
# Tighter clusters are compared from this gain in log det; below it, labels hardly differ. They are taken where their
# cut is smaller than this share of the default's: 1 to 5 % where the default's clusters divide noise, 30 % and more on
# labeled photographs, where either can be right.
_MIN_TIGHTER_GAIN, _MAX_TIGHTER_CUT = 0.2, 0.2
# Below this number of valid pixels, of all images together, the default is taken: a cut of few pixels is too noisy.
_MIN_PIXELS = 2**13
# Pixels of all labeled copies together, with many components half as many, the least of each copy, and how many images
# are labeled at most.
_TOTAL_COPY_PIXELS, _TOTAL_COPY_PIXELS_OF_MANY = 2**14, 2**13
_MIN_COPY_PIXELS = 2**11
_MAX_COPIES = 32
# Sizes by which labels are cleaned up before their cut: the user's clean-up does not change the classes.
_RADIUS, _MIN_REGION, _MAX_HOLE = 0.0005, 0.0002, 0.0005
# Standard deviation, in pixels, of the Gaussian filter before neighbors are compared, so that noise makes no border.
_SMOOTHING_SIGMA = 1.0


def choose_shrinkage(
    levels: Levels,
    data: FitData,
    *,
    n_classes: int,
    covariance_type: str,
    smoothness: float,
    init: str | ArrayLike,
) -> tuple[Levels, float]:
    """Choose the clusters and the shrinkage whose labels have a small normalized cut.

    The default, twice and half of it are compared. Each mixture is fitted quickly, and small copies of the images are
    labeled by it, random field and clean-up included. The geometric mean of the three is taken, weighted by
    ``exp(-10 (cut / smallest cut - 1))``. Tighter clusters, if there are, are tried with the default shrinkage. They
    are taken where their cut is smaller than a fifth of that of the default.

    Parameters
    ----------
    levels : Levels
        Of the cells, for as many components as are to be fitted.
    data : FitData
        The cells of all images, at least one, and the images.
    n_classes : int
        Classes to label. With fewer than two there is no border, and the default is returned; so it is for few pixels,
        with tighter clusters only where they are much tighter.
    covariance_type : {"full", "tied", "diag", "spherical"}
        Of the components, which are Gaussian.
    smoothness : float, > 0
        Of the random field.
    init : str or array_like
        As for :func:`segment.mixture.fitting.fit_mixture`. Random starts have a fixed seed: the image alone decides.

    Returns
    -------
    levels : Levels
        Those given, or the tighter ones.
    shrinkage : float
        In mean class sizes.
    """
    images = data.copies
    if n_classes < 2 or sum(np.count_nonzero(image.valid) for image in images) < _MIN_PIXELS:
        return levels.choose_clearly_tightest(), DEFAULT_SHRINKAGE
    models = fit_shrunk_mixtures(levels, _SHRINKAGES, covariance_type=covariance_type, init=init)
    tighter = levels.tightest
    if tighter.gain > _MIN_TIGHTER_GAIN:
        models += fit_shrunk_mixtures(tighter, _SHRINKAGES[:1], covariance_type=covariance_type, init=init)
    candidates = [ClassMixture(model, group_components(model, data.cells, n_classes)) for model in models]
    # A few of many images are enough, spread over all of them.
    chosen_images = images[:: math.ceil(len(images) / _MAX_COPIES)]
    n_pixels = _TOTAL_COPY_PIXELS_OF_MANY if levels.k >= MANY_COMPONENTS else _TOTAL_COPY_PIXELS
    cuts = np.zeros(len(candidates))
    for image in chosen_images:
        copy = make_working_copy(image, max(n_pixels // len(chosen_images), _MIN_COPY_PIXELS))
        # Images of one fit may have different depths, so each has a feature space of its own.
        features = extract_features(copy, data.space.name)
        values = features.space.make_cells(features.index.pixels).means.reshape(*copy.valid.shape, -1)
        affinities = Affinities.from_features(values, copy.valid)
        for number, classes in enumerate(candidates):
            # Long steps would choose as well, but not the same, and another shrinkage may lead to other classes.
            problem = FieldProblem(
                classes, features.space, copy, smoothness, known_index=features.index, steps=SHORT_STEPS
            )
            labels = FieldLabeler(problem, copy.valid.shape).label(copy).label_image
            cleaned = postprocess(labels, radius=_RADIUS, min_region=_MIN_REGION, max_hole=_MAX_HOLE)
            cuts[number] += compute_normalized_cut(cleaned.label_image, affinities, n_classes)
    if len(cuts) > len(_SHRINKAGES) and cuts[-1] < _MAX_TIGHTER_CUT * cuts[0]:
        return tighter, DEFAULT_SHRINKAGE
    return levels, _average_shrinkages(cuts[: len(_SHRINKAGES)])


def _average_shrinkages(cuts: NDArray[np.float64]) -> float:
    """Average the shrinkages by the cuts (3,) of their labels."""
    # Labels without any cut are taken as they are: then every other cut is infinitely larger.
    excess = (cuts - cuts.min()) / max(float(cuts.min()), np.finfo(np.float32).tiny)
    weights = np.exp(-excess / _CUT_SCALE)
    # Rounded, so that it can be given as it is shown.
    return round(float(np.exp(weights @ np.log(_SHRINKAGES) / weights.sum())), 2)


@dataclass(frozen=True)
class Affinities:
    """Similarity of the features of neighboring pixels.

    Attributes
    ----------
    across : ndarray of shape (H, W - 1), float32, 0 to 1
        Of each pixel and the one to its right; 0 where one of them is not valid.
    down : ndarray of shape (H - 1, W), float32, 0 to 1
        Of each pixel and the one below.
    """

    across: NDArray[np.float32]
    down: NDArray[np.float32]

    @classmethod
    def from_features(cls, features: NDArray[np.generic], valid: NDArray[np.bool_]) -> Affinities:
        """Compute the affinities ``exp(-d**2 / (2 m))`` of neighbors at distance d in feature space.

        Parameters
        ----------
        features : ndarray of shape (H, W, d)
            Features of each pixel, in any unit: m is the mean of all squared distances of neighbors. They are smoothed
            a little first.
        valid : ndarray of shape (H, W), bool
            Pixels that count. Others have no part in the smoothing and the mean.

        Returns
        -------
        Affinities
            Of all pairs of 4-neighbors.
        """
        smooth = _smooth_valid(features.astype(np.float32), valid)
        pairs = [valid[:, 1:] & valid[:, :-1], valid[1:] & valid[:-1]]
        squares = [((a - b) ** 2).sum(axis=2) for a, b in ((smooth[:, 1:], smooth[:, :-1]), (smooth[1:], smooth[:-1]))]
        known = np.concatenate([square[pair] for square, pair in zip(squares, pairs, strict=True)])
        # A flat image has the mean 0; all of its affinities are 1 with any positive number instead.
        mean = float(known.mean()) if known.any() else 1.0
        return cls(*(np.exp(-square / (2 * mean)) * pair for square, pair in zip(squares, pairs, strict=True)))


def _smooth_valid(features: NDArray[np.float32], valid: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Smooth features (H, W, d) with a Gaussian filter that takes the mean of valid pixels only."""
    cv2 = load_cv2()

    def blur(plane: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(cv2.GaussianBlur(plane, (0, 0), _SMOOTHING_SIGMA, borderType=cv2.BORDER_REPLICATE))

    # Normalized convolution: pixels that are not valid count as 0 in both the sum and the weight.
    weight = np.maximum(blur(valid.astype(np.float32)), np.finfo(np.float32).tiny)
    planes = [blur(np.where(valid, plane, np.float32(0))) / weight for plane in np.moveaxis(features, 2, 0)]
    return np.stack(planes, axis=2)


def compute_normalized_cut(label_image: NDArray[np.integer], affinities: Affinities, n_classes: int) -> float:
    """Compute the normalized cut of a label image.

    Parameters
    ----------
    label_image : ndarray of shape (H, W), integers 0..n_classes
        Classes from 1; 0 is no class.
    affinities : Affinities
        Of the neighboring pixels.
    n_classes : int
        Number of classes. One without affinities, such as an empty class, counts 1, as if all of it were cut.

    Returns
    -------
    float, 0 to n_classes
        The sum over the classes of the share of their pixels' affinities that leads to other classes. It is small
        where neighbors in different classes look different.

    References
    ----------
    Shi & Malik 2000, IEEE Trans. Pattern Anal. Mach. Intell. 22.

    Examples
    --------
    Two dark and two bright pixels in a row, with a border where the colors change and with one beside it:

    >>> gray = np.array([0.0, 0.0, 9.0, 9.0]).reshape(1, 4, 1)
    >>> affinities = Affinities.from_features(gray, np.ones((1, 4), dtype=bool))
    >>> good = compute_normalized_cut(np.array([[1, 1, 2, 2]]), affinities, 2)
    >>> bad = compute_normalized_cut(np.array([[1, 2, 2, 2]]), affinities, 2)
    >>> good < bad
    True
    """
    # Per class: all affinities of its pixels, and those within the class, where each pair counts from both ends.
    totals, inner = np.zeros((2, n_classes + 1))
    sides = (label_image[:, 1:], label_image[:, :-1]), (label_image[1:], label_image[:-1])
    for (one, other), affinity in zip(sides, (affinities.across, affinities.down), strict=True):
        weights = affinity.reshape(-1)
        for side in (one, other):
            totals += np.bincount(side.reshape(-1), weights=weights, minlength=n_classes + 1)
        same = np.where(one == other, affinity, 0).reshape(-1)
        inner += 2 * np.bincount(one.reshape(-1), weights=same, minlength=n_classes + 1)
    is_linked = totals > 0
    cut = np.where(is_linked, 1 - inner / np.where(is_linked, totals, 1.0), 1.0)
    return float(np.maximum(cut[1:], 0.0).sum())
