"""Evidence for boundaries and regions in an image: mixtures of color and texture, and where their posteriors change."""

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
from segment.segmenter.regions.boundary_strength import (
    compute_boundary_strengths,
    compute_directional_changes,
    resize_map,
)
from segment.segmenter.regions.edge_cues import sum_edge_odds
from segment.segmenter.regions.merge_weights import load_perceptron
from segment.segmenter.regions.region_adjacency import (
    Adjacency,
    find_adjacency,
    sum_beside_borders,
    sum_half_size_maps,
    sum_maps,
)
from segment.segmenter.regions.texture_maps import (
    compute_color_maps,
    compute_oriented_maps,
    compute_texture_maps,
    smooth_maps,
)

__all__ = ["BoundaryEvidence", "gather_evidence"]

Map = NDArray[np.float32]
Maps = NDArray[np.float32]
Floats = NDArray[np.float64]
Labels = NDArray[np.intp]

_COMPONENTS = (8, 16, 32)  # of the three mixtures of color and texture
_TEXTONS = 12  # components of the mixture of oriented texture
_MAX_SAMPLED_PIXELS = 5000  # about as many are fitted by each mixture
_MIN_PIXELS_PER_COMPONENT = 4  # of the sample
_MAX_ITER = 15
_SHRINKAGE = 0.3  # weight of the pooled covariance as a prior, as a share of a component's pixels
_TEXTURE_UNIT = 0.15
_SCATTER = (1.0, 1.0, 1.0, 0.1, 0.1)  # of L, a, b and the two textures within one pixel
_TEXTON_SCATTER = 0.01
_MAX_TEXTON_AXES = 4  # principal axes of the oriented texture that are used
_SIGMAS = (1.5, 3.0, 6.0)  # pixels
_LAB_UNITS = (100.0, 60.0, 60.0)
_COLOR_WEIGHT = 3.0


@dataclass(frozen=True)
class BoundaryEvidence:
    """Maps of an image: how strong a boundary runs through each pixel, and what regions are compared by.

    Attributes
    ----------
    strength : ndarray of shape (H, W), float32
        How strong a boundary runs through each pixel, all cues together.
    cues : list of ndarray of shape (H, W), float32
        The single cues, which are averaged along borders: see :mod:`segment.segmenter.regions.merge_cues` for
        their order.
    inner : list of ndarray of shape (H, W), float32
        What is summed inside regions, likewise.
    posteriors : ndarray of shape (k, h, w), float32
        The posteriors of all mixtures, at half the size.
    colors : ndarray of shape (6, h, w), float32
        L, a, b and their squares, at half the size.
    changes : ndarray of shape (10, 4, h, w), float32
        Changes in four directions, at half the size: see
        :func:`segment.segmenter.regions.edge_cues.compute_edge_cues`.
    """

    strength: Map
    cues: list[Map]
    inner: list[Map]
    posteriors: Maps
    colors: Maps
    changes: Maps

    def find_borders(self, labels: Labels, n_regions: int) -> Adjacency:
        """Find neighboring regions, with the sums of the cues along their borders and of the maps beside them.

        Parameters
        ----------
        labels : ndarray of shape (H, W), int
            0..n_regions - 1; negative pixels belong to no region.
        n_regions : int

        Returns
        -------
        Adjacency
            As :func:`segment.segmenter.regions.merge_cues.compute_merge_cues` takes it.
        """
        adjacency = find_adjacency(labels, n_regions, self.cues)
        odds = sum_edge_odds(labels, adjacency, self.changes, load_perceptron("edges"))
        # Beside borders the first mixture, of 8 components, is left out.
        maps = np.concatenate([self.posteriors[_COMPONENTS[0] :], self.colors])
        borders = np.concatenate([adjacency.borders, odds], axis=1)
        return replace(adjacency, borders=borders, beside=sum_beside_borders(labels, adjacency, maps))

    def sum_inside(self, labels: Labels, n_regions: int) -> Floats:
        """Sum the maps over each region that merge costs are computed from.

        Parameters
        ----------
        labels : ndarray of shape (H, W), int
            0..n_regions - 1; negative pixels belong to no region.
        n_regions : int

        Returns
        -------
        ndarray of shape (n_regions, c), float64
            As :func:`segment.segmenter.regions.merge_cues.compute_merge_cues` takes them.
        """
        inner = sum_maps(labels, n_regions, self.inner)
        return np.concatenate([inner, sum_half_size_maps(labels, n_regions, self.posteriors)], axis=1)


