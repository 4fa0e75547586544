"""A raster of any size, tile by tile. Read this first.

Two passes over the tiles. The first collects what the classes are fitted to: a working copy of the whole raster, on
which the random field is solved too, or the colors of all pixels. The second labels each tile and cleans it up.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial, reduce
from os import PathLike
from pathlib import Path
from typing import Any, Unpack

import numpy as np

from segment.config.config import SegmentConfig
from segment.config.config_file import collect_reading
from segment.config.setting_arguments import SettingArguments
from segment.core.atomic_files import refuse_existing
from segment.core.errors import ImageError, ModelError, SettingsError, printable_path
from segment.core.threads import can_start_threads
from segment.features.color_space import FeatureSpace
from segment.output.class_colors import choose_palette_colors
from segment.output.label_formats import format_label_text
from segment.pipeline.label_cleanup import LabelCleaner, resolve_sizes
from segment.pipeline.model_application import AppliedModel
from segment.pipeline.preparation import choose_pixel_size
from segment.pipeline.result_warnings import warn_of_absent_classes
from segment.pipeline.shared_classes import resolve_for_model
from segment.runs.path_checks import refuse_other_format
from segment.runs.rasters.gdal_files import configure_rasterio
from segment.runs.rasters.label_blocks import LabelBlock, cut_blocks
from segment.runs.rasters.raster_classes import RasterClasses, fit_raster_classes
from segment.runs.rasters.raster_opening import Paths, open_raster, read_raster_size
from segment.runs.rasters.raster_result import RasterSegmentation, summarize_raster
from segment.runs.rasters.raster_run import RasterRun, RasterStage
from segment.runs.rasters.raster_selection import select_raster_pixels
from segment.runs.rasters.reader import Raster
from segment.runs.rasters.tile_labels import LabeledTile, compute_label_halo, label_tile
from segment.runs.rasters.tile_preprocessing import compute_filter_halo
from segment.runs.rasters.tile_selection import EVERYTHING
from segment.runs.rasters.tile_workers import N_THREADS, DaskTiles, Threads
from segment.runs.rasters.tiles import Window
from segment.runs.rasters.value_range import ValueRange, apply_scale, find_value_range, take_model_scale
from segment.runs.rasters.writer import create_label_raster
from segment.runs.selection_files import list_selection_paths, make_selection_absolute
from segment.runs.workers.dask_client import Cluster
from segment.segmenter.class_model.class_model import ClassModel
from segment.segmenter.field.share_sample import ShareSample, pool_share_samples
from segment.segmenter.spatial_model import choose_spatial_type

__all__ = ["RasterSegmentation", "segment_raster"]

TILE_BYTES = 450_000_000  # that a thread needs for a tile and the halo around it, roughly
PIXEL_BYTES = 24  # of them for each pixel, besides its values and a copy of them
COUNTED_PIXEL_BYTES = 40  # the same without a field, where in noise nearly each pixel has a color to be counted
TILE_STEP = 512  # pixels: the side of a tile is a multiple of this
_ONE_THREAD = (
    "one thread does the work, which takes longer: the system lets no more start; raise the limit of processes "
    "(ulimit -u) or of memory (ulimit -v)"
)


def segment_raster(
    source: Paths,
    output: str | PathLike[str],
    config: SegmentConfig | None = None,
    *,
    model: ClassModel | None = None,
    tile: int = 0,
    allow_vrt_sources: bool = False,
    cluster: Cluster | None = None,
    on_stage: Callable[[str], None] = lambda _: None,
    **settings: Unpack[SettingArguments],
) -> RasterSegmentation:
    """Segment a raster that need not fit into memory, and write its labels as a GeoTIFF.

    The classes and labels are those of :func:`segment.segment_image`: the mixture is fitted to a working copy of the
    whole raster, on which the random field is solved; the labels of each tile come from the field and its own colors.
    With ``spatial="none"`` the mixture is fitted to the colors of all pixels. Clean-up looks a limited way beyond each
    tile.

    Parameters
    ----------
    source : path, or sequence of paths
        A TIFF, GeoTIFF, COG or BigTIFF, JPEG 2000, ENVI, HFA or VRT with bands of 8 or 16 bits or floats; or several
        TIFF or JPEG 2000 files of one size and place, whose bands are those of one raster. Nothing is changed, and no
        other file is opened.
    output : path
        The file for the labels: uint8 with a palette, tiles, overviews, the place of the source, and 0 for no label.
    config : SegmentConfig, optional
        All settings at once. Those of sizes in memory and of products are refused: `max_pixels`, `max_size`, `save`,
        `labels_format`.
    model : ClassModel, optional
        Find the classes of this model, as :func:`segment.apply_classes` does, instead of fitting some. The settings of
        the fit are its own, as are those of the preprocessing where nothing is said.
    tile : int, pixels
        Side of the tiles; 0 for as large ones as memory should hold. Raised: more memory, and fewer borders between
        tiles, at which clean-up sees only a part of a large region.
    allow_vrt_sources : bool
        Whether a VRT may take its pixels from files outside its own folder.
    cluster : Cluster, optional
        Its workers read and label the tiles, in place of threads of this process, which writes the same file. They
        need to see the raster under the same path.
    on_stage : callable
        Called with the text of each stage when it begins, and after each tile.
    **settings
        Single settings instead of `config`, such as ``k=4`` and ``bands=(4, 3, 2)``.

    Returns
    -------
    RasterSegmentation
        The classes and their areas.

    Raises
    ------
    ImageError
        If the raster cannot be read; then nothing is written.
    OutputError
        If the labels cannot be written; then nothing is left of them.
    ClusterError
        If the scheduler is gone, or workers do not see the raster or are killed.
    DependencyError
        If rasterio is not installed, here or on a worker.
    ModelError
        If the model has other features, or is of images that were shrunk.
    SettingsError
        If a setting is unknown, out of its range, or not possible for such bands.

    See Also
    --------
    segment_image : The same for an image in memory.
    Cluster : Connects to a Dask cluster.

    Notes
    -----
    Memory depends on the size of the tiles and on the number of distinct colors, not on the size of the raster. An
    incomplete file has another name, so that a file at `output` is always complete.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np, segment, tifffile
    >>> gray = np.repeat([[20, 200]], [4, 2], axis=1).astype(np.uint8).repeat(5, axis=0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     tifffile.imwrite(Path(folder, "scene.tif"), gray)
    ...     result = segment.segment_raster(Path(folder, "scene.tif"), Path(folder, "labels.tif"), k=2)
    ...     tifffile.imread(result.path, key=0)[0]
    array([1, 1, 1, 1, 2, 2], dtype=uint8)
    """
    applied = None if model is None else _apply_model(model, config, settings)
    if applied is None:
        config = SegmentConfig.resolve(config, settings).reject_unused_by("segment_raster")
    else:
        config = applied.config
    if tile < 0:
        raise SettingsError(f"tile: a side of at least one pixel, or 0 for a suitable one; got {tile}.")
    path = Path(output)
    refuse_other_format(path)
    with configure_rasterio():
        on_stage(RasterStage.READ)
        raster = open_raster(source, config.band_numbers, allow_vrt_sources=allow_vrt_sources)
        raster = _choose_size(raster, config)
        if cluster is None and not can_start_threads(N_THREADS):
            raster = replace(raster, notes=(*raster.notes, _ONE_THREAD))
        _check_settings(raster, path, config)
        # The workers of a cluster have other working folders.
        config = config if cluster is None else make_selection_absolute(config)
        workers = (
            Threads()
            if cluster is None
            else DaskTiles(cluster, *map(Path, raster.sources), *list_selection_paths(config))
        )
        raster = select_raster_pixels(raster, config)
        run = _find_scale(RasterRun(raster, config, tile or _choose_tile(raster, config), workers, on_stage))
        if applied is not None:
            run = _take_model(run, applied)
        classes = fit_raster_classes(run)
        _check_any_pixel(run, classes)
        means = classes.space.convert_to_rgb(classes.fitted.classes.compute_means())
        colors = choose_palette_colors(config, classes.fitted.names, means)
        absent = warn_of_absent_classes(config, classes.fitted.names)
        about = format_label_text(classes.fitted.names, collect_reading(config))
        classes = replace(classes, notes=classes.notes + absent)
        tiles: list[LabeledTile] = []
        shares: ShareSample | None = None
        # Labels are written as they come, in this process; only their counts are kept.
        with create_label_raster(path, run.raster, colors, description=about, overwrite=config.overwrite) as writer:
            for part, blocks in _label_tiles(run, classes):
                writer.write(blocks)
                tiles.append(replace(part, shares=None))
                shares = pool_share_samples([each for each in (shares, part.shares) if each])
    found = summarize_raster(path, run.raster, colors, classes, tiles, config, shares)
    return found if applied is None else replace(found, class_model=applied.model)


def _apply_model(model: ClassModel, config: SegmentConfig | None, settings: Mapping[str, Any]) -> AppliedModel:
    """Prepare the classes of a model with the settings by which they are found."""
    config = resolve_for_model(model, config, settings, "segment_raster with a model")
    if config.max_size:
        raise ModelError(
            f"model: of images in their own size, as a raster keeps it; got one of images that were shrunk to "
            f"{config.max_size} pixels. Fit it without --max-size."
        )
    if config.even_light:
        raise ModelError(
            "model: of images in the light they have, as a raster keeps it; got one of --even-light. Fit it without."
        )
    return AppliedModel.from_settings(model, config)


def _take_model(run: RasterRun, applied: AppliedModel) -> RasterRun:
    """Read a raster on the scale of a model, and take the classes of the model in place of a fit."""
    raster = take_model_scale(run.raster, applied.model)
    n_channels = 1 if run.config.greyscale else raster.n_channels
    space = FeatureSpace(run.config.features, n_channels, raster.black, raster.white)
    applied.model.check_features(space, printable_path(raster.path))
    return replace(run, raster=raster, find_classes=lambda data, _: applied.take_classes(data))


def _choose_size(raster: Raster, config: SegmentConfig) -> Raster:
    """Choose the size of the pixels, as for an image: of the settings, of the file's resolution, or of its metadata."""
    own, notes = read_raster_size(raster, dpi=config.pixel_size == "dpi")
    raster = replace(raster, pixel_size=own)
    size, size_notes = choose_pixel_size(config, own, raster.pixel_area)
    return replace(raster, pixel_size=size, notes=raster.notes + notes + size_notes)


def _check_any_pixel(run: RasterRun, classes: RasterClasses) -> None:
    """Refuse a selection that leaves no pixel."""
    selection = run.raster.selection
    if classes.fitted.classes.n_classes == 0 and selection != EVERYTHING:
        raise ImageError(
            f"{printable_path(run.raster.path)}: some pixel counts; got none that --crop, --nodata, --mask and --roi "
            "all leave. Leave out one of them."
        )


def _choose_tile(raster: Raster, config: SegmentConfig) -> int:
    """Choose the side of the tiles, in pixels, so that a tile with its halo fits the memory of a thread."""
    own = PIXEL_BYTES if choose_spatial_type(config).needs_copies else COUNTED_PIXEL_BYTES
    bytes_each = own + 2 * len(raster.bands) * np.dtype(raster.dtype).itemsize
    # The halos are read on both sides of a tile.
    halo = compute_label_halo(raster, config) + compute_filter_halo(raster, config)
    return max(TILE_STEP, (math.isqrt(TILE_BYTES // bytes_each) - 2 * halo) // TILE_STEP * TILE_STEP)


def _find_scale(run: RasterRun) -> RasterRun:
    """Find black and white, which for most types means to read the whole raster."""
    if run.raster.is_scale_known:
        return run
    ranges = run.map_tiles(partial(find_value_range, run.raster), RasterStage.FIND_SCALE)
    return replace(run, raster=apply_scale(run.raster, reduce(ValueRange.unite, ranges, ValueRange())))


def _label_tiles(run: RasterRun, classes: RasterClasses) -> Iterator[tuple[LabeledTile, list[LabelBlock]]]:
    """Make the second pass: label each tile, clean it up, and compress its labels."""
    shape, found = (run.raster.height, run.raster.width), classes.fitted.classes
    sizes = resolve_sizes(run.config, shape, run.raster.pixel_area)
    cleaner = LabelCleaner(found.unmerged, classes.space, run.config, sizes, shape, classes.design_effect)
    label = partial(label_tile, run.raster, config=run.config, label=classes.label, classes=found, cleaner=cleaner)
    return run.map_tiles(partial(_label_and_compress, label, shape), RasterStage.LABEL)


def _label_and_compress(
    label: Callable[[Window], LabeledTile], shape: tuple[int, int], window: Window
) -> tuple[LabeledTile, list[LabelBlock]]:
    """Label a tile; its labels are in the blocks of the file alone."""
    tile = label(window)
    nothing = np.zeros((0, 0), dtype=np.uint8)
    return replace(tile, label_image=nothing), cut_blocks(tile.label_image, window, shape)


def _check_settings(raster: Raster, path: Path, config: SegmentConfig) -> None:
    """Refuse settings that are not possible for this raster, and an output that must not be replaced."""
    if config.greyscale and raster.n_channels not in (1, 3):
        raise SettingsError(
            f"greyscale (--greyscale): of one or three bands; got {len(raster.bands)}. Choose some with --bands."
        )
    if config.palette == "mean":
        raise SettingsError("palette (--palette): category, viridis, cividis or gray for rasters; got mean.")
    if os.path.realpath(path) in map(os.path.realpath, (raster.path, *raster.sources)):
        raise SettingsError(
            f"{printable_path(path)}: is the input, and the result would replace it. Give another file."
        )
    if not config.overwrite:
        refuse_existing(path)
