"""What an image says of its regions: mixtures of its colors and textures, and where their posteriors change."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from segment.core.image import Image
from segment.mixture.cells import Cells, pack
from segment.mixture.em import run_em
from segment.mixture.initialization import build_clusters, draw_first_clusters, standardize_metric
from segment.mixture.model import MixtureModel
from segment.mixture.prior import Prior
from segment.segmenter.regions.boundary_strength import boundary_strengths, directional_changes, resized
from segment.segmenter.regions.edge_cues import edge_sums
from segment.segmenter.regions.merge_weights import EDGES
from segment.segmenter.regions.region_adjacency import (
    Adjacency,
    find_adjacency,
    region_sums,
    sparse_region_sums,
    sums_beside,
)
from segment.segmenter.regions.texture_maps import color_maps, oriented_maps, smooth_maps, texture_maps

__all__ = ["Evidence", "gather_evidence"]

Map = NDArray[np.float32]
Maps = NDArray[np.float32]
Floats = NDArray[np.float64]
Labels = NDArray[np.intp]

_COMPONENTS = (8, 16, 32)  # of the mixtures of color and texture
_TEXTONS = 12  # components of the mixture of oriented texture
_SAMPLE = 5000  # pixels that each mixture is fitted to
_FEWEST_EACH = 4  # pixels of the sample for each component
_MAX_ITER = 15
_SHRINKAGE = 0.3
_TEXTURE_UNIT = 0.15
_SCATTER = (1.0, 1.0, 1.0, 0.1, 0.1)  # of L, a, b and the two textures within one pixel
_TEXTON_SCATTER = 0.01
_TEXTON_AXES = 4  # principal axes of the oriented texture that are kept
_SIGMAS = (1.5, 3.0, 6.0)  # pixels
_COLOR_UNITS = (100.0, 60.0, 60.0)
_COLOR_WEIGHT = 3.0


@dataclass(frozen=True)
class Evidence:
    """Maps (H, W) of an image, float32.

    Attributes
    ----------
    strength : ndarray
        How strong a boundary runs through each pixel, all cues together.
    cues : list of ndarray
        The single cues, which are averaged along borders: see :mod:`segment.segmenter.regions.merge_cues` for
        their order.
    inner : list of ndarray
        What is summed inside regions, likewise.
    posteriors : ndarray of shape (k, h, w)
        The posteriors of all mixtures, at half the size.
    colors : ndarray of shape (6, h, w)
        L, a, b and their squares, at half the size.
    changes : ndarray of shape (10, 4, h, w)
        What changes in four directions, at half the size: see :func:`segment.segmenter.regions.edge_cues.edge_cues`.
    """

    strength: Map
    cues: list[Map]
    inner: list[Map]
    posteriors: Maps
    colors: Maps
    changes: Maps

    def borders(self, labels: Labels, n_regions: int) -> Adjacency:
        """Neighboring regions with the sums of the cues along their borders, and of what lies beside them.

        The coarsest mixture is left out there.
        """
        adjacency = find_adjacency(labels, n_regions, self.cues)
        edges = edge_sums(labels, adjacency, self.changes, EDGES)
        maps = np.concatenate([self.posteriors[_COMPONENTS[0] :], self.colors])
        borders = np.concatenate([adjacency.borders, edges], axis=1)
        return replace(adjacency, borders=borders, beside=sums_beside(labels, adjacency, maps))

    def sums(self, labels: Labels, n_regions: int) -> Floats:
        """The sums over each region that likeness is judged by: (n_regions, c)."""
        return np.concatenate(
            [region_sums(labels, n_regions, self.inner), sparse_region_sums(labels, n_regions, self.posteriors)], axis=1
        )


def gather_evidence(image: Image, *, seed: int) -> Evidence:
    """Look at an image, of which every pixel has a value, whether valid or not."""
    colors = color_maps(image)
    lightness = colors[0]
    texture = texture_maps(lightness)
    maps = np.concatenate([smooth_maps(colors), texture / np.float32(_TEXTURE_UNIT)])
    shape = lightness.shape
    half = (-(-shape[0] // 2), -(-shape[1] // 2))
    halved = np.stack([resized(each, half) for each in maps])
    scatter = np.array((*_SCATTER[: len(colors)], *_SCATTER[3:]))
    found = [_posteriors(_mixture(maps, k, scatter, seed + number), halved) for number, k in enumerate(_COMPONENTS)]
    textons = _principal(oriented_maps(resized(lightness, half)))
    texton_scatter = np.full(len(textons), _TEXTON_SCATTER)
    found.append(_posteriors(_mixture(textons, _TEXTONS, texton_scatter, seed + len(_COMPONENTS)), textons))
    sigmas = tuple(sigma / 2 for sigma in _SIGMAS)
    mixed = directional_changes(np.concatenate(found[:-1]), sigmas=sigmas)
    mixture = [resized(each, shape) / np.float32(len(_COMPONENTS)) for each in boundary_strengths(mixed, half)]
    textured = directional_changes(found[-1], sigmas=_SIGMAS)
    texton = np.mean(boundary_strengths(textured, half), axis=0)
    light = boundary_strengths(directional_changes([lightness / np.float32(_COLOR_UNITS[0])], sigmas=_SIGMAS), shape)
    edges = [each / np.float32(unit) for each, unit in zip(colors[1:], _COLOR_UNITS[1:], strict=False)]
    chroma = [np.zeros(shape, np.float32) for _ in _SIGMAS]
    if edges:
        chroma = boundary_strengths(directional_changes(edges, sigmas=_SIGMAS), shape)
    color = sum(np.hypot(*pair) for pair in zip(light, chroma, strict=True))
    strength = np.asarray((sum(mixture) + np.float32(_COLOR_WEIGHT) * color) / np.float32(len(_SIGMAS)))
    cues = [*mixture, resized(texton, shape), light[0], light[2], chroma[0], chroma[2], strength, strength**2]
    rows, columns = (
        np.broadcast_to(each, shape).astype(np.float32)
        for each in ((np.arange(shape[0])[:, None] + 0.5) / shape[0], (np.arange(shape[1]) + 0.5) / shape[1])
    )
    frame = np.zeros(shape, np.float32)
    for edge in (np.s_[0], np.s_[-1], np.s_[:, 0], np.s_[:, -1]):
        frame[edge] += 1
    lab = [*colors, *[np.zeros(shape, np.float32)] * (3 - len(colors))]
    inner = [np.ones(shape, np.float32), *lab, *(each**2 for each in lab), rows, columns, *texture, strength, frame]
    halved = np.stack([resized(each, half) for each in lab])
    return Evidence(
        strength,
        cues,
        inner,
        np.concatenate([_padded(each, k) for each, k in zip(found, (*_COMPONENTS, _TEXTONS), strict=True)]),
        np.concatenate([halved, halved**2]),
        _changes(mixed, textured, halved, np.stack([resized(each, half) for each in texture])),
    )


def _changes(mixed: list[Maps], textured: list[Maps], colors: Maps, texture: Maps) -> Maps:
    """What edges are judged by: changes of the mixtures, of the textons, of L, a b and texture (c, h, w), at that size.

    Those of the mixtures come first, at the finest and the coarsest scale.
    """
    finest, middle, coarsest = (sigma / 2 for sigma in _SIGMAS)
    kinds = [
        *(mixed[0], mixed[-1], *textured),
        *directional_changes(colors[:1], sigmas=(finest, coarsest)),
        *directional_changes(colors[1:], sigmas=(finest, coarsest)),
        *directional_changes(texture, sigmas=(middle,)),
    ]
    return np.stack([[resized(each, colors.shape[1:]) for each in four] for four in kinds])


def _padded(posteriors: Maps, k: int) -> Maps:
    """Posteriors of k components, the last of them 0 where an image has too few pixels for so many."""
    return np.concatenate([posteriors, np.zeros((k - len(posteriors), *posteriors.shape[1:]), np.float32)])


def _principal(maps: Maps) -> Maps:
    """The maps (c, h, w) along the principal axes of their values, in units of the largest deviation."""
    values = maps.reshape(len(maps), -1)
    centered = values - values.mean(axis=1, keepdims=True)
    variances, axes = np.linalg.eigh(centered.astype(np.float64) @ centered.T / values.shape[1])
    kept = axes[:, ::-1][:, :_TEXTON_AXES] / math.sqrt(max(float(variances[-1]), 1e-3))
    return np.asarray(kept.T.astype(np.float32) @ centered).reshape(-1, *maps.shape[1:])


def _mixture(maps: Maps, k: int, scatter: Floats, seed: int) -> MixtureModel:
    """A mixture of at most k components fitted to a grid of pixels of the maps (d, H, W)."""
    d, height, width = maps.shape
    step = max(1, round(math.sqrt(height * width / _SAMPLE)))
    grid = maps[:, min(step // 2, height - 1) :: step, min(step // 2, width - 1) :: step]
    means = grid.reshape(d, -1).T.astype(np.float64)
    cells = Cells(np.ones(len(means)), means, np.broadcast_to(pack(np.diag(scatter)), (len(means), d * (d + 1) // 2)))
    k = max(1, min(k, len(cells) // _FEWEST_EACH))
    labels = draw_first_clusters(cells, k, "k-means++", 1, standardize_metric(cells), np.random.default_rng(seed))
    plain = Prior(np.eye(d), 0.0, np.zeros(d))
    start = build_clusters(cells, labels, k, "full", plain)[0]
    pooled = np.einsum("k,kij->ij", start.weights, start.covariances)
    prior = Prior(pooled, _SHRINKAGE * len(cells) / k, np.zeros(d))
    start = build_clusters(cells, labels, k, "full", prior)[0]
    return run_em(cells, start, prior, tol=1e-3, max_iter=_MAX_ITER, accelerate=False).model


def _posteriors(model: MixtureModel, maps: Maps) -> Maps:
    """The posterior of each component at each pixel of the maps (d, H, W): (k, H, W), float32."""
    found = model.posteriors(maps.reshape(len(maps), -1).T)
    return np.ascontiguousarray(found.T, dtype=np.float32).reshape(-1, *maps.shape[1:])