def gather_evidence(image: Image, *, seed: int) -> BoundaryEvidence:
    """Gather the evidence for boundaries and regions in an image.

    Parameters
    ----------
    image : Image
        H x W pixels. Every pixel must have a value, whether valid or not.
    seed : int, >= 0
        Seed of the mixtures' starts.

    Returns
    -------
    BoundaryEvidence
    """
    colors = compute_color_maps(image)
    lightness, shape = colors[0], colors[0].shape
    half = (-(-shape[0] // 2), -(-shape[1] // 2))
    texture = compute_texture_maps(lightness)
    # Mixtures of smoothed color and texture, and one of oriented texture (textons).
    mixtures = _compute_mixture_posteriors(colors, texture, half, seed)
    axes = _project_on_principal_axes(compute_oriented_maps(resize_map(lightness, half)))
    texton_scatter = np.full(len(axes), _TEXTON_SCATTER)
    texton_model = _fit_mixture(axes, _TEXTONS, texton_scatter, seed + len(_COMPONENTS))
    textons = _compute_posteriors(texton_model, axes)
    # Boundary strengths: where the posteriors, the lightness and the chroma change.
    mixture_changes = compute_directional_changes(np.concatenate(mixtures), sigmas=tuple(s / 2 for s in _SIGMAS))
    mixture_strengths = compute_boundary_strengths(mixture_changes, half)
    mixed = [resize_map(each, shape) / np.float32(len(_COMPONENTS)) for each in mixture_strengths]
    texton_changes = compute_directional_changes(textons, sigmas=_SIGMAS)
    texton = np.mean(compute_boundary_strengths(texton_changes, half), axis=0)
    light, chroma = _compute_color_strengths(colors)
    # Lightness and chroma are perpendicular axes of CIELAB, so their strengths add as vectors do.
    color = sum(np.hypot(*pair) for pair in zip(light, chroma, strict=True))
    strength = np.asarray((sum(mixed) + np.float32(_COLOR_WEIGHT) * color) / np.float32(len(_SIGMAS)))
    cues = [*mixed, resize_map(texton, shape), light[0], light[2], chroma[0], chroma[2], strength, strength**2]
    # Maps to be summed inside regions; a gray image has a and b of 0.
    lab = [*colors, *[np.zeros(shape, np.float32)] * (3 - len(colors))]
    rows, columns, frame = _compute_place_maps(shape)
    inner = [np.ones(shape, np.float32), *lab, *(each**2 for each in lab), rows, columns, *texture, strength, frame]
    half_lab = np.stack([resize_map(each, half) for each in lab])
    half_texture = np.stack([resize_map(each, half) for each in texture])
    padded = [_pad_components(each, k) for each, k in zip((*mixtures, textons), (*_COMPONENTS, _TEXTONS), strict=True)]
    return BoundaryEvidence(
        strength,
        cues,
        inner,
        np.concatenate(padded),
        np.concatenate([half_lab, half_lab**2]),
        _stack_changes(mixture_changes, texton_changes, half_lab, half_texture),
    )


def _compute_mixture_posteriors(colors: Maps, texture: Maps, half: tuple[int, int], seed: int) -> list[Maps]:
    """Fit the mixtures of smoothed color and texture and compute their posteriors at half the size, each (k, h, w)."""
    maps = np.concatenate([smooth_maps(colors), texture / np.float32(_TEXTURE_UNIT)])
    half_maps = np.stack([resize_map(each, half) for each in maps])
    scatter = np.array((*_SCATTER[: len(colors)], *_SCATTER[3:]))
    models = [_fit_mixture(maps, k, scatter, seed + number) for number, k in enumerate(_COMPONENTS)]
    return [_compute_posteriors(model, half_maps) for model in models]


def _compute_color_strengths(colors: Maps) -> tuple[list[Map], list[Map]]:
    """Compute the boundary strengths of lightness and of chroma, (H, W) at each scale; a gray image has no chroma."""
    lightness, shape = colors[0], colors[0].shape
    light_changes = compute_directional_changes([lightness / np.float32(_LAB_UNITS[0])], sigmas=_SIGMAS)
    light = compute_boundary_strengths(light_changes, shape)
    scaled = [each / np.float32(unit) for each, unit in zip(colors[1:], _LAB_UNITS[1:], strict=False)]
    if not scaled:
        return light, [np.zeros(shape, np.float32) for _ in _SIGMAS]
    return light, compute_boundary_strengths(compute_directional_changes(scaled, sigmas=_SIGMAS), shape)


def _compute_place_maps(shape: tuple[int, int]) -> tuple[Map, Map, Map]:
    """Compute the row and column of each pixel, in 0..1, and how many of its sides lie on the frame of the image."""
    rows, columns = (
        np.broadcast_to(each, shape).astype(np.float32)
        for each in ((np.arange(shape[0])[:, None] + 0.5) / shape[0], (np.arange(shape[1]) + 0.5) / shape[1])
    )
    frame = np.zeros(shape, np.float32)
    for edge in (np.s_[0, :], np.s_[-1, :], np.s_[:, 0], np.s_[:, -1]):
        frame[edge] += 1
    return rows, columns, frame


def _stack_changes(mixture_changes: list[Maps], texton_changes: list[Maps], lab: Maps, texture: Maps) -> Maps:
    """Stack the changes of mixtures, textons, lightness, chroma and texture, at the size of `lab`: (10, 4, h, w).

    Those of the mixtures at the finest and the coarsest scale come first: they decide in which direction edges run.
    """
    finest, middle, coarsest = (sigma / 2 for sigma in _SIGMAS)
    kinds = [
        *(mixture_changes[0], mixture_changes[-1], *texton_changes),
        *compute_directional_changes(lab[:1], sigmas=(finest, coarsest)),
        *compute_directional_changes(lab[1:], sigmas=(finest, coarsest)),
        *compute_directional_changes(texture, sigmas=(middle,)),
    ]
    return np.stack([[resize_map(each, lab.shape[1:]) for each in four] for four in kinds])


def _pad_components(posteriors: Maps, k: int) -> Maps:
    """Append components of posterior 0, up to k, where an image has too few pixels for so many."""
    return np.concatenate([posteriors, np.zeros((k - len(posteriors), *posteriors.shape[1:]), np.float32)])


def _project_on_principal_axes(maps: Maps) -> Maps:
    """Project maps (c, h, w) on the principal axes of their values, in units of the largest standard deviation."""
    values = maps.reshape(len(maps), -1)
    centered = values - values.mean(axis=1, keepdims=True)
    variances, axes = np.linalg.eigh(centered.astype(np.float64) @ centered.T / values.shape[1])
    # Eigenvalues ascend, so the last axes are the principal ones.
    principal = axes[:, ::-1][:, :_MAX_TEXTON_AXES] / math.sqrt(max(float(variances[-1]), 1e-3))
    return np.asarray(principal.T.astype(np.float32) @ centered).reshape(-1, *maps.shape[1:])


def _fit_mixture(maps: Maps, k: int, scatter: Floats, seed: int) -> MixtureModel:
    """Fit a mixture of at most k components to a grid of pixels of the maps (d, H, W)."""
    d, height, width = maps.shape
    step = max(1, round(math.sqrt(height * width / _MAX_SAMPLED_PIXELS)))
    # The grid begins in the middle of a step, so that it does not prefer one side of the image.
    grid = maps[:, min(step // 2, height - 1) :: step, min(step // 2, width - 1) :: step]
    means = grid.reshape(d, -1).T.astype(np.float64)
    cells = Cells(np.ones(len(means)), means, np.broadcast_to(pack(np.diag(scatter)), (len(means), d * (d + 1) // 2)))
    k = max(1, min(k, len(cells) // _MIN_PIXELS_PER_COMPONENT))
    labels = draw_first_clusters(cells, k, "k-means++", 1, standardize_metric(cells), np.random.default_rng(seed))
    # The covariance within the first clusters, pooled, is the prior that keeps small components from collapsing.
    plain = Prior(np.eye(d), 0.0, np.zeros(d))
    start = build_clusters(cells, labels, k, "full", plain)[0]
    pooled = np.einsum("k,kij->ij", start.weights, start.covariances)
    prior = Prior(pooled, _SHRINKAGE * len(cells) / k, np.zeros(d))
    start = build_clusters(cells, labels, k, "full", prior)[0]
    return run_em(cells, start, prior, tol=1e-3, max_iter=_MAX_ITER, accelerate=False).model


def _compute_posteriors(model: MixtureModel, maps: Maps) -> Maps:
    """Compute the posterior of each component at each pixel of the maps (d, H, W): (k, H, W), float32."""
    posteriors = model.posteriors(maps.reshape(len(maps), -1).T)
    return np.ascontiguousarray(posteriors.T, dtype=np.float32).reshape(-1, *maps.shape[1:])
