"""Plan which pixels of a raster count, before any tile is read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from segment.config.config import SegmentConfig
from segment.config.text_forms import is_path
from segment.core.errors import ImageError, SegmentError, printable_path
from segment.core.georeference import Georeference
from segment.core.interest import check_region_labels
from segment.loader.decoders.tiff_high_depth import open_with_tifffile, read_place
from segment.loader.loader import count_pages
from segment.loader.mask_files import LabelFile, count_values, describe_mask, read_interest
from segment.loader.polygon_places import describe_extent, locate_polygons
from segment.loader.stem_files import find_stem_file
from segment.pipeline.pixel_selection import describe_circle, describe_other_place, describe_overlap
from segment.preprocessor.interest import find_picture_circle, label_polygons, name_cells
from segment.runs.rasters.reader import Raster
from segment.runs.rasters.tile_selection import (
    EVERYTHING,
    FileLabels,
    TileSelection,
    find_set,
    is_tiff,
    load_mask,
    read_file_window,
)
from segment.runs.rasters.tiles import Window

__all__ = ["select_raster_pixels"]

STRIP_PIXELS = 2**24  # that are looked at at once
_NUMBERED = "EPSG:"
MAX_THUMBNAIL_SIDE = 1024  # pixels, of the copy in which the circle of a picture is found


def select_raster_pixels(raster: Raster, config: SegmentConfig) -> Raster:
    """Choose the pixels of a raster that count, as the settings say.

    Parameters
    ----------
    raster : Raster
        The whole file.
    config : SegmentConfig
        The settings `crop`, `nodata`, `mask` and `roi` count.

    Returns
    -------
    Raster
        The part that is used, with its place on the earth; it reads pixels that do not count as not valid.

    Raises
    ------
    ImageError
        If a mask or region does not fit the raster; the message begins with its path.
    """
    if not (config.crop or config.nodata or config.mask or config.roi):
        return raster
    shape = raster.height, raster.width
    selection = replace(EVERYTHING, shape=shape, file_shape=shape)
    try:
        selection = _add_nodata(selection, raster, config.nodata_values)
        selection = _add_mask(selection, raster, config.mask)
        if config.roi_circle:
            selection = replace(selection, circle=config.roi_circle, names=("circle",))
            selection = _check_regions(selection, "roi (--roi)")
        elif is_path(config.roi):
            selection = _add_interest_file(selection, raster, config.roi)
        if config.crop:
            raster, selection = _crop(raster, selection, config.crop_box)
        if config.roi == "circle":
            selection = _find_circle(replace(raster, selection=selection), selection)
        elif config.roi_grid:
            rows, columns = config.roi_grid
            names = name_cells((raster.height, raster.width), rows, columns)
            selection = replace(selection, grid=(rows, columns), names=names)
    except ImageError as error:
        raise ImageError(f"{printable_path(raster.path)}: {error}") from error
    return replace(raster, selection=selection)


def _add_nodata(selection: TileSelection, raster: Raster, values: tuple[float, ...]) -> TileSelection:
    """Add the value of pixels that do not count."""
    if len(values) not in (0, 1, len(raster.bands)):
        raise ImageError(
            f"nodata (--nodata): one number, or one for each of the {len(raster.bands)} channels; got {len(values)}. "
            "Give one number."
        )
    return replace(selection, nodata=values)


def _add_mask(selection: TileSelection, raster: Raster, path: str) -> TileSelection:
    """Add the mask, after a look at its size, and at which of its pixels count."""
    if not path:
        return selection
    file = find_stem_file(path, raster.path)
    if is_tiff(file):
        notes = _describe_label_file(raster, file)
        n_counted, mask_notes = _look_at_mask(file, selection.file_shape)
    else:
        mask = load_mask(file, selection.file_shape)
        notes, n_counted, mask_notes = (), int(np.count_nonzero(mask.counts)), mask.notes
    if not n_counted:
        raise ImageError(
            f"{printable_path(file)}: a mask has pixels that are not zero; got none. Draw where the image counts."
        )
    return replace(selection, mask=file, notes=selection.notes + notes + mask_notes)


def _look_at_mask(path: str, shape: tuple[int, int]) -> tuple[int, tuple[str, ...]]:
    """Count the pixels that a mask in a TIFF counts, and note what may not be meant."""
    read_file_window(path, None, shape)
    n_counted, histogram = 0, np.zeros(1 << 16, dtype=np.int64)
    low, high = np.inf, -np.inf
    for strip in _cut_strips(shape):
        values, valid = read_file_window(path, strip, shape)
        n_counted += int(np.count_nonzero(find_set(values, valid)))
        found = count_values(values.max(axis=0))
        histogram[: found.size] += found
        low, high = min(low, values.min()), max(high, values.max())
    is_full = n_counted == shape[0] * shape[1] and low < high
    return n_counted, describe_mask(path, histogram, is_full=is_full)


def _add_interest_file(selection: TileSelection, raster: Raster, file_or_folder: str) -> TileSelection:
    """Add the regions of interest of a file."""
    path = find_stem_file(file_or_folder, raster.path)
    if is_tiff(path):
        labels = FileLabels(path, _list_labels(path, selection.file_shape))
        names = tuple(f"{number:.10g}" for number in labels.numbers)
        notes = selection.notes + _describe_label_file(raster, path)
        return replace(selection, labels=labels, names=names, notes=notes)
    shape = selection.file_shape
    file = read_interest(path, max_pixels=shape[0] * shape[1])
    if isinstance(file, LabelFile):
        numbers = tuple(float(name) for name in file.interest.names)
        notes = selection.notes + file.notes
        selection = replace(selection, labels=FileLabels(path, numbers), names=file.interest.names, notes=notes)
        return _check_regions(selection, printable_path(path))
    try:
        regions, note = locate_polygons(file, raster.georeference, shape)
    except SegmentError as error:
        raise type(error)(f"{printable_path(path)}: {error}") from error
    selection = replace(selection, polygons=regions, names=file.names)
    n_shared = sum(
        label_polygons(regions, (strip.height, strip.width), (strip.row, strip.column))[1]
        for strip in _cut_strips(shape)
    )
    selection = _drop_empty_polygons(selection, printable_path(path))
    said = (note, *describe_extent(regions, file.names, selection.names, shape), describe_overlap(n_shared))
    return replace(selection, notes=selection.notes + tuple(text for text in said if text))


def _drop_empty_polygons(selection: TileSelection, what: str) -> TileSelection:
    """Leave out the polygons without a pixel of the file; refuse them where none has any."""
    counts = _count_regions(selection)
    if not counts.any():
        _refuse_empty_regions(selection.names, counts, what)
    pairs = zip(selection.polygons, selection.names, strict=True)
    kept = [pair for pair, count in zip(pairs, counts, strict=True) if count]
    return replace(selection, polygons=tuple(rings for rings, _ in kept), names=tuple(name for _, name in kept))


def _describe_label_file(raster: Raster, path: str) -> tuple[str, ...]:
    """Describe that a TIFF with a mask or labels has further pages, or lies elsewhere on the earth."""
    n = count_pages(path)
    notes = (f"page 1 of {n} of {printable_path(path)} is used",) if n > 1 else ()
    with open(path, "rb") as stream, open_with_tifffile(stream) as file:  # noqa: PTH123  a path may hold any bytes
        _, place = read_place(file.pages[0])
    own = raster.georeference
    # Systems without a number are written in other words here and there.
    if not (own.crs.startswith(_NUMBERED) and place.crs.startswith(_NUMBERED)):
        own, place = replace(own, crs=""), replace(place, crs="")
    return notes + describe_other_place(own, place, path)


def _check_regions(selection: TileSelection, what: str) -> TileSelection:
    """Refuse regions of interest that have no pixel of the file."""
    _refuse_empty_regions(selection.names, _count_regions(selection), what)
    return selection


def _refuse_empty_regions(names: Sequence[str], counts: NDArray[np.int64], what: str) -> None:
    """Refuse regions of interest without a pixel."""
    empty = [name for name, count in zip(names, counts, strict=True) if count == 0]
    if empty:
        raise ImageError(
            f"{what}: region of interest {empty[0]!r}: lies on the image; got no pixel there. "
            "Check its coordinates, or remove it."
        )


def _count_regions(selection: TileSelection) -> NDArray[np.int64]:
    """Count the pixels of the file in each region of interest."""
    counts = np.zeros(len(selection.names), dtype=np.int64)
    for strip in _cut_strips(selection.file_shape):
        counts += selection.label(strip).count_pixels()
    return counts


def _list_labels(path: str, shape: tuple[int, int]) -> tuple[float, ...]:
    """List the labels of a TIFF, without 0."""
    shown, found = printable_path(path), np.zeros(0)
    for strip in _cut_strips(shape):
        values, valid = read_file_window(path, strip, shape)
        if len(values) != 1:
            raise ImageError(
                f"{shown}: a label image has one number for each pixel; got {len(values)} channels. "
                "Save it as gray or with a palette."
            )
        found = np.union1d(found, np.unique(np.where(valid, values[0], 0)).astype(float))
    labels: NDArray[np.float64] = found[found != 0]
    try:
        check_region_labels(labels)
    except ImageError as error:
        raise ImageError(f"{shown}: {error}") from error
    return tuple(labels.tolist())


def _crop(raster: Raster, selection: TileSelection, box: tuple[int, ...]) -> tuple[Raster, TileSelection]:
    """Take a part of a raster: left, top, right, bottom."""
    left, top, right, bottom = box
    if right > raster.width or bottom > raster.height:
        raise ImageError(
            f"crop (--crop): a part of the image, within 0,0,{raster.width},{raster.height}; got "
            f"{left},{top},{right},{bottom}. Give smaller numbers."
        )
    shape = bottom - top, right - left
    place = Georeference(raster.transform).move_origin(left, top)
    raster = replace(raster, height=shape[0], width=shape[1], transform=place.transform)
    return raster, replace(selection, row=top, column=left, shape=shape)


def _find_circle(raster: Raster, selection: TileSelection) -> TileSelection:
    """Find the circle of a picture in a small copy of the raster."""
    copy = raster.read_thumbnail(MAX_THUMBNAIL_SIDE)
    (x, y, radius), is_found = find_picture_circle(copy)
    scale = raster.width / copy.width
    circle = (x * scale, y * raster.height / copy.height, radius * scale)
    note = describe_circle(circle, is_found=is_found)
    inside = (circle[0] + selection.column, circle[1] + selection.row, circle[2])
    return replace(selection, circle=inside, names=("circle",), notes=(*selection.notes, note))


def _cut_strips(shape: tuple[int, int]) -> list[Window]:
    """Cut a raster in strips of whole rows."""
    height = max(1, STRIP_PIXELS // shape[1])
    return [Window(top, 0, min(height, shape[0] - top), shape[1]) for top in range(0, shape[0], height)]
