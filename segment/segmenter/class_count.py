"""Choose the number of classes of images (``-k auto``).

A model selection criterion such as BIC weighs the log-likelihood of n observations against the number of parameters.
The pixels of an image are no n observations in that sense: neighbors are alike, so each adds little that is new, and a
criterion that counts every pixel takes the largest number of classes that it may. Here the criterion counts
*independent* pixels, in three steps:

1. Every image is shrunk, noise is smoothed (:func:`segment.segmenter.field.noise_level.smooth_noise`), and the pixels
   at edges are left out: they mix two classes.
2. For a fitted mixture, the squared distance of each pixel from its class is computed, and how far these distances are
   correlated in the plane.
3. The number of valid pixels over that area is the number of independent ones
   (:mod:`segment.segmenter.independent_pixels`), with which :func:`segment.mixture.selection.choose_n_components`
   compares the mixtures. A small one is drawn to what is typical.

Lines and other thin things have no inside. So one class is chosen only where all pixels of the copy, as they are, show
no other one whose pixels lie side by side (:func:`measure_adjacency`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from segment.config.config import SegmentConfig
from segment.core.image import Image
from segment.core.opencv import load_cv2
from segment.features.color_index import ColorIndex
from segment.features.color_space import FeatureSpace
from segment.features.pixel_features import collect_cells, extract_features
from segment.mixture.cells import Cells, concatenate
from segment.mixture.fitting import fit_mixture
from segment.mixture.model import MixtureModel
from segment.mixture.packed_matrices import pack
from segment.mixture.selection import Criterion, Selection, choose_n_components, compute_residuals
from segment.preprocessor.preprocessor import shrink, to_grayscale
from segment.segmenter.field.noise_level import SMOOTHED_WIDTHS, smooth_noise
from segment.segmenter.fit_data import FitData
from segment.segmenter.independent_pixels import estimate_effective_size, mask_interior

__all__ = ["choose_classes", "measure_adjacency"]

Floats = NDArray[np.float64]

# The longer side, in pixels, of the copies on which the number of classes is chosen.
_COPY_SIDE = 256
# Share of the valid pixels of a copy that is left out for its contrast: pixels at edges mix two classes, and JPEG
# rings beside them.
_EDGE_SHARE = 0.2
# Width of a cell, as a share of the range from black to white: two of 255 levels. Without it, a flat area with a trace
# of compression noise would get a class for each of its levels.
_COLOR_TOLERANCE = 2 / 255
# Pixels of more than 8 bits often fill a small part of that range, as temperatures do. There it is that share of so
# many times the range of their values, but two steps of them at least. The ends are left out, where hot pixels may be.
# Bands that are no colors may have other units, so each has a range of its own.
_RANGE_FACTOR, _RANGE_TAIL = 4.0, 0.005
# The most independent pixels that images count as. A class of 1 % of the area then has ten of them, about as many as a
# class of color has parameters. Classes are never exactly Gaussian, and more observations would make classes of that.
_MAX_INDEPENDENT_PIXELS = 1000.0
# The estimate from one image is rough: 50 to 700 in pictures of blood cells that look alike. Below what is typical, it
# is drawn to that: it keeps this share in the logarithm.
_TYPICAL_INDEPENDENT_PIXELS, _ESTIMATE_SHARE = 200.0, 0.25
# Squared distances from the class mean, in squared standard deviations, are clipped to this: outliers would dominate
# the correlation.
_MAX_SQUARED_DISTANCE = 16.0
# A line one pixel wide has a fourth of its neighbors in it, single pixels of noise have no more than their share.
_MIN_ADJACENCY = 0.12


def choose_classes(
    data: FitData,
    k_range: tuple[int, int],
    *,
    criterion: Criterion = "bic",
    components_per_class: int = 1,
    covariance_type: str = "full",
) -> Selection:
    """Choose the number of classes by a criterion that counts independent pixels.

    Parameters
    ----------
    data : FitData
        The cells of all images, and the images. There are at most as many classes as cells; and where smaller copies of
        the images have no valid pixel, the mixtures are fitted to the cells.
    k_range : (int, int)
        Least and greatest number of classes.
    criterion : {"bic", "aic", "icl", "entropy", "variational"}
        As for :func:`segment.mixture.selection.choose_n_components`.
    components_per_class : int, >= 1
        Components that each class has.
    covariance_type : {"full", "tied", "diag", "spherical"}
        Of the components.

    Returns
    -------
    Selection
        The chosen number, the runner-up, and the criterion for every number that was tried.
    """
    data = _take_gray(data)
    choose = partial(
        _choose_on_copies,
        data,
        k_range,
        criterion=criterion,
        components_per_class=components_per_class,
        covariance_type=covariance_type,
    )
    found = choose([_make_interior_copy(image, data.space.name) for image in data.copies])
    if found.chosen > 1 or k_range[1] == 1:
        return found
    thin = choose([shrink(image, max_size=_COPY_SIDE) for image in data.copies])
    return thin if thin.chosen > 1 and _has_connected_class(data) else found


def _take_gray(data: FitData) -> FitData:
    """Take one channel of gray images that are stored as color ones.

    The three are equal. A criterion would count the parameters of colors that there are not, and choose fewer classes
    than of the same image stored as gray.
    """
    colors = (copy.pixels[copy.valid] for copy in data.copies)
    if data.space.n_channels != 3 or any((pixels != pixels[:, :1]).any() for pixels in colors):
        return data
    copies = tuple(to_grayscale(copy) for copy in data.copies)
    features = [extract_features(copy, data.space.name) for copy in copies]
    return FitData(features[0].space, concatenate(*(part.cells for part in features)), copies)


def _choose_on_copies(
    data: FitData,
    k_range: tuple[int, int],
    copies: Sequence[Image],
    *,
    criterion: Criterion,
    components_per_class: int,
    covariance_type: str,
) -> Selection:
    """Choose the number of classes of the valid pixels of copies."""
    space = data.space
    tolerances = _choose_tolerances(data.copies)
    copy_cells = concatenate(*(_collect_copy_cells(space.name, copy, tolerances) for copy in copies))
    # Where the valid pixels are scattered, a smaller copy may have none.
    if len(copy_cells) == 0:
        copy_cells = data.cells

    def count_independent_pixels(model: MixtureModel) -> float:
        total = sum(_count_independent_pixels(model, space.name, copy) for copy in copies)
        if total < _TYPICAL_INDEPENDENT_PIXELS:
            total = _TYPICAL_INDEPENDENT_PIXELS * (total / _TYPICAL_INDEPENDENT_PIXELS) ** _ESTIMATE_SHARE
        return min(_MAX_INDEPENDENT_PIXELS, total)

    # The seed is always the same, and the default range is always fitted, unless there is nothing to choose: the image
    # alone decides, and the criterion of a number is the same in every range up to that.
    low, high = (min(k, len(data.cells)) for k in k_range)
    return choose_n_components(
        copy_cells,
        (low, high),
        fitted_range=None if low == high else (SegmentConfig.k_range[0], max(SegmentConfig.k_range[1], high)),
        criterion=criterion,
        components_per_class=components_per_class,
        n_effective=count_independent_pixels,
        # One class tells nothing of an image: it has to be the best with the most pixels too.
        n_against_one=_MAX_INDEPENDENT_PIXELS,
        covariance_type=covariance_type,
        metric=space.compute_start_metric(copy_cells),
    )


def _has_connected_class(data: FitData) -> bool:
    """Say whether pixels of the smaller of two classes lie side by side, and not each by itself as noise does."""
    model = fit_mixture(data.cells, 2).model

    def find_smaller(copy: Image) -> NDArray[np.bool_]:
        """Find the pixels of the smaller class."""
        index = ColorIndex(copy)
        space = FeatureSpace(data.space.name, index.n_channels, index.black, index.white)
        return index.map_to_pixels(
            lambda colors: model.predict(space.make_cells(colors)) == model.weights.argmin()
        ).astype(bool, copy=False)

    masks = [(find_smaller(copy), copy.valid) for copy in data.copies]
    return any(measure_adjacency(mask) - mask[valid].mean() > _MIN_ADJACENCY for mask, valid in masks if mask.any())


def measure_adjacency(mask: NDArray[np.bool_]) -> float:
    """Measure how many of the neighbors of marked pixels are marked too.

    Parameters
    ----------
    mask : ndarray of shape (H, W), bool

    Returns
    -------
    float, 0 to 1
        Mean share of the eight neighbors; 0 where no pixel is marked.

    Examples
    --------
    >>> round(measure_adjacency(np.eye(100, dtype=bool)), 4)
    0.2475
    """
    around = load_cv2().blur(mask.astype(np.float32), (3, 3), borderType=load_cv2().BORDER_CONSTANT)
    return float((around[mask] * 9 - 1).mean() / 8) if mask.any() else 0.0


def _make_interior_copy(image: Image, feature_name: str) -> Image:
    """Make a small copy, smoothed if it is noisy, in which only the pixels inside areas are valid."""
    copy = smooth_noise(shrink(image, max_size=_COPY_SIDE), feature_name, widths=SMOOTHED_WIDTHS)
    pixels = ColorIndex(copy).pixels.reshape(*copy.valid.shape, -1)
    return replace(copy, valid=mask_interior(pixels, copy.valid, edge_share=_EDGE_SHARE))


def _choose_tolerances(images: Sequence[Image]) -> Floats:
    """Choose the width of a cell as a share of the range from black to white: one for colors, or one for each band."""
    ends, steps = [], []
    for image in images:
        # Images of one fit may have different depths.
        values = image.pixels[image.valid]
        if image.pixels.dtype == np.uint8 or not values.size:
            continue
        full_range = image.white - image.black
        # A row for each band; the channels of a color have one row.
        bands = values.T if values.ndim == 2 and values.shape[1] != 3 else values.reshape(1, -1)
        ends.append((np.quantile(bands, (_RANGE_TAIL, 1 - _RANGE_TAIL), axis=1) - image.black) / full_range)
        steps.append([float(np.diff(np.unique(band)).min(initial=full_range)) / full_range for band in bands])
    if not ends:
        return np.array([_COLOR_TOLERANCE])
    narrow = _RANGE_FACTOR * (np.max(ends, axis=(0, 1)) - np.min(ends, axis=(0, 1)))
    # Pixels of 8 bits may be stored as deeper ones.
    widths = np.maximum(_COLOR_TOLERANCE * narrow, 2 * np.min(steps, axis=0))
    return np.asarray(np.minimum(_COLOR_TOLERANCE, widths), dtype=np.float64)


def _collect_copy_cells(feature_name: str, copy: Image, tolerances: Floats) -> Cells:
    """Collect the cells of a copy, each as wide as the tolerances."""
    # Images of one fit may have different depths, so each copy has a feature space of its own.
    features = extract_features(copy, feature_name)
    index = features.index
    cells = features.cells if index.is_sampled else collect_cells(features.space, index.iterate_parts(), exact=True)
    # The scatter of a cell stands for rounding to one level: 1 / 12 in squared levels. The factor adds a standard
    # deviation of `levels` to it.
    levels = np.broadcast_to(tolerances * (features.space.white - features.space.black), cells.n_features)
    factors = np.sqrt(1 + 12 * levels**2)
    return replace(cells, scatters=cells.scatters * pack(np.outer(factors, factors)))


def _count_independent_pixels(model: MixtureModel, feature_name: str, copy: Image) -> float:
    """Count the independent pixels of a copy under a fitted mixture."""
    # Criteria add up log densities, which within a component fall with the squared distance from its mean. So the
    # dependence of these squared distances is what matters. The added 1 keeps distances that do not vary at all apart
    # from rounding errors of the transform.
    features = extract_features(copy, feature_name)
    residuals = compute_residuals(model, features.space.make_cells(features.index.pixels))
    distances = 1 + np.minimum((residuals**2).sum(axis=1), _MAX_SQUARED_DISTANCE)
    return estimate_effective_size(distances.reshape(*copy.valid.shape, 1), copy.valid)
