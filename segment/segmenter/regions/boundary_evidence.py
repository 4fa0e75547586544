"""Evidence for boundaries and regions in an image: mixtures of color and texture, and where their posteriors change."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segment.core.image import Image
from segment.core.threads import IMPORT_LOCK
from segment.mixture.cells import Cells, make_point_cells
from segment.mixture.em import run_em
from segment.mixture.initialization import build_clusters, standardize_metric
from segment.mixture.kmeans import run_k_means
from segment.mixture.model import MixtureModel
from segment.mixture.packed_matrices import pack
from segment.mixture.prior import Prior
from segment.segmenter.regions.boundary_strength import compute_boundary_strengths, resize_map
from segment.segmenter.regions.region_networks import (
    BorderNetwork,
    DescriptorNetwork,
    load_border_network,
    load_descriptor_network,
)
from segment.segmenter.regions.texture_maps import compute_color_maps, compute_texture_maps, scale_to_rgb, smooth_maps

__all__ = ["BoundaryEvidence", "gather_evidence"]

Map = NDArray[np.float32]
Maps = NDArray[np.float32]
Floats = NDArray[np.float64]
Labels = NDArray[np.intp]

_COMPONENTS = (8, 16, 32)  # of the three mixtures of color and texture
_MAX_SAMPLED_PIXELS = 5000  # about as many are fitted by each mixture
_MIN_PIXELS_PER_COMPONENT = 4  # of the sample
_MAX_ITER_K_MEANS, _MAX_ITER = 5, 15  # of k-means and of EM
_SHRINKAGE = 0.3  # weight of the pooled covariance as a prior, as a share of a component's pixels
_TEXTURE_UNIT = 0.15
_SCATTER = (1.0, 1.0, 1.0, 0.1, 0.1)  # of L, a, b and the two textures within one pixel
_SIGMAS = (1.5, 3.0, 6.0)  # pixels
_LAB_UNITS = (100.0, 60.0, 60.0)
_COLOR_WEIGHT = 3.0
_MAX_LOG_ODDS = np.float32(5.0)  # of the network: it is not surer than this
_N_FINE_DISTANCES = 2  # of the network's distances, the smallest, tell where borders run
_BORDER_WEIGHT = np.float32(10.0)  # of these probabilities: a sure border is as strong as ten times the change


@dataclass(frozen=True)
class BoundaryEvidence:
    """Maps of an image: how strong a boundary runs through each pixel, and what regions are compared by.

    Attributes
    ----------
    change : ndarray of shape (H, W), float32
        How much the mixtures, the lightness and the chroma change at each pixel.
    strength : ndarray of shape (H, W), float32
        How strong a boundary runs through each pixel: the change, where the network sees a border too.
    cues : list of ndarray of shape (H, W), float32
        The single cues, which are averaged along borders: see :mod:`segment.segmenter.regions.merge_cues` for
        their order.
    contents : ndarray of shape (k, h, w), float32
        What is averaged inside regions, at half the size: the posteriors of all mixtures, then the descriptors of
        places.
    """

    change: Map
    strength: Map
    cues: list[Map]
    contents: Maps

    def sum_inside(self, labels: Labels, n_regions: int) -> Floats:
        """Sum over each region what merge costs are computed from: its area and the contents.

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
        with IMPORT_LOCK:
            from scipy.sparse import csr_matrix

        rows, columns = np.nonzero(labels >= 0)
        regions = labels[rows, columns]
        k, _, width = self.contents.shape
        values = self.contents.reshape(k, -1).T
        # A sparse matrix of (region, pixel at half the size) counts the pixels that each of these covers.
        entries = (np.ones(len(rows), dtype=np.float32), (regions, rows // 2 * width + columns // 2))
        covered = csr_matrix(entries, shape=(n_regions, len(values)))
        return np.column_stack([np.bincount(regions, minlength=n_regions), covered @ values])


def gather_evidence(
    image: Image, *, border_network: BorderNetwork | None = None, descriptor_network: DescriptorNetwork | None = None
) -> BoundaryEvidence:
    """Gather the evidence for boundaries and regions in an image.

    Parameters
    ----------
    image : Image
        H x W pixels. Every pixel must have a value, whether valid or not.
    border_network, descriptor_network : optional
        Those of the package by default.

    Returns
    -------
    BoundaryEvidence
        Maps (H, W); what regions are compared by has half the size, rounded up.
    """
    colors = compute_color_maps(image)
    shape = colors[0].shape
    half = (-(-shape[0] // 2), -(-shape[1] // 2))
    texture = compute_texture_maps(colors[0])
    posteriors = _compute_mixture_posteriors(colors, texture, half)
    # Boundary strengths: where the posteriors, the lightness and the chroma change.
    mixture_strengths = compute_boundary_strengths(posteriors, half, sigmas=tuple(s / 2 for s in _SIGMAS))
    mixed = [resize_map(each, shape) / np.float32(len(_COMPONENTS)) for each in mixture_strengths]
    # A gray image has an a and b of 0.
    gray = [np.zeros(shape, np.float32)] * (3 - len(colors))
    scaled = [each / np.float32(unit) for each, unit in zip((*colors, *gray), _LAB_UNITS, strict=True)]
    light, chroma = (compute_boundary_strengths(part, shape, sigmas=_SIGMAS) for part in (scaled[:1], scaled[1:]))
    # Lightness and chroma are perpendicular axes of CIELAB, so their strengths add as vectors do.
    color = sum(np.hypot(*pair) for pair in zip(light, chroma, strict=True))
    change = np.asarray((sum(mixed) + np.float32(_COLOR_WEIGHT) * color) / np.float32(len(_SIGMAS)))
    rgb = scale_to_rgb(image)
    odds = (border_network or load_border_network()).compute_log_odds(rgb)
    parted = 1 / (1 + np.exp(-np.clip(odds, -_MAX_LOG_ODDS, _MAX_LOG_ODDS)))
    # Multiplied, so that no border is strong where nothing changes.
    strength = change * (1 + _BORDER_WEIGHT * parted[:_N_FINE_DISTANCES].sum(axis=0))
    cues = [*mixed, light[0], light[2], chroma[0], chroma[2], strength, strength**2, *parted]
    descriptors = (descriptor_network or load_descriptor_network()).compute_descriptors(rgb)
    return BoundaryEvidence(change, strength, cues, np.concatenate([posteriors, descriptors]))


def _compute_mixture_posteriors(colors: Maps, texture: Maps, half: tuple[int, int]) -> Maps:
    """Fit the mixtures of smoothed color and texture and compute their posteriors at half the size, (k, h, w).

    Where an image has too few pixels or colors for so many components, the posteriors of the others are 0.
    """
    maps = np.concatenate([smooth_maps(colors), texture / np.float32(_TEXTURE_UNIT)])
    half_maps = np.stack([resize_map(each, half) for each in maps])
    scatter = np.array((*_SCATTER[: len(colors)], *_SCATTER[3:]))
    values = half_maps.reshape(len(maps), -1).T
    posteriors = np.zeros((sum(_COMPONENTS), len(values)), dtype=np.float32)
    first = 0
    for k in _COMPONENTS:
        found = _fit_mixture(maps, k, scatter).posteriors(values).T
        posteriors[first : first + len(found)] = found
        first += k
    return posteriors.reshape(-1, *half)


def _fit_mixture(maps: Maps, k: int, scatter: Floats) -> MixtureModel:
    """Fit a mixture of at most k components to a grid of pixels of the maps (d, H, W)."""
    d, height, width = maps.shape
    step = max(1, round(math.sqrt(height * width / _MAX_SAMPLED_PIXELS)))
    # The grid begins in the middle of a step, so that it does not prefer one side of the image.
    grid = maps[:, min(step // 2, height - 1) :: step, min(step // 2, width - 1) :: step]
    means = grid.reshape(d, -1).T.astype(np.float64)
    cells = Cells(np.ones(len(means)), means, np.broadcast_to(pack(np.diag(scatter)), (len(means), d * (d + 1) // 2)))
    k = max(1, min(k, len(cells) // _MIN_PIXELS_PER_COMPONENT))
    points = make_point_cells(means @ standardize_metric(cells))
    centers = _find_centers(points.means, k)
    labels = run_k_means(points, centers, max_iter=_MAX_ITER_K_MEANS).labels[None]
    k = len(centers)
    # The covariance within the first clusters, pooled, is the prior that keeps small components from collapsing.
    plain = Prior(np.eye(d), 0.0, np.zeros(d))
    start = build_clusters(cells, labels, k, "full", plain)[0]
    pooled = np.einsum("k,kij->ij", start.weights, start.covariances)
    prior = Prior(pooled, _SHRINKAGE * len(cells) / k, np.zeros(d))
    start = build_clusters(cells, labels, k, "full", prior)[0]
    return run_em(cells, start, prior, tol=1e-3, max_iter=_MAX_ITER, accelerate=False).model


def _find_centers(points: Floats, k: int) -> Floats:
    """Find the means of k clusters, fewer if points coincide, by halving the widest across its principal axis.

    Nothing is random: an image that differs little has much the same clusters (Su & Dy 2007, Intell. Data Anal. 11).
    """
    clusters, axes = [points], [_find_principal_axis(points)]
    while len(clusters) < k:
        widest = max(range(len(axes)), key=lambda number: axes[number][0])
        cluster, (spread, axis) = clusters[widest], axes[widest]
        is_beyond = (cluster - cluster.mean(axis=0)) @ axis > 0
        if spread <= 0 or not is_beyond.any() or is_beyond.all():
            break
        clusters[widest : widest + 1] = [cluster[~is_beyond], cluster[is_beyond]]
        axes[widest : widest + 1] = [_find_principal_axis(part) for part in clusters[widest : widest + 2]]
    return np.stack([cluster.mean(axis=0) for cluster in clusters])


def _find_principal_axis(points: Floats) -> tuple[float, Floats]:
    """Find how much the points (n, d) spread along their principal axis, and that axis (d,)."""
    centered = points - points.mean(axis=0)
    spreads, axes = np.linalg.eigh(centered.T @ centered)
    return float(spreads[-1]), axes[:, -1]
