"""Warn of uneven light: where one smooth function of the place would explain the image better than its classes do.

Light multiplies all channels alike, so it adds the same to their logarithms, whatever the class. A cubic function of
the place is fitted to the deviations of the pixels from the mean of their class; then each pixel gets the class that is
nearest once that light is taken off, and so on in turns, as for the bias field of a scanner (Wells et al. 1996, IEEE
Trans. Med. Imaging 15, 429-442). A sky above land depends on the place as well, but what varies within the sky and
within the land is no common function of it. And where nothing but a smooth surface is divided, classes run into each
other in even light too. ``tests/benchmarks/QUALITY.md`` has how often that holds.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from segment.core.image import Image
from segment.core.pixel_arrays import find_highest_plane
from segment.features.color_index import ColorIndex
from segment.features.color_space import FeatureSpace
from segment.preprocessor.even_light import compute_place_terms
from segment.preprocessor.masking import find_flat_border
from segment.preprocessor.working_copy import make_working_copy
from segment.segmenter.class_mixture import ClassMixture
from segment.segmenter.field.noise_level import NORMAL_MEDIAN

__all__ = ["DIVIDE_BY_PICTURE", "measure_uneven_light", "warn_of_uneven_light"]

Floats = NDArray[np.float64]

MAX_PIXELS = 2**14  # of the copy that is looked at: noise averages out
MAX_SAMPLE = 2**11  # of its pixels
DIVIDE_BY_ESTIMATE = "Give --even-light, which divides by an estimate of it"
DIVIDE_BY_PICTURE = "Divide the raster by one of a blank sheet in the same light, or give a smaller copy to segment run"
N_ROUNDS = 8
MIN_SAMPLE = 2**10  # pixels with a label: fewer tell nothing of light
MIN_SHARE = 0.05  # of the pixels: smaller classes do not count
DARK_OFFSET = 0.03  # of the range of values, added before the logarithm, so that noise in the dark does not count
MIN_EXPLAINED, MIN_MOVED = 0.6, 0.02  # from which on the light is told
# How far apart classes lie in even light: the distance of their medians by the sum of their deviations, both robust.
# Two halves of one normal distribution have 1.1, of a uniform one 1.3.
MIN_SEPARATION = 2.1


def warn_of_uneven_light(
    image: Image, classes: ClassMixture, space: FeatureSpace, parts: Iterable[Image], remedy: str = DIVIDE_BY_ESTIMATE
) -> tuple[str, ...]:
    """Say that the light is uneven where that moves pixels to other classes.

    Parameters
    ----------
    image : Image
        The preprocessed image or its working copy. It is not changed.
    classes : ClassMixture
        Pixels are labeled by their colors alone, which is the same for an image in memory and for a raster in tiles.
    space : FeatureSpace
        How a color becomes a feature vector.
    parts : iterable of Image
        Parts of the image at its full size, looked at only where there is something to say. If none has more colors
        than there are classes, as in a dithered picture, only averages in the copy vary within a class.
    remedy : str
        A sentence without its period.

    Returns
    -------
    tuple of str
        A sentence, if there is something to say.

    Examples
    --------
    >>> import segment
    >>> rows, columns = np.mgrid[:60, :80]
    >>> light, things = 0.6 + columns / 100, np.sin(rows / 4) * np.sin(columns / 5) > 0.4
    >>> image = Image.from_array(np.uint8((90 + 60 * things) * light))
    >>> result = segment.segment_image(image, k=2)
    >>> warn_of_uneven_light(image, result.class_mixture, result.space, [image])[0].partition(",")[0]
    'the light is uneven'
    """
    explained, moved = measure_uneven_light(image, classes, space)
    # A flat border takes part of the place and of a class without having light; it is told by itself.
    if explained < MIN_EXPLAINED or moved < MIN_MOVED or find_flat_border(image) is not None:
        return ()
    if not any(ColorIndex(part).has_colors(classes.n_classes + 1) for part in parts):
        return ()
    return (
        f"the light is uneven, and shares depend on it: in even light {100 * moved:.0f} % of the pixels would be of "
        f"another class. {remedy}",
    )


def measure_uneven_light(image: Image, classes: ClassMixture, space: FeatureSpace) -> tuple[float, float]:
    """Measure how well one smooth function of the place explains how light the pixels of all classes are.

    Parameters
    ----------
    image, classes, space
        As for :func:`warn_of_uneven_light`.

    Returns
    -------
    explained : float
        Share of the variance within a class that the function explains, in the class where it is least; at most 1, and
        negative where it explains nothing. 0 where fewer than two classes count, few pixels are valid, or the classes
        run into each other once the function is taken off.
    moved : float, 0 to 1
        Share of the pixels that are nearer to another class than theirs once the function is taken off.
    """
    if classes.n_classes < 2:
        return 0.0, 0.0
    colors, logs, places = _draw_sample(_make_copy(image))
    if len(colors) < MIN_SAMPLE:
        return 0.0, 0.0
    labels = classes.label_cells(space.make_cells(colors)).astype(np.intp)
    counts = np.bincount(labels, minlength=classes.n_classes + 1)
    counts[0] = 0
    large = np.flatnonzero(counts >= max(1, MIN_SHARE * len(labels)))
    if len(large) < 2:
        return 0.0, 0.0
    number_of = np.full(classes.n_classes + 1, -1)
    number_of[large] = np.arange(len(large))
    numbers = number_of[labels]
    is_large = numbers >= 0
    numbers = first = numbers[is_large]
    # The terms of the function, the channels and the lightness one below the other, around their means: no digits are
    # lost.
    everything = np.concatenate([places, logs, logs.mean(axis=0, keepdims=True)]).compress(is_large, axis=1)
    everything -= everything.mean(axis=1, keepdims=True)
    n_terms, products = len(places), everything @ everything.T
    for turn in range(N_ROUNDS + 1):
        # Products of the deviations from the means of the classes: those of the values without those of the means.
        averages, sizes = _average(everything, numbers, len(large))
        within = products - (averages.T * sizes) @ averages
        weights = np.linalg.lstsq(within[:n_terms, :n_terms], within[:n_terms, -1], rcond=None)[0]
        if turn == N_ROUNDS:
            break
        means = averages[:, n_terms:-1] - (averages[:, :n_terms] @ weights)[:, None]
        # The nearest mean in even light, by its squared distance without the part that is the same for all, negative:
        # a product with the terms and the channels, from which the function of the terms is taken off.
        factors = np.concatenate([-2 * means.sum(axis=1, keepdims=True) * weights, 2 * means], axis=1)
        nearest = find_highest_plane(factors @ everything[:-1] - (means**2).sum(axis=1)[:, None])
        if np.array_equal(nearest, numbers):
            break
        numbers = nearest
    deviations = everything - averages.T.take(numbers, axis=1)
    terms, values = deviations[:n_terms], deviations[-1]
    left = np.bincount(numbers, (values - weights @ terms) ** 2, len(large))
    total = np.bincount(numbers, values**2, len(large))
    is_left = total > 0
    explained = float((1 - left[is_left] / total[is_left]).min(initial=1.0)) if is_left.any() else 0.0
    even = everything[n_terms:-1] - weights @ everything[:n_terms]
    if explained >= MIN_EXPLAINED and _measure_separation(even.T, numbers) < MIN_SEPARATION:
        return 0.0, 0.0
    return explained, float(np.mean(numbers != first))


def _measure_separation(values: Floats, numbers: NDArray[np.integer]) -> float:
    """Measure how far apart the two nearest classes lie: distance of the medians by the sum of the deviations.

    Values (n, c) count along the line of both medians; deviations are medians too, so that no few pixels decide.
    """
    groups = [values[numbers == number] for number in np.unique(numbers)]
    centers = [_find_median(group) for group in groups]
    nearest = np.inf
    for (i, one), (j, other) in combinations(enumerate(groups), 2):
        line = centers[i] - centers[j]
        off = _find_median(np.abs((one - centers[i]) @ line)) + _find_median(np.abs((other - centers[j]) @ line))
        nearest = min(nearest, NORMAL_MEDIAN * float(line @ line) / max(float(off), np.finfo(float).tiny))
    return nearest


def _find_median(values: Floats) -> Floats:
    """Find the median of the rows, the lower one of two; np.median loads numpy.ma."""
    middle = (len(values) - 1) // 2
    return np.asarray(np.partition(values, middle, axis=0)[middle])


def _make_copy(image: Image) -> Image:
    """Make the copy that is looked at: the means of squares of pixels, as whole ones are averaged much faster."""
    side = round(math.sqrt(image.valid.size / MAX_PIXELS))
    height, width = (max(1, side) * (size // max(1, side)) for size in image.valid.shape)
    if side < 2 or not height * width:
        return make_working_copy(image, MAX_PIXELS)
    squares = replace(image, pixels=image.pixels[:height, :width], valid=image.valid[:height, :width], interest=None)
    return make_working_copy(squares, height * width // side**2)


def _draw_sample(copy: Image) -> tuple[NDArray[np.generic], Floats, Floats]:
    """Draw valid pixels: colors (n, C), their logarithms (C, n), and terms of a cubic function of the place (9, n)."""
    at = np.flatnonzero(copy.valid)
    at = at[:: max(1, len(at) // MAX_SAMPLE)]
    index = ColorIndex(copy)
    colors = index.pixels[at]
    scale = float(index.white) - float(index.black)
    shares = np.maximum((colors.T.astype(np.float64) - float(index.black)) / (scale or 1.0), 0)
    return colors, np.log(shares + DARK_OFFSET), compute_place_terms(copy.valid.shape, at)


def _average(values: Floats, numbers: NDArray[np.integer], k: int) -> tuple[Floats, Floats]:
    """Average the columns (m, n) of each class 0..k-1, (k, m), and count them, (k,)."""
    members = (numbers == np.arange(k)[:, None]).astype(values.dtype)
    sizes = members.sum(axis=1)
    return np.asarray(members @ values.T / np.maximum(sizes, 1)[:, None]), sizes
