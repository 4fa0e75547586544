"""Fit a mixture with a random field over the pixels of working copies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from segment.core.image import Image
from segment.features.color_space import FeatureSpace
from segment.mixture.model import MixtureModel
from segment.mixture.prior import Prior
from segment.mixture.spatial_em import MAX_STEPS
from segment.preprocessor.working_copy import WORKING_PIXELS, make_working_copy
from segment.segmenter.class_mixture import ClassMixture
from segment.segmenter.field.edge_field import compute_whitening_matrix
from segment.segmenter.field.few_classes import MIN_CLASSES, has_few_classes
from segment.segmenter.field.field_em import FieldEM
from segment.segmenter.field.noise_level import MIN_NOISE_SHARE, measure_noise_share, shrink_to_squares
from segment.segmenter.field.shared_noise import FITTED_NOISE, find_noise_width, measure_spread
from segment.segmenter.field.smoothed_start import STARTS

__all__ = ["fit_with_field", "shrink_copy_of_many"]

FIT_SHARE = 4  # pixels of a working copy for each that the mixture is fitted to
MIN_FIT_PIXELS = 2**14  # of each copy, where there are many
COARSE_SHARE, COARSE_STEPS, FINE_STEPS = 4, 8, 2  # of the fit of many classes, first on fewer pixels
MAX_FIELD_VALUES = 2**23  # posteriors of all classes at the pixels of the copies, where each pixel has all
N_BANDS, MIN_BAND_ROWS = 8, 16  # of a copy that has more
# Of the variance within many classes, from which on a fit keeps all of them at each pixel. Such classes are narrow: a
# photograph without noise has had .35 of 128 before the field was fitted, and .06 after. Noise gives 1 and more.
MIN_NOISE_SHARE_OF_MANY = 0.5
# Of the strength of the prior, what is left in pure noise. There classes are Gaussian and pixels independent, so that
# those of a small class tell its covariance well.
MIN_STRENGTH_SHARE = 0.2


def fit_with_field(
    classes: ClassMixture,
    prior: Prior,
    space: FeatureSpace,
    images: Sequence[Image],
    *,
    smoothness: float,
    may_restart: bool = False,
    may_weaken: bool = False,
) -> MixtureModel:
    """Continue EM with a random field: the class priors of a pixel come from its neighbors' posteriors.

    E-steps of the field and M-steps of the mixture take turns on copies of the images, some 130 thousand pixels
    together for a few images, and more for a large one. Classes whose colors overlap are told apart by where their
    pixels lie.

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
    may_restart : bool
        Whether the classes of noisy images may be found anew, in any order, from smoothed copies: the better fit is
        returned. Images without noise (see :mod:`segment.segmenter.field.noise_level`), classes of several components
        and classes that colors alone tell apart are never fitted anew.
    may_weaken : bool
        Whether the prior counts less where classes may be found anew: by the share of the scatter that is not noise.

    Returns
    -------
    MixtureModel
        The model of `classes` itself if there is one class or no valid pixel.
    """
    if classes.n_classes < 2 or not any(image.valid.any() for image in images):
        return classes.model
    has_few = has_few_classes(classes)
    can_restart = may_restart and classes.n_classes == classes.model.n_components
    min_share = MIN_NOISE_SHARE_OF_MANY if has_few else MIN_NOISE_SHARE
    noise_share = 0.0
    if can_restart or has_few:
        noise_share = measure_noise_share(images, space.name, compute_whitening_matrix(classes.model))
    noisy = noise_share >= min_share
    if can_restart and not (noisy or has_few):
        width = find_noise_width(images, space.name, classes.model, FITTED_NOISE)
        if width > 1:
            return _fit_to_squares(classes, prior, space, images, width, smoothness, may_weaken=may_weaken)
    is_restarted = can_restart and noisy
    if is_restarted and may_weaken:
        prior = _weaken_prior(prior, noise_share)
    # Shrinking averages noise away: the model of a noisy image must be that of the pixels that it labels.
    growth = max(1, *(round(image.valid.size / WORKING_PIXELS) for image in images))
    n_pixels = WORKING_PIXELS * growth // (1 if is_restarted else FIT_SHARE)
    copies = [make_working_copy(image, max(n_pixels // len(images), MIN_FIT_PIXELS)) for image in images]
    if not any(copy.valid.any() for copy in copies):
        return classes.model
    if has_few and not noisy:
        return _fit_many(classes, prior, space, copies, smoothness)
    share = MAX_FIELD_VALUES / classes.n_classes / sum(copy.valid.size for copy in copies)
    em = FieldEM([band for copy in copies for band in _split_into_bands(copy, share)], space, smoothness)
    return _fit_with_restarts(em, classes, prior) if is_restarted else em.fit(classes, prior)


def _weaken_prior(prior: Prior, noise_share: float) -> Prior:
    """Let the prior count by the share of the scatter that is not noise."""
    return prior.divide_strength(1 / max(1 - noise_share, MIN_STRENGTH_SHARE))


def _fit_with_restarts(em: FieldEM, classes: ClassMixture, prior: Prior) -> MixtureModel:
    """Fit from the classes as they are, and from clusters of smoothed copies where colors do not show the classes."""
    best = em.fit(classes, prior)
    if em.has_separate_colors(best):
        return best
    best_likelihood = em.compute_likelihood(classes.groups, best)
    for smoothing in STARTS:
        if best.weights.min() * best.n_components > smoothing.max_smallest:
            continue
        model = em.fit(*em.make_smoothed_start(classes, prior, smoothing))
        likelihood = em.compute_likelihood(classes.groups, model)
        if likelihood > best_likelihood + smoothing.min_gain * em.n_pixels:
            best, best_likelihood = model, likelihood
    return best


def _fit_to_squares(
    classes: ClassMixture,
    prior: Prior,
    space: FeatureSpace,
    images: Sequence[Image],
    width: int,
    smoothness: float,
    *,
    may_weaken: bool,
) -> MixtureModel:
    """Fit to the means of squares, whose noise changes from one to the next, and return the classes of the pixels."""
    squares = [shrink_to_squares(image, width) for image in images]
    if may_weaken:
        whiten = compute_whitening_matrix(classes.model)
        prior = _weaken_prior(prior, measure_noise_share(squares, space.name, whiten))
    # As strong, beside the squares, as it was beside the pixels.
    prior = prior.divide_strength(width * width)
    model = _fit_with_restarts(FieldEM(squares, space, smoothness), classes, prior)
    inner = measure_spread(zip(images, squares, strict=True), space.name, model)
    return replace(model, covariances=model.covariances * (1 + inner))


def shrink_copy_of_many(classes: ClassMixture, space: FeatureSpace, copy: Image, max_pixels: int) -> Image:
    """Shrink the working copy of an image that many classes are labeled on.

    Parameters
    ----------
    classes : ClassMixture
        k classes.
    space : FeatureSpace
        How a color becomes a feature vector.
    copy : Image
        The working copy.
    max_pixels : int
        That it may have. In noise, where each pixel has all classes, so many that k posteriors of each are
        `MAX_FIELD_VALUES`.

    Returns
    -------
    Image
        The copy itself where it has no more, and for few classes.

    Notes
    -----
    A noisy pixel needs the posteriors of all classes. On two photographs with noise in 32 to 128 classes, labels by
    copies of an eighth of the pixels were as close or closer to those without noise in 6 of 10 fits (at worst .71 ARI).
    """
    n_noisy = MAX_FIELD_VALUES // max(1, classes.n_classes)
    if classes.n_classes < MIN_CLASSES or copy.valid.size <= min(max_pixels, n_noisy):
        return copy
    share = measure_noise_share([copy], space.name, compute_whitening_matrix(classes.model))
    return make_working_copy(copy, max_pixels if share < MIN_NOISE_SHARE else n_noisy)


def _fit_many(
    classes: ClassMixture, prior: Prior, space: FeatureSpace, copies: Sequence[Image], smoothness: float
) -> MixtureModel:
    """Fit many classes, most steps on a quarter of the pixels: it ends as well as on all, and sooner."""
    coarse = [make_working_copy(copy, max(copy.valid.size // COARSE_SHARE, MIN_FIT_PIXELS)) for copy in copies]
    n, n_coarse = (sum(np.count_nonzero(each.valid) for each in part) for part in (copies, coarse))
    if n_coarse == n:
        return FieldEM(copies, space, smoothness).fit_few(classes, prior, MAX_STEPS)
    # As strong, beside the pixels, as on all of them.
    coarse_prior = prior.divide_strength(n / n_coarse)
    model = FieldEM(coarse, space, smoothness).fit_few(classes, coarse_prior, COARSE_STEPS)
    return FieldEM(copies, space, smoothness).fit_few(replace(classes, model=model), prior, FINE_STEPS)


def _split_into_bands(copy: Image, share: float) -> list[Image]:
    """Take bands of rows, this share of a copy together, or all of it: unlike shrinking, that leaves noise as it is."""
    if share >= 1 or not copy.valid.any():
        return [copy]
    # From the first row to the last that a mask leaves: all bands might lie between them.
    low, high = (np.flatnonzero(copy.valid.any(axis=1))[[0, -1]] + [0, 1]).tolist()
    size = max(MIN_BAND_ROWS, int(share * copy.height) // N_BANDS)
    parts = [slice(start, start + size) for start in np.linspace(low, high - size, N_BANDS).astype(int)]
    parts = [slice(low, high)] if size * N_BANDS >= high - low else parts
    bands = (replace(copy, pixels=copy.pixels[part], valid=copy.valid[part], interest=None) for part in parts)
    return [make_working_copy(band, int(share * copy.valid.size)) for band in bands]
