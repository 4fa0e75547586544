"""A raster in two passes: colours of all tiles, one mixture, labels tile by tile. Read this first."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial, reduce
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segment.cluster.connection import Cluster
from segment.colours import ColourIndex
from segment.config import SegmentConfig
from segment.errors import SettingsError, shown
from segment.features import FeatureSpace
from segment.georeference import Transform
from segment.image import Image
from segment.mixture.model import MixtureModel
from segment.modelling import Modelled, model_classes
from segment.palette import class_colours, ramp_colours
from segment.pipeline import remarks
from segment.preprocessor import to_greyscale
from segment.rasters.collecting import ColourSum, collect_tile, joined
from segment.rasters.crew import Crew, Machines, Threads, progress
from segment.rasters.labelling import LabelledTile, clean_halo, filter_halo, label_tile, total
from segment.rasters.scale import Extremes, extremes, scaled
from segment.rasters.source import Raster, open_raster, rasterio_settings
from segment.rasters.target import label_raster
from segment.rasters.windows import Window, tiles
from segment.segmenter import label_cells, rejection_threshold
from segment.statistics import ClassRow
from segment.writer import refuse_existing

__all__ = ["RasterSegmentation", "segment_raster"]

_MEMORY = 550_000_000  # bytes that a thread needs for a tile and the halo around it, roughly
_PER_PIXEL = 8  # of them for each pixel, besides its values and a copy of them
_STEP = 512  # pixels: tiles are a multiple of this
_COPY = 1024  # pixels on the longer side of the copy by which the number of classes is chosen
_LOOKED_UP = 2**20  # colours that are labelled at once


@dataclass(frozen=True)
class RasterSegmentation:
    """A segmented raster: what is told of it; the labels are in the file.

    Attributes
    ----------
    path : Path
        The label raster.
    height, width : int, pixels
    bands : tuple of int
        Those that were used.
    crs : str
    transform : tuple of 6 floats
    classes : tuple of ClassRow
        Area, share and mean value in each band of each class.
    names : tuple of str
    colours : ndarray of shape (k, 3), uint8
    model : MixtureModel
    groups : ndarray of shape (n_components,), int
    space : FeatureSpace
    choice : str
        Which number of classes was chosen and why; empty where it was given.
    changed : float
        Share of the labelled pixels that the clean-up changed.
    rejected : float
        Share of the valid pixels that were rejected.
    warnings : tuple of str
    """

    path: Path
    height: int
    width: int
    bands: tuple[int, ...]
    crs: str
    transform: Transform
    classes: tuple[ClassRow, ...]
    names: tuple[str, ...]
    colours: NDArray[np.uint8]
    model: MixtureModel
    groups: NDArray[np.intp]
    space: FeatureSpace
    choice: str
    changed: float
    rejected: float
    warnings: tuple[str, ...]


def segment_raster(
    source: str | PathLike[str],
    output: str | PathLike[str],
    config: SegmentConfig | None = None,
    *,
    bands: tuple[int, ...] = (),
    tile: int = 0,
    cluster: Cluster | None = None,
    tell: Callable[[str], None] = lambda _: None,
    **settings: Any,
) -> RasterSegmentation:
    """Segment a raster that need not fit into memory, and write its labels as a GeoTIFF.

    The classes are those of :func:`segment.segment_image`: the mixture is fitted to the colours of the whole raster,
    and every pixel has the label of its colour: that is ``spatial="none"``, as there is no random field across tiles.
    Clean-up looks a limited way beyond each tile.

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
        Bands to use, counted from 1; by default all. One is grey, three are red, green and blue; of any other number
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
    config = replace(SegmentConfig.either(config, settings), spatial="none")
    if tile < 0:
        raise SettingsError(f"tile: a side of at least one pixel, or 0 for a suitable one; got {tile}.")
    path = Path(output)
    with rasterio_settings():
        tell("reading")
        raster = open_raster(source, bands)
        _check(raster, path, config)
        crew = Threads() if cluster is None else Machines(cluster, Path(raster.path))
        tile = tile or _side(raster, config)
        raster = _scaled(crew, raster, tile, tell)
        fitted = _fitted(crew, raster, tile, config, tell)
        colours = _palette(config, len(fitted.found.names))
        parts: list[LabelledTile] = []
        nothing = np.zeros((0, 0), dtype=np.uint8)  # is kept of labels that are written
        with label_raster(path, raster, colours, overwrite=config.overwrite) as writer:
            for part in _labelled(crew, raster, tile, config, fitted, tell):
                writer.write(part.window, part.label_image)
                parts.append(replace(part, label_image=nothing))
            tell("writing overviews")
    return _summary(path, raster, colours, fitted, parts)


@dataclass(frozen=True)
class _Fitted:
    """The classes of a raster, and the label of every colour."""

    found: Modelled
    space: FeatureSpace
    labels_of: Callable[[NDArray[Any]], NDArray[np.uint8]]
    notes: tuple[str, ...]


