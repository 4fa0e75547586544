"""A raster in two passes: a working copy with one mixture and field, labels tile by tile. Read this first."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial, reduce
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segment.config.config import SegmentConfig
from segment.core.atomic_files import refuse_existing
from segment.core.errors import SettingsError, printable_path
from segment.core.image import Image
from segment.features.color_index import ColorIndex
from segment.features.color_space import FeatureSpace
from segment.features.pixel_features import collect
from segment.mixture.rejection import find_rejection_threshold
from segment.output.palette import pick_class_colors, pick_ramp_colors
from segment.preprocessor.preprocessor import to_grayscale
from segment.runs.rasters.raster_result import Fitted, RasterSegmentation, summary
from segment.runs.rasters.reader import Raster, open_raster, rasterio_settings
from segment.runs.rasters.tile_colors import ColorSum, collect_tile, joined
from segment.runs.rasters.tile_labels import LabeledTile, clean_halo, filter_halo, label_tile
from segment.runs.rasters.tile_workers import Crew, Machines, Threads, progress
from segment.runs.rasters.tiles import tiles
from segment.runs.rasters.value_range import Extremes, extremes, scaled
from segment.runs.rasters.working_copy import FieldLabels, assembled, copied_block, copy_blocks, is_scattered
from segment.runs.rasters.writer import label_raster
from segment.runs.workers.dask_client import Cluster
from segment.segmenter.class_fitting import model_classes
from segment.segmenter.class_mixture import label_cells, rank_classes
from segment.segmenter.field.field_labels import CoherentLabels

__all__ = ["RasterSegmentation", "segment_raster"]

_MEMORY = 550_000_000  # bytes that a thread needs for a tile and the halo around it, roughly
_PER_PIXEL = 8  # of them for each pixel, besides its values and a copy of them
_STEP = 512  # pixels: tiles are a multiple of this
_COPY = 1024  # pixels on the longer side of the copy by which the number of classes is chosen
_LOOKED_UP = 2**20  # colors that are labeled at once
_SCATTERED = "the valid pixels lie too far apart for a random field: they are labeled by color alone"


def segment_raster(
    source: str | PathLike[str],
    output: str | PathLike[str],
    config: SegmentConfig | None = None,
    *,
    bands: tuple[int, ...] = (),
    tile: int = 0,
    cluster: Cluster | None = None,
    on_stage: Callable[[str], None] = lambda _: None,
    **settings: Any,
) -> RasterSegmentation:
    """Segment a raster that need not fit into memory, and write its labels as a GeoTIFF.

    The classes and labels are those of :func:`segment.segment_image`: the mixture is fitted to a working copy of the
    whole raster, on which the random field is solved; the labels of each tile come from the field and its own colors.
    With ``spatial="none"`` the mixture is fitted to the colors of all pixels. Clean-up looks a limited way beyond each
    tile.

    Parameters
    ----------
    source : path
        A TIFF, GeoTIFF, COG or BigTIFF, tiled or in strips, with bands of 8 or 16 bits or floats. It is not changed.
    output : path
        The file for the labels: palette, tiles, overviews, the place of the source, 0 for no label.
    config : SegmentConfig, optional
        All settings at once. Those of sizes in memory and of products are of no use here: `max_pixels`, `max_size`,
        `save`, `labels_format`.
    bands : tuple of int
        Bands to use, counted from 1; by default all. One is gray, three are red, green and blue; of any other number
        each is a feature as it is.
    tile : int, pixels
        Side of the tiles; 0 for as large ones as memory should hold. Raised: more memory, and fewer seams that clean-up
        sees across from one side at a time.
    cluster : Cluster, optional
        Whose workers read and label the tiles, in place of threads of this process, which writes the file: the same
        file. They need to see the raster under the same path.
    tell : callable
        Called with each stage and how far it is.
    **settings
        Single settings instead of `config`, such as ``k=4``.

    Raises
    ------
    ImageError
        If the raster cannot be read; then nothing is written.
    OutputError
        If the labels cannot be written; then nothing is left of them.
    ClusterError
        If the cluster goes away, or its workers do not see the raster or are killed.
    DependencyError
        If rasterio is missing, here or on a worker.
    SettingsError
        If a setting is unknown, out of its range, or means nothing for such bands.
    """
    config = SegmentConfig.either(config, settings)
    if tile < 0:
        raise SettingsError(f"tile: a side of at least one pixel, or 0 for a suitable one; got {tile}.")
    path = Path(output)
    with rasterio_settings():
        on_stage("reading")
        raster = open_raster(source, bands)
        _check(raster, path, config)
        crew = Threads() if cluster is None else Machines(cluster, Path(raster.path))
        tile = tile or _side(raster, config)
        raster = _scaled(crew, raster, tile, on_stage)
        fitted = _fitted(crew, raster, tile, config, on_stage)
        colors = _palette(config, len(fitted.found.names))
        parts: list[LabeledTile] = []
        nothing = np.zeros((0, 0), dtype=np.uint8)  # is kept of labels that are written
        with label_raster(path, raster, colors, overwrite=config.overwrite) as writer:
            for part in _labeled(crew, raster, tile, config, fitted, on_stage):
                writer.write(part.window, part.label_image)
                parts.append(replace(part, label_image=nothing))
            on_stage("writing overviews")
    return summary(path, raster, colors, fitted, parts, config)


def _side(raster: Raster, config: SegmentConfig) -> int:
    """The side of tiles that suit the memory, in pixels."""
    bytes_each = _PER_PIXEL + 2 * len(raster.bands) * np.dtype(raster.dtype).itemsize
    halo = clean_halo(raster, config) + filter_halo(raster, config)
    return max(_STEP, (math.isqrt(_MEMORY // bytes_each) - 2 * halo) // _STEP * _STEP)


def _scaled(crew: Crew, raster: Raster, tile: int, on_stage: Callable[[str], None]) -> Raster:
    """The raster with its black and white, for which deep ones are looked through."""
    if raster.is_scale_known:
        return raster
    windows = tiles(raster.height, raster.width, tile)
    told = progress(on_stage, "looking for black and white", len(windows))
    found = crew.each(partial(extremes, raster), windows, told)
    return scaled(raster, reduce(Extremes.united, found, Extremes()))


def _fitted(crew: Crew, raster: Raster, tile: int, config: SegmentConfig, on_stage: Callable[[str], None]) -> Fitted:
    """The first pass, and the mixture."""
    if not config.has_field:
        return _fitted_to_colors(crew, raster, tile, config, on_stage)
    block = partial(copied_block, raster, halo=filter_halo(raster, config), config=config)
    blocks = copy_blocks(raster, tile)
    copy, n_valid = assembled(
        raster, crew.each(block, blocks, progress(on_stage, "making the working copy", len(blocks)))
    )
    if not is_scattered(copy, n_valid):
        return _fitted_with_field(crew, raster, tile, config, on_stage, copy)
    fitted = _fitted_to_colors(crew, raster, tile, replace(config, smoothness=0), on_stage)
    return replace(fitted, notes=(*fitted.notes, _SCATTERED))


def _fitted_with_field(
    crew: Crew, raster: Raster, tile: int, config: SegmentConfig, on_stage: Callable[[str], None], copy: Image
) -> Fitted:
    """The mixture of the working copy and the field on it, as a whole image has them."""
    space, cells = collect(ColorIndex(copy), config)
    on_stage("fitting the mixture")
    found = model_classes(cells, space, [copy], config)
    least = -math.inf
    notes: tuple[str, ...] = ()
    if config.reject:  # a share of all pixels
        colors, notes = _counted(crew, raster, tile, config, on_stage).cells()
        least = find_rejection_threshold(found.mixture, colors, config.reject)
    on_stage("solving the random field")
    shape = (raster.height, raster.width)
    field = CoherentLabels(found.mixture, found.groups, space, copy, shape, smoothness=config.smoothness)
    return Fitted(found, space, FieldLabels(field, found.mixture, space, least), notes)


def _fitted_to_colors(
    crew: Crew, raster: Raster, tile: int, config: SegmentConfig, on_stage: Callable[[str], None]
) -> Fitted:
    """The mixture of the colors of all pixels."""
    colors = _counted(crew, raster, tile, config, on_stage)
    space = colors.space
    cells, notes = colors.cells()
    on_stage("fitting the mixture")
    asked = config.k == "auto" or config.prior == "conjugate"
    copies = [_copy(raster, config)] if asked else []
    found = model_classes(cells, space, copies, config)
    least = find_rejection_threshold(found.mixture, cells, config.reject)

    def labels_of(asked: NDArray[Any]) -> NDArray[np.uint8]:
        parts = [slice(start, start + _LOOKED_UP) for start in range(0, max(1, len(asked)), _LOOKED_UP)]
        return np.concatenate(
            [label_cells(found.mixture, space.make_cells(asked[rows]), found.groups, least=least) for rows in parts]
        )

    known = colors.counts.make_lookup(labels_of) if colors.is_exact else labels_of
    return Fitted(found, space, lambda image, _: ColorIndex(image).map_to_pixels(known), notes)


def _counted(crew: Crew, raster: Raster, tile: int, config: SegmentConfig, on_stage: Callable[[str], None]) -> ColorSum:
    """The colors of all pixels."""
    n_channels = 1 if config.greyscale else raster.n_channels
    deep = raster.kind == "float32"
    black, white = (0.0, 65535.0) if deep else (raster.black, raster.white)
    space = FeatureSpace(config.features, n_channels, black, white)
    colors = ColorSum(space, "uint8" if raster.kind == "uint8" else "uint16")
    halo = filter_halo(raster, config)
    windows = tiles(raster.height, raster.width, tile)
    told = progress(on_stage, "counting colors", len(windows))
    for part in crew.sums(lambda window: collect_tile(raster, window, halo, config, space), windows, joined, told):
        colors.add(part)
    return colors


def _labeled(
    crew: Crew, raster: Raster, tile: int, config: SegmentConfig, fitted: Fitted, on_stage: Callable[[str], None]
) -> Iterator[LabeledTile]:
    """The second pass."""
    halo = clean_halo(raster, config)
    first = rank_classes(fitted.found.mixture, fitted.found.groups)
    windows = tiles(raster.height, raster.width, tile)
    label = partial(label_tile, raster, halo=halo, config=config, label=fitted.label, precedence=first)
    return crew.each(label, windows, progress(on_stage, "labeling", len(windows)))


def _copy(raster: Raster, config: SegmentConfig) -> Image:
    image = raster.thumbnail(_COPY)
    return to_grayscale(image) if config.greyscale else image


def _check(raster: Raster, path: Path, config: SegmentConfig) -> None:
    """Refuse what cannot be, before any work."""
    if config.greyscale and raster.n_channels not in (1, 3):
        raise SettingsError(
            f"greyscale (--greyscale): of one or three bands; got {len(raster.bands)}. Choose some with --bands."
        )
    if config.palette == "mean":
        raise SettingsError("palette (--palette): category, viridis, cividis or gray for rasters; got mean.")
    if config.max_size:
        raise SettingsError(f"max_size (--max-size): 0, the size of the raster; got {config.max_size}.")
    if os.path.realpath(path) == os.path.realpath(raster.path):
        raise SettingsError(
            f"{printable_path(path)}: is the input, and the result would replace it. Give another file."
        )
    if not config.overwrite:
        refuse_existing(path)


def _palette(config: SegmentConfig, n_classes: int) -> NDArray[np.uint8]:
    return pick_class_colors(n_classes) if config.palette == "category" else pick_ramp_colors(config.palette, n_classes)
