"""Divide an image by light that varies smoothly across it. Image -> Image.

Light multiplies all bands alike, so it adds the same to their logarithms, whatever is in the picture. It is a cubic
function of the place here. How it is told from the colors of the picture is in
:func:`segment.mixture.shared_offset.fit_shared_offset`.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from segment.core.image import Image
from segment.preprocessor.preprocessor import shrink

__all__ = ["EvenImage", "LightSample", "compute_place_terms", "divide_by_light", "measure_seen_light", "sample_light"]

Floats = NDArray[np.float64]

SAMPLE_SIZE = 6000  # pixels
# Share of the bright values that is added to all before the logarithm, so that noise in the dark does not count; these
# are the values that 1 % of the pixels exceed.
DARK_OFFSET, BRIGHT_QUANTILE = 0.01, 0.99
DARKEST = 0.5  # black in mean light, as a share of a black above 0 of floats: the darkest may lie in bright light
# Slopes are those of a copy of this many pixels on the longer side, over a share of it; the least that counts, and how
# often their share is reckoned anew.
SLOPE_COPY_SIDE, SLOPES_ACROSS, MIN_SLOPE, SLOPE_ROUNDS = 128, 24, 1e-4, 20
LIGHT_STEPS, LIGHT_ROWS = 65535, 64  # of divided integers; rows that are handled at once


class LightSample(NamedTuple):
    """Pixels from which the light of an image is estimated.

    Attributes
    ----------
    logs : ndarray of shape (n, C), float64
        Logarithms of the values. Pixels that are black or white in all bands are left out: whatever the light, they
        would be black or white.
    terms : ndarray of shape (n, 9), float64
        Terms of a cubic function of the place, whose mean over the valid pixels is about 0.
    centers : ndarray of shape (9,), float64
        These means, which were taken off.
    spread : ndarray of shape (9, 9), float64
        Covariances of the terms over the valid pixels.
    offset : float
        What was added to the values before the logarithm.
    """

    logs: Floats
    terms: Floats
    centers: Floats
    spread: Floats
    offset: float


class EvenImage(NamedTuple):
    """An image that was divided by its light.

    Attributes
    ----------
    image : Image
    light : (float, float)
        Least and greatest light of the valid pixels, 1 being the mean of the logarithms.
    n_white : int
        Pixels that are white only in mean light.
    """

    image: Image
    light: tuple[float, float]
    n_white: int


def sample_light(image: Image) -> LightSample:
    """Draw the pixels from which the light is estimated.

    Parameters
    ----------
    image : Image
        Of any bands.

    Returns
    -------
    LightSample
        All pixels of a small image. Without any where all pixels are black or white.
    """
    at = np.flatnonzero(image.valid)
    if len(at) > SAMPLE_SIZE:
        at = np.sort(np.random.default_rng(0).choice(at, SAMPLE_SIZE, replace=False, shuffle=False))
    values = image.pixels.reshape(image.valid.size, -1)[at].astype(np.float64)
    terms = compute_place_terms(image.valid.shape, at).T
    centers = terms.mean(axis=0) if len(at) else np.zeros(9)
    terms -= centers
    is_used = ~((values <= image.black).all(axis=1) | (values >= image.white).all(axis=1))
    values = np.maximum(values[is_used] - _find_origin(image), 0)
    offset = DARK_OFFSET * float(np.quantile(values, BRIGHT_QUANTILE)) if len(values) else 1.0
    return LightSample(np.log(values + offset), terms[is_used], centers, terms.T @ terms / max(len(at), 1), offset)


def compute_place_terms(shape: tuple[int, int], at: NDArray[np.intp]) -> Floats:
    """Compute the terms of a cubic function of the place.

    Parameters
    ----------
    shape : (height, width)
        Of the image, in pixels.
    at : ndarray of shape (n,), int
        Numbers of pixels in row order.

    Returns
    -------
    ndarray of shape (9, n), float64
        Without the constant term; places are -1 to 1 from edge to edge.
    """
    y, x = (2 * place / size - 1 for place, size in zip(np.unravel_index(at, shape), shape, strict=True))
    xx, yy = x * x, y * y
    return np.stack([y, x, yy, x * y, xx, yy * y, x * yy, xx * y, xx * x])


def measure_seen_light(image: Image, sample: LightSample, weights: Floats) -> tuple[float, float]:
    """Measure how much of the slopes of a light is seen from place to place.

    Light varies within areas as well as from one to the next. Where colors of large areas were taken for light, areas
    are flat, and their borders alone have slopes: far larger ones, which count as outliers.

    Parameters
    ----------
    image : Image
        As the sample was drawn from.
    sample : LightSample
        Of the image.
    weights : ndarray of shape (9,), float64
        Of the terms of the place in the logarithm of the light.

    Returns
    -------
    seen : float
        1 where slopes of the image are those of the light, 0 where there are none. 1 for light without slopes.
    error : float, >= 0
        Its standard error.
    """
    copy = shrink(image, max_size=SLOPE_COPY_SIDE)
    shape, values = copy.valid.shape, copy.pixels.reshape(copy.valid.size, -1).astype(np.float64)
    is_used = copy.valid & ~((values <= copy.black).all(axis=1) | (values >= copy.white).all(axis=1)).reshape(shape)
    logs = np.log(np.maximum(values - _find_origin(copy), 0) + sample.offset).mean(axis=1).reshape(shape)
    light = (weights @ compute_place_terms(shape, np.arange(copy.valid.size))).reshape(shape)
    slopes = []
    # Of two lengths, as a regular pattern may have a border in each of one.
    for step in max(shape) // SLOPES_ACROSS + np.array([1, 2]):
        for first, second in ((np.s_[step:], np.s_[:-step]), (np.s_[:, step:], np.s_[:, :-step])):
            both = is_used[first] & is_used[second]
            slopes.append(np.stack([plane[first][both] - plane[second][both] for plane in (logs, light)]))
    seen, expected = np.concatenate(slopes, axis=1)
    power = float(expected @ expected)
    if power <= MIN_SLOPE**2 * max(1, expected.size):
        return 1.0, 0.0
    # Least absolute deviations, by weighted least squares.
    share = 1.0
    for _ in range(SLOPE_ROUNDS):
        deviations = np.abs(seen - share * expected)
        spread = float(np.median(deviations))
        counts = 1 / np.maximum(deviations, max(0.2 * spread, MIN_SLOPE))
        share = float((counts * seen) @ expected) / float((counts * expected) @ expected)
    # Of a median: 1.25 standard deviations, each 1.48 times the median deviation of normal values.
    return share, 1.25 * 1.48 * spread / math.sqrt(power)


def divide_by_light(image: Image, sample: LightSample, weights: Floats) -> EvenImage:
    """Divide an image by its light.

    Parameters
    ----------
    image : Image
        As the sample was drawn from. It is not changed.
    sample : LightSample
        Its centers count.
    weights : ndarray of shape (9,), float64
        Of the terms of the place in the logarithm of the light.

    Returns
    -------
    EvenImage
        Integers become 16 bits, from 0 to 65535, and floats 0 to 1: from 0, or black if that is below 0, to white, as
        in mean light. The scale does not depend on the light, so that images can share classes: higher values are
        white. Integers below a half are a half, as on a logarithmic scale, to which 0 would be far from 1.
    """
    origin, is_float = _find_origin(image), image.pixels.dtype.kind == "f"
    # Dark floats would be rounded to few steps, which a logarithmic scale would spread.
    top, dtype = (1.0, np.float32) if is_float else (LIGHT_STEPS, np.uint16)
    factor = top / ((image.white - origin) or 1.0)
    lowest, black = factor * image.step / 2, DARKEST * factor * (image.black - origin)
    pixels = np.zeros(image.pixels.shape, dtype=dtype)
    low, high, n_white = np.inf, -np.inf, 0
    # In strips, which need little memory.
    for start in range(0, image.height, LIGHT_ROWS):
        rows = slice(start, start + LIGHT_ROWS)
        valid = image.valid[rows]
        if not valid.any():
            continue
        at = np.arange(start * image.width, start * image.width + valid.size)
        logs = weights @ (compute_place_terms(image.valid.shape, at) - sample.centers[:, None])
        logs = logs.reshape(valid.shape)
        low, high = min(low, float(logs[valid].min())), max(high, float(logs[valid].max()))
        share = factor * np.exp(-logs)
        values = (image.pixels[rows] - origin) * (share if image.is_gray else share[..., None])
        is_white = (values > top) & (image.pixels[rows] < image.white)
        n_white += int(np.count_nonzero(valid & (is_white if image.is_gray else is_white.any(axis=2))))
        values = np.clip(values, lowest, top)
        pixels[rows] = values if is_float else np.rint(values)
    pixels[~image.valid] = 0
    light = (float(np.exp(low)), float(np.exp(high))) if low <= high else (1.0, 1.0)
    return EvenImage(replace(image, pixels=pixels, black=black, white=float(top), limits=None), light, n_white)


def _find_origin(image: Image) -> float:
    """Find the value of no light: black may be no more than the least value."""
    return min(image.black, 0.0)
