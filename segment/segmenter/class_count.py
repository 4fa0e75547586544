"""What images tell about the number of their classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segment.core.image import Image
from segment.features.color_index import ColorIndex
from segment.features.color_space import FeatureSpace
from segment.features.pixel_features import collect_cells
from segment.mixture.cells import Cells, concatenate
from segment.mixture.model import MixtureModel
from segment.mixture.selection import Selection, choose_n_components, compute_residuals
from segment.preprocessor.preprocessor import shrink

__all__ = ["choose_classes", "contrast", "correlation_area", "effective_size", "interior"]


# How many classes a picture has is judged on a copy of so many pixels on the longer side,
_SIDE = 256
# without this share of its pixels: those at edges mix two classes, or ring in a JPEG, and speak for none.
_EDGES = 0.2
# Colors that differ by less than about this share of the way from black to white, two of 255 levels, are one color:
# without it a flat area with a trace of compression noise is worth a class for every level that occurs.
_SAME_COLOR = 2 / 255
# No picture is worth more observations than these: a class of 1 % of it then still has ten of them, as many as there
# are parameters of a class of color. Classes are never Gaussian, and with enough observations that shows.
_MOST_WORTH = 1000.0
_FAR = 16.0  # squared distance, in squared standard deviations, beyond which a pixel is no farther from its class


def choose_classes(
    cells: Cells,
    space: FeatureSpace,
    images: Sequence[Image],
    k_range: tuple[int, int],
    *,
    criterion: str = "bic",
    components_per_class: int = 1,
    covariance_type: str = "full",
    seed: int = 0,
) -> Selection:
    """Choose the number of classes by a criterion that counts independent pixels.

    Parameters
    ----------
    cells : Cells
        Those of all images: what is looked at where smaller copies have no valid pixel, and the most classes there are.
    space : FeatureSpace
    images : sequence of Image
    k_range, criterion, components_per_class, covariance_type, seed
        As for :func:`segment.mixture.selection.choose_n_components`.
    """
    copies = [_copy(image) for image in images]
    found = concatenate(*(_evidence(space, copy) for copy in copies))
    if len(found) == 0:  # the valid pixels are so scattered that none is left in a smaller copy
        found = cells
    return choose_n_components(
        found,
        (min(k_range[0], len(cells)), min(k_range[1], len(cells))),
        criterion=criterion,
        components_per_class=components_per_class,
        n_effective=lambda model: min(_MOST_WORTH, sum(_independent_pixels(model, space, copy) for copy in copies)),
        covariance_type=covariance_type,
        metric=space.compute_start_metric(found),
        seed=seed,
    )


def _copy(image: Image) -> Image:
    """A small copy in which only the pixels inside areas are valid."""
    copy = shrink(image, max_size=_SIDE)
    pixels = ColorIndex(copy).pixels.reshape(*copy.valid.shape, -1)
    return replace(copy, valid=interior(pixels, copy.valid, edges=_EDGES))


def _evidence(space: FeatureSpace, copy: Image) -> Cells:
    """The cells of a copy, each as wide as colors are alike."""
    cells = collect_cells(space, ColorIndex(copy).iterate_parts(), exact=True)
    steps = _SAME_COLOR * (space.white - space.black)  # the scatter of a cell is that of one step, 1 / 12
    return replace(cells, scatters=cells.scatters * (1 + 12 * steps**2))


def _independent_pixels(model: MixtureModel, space: FeatureSpace, copy: Image) -> float:
    """The number of independent pixels that a copy is worth.

    The criteria sum up log densities, which within a component fall with the squared distance from its mean: so it is
    the dependence of these distances that counts.
    """
    left = compute_residuals(model, space.make_cells(ColorIndex(copy).pixels))
    distances = 1 + np.minimum((left**2).sum(axis=1), _FAR)  # 1 tells what does not vary at all from mere rounding
    return effective_size(distances.reshape(*copy.valid.shape, 1), copy.valid)


def interior(pixels: NDArray[Any], valid: NDArray[np.bool_], *, edges: float) -> NDArray[np.bool_]:
    """The valid pixels without those of the greatest contrast to their neighbors.

    Parameters
    ----------
    pixels : ndarray of shape (H, W, c)
    valid : ndarray of shape (H, W), bool
    edges : float, 0 to 1
        Share of the valid pixels to leave out, at most: those of equal contrast stay or go together.

    Returns
    -------
    ndarray of shape (H, W), bool
    """
    if not valid.any():
        return valid
    found = contrast(pixels, valid)
    return np.asarray(valid & (found <= np.quantile(found[valid], 1 - edges, method="higher")))


def contrast(pixels: NDArray[Any], valid: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Greatest minus least value in the 3 x 3 valid pixels around each pixel, in the channel where it is greatest.

    Parameters
    ----------
    pixels : ndarray of shape (H, W, c)
    valid : ndarray of shape (H, W), bool

    Returns
    -------
    ndarray of shape (H, W), float64, >= 0
        0 where a pixel is not valid.
    """
    values = np.asarray(pixels, dtype=np.float64)
    high = _around(np.maximum, np.where(valid[..., None], values, -np.inf))
    low = _around(np.minimum, np.where(valid[..., None], values, np.inf))
    spread = np.zeros(valid.shape)
    spread[valid] = (high[valid] - low[valid]).max(axis=-1, initial=0.0)
    return spread


