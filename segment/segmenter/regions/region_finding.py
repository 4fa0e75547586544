"""From an image to its region hierarchy: evidence on a working copy, watershed, merging, borders at full size."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from segment.core.image import Image
from segment.preprocessor.preprocessor import fill_invalid, shrink
from segment.segmenter.regions.agglomeration import absorb_small, members, merge_regions
from segment.segmenter.regions.border_refinement import Refined, refine
from segment.segmenter.regions.boundary_evidence import Evidence, gather_evidence
from segment.segmenter.regions.boundary_strength import basins
from segment.segmenter.regions.merge_cues import difference
from segment.segmenter.regions.region_adjacency import Adjacency, find_adjacency, region_sums
from segment.segmenter.regions.region_hierarchy import RegionHierarchy

__all__ = ["AUTO_LEVEL", "build_region_hierarchy", "fine_regions", "region_hierarchy"]

Floats = NDArray[np.float64]
Labels = NDArray[np.intp]

AUTO_LEVEL = 0.58  # chosen on the training images of BSDS500: tests/benchmarks/QUALITY.md

_WORKING = 160_000  # pixels of the copy on which regions are found; all lengths are in pixels of it
_N_FINE = 600  # regions that likeness is asked about
_SMALLEST = 0.001  # of the area: smaller regions are not told from their neighbors in the automatic cut
_SHARE = 0.125  # of the basins are merged in one round


def region_hierarchy(source: ArrayLike | Image, *, seed: int = 0) -> RegionHierarchy:
    """Divide an image into regions, from hundreds of fine ones to a single one.

    Parameters
    ----------
    source : array_like of shape (H, W) or (H, W, 1 to 4), or Image
        Gray, RGB or RGBA pixels; see :meth:`segment.Image.from_array`. Not changed. For a file, give
        ``segment.load_image(path)``.
    seed : int, >= 0
        The same seed gives the same regions.

    Returns
    -------
    RegionHierarchy
        Its ``cut()`` is the label image of the regions that a person would draw, ``regions(n)`` that of n regions.

    Notes
    -----
    Regions are found on a copy of 0.16 megapixels, so lengths are relative to the image, and their borders are brought
    to full size along the edges there. Smaller images are used as they are. Each region is 4-connected; only pixels
    that the mask cuts off from all others, fewer than one of the copy covers, belong to a region elsewhere. The same
    photograph at another size has much the same regions, but not exactly: mixtures fitted to copies that differ by
    single levels differ about as with another seed (measured in tests/benchmarks/QUALITY.md).
    """
    return build_region_hierarchy(source if isinstance(source, Image) else Image.from_array(source), seed=seed)


def build_region_hierarchy(
    image: Image, *, seed: int = 0, on_stage: Callable[[str], None] = lambda _: None
) -> RegionHierarchy:
    """The same for an Image; `tell` is called with the name of each stage as it begins."""
    on_stage("finding regions")
    factor = min(1.0, math.sqrt(_WORKING / (image.height * image.width)))
    working = shrink(image, max_size=max(1, round(max(image.height, image.width) * factor)))
    if not working.valid.any():
        nothing = np.zeros(image.valid.shape, dtype=np.int32)
        return RegionHierarchy(nothing, np.zeros((0, 2), dtype=np.intp), np.zeros(0), AUTO_LEVEL)
    evidence = gather_evidence(replace(working, pixels=fill_invalid(working)), seed=seed)
    labels, _ = fine_regions(evidence, working.valid)
    on_stage("drawing borders")
    rgb = replace(image, pixels=fill_invalid(image)).to_uint8()
    rgb = np.repeat(rgb[..., None], 3, axis=2) if image.is_gray else rgb
    refined = refine((labels + 1).astype(np.int32), rgb, image.valid)
    on_stage("merging regions")
    merges, costs = _merged(evidence, labels, refined)
    return RegionHierarchy(refined.label_image, merges, costs, AUTO_LEVEL)


def _merged(evidence: Evidence, labels: Labels, refined: Refined) -> tuple[Labels, Floats]:
    """The merges of regions that touch at full size, by the evidence of the copy, where their labels were from 0."""
    known = np.flatnonzero(refined.origin)
    n, n_further = len(known), len(refined.origin) - len(known)
    number = np.full(int(labels.max()) + 2, -1)
    number[refined.origin[known]] = known
    labels = number[labels + 1]
    touching = refined.pairs[(refined.pairs < n).all(axis=1)]
    sums = evidence.sums(labels, n)
    merges, costs = merge_regions(evidence.borders(labels, n).between(touching), sums, _cost)
    areas = sums[:, 0]
    merges, costs = absorb_small(merges, costs, areas, smallest=_SMALLEST * areas.sum(), level=AUTO_LEVEL)
    return np.where(merges < n, merges, merges + n_further), costs


def _cost(adjacency: Adjacency, sums: Floats) -> Floats:
    """How different neighbors are; entirely if they touch at full size alone, so that nothing is known."""
    known = adjacency.borders[:, 0] > 0
    costs = np.ones(len(known))
    if known.any():
        seen = Adjacency(adjacency.n_regions, adjacency.pairs[known], adjacency.borders[known], adjacency.beside[known])
        costs[known] = difference(seen, sums)
    return costs


def fine_regions(evidence: Evidence, valid: NDArray[np.bool_]) -> tuple[Labels, int]:
    """The basins of the boundary strength, merged across the weakest borders to some hundreds: labels from 0, number.

    Pixels that are not valid have label -1.
    """
    labels, n = basins(evidence.strength, valid)
    areas = region_sums(labels, n, [np.ones(valid.shape, dtype=np.float32)])
    borders = find_adjacency(labels, n, [evidence.strength])
    merges, _ = merge_regions(borders, areas, _weakness, share=_SHARE, n_regions=_N_FINE)
    group, n = members(n, merges)
    return np.where(valid, group[labels], -1), n


def _weakness(adjacency: Adjacency, areas: Floats) -> Floats:
    """Mean boundary strength between two regions, times the smaller area to the power 0.3: small regions go first."""
    smaller = areas[adjacency.pairs, 0].min(axis=1)
    return np.asarray(adjacency.borders[:, 1] / adjacency.borders[:, 0] * smaller**0.3)
