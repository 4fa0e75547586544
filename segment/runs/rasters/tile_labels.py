"""The labels of a raster, tile by tile, and the class table that they add up to."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from segment.config.config import SegmentConfig
from segment.core.image import Image
from segment.core.nodata_notes import count_partial_nodata
from segment.pipeline.class_table import ClassRow, sum_rows, tabulate_classes
from segment.pipeline.interest_table import sum_interest
from segment.pipeline.label_cleanup import LabelCleaner, count_pixels_and_regions, resolve_sizes
from segment.pipeline.result_warnings import find_labels_lost_in_cleanup
from segment.postprocessor.color_evidence import MAX_JUDGED_PIXELS
from segment.postprocessor.windows import compute_reach
from segment.preprocessor.preprocessor import clip_floats
from segment.preprocessor.working_copy import MAX_FIELD_STEP, compute_field_step, is_field_fine
from segment.runs.rasters.reader import Raster
from segment.runs.rasters.tile_preprocessing import read_preprocessed
from segment.runs.rasters.tiles import Window
from segment.segmenter.class_mixture import ClassMixture
from segment.segmenter.field.field_labels import WindowPart
from segment.segmenter.field.fine_field import FIELD_HALO
from segment.segmenter.field.share_sample import LabeledPixels, ShareSample
from segment.segmenter.spatial_model import choose_spatial_type

__all__ = ["LabeledTile", "compute_label_halo", "label_tile", "sum_class_tables"]

MAX_HALO = 1024  # pixels around a tile that clean-up looks at

Labels = NDArray[np.uint8]


@dataclass(frozen=True)
class LabeledTile:
    """The labels of a tile, and its share in what is reported of the raster.

    Attributes
    ----------
    window : Window
        The tile.
    label_image : ndarray of the window's shape, uint8
        Labels after clean-up.
    classes : tuple of ClassRow
        Their shares are of the tile.
    changed, rejected, valid : int
        Pixels whose label the clean-up changed, valid pixels without a label, and valid pixels.
    partial : int
        Valid pixels that have the value for no data in some bands.
    lost : tuple of int
        Labels of which the clean-up left no pixel.
    counts : ndarray of shape (2, 2, k), int64
        Pixels and regions of each class in the tile, before and after clean-up.
    interest : ndarray of shape (2 + bands, n, k), float, optional
        As from :func:`segment.pipeline.interest_table.sum_interest`, of the tile.
    shares : ShareSample, optional
        What the shares of the classes are estimated from.
    """

    window: Window
    label_image: Labels
    classes: tuple[ClassRow, ...]
    changed: int
    rejected: int
    valid: int
    partial: int
    lost: tuple[int, ...]
    counts: NDArray[np.int64]
    interest: NDArray[np.float64] | None = None
    shares: ShareSample | None = None


def label_tile(
    raster: Raster,
    window: Window,
    config: SegmentConfig,
    label: Callable[[Image, Window, WindowPart], LabeledPixels],
    classes: ClassMixture,
    cleaner: LabelCleaner,
) -> LabeledTile:
    """Label a tile and clean it up.

    Parameters
    ----------
    raster : Raster
        The file.
    window : Window
        The tile.
    config : SegmentConfig
        Its settings for preprocessing and clean-up.
    label : callable
        Takes the image of a window, the window, and its rows and columns that are the tile; returns labels before
        clean-up, of ``classes.unmerged``.
    classes : ClassMixture
        k classes.
    cleaner : LabelCleaner
        Of the whole raster, for ``classes.unmerged``.

    Returns
    -------
    LabeledTile
        Depends on the tile and its halo alone, so any worker may compute it.
    """
    # Labels around the tile are needed to clean it up as if it were not cut, and pixels around these for the field.
    outer = window.expand(compute_label_halo(raster, config), raster.height, raster.width, MAX_FIELD_STEP)
    image = read_preprocessed(raster, outer, config)
    inner = rows, columns = window.shift_to(outer).slices
    labeled = label(image, outer, inner)
    raw = labeled.label_image
    shape, n_classes = (raster.height, raster.width), classes.n_classes
    cleaned = cleaner.clean(raw, image).label_image
    before, clean = (classes.merge_labels(labels[rows, columns]) for labels in (raw, cleaned))
    valid = image.valid[rows, columns]
    # Tables have the values of the file.
    if config.greyscale or config.log_scale or config.denoise != "none" or raster.limits:
        shown = raster.read(window)
        shown = clip_floats(shown, shown.limits)
    else:
        shown = replace(image, pixels=np.ascontiguousarray(image.pixels[rows, columns]), valid=valid)
    place = raster.georeference.move_origin(window.column, window.row)
    part = replace(shown, georeference=place, pixel_size=raster.pixel_size)
    table = tabulate_classes(clean, part, n_classes)
    interest = None
    if raster.selection.names:
        interest = sum_interest(clean, replace(part, interest=raster.selection.label(window)), n_classes)
    return LabeledTile(
        window,
        np.ascontiguousarray(clean),
        table,
        changed=int(np.count_nonzero(clean != before)),
        rejected=int(np.count_nonzero(valid & (before == 0))),
        valid=int(np.count_nonzero(valid)),
        partial=count_partial_nodata(part.pixels, raster.nodata, valid),
        lost=find_labels_lost_in_cleanup(before, table),
        counts=np.stack([count_pixels_and_regions(part, n_classes, shape) for part in (before, clean)]),
        interest=interest,
        shares=labeled.shares and labeled.shares.thin(clean.size / math.prod(shape)),
    )


def compute_label_halo(raster: Raster, config: SegmentConfig) -> int:
    """Compute how far around a tile pixels have to be known to label it and to clean it up.

    Parameters
    ----------
    raster : Raster
        Its size counts.
    config : SegmentConfig
        Its settings for the random field and for clean-up.

    Returns
    -------
    int
        In pixels. It reaches as far as the disc of opening and closing and the largest round region, up to a limit:
        larger regions and holes across the border of a tile are judged by the part that is seen. To this is added how
        far the field of a part of a large raster reaches.
    """
    shape = (raster.height, raster.width)
    sizes = resolve_sizes(config, shape, raster.pixel_area)
    halo = 0
    if config.clean_up == "evidence" and config.smoothness > 0:
        scale = compute_field_step(shape)
        halo += compute_reach(scale / 2, MAX_JUDGED_PIXELS * scale**2)
    radius, area = sizes.radius * math.hypot(*shape), max(sizes.min_region, sizes.max_hole) * math.prod(shape)
    if radius >= 1 or area >= 1:
        halo += compute_reach(radius, area)
    is_fine = choose_spatial_type(config).needs_copies and is_field_fine(shape)
    return min(MAX_HALO, halo) + (FIELD_HALO if is_fine else 0)


def sum_class_tables(tables: Sequence[tuple[ClassRow, ...]]) -> tuple[ClassRow, ...]:
    """Add the class tables of tiles, each with the same classes, to that of all tiles together."""
    rows = [sum_rows(same) for same in zip(*tables, strict=True)]
    labeled = max(1, sum(row.pixels for row in rows))
    return tuple(replace(row, share=row.pixels / labeled) for row in rows)