def _around(combine: np.ufunc, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The maximum or minimum over the 3 x 3 values around each, fewer at the rim."""
    tall = values.copy()
    combine(tall[1:], values[:-1], out=tall[1:])
    combine(tall[:-1], values[1:], out=tall[:-1])
    wide = tall.copy()
    combine(wide[:, 1:], tall[:, :-1], out=wide[:, 1:])
    combine(wide[:, :-1], tall[:, 1:], out=wide[:, :-1])
    return wide


Floats = NDArray[np.float64]
# Correlations are followed to the distance at which they have fallen to this. Beyond it lie slow trends, such as
# shading, and the noise of the estimate, summed over a great many distances.
_CUT = 0.05


def effective_size(maps: Floats, valid: NDArray[np.bool_]) -> float:
    """The number of independent pixels that know as much of a mean as the pixels of the maps together.

    With n pixels of one variance and correlation rho(h) at displacement h, the variance of their mean is that of
    n / sum(rho(h)) independent ones (Bayley & Hammersley 1946, J. R. Stat. Soc. Suppl. 8; in the plane e.g. Cressie
    1993, Statistics for Spatial Data, 1.3).

    Parameters
    ----------
    maps : ndarray of shape (H, W, m), float64
        m quantities at each pixel, of one scale.
    valid : ndarray of shape (H, W), bool
        Pixels that count.

    Returns
    -------
    float
        From 1 to the number of valid pixels; 1 where there is none. Twice as many pixels of the same scene make no
        difference once neighbors are alike.
    """
    return max(1.0, np.count_nonzero(valid) / correlation_area(maps, valid))


def correlation_area(maps: Floats, valid: NDArray[np.bool_]) -> float:
    """Sum of the autocorrelation over all displacements up to the distance at which it has fallen to 5 %, in pixels.

    The autocorrelation is that of all maps together, each around its mean; every displacement counts with the share of
    the pixels that have a partner there.

    Parameters
    ----------
    maps : ndarray of shape (H, W, m), float64
    valid : ndarray of shape (H, W), bool

    Returns
    -------
    float
        At least 1, which is that of white noise. Maps that do not vary have no correlation and area 1.
    """
    pixels = np.count_nonzero(valid)
    mask = valid.astype(np.float64)
    centered = (maps - maps[valid].mean(axis=0) if pixels else maps) * mask[..., None]
    products = _products(np.moveaxis(centered, 2, 0))
    if not products[0, 0] > np.finfo(float).eps * pixels * (maps**2).sum(axis=2).max(initial=0.0):
        return 1.0
    pairs = np.rint(_products(mask[None]))
    height, width = pairs.shape
    rows, columns = (np.minimum(np.arange(n), n - np.arange(n)) for n in (height, width))
    distance = np.rint(np.hypot(rows[:, None], columns)).astype(np.intp)
    paired = np.maximum(np.bincount(distance.ravel(), weights=pairs.ravel()), 1.0)
    mean_product = np.bincount(distance.ravel(), weights=products.ravel()) / paired
    fallen = mean_product < _CUT * mean_product[0]
    near = distance < (fallen.argmax() if fallen.any() else len(fallen))
    return max(1.0, float(products[near].sum() / products[0, 0]))


def _products(maps: Floats) -> Floats:
    """Sum over the maps (m, H, W) of the products of all pixels with those at each displacement: (2 H, 2 W)."""
    shape = (2 * maps.shape[1], 2 * maps.shape[2])
    power = sum((np.abs(np.fft.rfft2(values, shape)) ** 2 for values in maps), start=np.zeros(()))
    return np.asarray(np.fft.irfft2(power, shape))
