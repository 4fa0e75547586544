"""From tiles to labels."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segment.config.config import SegmentConfig
from segment.core.image import Image
from segment.pipeline.class_table import ClassRow, tabulate_classes
from segment.pipeline.result_warnings import find_labels_lost_in_cleanup
from segment.postprocessor.postprocessor import postprocess
from segment.preprocessor.preprocessor import DENOISERS
from segment.runs.rasters.reader import Raster
from segment.runs.rasters.tile_colors import prepared
from segment.runs.rasters.tiles import Window

__all__ = ["LabeledTile", "clean_halo", "filter_halo", "label_tile", "total"]

_WIDEST = 1024  # pixels around a tile that are looked at, at most, to clean it up
_SIGMAS = 4  # that the kernels of the filters reach
_STEPS = 16  # how far the clean-up follows undecided pixels, as good as always

Labels = NDArray[np.uint8]


@dataclass(frozen=True)
class LabeledTile:
    """The labels of a tile, and what they add up to.

    Attributes
    ----------
    window : Window
    label_image : ndarray of the window's shape, uint8
    classes : tuple of ClassRow
        Their shares are of the tile.
    changed, rejected, valid : int
        Pixels whose label the clean-up changed, valid pixels without a label, and valid pixels.
    taken : tuple of int
        Labels of which the clean-up left no pixel.
    """

    window: Window
    label_image: Labels
    classes: tuple[ClassRow, ...]
    changed: int
    rejected: int
    valid: int
    taken: tuple[int, ...]


def label_tile(
    raster: Raster,
    window: Window,
    halo: int,
    config: SegmentConfig,
    label: Callable[[Image, Window], Labels],
    precedence: Sequence[int],
) -> LabeledTile:
    """The labels of a tile: the second pass, a function of the tile and what lies within the halo around it.

    Parameters
    ----------
    raster : Raster
    window : Window
        The tile.
    halo : int, pixels
        How far around the tile labels are looked at to clean it up.
    config : SegmentConfig
    label : callable
        Takes the pixels of a window and where they lie, and returns their labels before clean-up.
    precedence : sequence of int
        The label of every class, in the order in which they win ties in the clean-up.
    """
    outer = window.grown(halo, raster.height, raster.width)
    image = prepared(raster, outer, filter_halo(raster, config), config)
    raw = label(image, outer)
    rows, columns = window.within(outer).slices
    clean = _cleaned(raw, raster, config, precedence)[rows, columns]
    before, valid = raw[rows, columns], image.valid[rows, columns]
    pixels = np.ascontiguousarray(image.pixels[rows, columns])
    classes = _rows(clean, replace(image, pixels=pixels), len(precedence))
    return LabeledTile(
        window,
        np.ascontiguousarray(clean),
        classes,
        changed=int(np.count_nonzero(clean != before)),
        rejected=int(np.count_nonzero(valid & (before == 0))),
        valid=int(np.count_nonzero(valid)),
        taken=find_labels_lost_in_cleanup(before, classes),
    )


def filter_halo(raster: Raster, config: SegmentConfig) -> int:
    """How far the noise filter reaches, in pixels."""
    if config.denoise == DENOISERS[0]:
        return 0
    return math.ceil(_SIGMAS * config.denoise_radius * math.hypot(raster.height, raster.width)) + 2


def clean_halo(raster: Raster, config: SegmentConfig) -> int:
    """How far around a tile labels are looked at to clean it up, in pixels.

    As far as the disc of the opening and closing and the largest round region reach, to a limit: beyond it, large
    regions and holes that lie across the border of a tile are judged by the part that is seen.
    """
    radius = config.smooth_radius * math.hypot(raster.height, raster.width)
    area = max(config.min_region, config.max_hole) * raster.height * raster.width
    if radius < 1 and area < 1:
        return 0
    return min(_WIDEST, math.ceil(4 * radius + _STEPS + 2 * math.sqrt(area)))


def total(parts: list[tuple[ClassRow, ...]]) -> tuple[ClassRow, ...]:
    """The class table of the whole from those of its tiles."""
    rows = []
    labeled = max(1, sum(row.pixels for part in parts for row in part))
    for same in zip(*parts, strict=True):
        pixels = sum(row.pixels for row in same)
        filled = [row for row in same if row.pixels]
        channels = zip(*(row.mean for row in filled), strict=True)
        sizes = [row.pixels for row in filled]
        mean = tuple(sum(n * x for n, x in zip(sizes, values, strict=True)) / pixels for values in channels)
        rows.append(ClassRow(same[0].label, pixels, pixels / labeled, mean))
    return tuple(rows)


def _rows(labels: NDArray[np.integer[Any]], image: Image, n_classes: int) -> tuple[ClassRow, ...]:
    """The class table of a tile, whatever its number of bands."""
    if image.is_gray or image.pixels.shape[2] == 3:
        return tabulate_classes(labels, image, n_classes)
    bands = (np.ascontiguousarray(image.pixels[..., band]) for band in range(image.pixels.shape[2]))
    tables = [tabulate_classes(labels, replace(image, pixels=band), n_classes) for band in bands]
    means = (sum((row.mean for row in same), ()) for same in zip(*tables, strict=True))
    return tuple(replace(row, mean=mean) for row, mean in zip(tables[0], means, strict=True))


def _cleaned(raw: Labels, raster: Raster, config: SegmentConfig, precedence: Sequence[int]) -> NDArray[np.integer[Any]]:
    """The labels cleaned up, with sizes relative to the whole raster."""
    radius = config.smooth_radius * math.hypot(raster.height, raster.width) / math.hypot(*raw.shape)
    share = raster.height * raster.width / raw.size
    return postprocess(
        raw,
        radius=radius,
        min_region=config.min_region * share,
        max_hole=config.max_hole * share,
        precedence=precedence,
    ).label_image
