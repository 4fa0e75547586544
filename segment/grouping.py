"""From an image to its region hierarchy: mixtures, boundaries where their posteriors change, and regions merged."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from segment.appearance import colour_maps, smooth_maps, texture_maps
from segment.image import Image
from segment.mixture.cells import Cells, pack
from segment.mixture.fitting import fit_mixture
from segment.mixture.model import MixtureModel
from segment.preprocessor import filled, shrink
from segment.spatial.adjacency import find_adjacency, region_sums
from segment.spatial.boundaries import basins, boundary_strength, resized
from segment.spatial.hierarchy import RegionHierarchy
from segment.spatial.merging import merge_regions
from segment.spatial.refinement import refine

__all__ = ["AUTO_LEVEL", "hierarchy_of", "region_hierarchy"]

Map = NDArray[np.float32]
Floats = NDArray[np.float64]

AUTO_LEVEL = 1.05  # trained on the training images of BSDS500: tests/benchmarks/QUALITY.md

_WORKING = 160_000  # pixels of the copy on which regions are found: lengths below are pixels of it
_COMPONENTS = (8, 16, 32)  # of the mixtures
_SAMPLE = 4000  # pixels that each mixture is fitted to
_N_STARTS = 1
_MAX_ITER = 12
_SHR = 0.0
_FEWEST_EACH = 4  # pixels in the sample for each component
_SCATTER = (1.0, 1.0, 1.0, 0.1, 0.1)  # of L, a, b and the two textures inside a cell of one pixel
_TEXTURE_UNIT = 0.15
_SIGMAS = (1.5, 3.0, 6.0)  # pixels
_COLOUR_UNITS = (100.0, 60.0, 60.0)
_COLOUR_WEIGHT = 3.0
_N_FINE = 400  # regions that agglomerative merging starts from
_AREA_POWER = 0.1


def region_hierarchy(source: ArrayLike | Image, *, seed: int = 0) -> RegionHierarchy:
    """Divide an image into regions, from hundreds of fine ones to a single one.

    Parameters
    ----------
    source : array_like of shape (H, W) or (H, W, 1 to 4), or Image
        Grey, RGB or RGBA pixels; see :meth:`segment.Image.from_array`. Not changed. For a file, give
        ``segment.load_image(path)``.
    seed : int, >= 0
        The same seed gives the same regions.

    Returns
    -------
    RegionHierarchy
        Its ``cut()`` is the label image of the regions that a person would draw, ``regions(n)`` that of n regions.

    Notes
    -----
    Regions are found on a copy of 0.16 megapixels, so a photograph has the same ones at any size, and their borders are
    brought to full size along the edges there. Smaller images are used as they are.
    """
    return hierarchy_of(source if isinstance(source, Image) else Image.from_array(source), seed=seed)


def hierarchy_of(
    image: Image, *, seed: int = 0, tell: Callable[[str], None] = lambda _: None
) -> RegionHierarchy:
    """The same for an Image; `tell` is called with the name of each stage as it begins."""
    tell("finding regions")
    factor = min(1.0, math.sqrt(_WORKING / (image.height * image.width)))
    working = shrink(image, max_size=max(1, round(max(image.height, image.width) * factor)))
    if not working.valid.any():
        nothing = np.zeros(image.valid.shape, dtype=np.int32)
        return RegionHierarchy(nothing, np.zeros((0, 2), dtype=np.intp), np.zeros(0), AUTO_LEVEL)
    evidence = _evidence(replace(working, pixels=filled(working)), seed)
    labels, n = basins(evidence.strength, working.valid)
    areas = np.bincount(labels[working.valid], minlength=n).astype(np.float64)
    fine = find_adjacency(labels, n, [evidence.strength]).merged_to(_N_FINE, areas)
    labels, n = np.where(working.valid, fine[labels], -1), int(fine.max()) + 1
    adjacency = find_adjacency(labels, n, [evidence.strength])
    ones = np.ones(labels.shape, dtype=np.float32)
    sums = region_sums(labels, n, [ones, *(resized(each, labels.shape) for each in evidence.posteriors)])
    tell("merging regions")
    merges, costs = merge_regions(adjacency, sums, _Difference(evidence.groups, float(areas.sum())))
    tell("drawing borders")
    pixels = filled(image)
    rgb = replace(image, pixels=pixels).as_bytes()
    rgb = np.repeat(rgb[..., None], 3, axis=2) if image.is_grey else rgb
    return RegionHierarchy(refine((labels + 1).astype(np.int32), rgb, image.valid), merges, costs, AUTO_LEVEL)


@dataclass(frozen=True)
class _Evidence:
    """What the working copy says: boundary strength (H, W), posterior maps, and which of them make up each mixture."""

    strength: Map
    posteriors: list[Map]
    groups: tuple[slice, ...]


@dataclass(frozen=True)
class _Difference:
    """How different two neighbouring regions are.

    (mean boundary strength on the border + mean Hellinger distance of the mixtures' mean posteriors)
    x (smaller area / image area) ** 0.1.
    """

    groups: tuple[slice, ...]
    area: float

    def __call__(self, borders: Floats, first: Floats, second: Floats) -> Floats:
        one, two = (np.sqrt(sums[:, 1:] / sums[:, :1]) for sums in (first, second))
        products = one * two
        shared = np.stack([products[:, columns].sum(axis=1) for columns in self.groups])
        hellinger = np.sqrt(np.maximum(1 - shared, 0)).mean(axis=0)
        smaller = np.minimum(first[:, 0], second[:, 0]) / self.area
        return np.asarray((borders[:, 1] / borders[:, 0] + hellinger) * smaller**_AREA_POWER)


def _evidence(image: Image, seed: int) -> _Evidence:
    colours = colour_maps(image)
    maps = np.concatenate([smooth_maps(colours), texture_maps(colours[0]) / np.float32(_TEXTURE_UNIT)])
    half = tuple(-(-side // 2) for side in maps.shape[1:])
    halved = np.stack([resized(each, half) for each in maps])
    posteriors: list[Map] = []
    groups = []
    for number, k in enumerate(_COMPONENTS):
        found = _posteriors(_mixture(maps, k, seed + number), halved)
        groups.append(slice(len(posteriors), len(posteriors) + len(found)))
        posteriors += list(found)
    change = boundary_strength(posteriors, sigmas=tuple(sigma / 2 for sigma in _SIGMAS)) / np.float32(len(groups))
    edges = [each / np.float32(unit) for each, unit in zip(colours, _COLOUR_UNITS, strict=False)]
    strength = resized(change, maps.shape[1:]) + np.float32(_COLOUR_WEIGHT) * boundary_strength(edges, sigmas=_SIGMAS)
    return _Evidence(strength, posteriors, tuple(groups))


def _mixture(maps: NDArray[np.float32], k: int, seed: int) -> MixtureModel:
    """A mixture of at most k components fitted to a grid of pixels of the maps (d, H, W)."""
    d, height, width = maps.shape
    step = max(1, round(math.sqrt(height * width / _SAMPLE)))
    grid = maps[:, step // 2 :: step, step // 2 :: step] if min(height, width) > step else maps[:, ::step, ::step]
    means = grid.reshape(d, -1).T.astype(np.float64)
    scatter = np.diag((*_SCATTER[: d - 2], *_SCATTER[3:]))
    cells = Cells(np.ones(len(means)), means, np.broadcast_to(pack(scatter), (len(means), d * (d + 1) // 2)))
    k = max(1, min(k, len(cells) // _FEWEST_EACH))
    return fit_mixture(cells, k, n_init=_N_STARTS, tol=1e-3, tol_step=math.inf, max_iter=_MAX_ITER, shrinkage=_SHR, seed=seed).model


def _posteriors(model: MixtureModel, maps: NDArray[np.float32]) -> NDArray[np.float32]:
    """The posterior of each component at each pixel of the maps (d, H, W): (k, H, W), float32."""
    found = model.posteriors(maps.reshape(len(maps), -1).T)
    return np.ascontiguousarray(found.T, dtype=np.float32).reshape(-1, *maps.shape[1:])