def _side(raster: Raster, config: SegmentConfig) -> int:
    """The side of tiles that suit the memory, in pixels."""
    bytes_each = _PER_PIXEL + 2 * len(raster.bands) * np.dtype(raster.dtype).itemsize
    halo = clean_halo(raster, config) + filter_halo(raster, config)
    return max(_STEP, (math.isqrt(_MEMORY // bytes_each) - 2 * halo) // _STEP * _STEP)


def _scaled(crew: Crew, raster: Raster, tile: int, tell: Callable[[str], None]) -> Raster:
    """The raster with its black and white, for which deep ones are looked through."""
    if raster.is_scale_known:
        return raster
    windows = tiles(raster.height, raster.width, tile)
    told = progress(tell, "looking for black and white", len(windows))
    found = crew.each(partial(extremes, raster), windows, told)
    return scaled(raster, reduce(Extremes.united, found, Extremes()))


def _fitted(crew: Crew, raster: Raster, tile: int, config: SegmentConfig, tell: Callable[[str], None]) -> _Fitted:
    """The first pass, and the mixture."""
    n_channels = 1 if config.greyscale else raster.n_channels
    deep = raster.kind == "float32"
    black, white = (0.0, 65535.0) if deep else (raster.black, raster.white)
    space = FeatureSpace(config.features, n_channels, black, white)
    colours = ColourSum(space, "uint8" if raster.kind == "uint8" else "uint16")
    halo = filter_halo(raster, config)
    windows = tiles(raster.height, raster.width, tile)
    for part in crew.sums(
        lambda window: collect_tile(raster, window, halo, config, space),
        windows,
        joined,
        progress(tell, "counting colours", len(windows)),
    ):
        colours.add(part)
    cells, notes = colours.cells()
    tell("fitting the mixture")
    asked = config.k == "auto" or config.prior == "conjugate"
    copies = [_copy(raster, config)] if asked else []
    found = model_classes(cells, space, copies, config)
    least = rejection_threshold(found.mixture, cells, config.reject)

    def labels_of(asked: NDArray[Any]) -> NDArray[np.uint8]:
        parts = [slice(start, start + _LOOKED_UP) for start in range(0, max(1, len(asked)), _LOOKED_UP)]
        return np.concatenate(
            [label_cells(found.mixture, space.cells(asked[rows]), found.groups, least=least) for rows in parts]
        )

    return _Fitted(found, space, colours.counts.table(labels_of) if colours.is_exact else labels_of, notes)


def _labelled(
    crew: Crew, raster: Raster, tile: int, config: SegmentConfig, fitted: _Fitted, tell: Callable[[str], None]
) -> Iterator[LabelledTile]:
    """The second pass."""
    halo = clean_halo(raster, config)
    n_classes = len(fitted.found.names)
    windows = tiles(raster.height, raster.width, tile)

    def by_colour(image: Image, _: Window) -> NDArray[np.uint8]:
        return ColourIndex(image).spread(fitted.labels_of)

    return crew.each(
        lambda window: label_tile(raster, window, halo, config, by_colour, n_classes),
        windows,
        progress(tell, "labelling", len(windows)),
    )


def _copy(raster: Raster, config: SegmentConfig) -> Image:
    image = raster.thumbnail(_COPY)
    return to_greyscale(image) if config.greyscale else image


def _check(raster: Raster, path: Path, config: SegmentConfig) -> None:
    """Refuse what cannot be, before any work."""
    if config.greyscale and raster.n_channels not in (1, 3):
        raise SettingsError(
            f"greyscale (--greyscale): of one or three bands; got {len(raster.bands)}. Choose some with --bands."
        )
    if config.palette == "mean":
        raise SettingsError("palette (--palette): category, viridis, cividis or grey for rasters; got mean.")
    if config.max_size:
        raise SettingsError(f"max_size (--max-size): 0, the size of the raster; got {config.max_size}.")
    if os.path.realpath(path) == os.path.realpath(raster.path):
        raise SettingsError(f"{shown(path)}: is the input, and the result would replace it. Give another file.")
    if not config.overwrite:
        refuse_existing(path)


def _palette(config: SegmentConfig, n_classes: int) -> NDArray[np.uint8]:
    return class_colours(n_classes) if config.palette == "category" else ramp_colours(config.palette, n_classes)


def _summary(
    path: Path, raster: Raster, colours: NDArray[np.uint8], fitted: _Fitted, parts: list[LabelledTile]
) -> RasterSegmentation:
    classes = total([part.classes for part in parts])
    labelled = sum(row.pixels for row in classes)
    rejected = sum(part.rejected for part in parts) / max(1, sum(part.valid for part in parts))
    found = fitted.found
    return RasterSegmentation(
        path=path,
        height=raster.height,
        width=raster.width,
        bands=raster.bands,
        crs=raster.crs,
        transform=raster.transform,
        classes=classes,
        names=found.names,
        colours=colours,
        model=found.mixture,
        groups=found.groups,
        space=fitted.space,
        choice=found.selection.sentence if found.selection.candidates else "",
        changed=sum(part.changed for part in parts) / max(1, labelled),
        rejected=rejected,
        warnings=raster.notes + fitted.notes + found.warnings + remarks(classes, rejected),
    )
