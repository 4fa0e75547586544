"""How sure the posteriors of a random field may be.

The mean field counts a pixel and its neighbors as independent witnesses of their class. They are, where the deviations
of their features from the class mean are noise; in photographs neighbors share these deviations (shading, texture, a
class that is not Gaussian), and many witnesses say little more than one. Kish's *design effect* tells by how much:
``1 + (m - 1) rho`` for m witnesses whose deviations have the correlation rho. Where the colors of the classes overlap,
the mean field is too sure as well, as it leaves out how uncertain the neighbors are. Log odds are divided by a
temperature with a factor for each: 1 for classes far apart under independent noise, 10 where neighbors are all alike.

``tests/benchmarks/QUALITY.md`` has what was tried, with numbers.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from segment.core.opencv import load_cv2
from segment.core.pixel_arrays import find_highest_plane
from segment.mixture.cells import Cells
from segment.mixture.model import MixtureModel
from segment.segmenter.field.random_field import RandomField, compute_pixel_weights

__all__ = [
    "choose_bands",
    "compute_design_effect",
    "compute_part_effect",
    "compute_temperature",
    "compute_weight_power",
    "measure_band_effects",
    "measure_component_overlaps",
    "measure_neighbor_correlation",
    "measure_overlap",
    "measure_residuals",
    "temper_posteriors",
]

Planes = NDArray[np.float32]

# How many witnesses a neighborhood counts as, and the weight of overlap: chosen on labeled and synthetic images.
WITNESSES = 10
# Design effects up to which the weights of the classes count for nothing, and from which on they count in full. White
# noise has 1, smoothed by a pixel 4.5 to 6; labeled images have 6.7 and more.
MAX_WEIGHTLESS_EFFECT, MIN_WEIGHTED_EFFECT = 5.0, 7.0
OVERLAP_WEIGHT = 6.0
# Posteriors below this, close to the least number of single precision, are raised to it before the logarithm.
MIN_POSTERIOR = 1.2e-38
# Rows of the working copy in which the correlation of neighbors is measured, in bands, and about how many pixels.
N_BANDS, MIN_BAND_ROWS, MEASURED_PIXELS = 8, 16, 2**16
# Pixels along a row whose mean is a slow shade, and by which factor such shades have to enlarge the variance within
# classes before they count: in labeled images they do by up to 1.4, and the clean-up of these was chosen with them.
SHADE_PIXELS, MIN_SHADE_FACTOR = 65, 1.5
MAX_JUDGED_VALUES = 2**20  # posteriors that are computed at once
N_SUMS = 8  # of each class, that are added up at once


def measure_residuals(features: Planes, labels: NDArray[np.integer], valid: NDArray[np.bool_]) -> Planes:
    """Measure how far the features of each pixel are from the mean of its class.

    Parameters
    ----------
    features : ndarray of shape (d, h, w), float32
        In any unit.
    labels : ndarray of shape (h, w), integers
        The class of each pixel, from 0.
    valid : ndarray of shape (h, w), bool
        Pixels that count.

    Returns
    -------
    ndarray of shape (d, h, w), float32
        0 where a pixel is not valid.
    """
    # Pixels that are not valid are a class of their own: leaving them out takes longer than computing them.
    numbers, has_all = labels.astype(np.intp), valid.all()
    n_classes = int(numbers.max()) + 2
    if not has_all:
        np.copyto(numbers, n_classes - 1, where=~valid)
    # Each addition to a sum waits for the one before: eight sums of each class, in turns, take a third of the time.
    places = (N_SUMS * numbers + np.arange(numbers.shape[1]) % N_SUMS).reshape(-1)
    numbers = numbers.reshape(-1)

    def add_up(values: NDArray[np.float32] | None = None) -> NDArray[np.float64]:
        """Add up the values (h * w,) of each class, or count them: (n_classes,)."""
        sums = np.bincount(places, values, N_SUMS * n_classes).reshape(n_classes, N_SUMS)
        return np.asarray(sums.sum(axis=1, dtype=np.float64))

    counts = np.maximum(add_up(), 1)
    residuals = np.empty(features.shape, dtype=features.dtype)
    for plane, out in zip(features.reshape(len(features), -1), residuals.reshape(len(features), -1), strict=True):
        means = (add_up(plane) / counts).astype(plane.dtype)
        np.subtract(plane, means.take(numbers, mode="clip"), out=out)
    if not has_all:
        np.copyto(residuals, 0, where=~valid)
    return residuals


def measure_neighbor_correlation(residuals: Planes, valid: NDArray[np.bool_], reach: int) -> float:
    """Measure the correlation of residuals with those of the neighbors in a random field.

    Parameters
    ----------
    residuals : ndarray of shape (d, h, w), float32
        In standard deviations, so that each feature counts the same; 0 where a pixel is not valid.
    valid : ndarray of shape (h, w), bool
        Pixels that count.
    reach : int, >= 1, pixels
        Of the field.

    Returns
    -------
    float
        At most 1; 0 where no pixel has neighbors or all residuals are 0.

    Examples
    --------
    Deviations that neighbors share, and independent ones:

    >>> noise = np.random.default_rng(0).standard_normal((1, 64, 64)).astype(np.float32)
    >>> shading = np.linspace(-1, 1, 64, dtype=np.float32)[None, None] * np.ones((1, 64, 1), np.float32)
    >>> valid = np.ones((64, 64), dtype=bool)
    >>> [abs(round(measure_neighbor_correlation(each, valid, 2), 1)) for each in (shading, noise)]
    [1.0, 0.0]
    """
    # A field of smoothness 1 without edges: its neighbor log odds are means over the neighbors.
    field = RandomField(compute_pixel_weights(valid), 1.0, reach)
    share = field.compute_neighbor_log_odds(valid[None].astype(np.float32))[0]
    cv2, middle = load_cv2(), field.taps[reach] ** 2
    power = product = 0.0
    # One feature after the other: all of them at once would take tens of megabytes.
    for plane in residuals:
        # NumPy's sum, as the last bits of OpenCV's depend on where in memory the array lies. It adds up by pairs, so
        # that single precision is exact enough.
        power += float((plane * plane * share).sum())
        # Residuals are 0 where pixels are not valid, so their neighbor log odds need not be.
        summed = cv2.sepFilter2D(plane, -1, field.taps, field.taps, borderType=cv2.BORDER_CONSTANT)
        summed -= middle * plane
        summed *= plane
        product += float(summed.sum())
    return (1 + field.center_weight) * product / power if power > 0 else 0.0


def compute_design_effect(correlation: float) -> float:
    """Compute how many pixels of a neighborhood count as one witness of their class.

    Parameters
    ----------
    correlation : float
        Of residuals with those of the neighbors.

    Returns
    -------
    float, >= 1
        The design effect of a neighborhood (Kish 1965, Survey Sampling, 5.4).

    Examples
    --------
    >>> compute_design_effect(0.0), compute_design_effect(1.0)
    (1.0, 10.0)
    """
    return 1.0 + (WITNESSES - 1) * max(correlation, 0.0)


def compute_part_effect(design_effect: float, residuals: Planes, valid: NDArray[np.bool_]) -> float:
    """Compute how many pixels of a small part of a region count as one witness of its class.

    A shade that is slow beside the part, as of a page under a lamp, is a deviation that all pixels around share as
    well: it makes neighbors alike and classes wide, and yet hides no small thing.

    Parameters
    ----------
    design_effect : float, >= 1
        As :func:`compute_design_effect` computes it of the correlation of all residuals.
    residuals : ndarray of shape (d, h, w), float32
        See :func:`measure_residuals`.
    valid : ndarray of shape (h, w), bool
        Pixels that count.

    Returns
    -------
    float, >= 1
        The design effect itself where slow shades are a small part of the variance within classes.
    """
    box = {"ddepth": -1, "ksize": (SHADE_PIXELS, 1), "borderType": load_cv2().BORDER_CONSTANT}
    counts = np.maximum(load_cv2().boxFilter(valid.astype(np.float32), **box), np.float32(0.5 / SHADE_PIXELS))
    total = left = 0.0
    for plane in residuals:
        local = (plane - load_cv2().boxFilter(plane, **box) / counts) * valid
        total += float((plane * plane).sum())
        left += float((local * local).sum())
    return max(1.0, design_effect * min(1.0, MIN_SHADE_FACTOR * left / total)) if total > 0 else design_effect


def compute_weight_power(design_effect: float, smoothness: float) -> float:
    """Compute how much the weights of the classes count at each pixel, beside its color and its neighbors.

    Parameters
    ----------
    design_effect : float, >= 1
        How many neighboring pixels count as one witness.
    smoothness : float, >= 0
        Log odds in nats that neighbors of one class give a pixel.

    Returns
    -------
    float, 0 to 1
        Power of the weights; 1 where neighbors count for nothing.

    Notes
    -----
    Neighbors decide together, so that the weight of their class is one reason and not one for each of them. Where each
    is a witness of its own, as in noise, counting it for each takes the border of a small class, and all of the class
    in the end. Where they repeat each other, their colors are counted as often as the weights are.

    Examples
    --------
    >>> [round(compute_weight_power(effect, 12.0), 3) for effect in (1.0, 6.0, 10.0)]
    [0.0, 0.5, 1.0]
    >>> compute_weight_power(1.0, 0.0)
    1.0
    """
    share = (design_effect - MAX_WEIGHTLESS_EFFECT) / (MIN_WEIGHTED_EFFECT - MAX_WEIGHTLESS_EFFECT)
    # Neighbors that hardly count decide little together.
    return 1 - (1 - min(1.0, max(0.0, share))) * (1 - math.exp(-smoothness))


def choose_bands(shape: tuple[int, int], reach: int) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Choose bands of rows spread over a working copy, each above rows that do not count.

    Parameters
    ----------
    shape : (height, width)
        Of the copy, in pixels.
    reach : int, >= 1, pixels
        Rows between bands, so that no pixel has neighbors in two of them.

    Returns
    -------
    rows : ndarray of shape (n,), int
        All rows of a small copy.
    is_counted : ndarray of shape (n,), bool
        Whether a row belongs to a band.
    """
    height, width = shape
    size = max(MIN_BAND_ROWS, MEASURED_PIXELS // (N_BANDS * width))
    if height <= N_BANDS * size:
        return np.arange(height), np.ones(height, dtype=bool)
    starts = np.linspace(0, height - size - reach, N_BANDS).astype(int)
    rows = starts[:, None] + np.arange(size + reach)
    return rows.reshape(-1), np.resize(np.arange(size + reach) < size, rows.size)


def measure_band_effects(
    features: Planes, posteriors: Planes, valid: NDArray[np.bool_], reach: int
) -> tuple[float, float]:
    """Measure the design effects of neighborhoods and of small parts, in the bands of :func:`choose_bands`.

    Parameters
    ----------
    features : ndarray of shape (d, h, w), float32
        In standard deviations within a class.
    posteriors : ndarray of shape (k, h, w), float32
        Of the classes, or their logarithms: a pixel belongs to the class with the highest.
    valid : ndarray of shape (h, w), bool
        Pixels that count.
    reach : int, >= 1, pixels
        Of the field.

    Returns
    -------
    design_effect : float, 1 to 10
        See :func:`compute_design_effect`.
    part_effect : float, 1 to `design_effect`
        See :func:`compute_part_effect`.
    """
    rows, is_counted = choose_bands(valid.shape, reach)
    valid = valid[rows] & is_counted[:, None]
    labels = find_highest_plane(posteriors.take(rows, axis=1))
    residuals = measure_residuals(features.take(rows, axis=1), labels, valid)
    design_effect = compute_design_effect(measure_neighbor_correlation(residuals, valid, reach))
    return design_effect, compute_part_effect(design_effect, residuals, valid)


def compute_temperature(correlation: float, overlap: float) -> float:
    """Compute by how much log odds are divided.

    Parameters
    ----------
    correlation : float
        Of residuals with those of the neighbors.
    overlap : float, 0 to 1
        Expected share of wrong labels by color alone.

    Returns
    -------
    float, >= 1
        The design effect of a neighborhood, times a factor for the overlap.

    Examples
    --------
    >>> compute_temperature(0.0, 0.0), compute_temperature(1.0, 0.0), compute_temperature(0.0, 0.5)
    (1.0, 10.0, 2.5)
    """
    return compute_design_effect(correlation) * (1.0 + OVERLAP_WEIGHT * overlap**2)


def measure_overlap(logs: Planes, valid: NDArray[np.bool_]) -> float:
    """Measure the expected share of wrong labels by color alone.

    Parameters
    ----------
    logs : ndarray of shape (k, h, w), float32
        Log posteriors of the classes by color.
    valid : ndarray of shape (h, w), bool
        Pixels that count.

    Returns
    -------
    float, 0 to 1
        0 where no pixel counts.

    Examples
    --------
    >>> logs = np.log(np.array([[[0.5, 0.9]], [[0.5, 0.1]]], np.float32))
    >>> round(measure_overlap(logs, np.ones((1, 2), bool)), 2)
    0.3
    """
    if not valid.any():
        return 0.0
    return float(1 - np.exp(logs.max(axis=0)[valid]).mean(dtype=np.float64))


def measure_component_overlaps(model: MixtureModel, cells: Cells) -> NDArray[np.float64]:
    """Measure the share of each component that lies where another is likelier.

    Parameters
    ----------
    model : MixtureModel
        K components.
    cells : Cells
        n cells; each counts once.

    Returns
    -------
    ndarray of shape (K,), float64, 0 to 1
        0 for a component without cells.

    Examples
    --------
    >>> from segment.mixture.cells import make_point_cells
    >>> model = MixtureModel(np.array([0.5, 0.5]), np.array([[0.0], [1.0]]), np.full((2, 1, 1), 0.1))
    >>> measure_component_overlaps(model, make_point_cells([[0.0], [0.4], [1.0]])).round(2)
    array([0.  , 0.22])
    """
    wrong, total = np.zeros((2, model.n_components))
    step = max(1, MAX_JUDGED_VALUES // model.n_components)
    for start in range(0, len(cells), step):
        posteriors = model.posteriors(cells[start : start + step])
        wrong += np.where(posteriors < posteriors.max(axis=1, keepdims=True), posteriors, 0).sum(axis=0)
        total += posteriors.sum(axis=0)
    return np.asarray(wrong / np.maximum(total, np.finfo(float).tiny))


def temper_posteriors(posteriors: Planes, temperature: float) -> Planes:
    """Make posteriors less sure; the most probable class stays the same.

    Parameters
    ----------
    posteriors : ndarray of shape (k, ...), float32
        Sum to 1 over the first axis.
    temperature : float, >= 1
        Log odds are divided by it.

    Returns
    -------
    ndarray of shape (k, ...), float32
        Sum to 1 over the first axis.

    Examples
    --------
    >>> temper_posteriors(np.array([0.8, 0.2], np.float32), 2.0).round(3)
    array([0.667, 0.333], dtype=float32)
    """
    if temperature == 1 or len(posteriors) < 2:
        return posteriors
    tempered = np.maximum(posteriors, np.float32(MIN_POSTERIOR))
    np.log(tempered, out=tempered)
    tempered -= tempered.max(axis=0)
    tempered /= np.float32(temperature)
    np.exp(tempered, out=tempered)
    tempered /= tempered.sum(axis=0)
    return np.asarray(tempered)
