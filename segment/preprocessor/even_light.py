"""Divide an image by light that varies smoothly across it. Image -> Image.

Light multiplies all bands alike, so it adds the same to their logarithms, whatever is in the picture. It is a cubic
function of the place here. What is found of it by the classes of the picture is in
:func:`segment.mixture.shared_offset.fit_shared_offset`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from segment.core.image import Image

__all__ = ["LightSample", "compute_place_terms", "divide_by_light", "sample_light"]

Floats = NDArray[np.float64]

SAMPLE_SIZE = 6000  # pixels
# Share of the bright values that is added to all before the logarithm, so that noise in the dark does not count; these
# are the values that 1 % of the pixels exceed.
DARK_OFFSET, BRIGHT_QUANTILE = 0.01, 0.99
MAX_CLIPPED = 0.001  # share of the pixels that may become white
LIGHT_STEPS, LIGHT_ROWS = 65535, 64  # of the divided values; rows that are handled at once


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
    offset : float
        What was added to the values before the logarithm.
    """

    logs: Floats
    terms: Floats
    centers: Floats
    offset: float


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
    is_used = ~((values <= image.black).all(axis=1) | (values >= image.white).all(axis=1))
    values = np.maximum(values[is_used] - _find_origin(image), 0)
    offset = DARK_OFFSET * float(np.quantile(values, BRIGHT_QUANTILE)) if len(values) else 1.0
    return LightSample(np.log(values + offset), terms[is_used] - centers, centers, offset)


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


def divide_by_light(image: Image, sample: LightSample, weights: Floats) -> tuple[Image, tuple[float, float]]:
    """Divide an image by its light.

    Parameters
    ----------
    image : Image
        As the sample was drawn from. It is not changed.
    sample : LightSample
        Its centers and its offset count.
    weights : ndarray of shape (9,), float64
        Of the terms of the place in the logarithm of the light.

    Returns
    -------
    image : Image
        Of 16 bits, from 0 to 65535 for what was 0, or black if that is below 0, to white, as in mean light. Where more
        than a thousandth of the values would lie above white, all are lowered in proportion.
    light : (float, float)
        Least and greatest light of the valid pixels, 1 being the mean of the logarithms.
    """
    origin = _find_origin(image)
    scale, step = (image.white - origin) or 1.0, sample.terms @ weights
    even = np.exp(sample.logs - step[:, None]) - sample.offset
    brightest = float(np.quantile(even.max(axis=1), 1 - MAX_CLIPPED)) if len(even) else scale
    factor = LIGHT_STEPS / max(scale, brightest)
    pixels = np.zeros(image.pixels.shape, dtype=np.uint16)
    low, high = np.inf, -np.inf
    # In strips, which need little memory.
    for start in range(0, image.height, LIGHT_ROWS):
        rows = slice(start, start + LIGHT_ROWS)
        at = np.arange(start * image.width, min(start + LIGHT_ROWS, image.height) * image.width)
        logs = weights @ (compute_place_terms(image.valid.shape, at) - sample.centers[:, None])
        valid = image.valid[rows]
        logs = logs.reshape(valid.shape)
        if valid.any():
            used = logs[valid]
            low, high = min(low, float(used.min())), max(high, float(used.max()))
        share = factor * np.exp(-logs)
        share = share if image.is_gray else share[..., None]
        values = (image.pixels[rows] - origin + sample.offset) * share - factor * sample.offset
        pixels[rows] = np.rint(np.clip(values, 0, LIGHT_STEPS))
    pixels[~image.valid] = 0
    light = (float(np.exp(low)), float(np.exp(high))) if low <= high else (1.0, 1.0)
    return replace(image, pixels=pixels, black=0.0, white=float(LIGHT_STEPS)), light


def _find_origin(image: Image) -> float:
    """Find the value of no light: black may be no more than the least value."""
    return min(image.black, 0.0)
