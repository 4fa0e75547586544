"""From an image to its region hierarchy: evidence on a small copy, watershed, merging, borders at full size."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from segment.core.errors import ImageError
from segment.core.image import Image
from segment.core.stages import Stage
from segment.core.threads import limit_library_threads
from segment.preprocessor.preprocessor import fill_invalid, shrink
from segment.segmenter.field.noise_level import smooth_noise
from segment.segmenter.regions.agglomeration import absorb_small, group_regions, merge_regions
from segment.segmenter.regions.border_refinement import RefinedRegions, refine_borders
from segment.segmenter.regions.boundary_evidence import BoundaryEvidence, gather_evidence
from segment.segmenter.regions.flat_areas import find_flat_pixels, raise_flat_costs, sum_flat_colors
from segment.segmenter.regions.merge_cues import compute_merge_costs
from segment.segmenter.regions.region_adjacency import Adjacency, find_adjacency
from segment.segmenter.regions.region_division import divide_regions
from segment.segmenter.regions.region_hierarchy import RegionHierarchy
from segment.segmenter.regions.watershed_basins import find_even_basins, find_watershed_basins

__all__ = ["AUTO_LEVEL", "find_fine_regions", "find_hierarchy", "region_hierarchy"]

Floats = NDArray[np.float64]
Labels = NDArray[np.intp]
Mask = NDArray[np.bool_]

AUTO_LEVEL = 0.52  # chosen on BSDS500: tests/benchmarks/QUALITY.md

_MAX_COPY_PIXELS = 160_000  # of the copy on which regions are found; all lengths are in pixels of it
_MIN_NOISE_SHARE = 0.15  # of the variance of the copy: the borders of such images are too weak without smoothing
# The odds that people part two regions, relative to what the costs say of a smoothed image, whose borders are weaker.
_SMOOTHED_ODDS_FACTOR = 2.5
_MAX_FINE_REGIONS = 600  # for which merge costs are computed
_MIN_AREA_SHARE = 0.001  # of the valid area: smaller regions are merged with a neighbor in the automatic cut
_MERGED_SHARE = 0.125  # of the basins are merged in one round, at most


def region_hierarchy(
    source: ArrayLike | Image, *, min_regions: int = 1, on_stage: Callable[[str], None] = lambda _: None
) -> RegionHierarchy:
    """Divide an image into regions, from hundreds of fine ones to a single one.

    Parameters
    ----------
    source : array_like of shape (H, W), (H, W, 1) or (H, W, 3), or Image
        Gray or RGB pixels; see :meth:`segment.Image.from_array`, which also takes transparency (``alpha=True``). Not
        changed. For a file, give ``segment.load_image(path)``.
    min_regions : int
        Above 600 the fine regions are at least so many superpixels of about the same size, as those of SLIC are;
        up to 600, and where these are still too few, the largest of the regions found are divided by a grid.
    on_stage : callable
        Called with the name of each stage as it begins.

    Returns
    -------
    RegionHierarchy
        Its ``cut()`` is the label image of the regions that a person would draw, ``regions(n)`` that of n regions.
        Without regions if no pixel is valid.

    Raises
    ------
    ImageError
        If the array is no image, or neither gray nor RGB: the weights of the boundaries were learned from such images.

    Notes
    -----
    Boundaries are where the posteriors of Gaussian mixtures of color and texture change, and where lightness and chroma
    do, the more so where a small network sees a border. The basins between them (watershed) are merged in the order of
    the probability that a person parts two regions, which a perceptron gives, also from what a second network says of
    places far from each other. All were trained on BSDS500, the first layers of the networks before that on ImageNet.
    Nothing is random.

    An image of which 15 % of the variance or more is noise from pixel to pixel is smoothed first.

    In drawings, of whose pixels 60 % or more equal those around them, each flat area is a region, and areas of clearly
    different colors (10 units of CIELAB or more apart) cost at least 0.9 to merge.

    Regions are found on a copy of 0.16 megapixels, so lengths are relative to the image, and their borders are brought
    to full size along the edges there. Smaller images are used as they are. Each region is 4-connected; only pixels
    that the mask cuts off from all others, fewer than one of the copy covers, belong to a region elsewhere. The same
    photograph at another size has much the same regions, but not exactly: a large merge that costs about the level may
    fall on its other side (measured in tests/benchmarks/QUALITY.md).

    Examples
    --------
    A dark image with a gray square, and a light one in it. The regions are shown at every eighth pixel:

    >>> import numpy as np
    >>> import segment
    >>> image = np.full((64, 64), 20, dtype=np.uint8)
    >>> image[16:48, 16:48] = 120
    >>> image[24:40, 24:40] = 220
    >>> hierarchy = segment.region_hierarchy(image)
    >>> hierarchy.cut()[4::8, 4::8]
    array([[1, 1, 1, 1, 1, 1, 1, 1],
           [1, 1, 1, 1, 1, 1, 1, 1],
           [1, 1, 2, 2, 2, 2, 1, 1],
           [1, 1, 2, 3, 3, 2, 1, 1],
           [1, 1, 2, 3, 3, 2, 1, 1],
           [1, 1, 2, 2, 2, 2, 1, 1],
           [1, 1, 1, 1, 1, 1, 1, 1],
           [1, 1, 1, 1, 1, 1, 1, 1]], dtype=int32)
    >>> int(hierarchy.regions(2).max())
    2
    """
    image = source if isinstance(source, Image) else Image.from_array(source)
    return find_hierarchy(image, min_regions, on_stage)[0]


def find_hierarchy(image: Image, min_regions: int, on_stage: Callable[[str], None]) -> tuple[RegionHierarchy, Image]:
    """Divide a gray or RGB image into regions, smoothed where noise would hide their borders.

    Parameters
    ----------
    image : Image
        It is not changed.
    min_regions : int
        The hierarchy has as many regions at least, if the image has the pixels.
    on_stage : callable
        Called with the name of each stage as it begins.

    Returns
    -------
    hierarchy : RegionHierarchy
    image : Image
        What was divided: a smoothed image of the same size where 15 % of the variance or more is noise, else the same.

    Raises
    ------
    ImageError
        If the image is neither gray nor RGB.
    """
    if image.n_bands not in (1, 3):
        raise ImageError(
            f"regions are found in gray or RGB images; got {image.n_bands} bands. Choose some with --bands."
        )
    original, image = image, smooth_noise(image, "rgb", min_share=_MIN_NOISE_SHARE, max_pixels=_MAX_COPY_PIXELS)
    on_stage(Stage.FIND_REGIONS)
    # The same number of pixels for every large image, so that lengths are relative to the image.
    factor = min(1.0, math.sqrt(_MAX_COPY_PIXELS / (image.height * image.width)))
    copy = shrink(image, max_size=max(1, round(max(image.height, image.width) * factor)))
    if not copy.valid.any():
        # Pixels so few and so scattered that the copy shows none of them are one region.
        nothing = np.zeros((0, 2), dtype=np.intp)
        return RegionHierarchy(image.valid.astype(np.int32), nothing, np.zeros(0), AUTO_LEVEL), image
    with limit_library_threads():
        copy = replace(copy, pixels=fill_invalid(copy))
        evidence = gather_evidence(copy)
        is_flat = find_flat_pixels(copy)
        are_even = min_regions > _MAX_FINE_REGIONS
        if are_even:
            labels, _ = find_even_basins(evidence.strength, copy.valid, min_regions)
        else:
            labels, _ = find_fine_regions(evidence, copy.valid, is_flat=is_flat)
        on_stage(Stage.DRAW_BORDERS)
        rgb = replace(image, pixels=fill_invalid(image)).to_uint8()
        rgb = np.repeat(rgb[..., None], 3, axis=2) if image.is_gray else rgb
        refined = refine_borders((labels + 1).astype(np.int32), rgb, image.valid, are_even=are_even)
        on_stage(Stage.MERGE_REGIONS)
        odds_factor = 1.0 if image is original else _SMOOTHED_ODDS_FACTOR
        merges, costs = _merge_refined(copy, is_flat, evidence, labels, refined, odds_factor)
    hierarchy = RegionHierarchy(refined.label_image, merges, costs, AUTO_LEVEL)
    return divide_regions(hierarchy, min_regions) if hierarchy.n_fine < min_regions else hierarchy, image


def find_fine_regions(evidence: BoundaryEvidence, valid: Mask, *, is_flat: Mask | None = None) -> tuple[Labels, int]:
    """Find the watershed basins of the changes, and merge them across the weakest borders to some hundreds.

    Parameters
    ----------
    evidence : BoundaryEvidence
        Of an image of H x W pixels.
    valid : ndarray of shape (H, W), bool
        No region reaches beyond these pixels.
    is_flat : ndarray of shape (H, W), bool, optional
        The flat pixels of a drawing: each of its flat areas is a basin.

    Returns
    -------
    labels : ndarray of shape (H, W), int
        0..n - 1; -1 where not valid.
    n : int
        Number of regions.
    """
    labels, n = find_watershed_basins(evidence.change, evidence.strength, valid, is_flat=is_flat)
    # Thousands of basins are too many for the costs of merging, which need many cues.
    areas = np.bincount(labels[valid], minlength=n)[:, None].astype(np.float64)
    borders = find_adjacency(labels, n, [evidence.strength])
    merges, _ = merge_regions(borders, areas, _compute_border_weights, share=_MERGED_SHARE, n_regions=_MAX_FINE_REGIONS)
    group, n = group_regions(n, merges)
    return np.where(valid, group[labels], -1), n


def _compute_border_weights(adjacency: Adjacency, areas: Floats) -> Floats:
    """Compute mean boundary strength times the smaller area to the power 0.3: small regions are merged first."""
    smaller = areas[adjacency.pairs, 0].min(axis=1)
    return np.asarray(adjacency.borders[:, 1] / adjacency.borders[:, 0] * smaller**0.3)


def _merge_refined(
    copy: Image,
    is_flat: Mask | None,
    evidence: BoundaryEvidence,
    labels: Labels,
    refined: RefinedRegions,
    odds_factor: float,
) -> tuple[Labels, Floats]:
    """Merge the regions that touch at full size, by the evidence of the copy, where their labels are from 0.

    The odds of all costs are multiplied by `odds_factor`.
    """
    # Some regions of the copy have no pixel at full size; some at full size are none of the copy, and never merge.
    known = np.flatnonzero(refined.origin)
    n, n_further = len(known), len(refined.origin) - len(known)
    number = np.full(int(labels.max()) + 2, -1)
    number[refined.origin[known]] = known
    labels = number[labels + 1]
    touching = refined.pairs[(refined.pairs < n).all(axis=1)]
    sums = evidence.sum_inside(labels, n)
    areas = sums[:, 0]
    adjacency = find_adjacency(labels, n, evidence.cues).select_pairs(touching)
    n_cues = sums.shape[1]
    if is_flat is not None:
        sums = np.column_stack([sums, sum_flat_colors(copy, is_flat, labels, n)])

    def compute_costs(adjacency: Adjacency, sums: Floats) -> Floats:
        costs = _compute_known_costs(adjacency, sums[:, :n_cues])
        costs = odds_factor * costs / (1 + (odds_factor - 1) * costs)
        return costs if is_flat is None else raise_flat_costs(costs, adjacency.pairs, sums[:, n_cues:])

    merges, costs = merge_regions(adjacency, sums, compute_costs)
    # Nodes from n on are merges; they move behind the regions that the copy does not know.
    merges, costs = absorb_small(merges, costs, areas, min_area=_MIN_AREA_SHARE * areas.sum(), level=AUTO_LEVEL)
    return np.where(merges < n, merges, merges + n_further), costs


def _compute_known_costs(adjacency: Adjacency, sums: Floats) -> Floats:
    """Compute the merge costs of neighbors; 1 where two regions touch at full size only, so that nothing is known."""
    known = adjacency.borders[:, 0] > 0
    costs = np.ones(len(known))
    if known.any():
        subset = Adjacency(adjacency.n_regions, adjacency.pairs[known], adjacency.borders[known])
        costs[known] = compute_merge_costs(subset, sums)
    return costs
