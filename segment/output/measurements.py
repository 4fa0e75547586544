"""Measure the classes or regions of a label image: a table with a row for each."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, NoReturn

import numpy as np
from numpy.typing import NDArray

from segment.core.errors import ImageError, printable_path
from segment.core.image import Image
from segment.core.pixel_grid import PixelGrid
from segment.output.tables import name_channels
from segment.pipeline.class_table import measure_pixel_area
from segment.postprocessor.connected_regions import mark_run_starts, number_regions, tally_labels
from segment.preprocessor.preprocessor import clip_floats

__all__ = [
    "Table",
    "check_region_count",
    "measure_areas",
    "measure_classes",
    "measure_labels",
    "measure_parts",
    "measure_regions",
    "pair_labels",
    "refuse_regions",
]

Labels = NDArray[np.integer[Any]]
Floats = NDArray[np.float64]
Ids = NDArray[np.intp]
Maps = Mapping[str, NDArray[np.floating[Any]]]
Table = dict[str, NDArray[Any]]

MAX_REGIONS = 500_000  # rows of a table of regions, of some 300 bytes each
_CHUNK_PIXELS = 2**17  # handled at once

# Length of a border within one of its pixels, in steps to a pixel beside it and to a diagonal one, by how many of the
# pixels beside it (0..4) and diagonal to it (0..4) are on the border too: as in scikit-image, after Benkrid & Crookes
# 2000.
_STEPS_BESIDE, _STEPS_DIAGONAL = np.zeros((5, 5)), np.zeros((5, 5))
_STEPS_BESIDE[2:4, :3] = 1
_STEPS_DIAGONAL[0, 2] = _STEPS_DIAGONAL[1, 3] = 1
_STEPS_BESIDE[1, 1:3] = _STEPS_DIAGONAL[1, 1:3] = 0.5


class _Runs(NamedTuple):
    """The horizontal runs of one label in some rows of an image: label, first pixel, length, first row and column."""

    label: Ids
    start: Ids
    length: Ids
    row: Ids
    column: Ids


def measure_classes(label_image: Labels, image: Image, names: Sequence[str], *, maps: Maps) -> Table:
    """Measure each of the classes 1..k, in each region of interest if there are any.

    Parameters
    ----------
    label_image : ndarray of shape (H, W), integers 0..k
        0 is no label.
    image : Image
        Of the same size.
    names : sequence of k str
        Names of the classes.
    maps : mapping of name to ndarray of shape (H, W), float
        Maps of which the mean of each class is wanted.

    Returns
    -------
    dict of column name to ndarray of shape (k,), or (m * k,) for m regions of interest
        ``roi``, the name of the region of interest, if there are any; the columns of :func:`measure_labels`, ``name``,
        and ``regions``, the number of connected regions. The share is that of the labeled pixels of the region of
        interest.

    Examples
    --------
    >>> from dataclasses import replace
    >>> from segment.core.interest import RegionsOfInterest
    >>> image = Image.from_array(np.array([[10, 30, 50]], np.uint8))
    >>> image = replace(image, interest=RegionsOfInterest.from_labels(np.array([[1, 1, 2]])))
    >>> table = measure_classes(np.array([[1, 2, 2]]), image, ["dark", "light"], maps={})
    >>> table["roi"].tolist(), table["pixels"].tolist(), table["share"].tolist()
    (['1', '1', '2', '2'], [1, 1, 0, 1], [0.5, 0.5, 0.0, 1.0])
    """
    pairs = pair_labels(label_image, image, len(names))
    n_pairs = len(names) * (len(image.interest.names) if image.interest else 1)
    table = measure_labels(pairs, image, maps=maps, n_labels=n_pairs)
    regions = tally_labels(pairs, n_pairs, min_area=1)[1]
    roi, label = _place_rows(table, table.pop("label"), image, len(names))
    return {**roi, "label": label, "name": np.array(["", *names], dtype=object)[label], **table, "regions": regions}


def measure_regions(label_image: Labels, image: Image, names: Sequence[str], *, maps: Maps) -> Table:
    """Measure each connected region of the classes; regions are connected over edges, not corners.

    Parameters
    ----------
    label_image, image, names, maps
        As for :func:`measure_classes`. The borders of regions of interest part regions.

    Returns
    -------
    dict of column name to ndarray of shape (n,)
        ``roi``, if there are regions of interest; ``region``, the number 1..n in the order of first pixels; ``label``
        and ``name`` of its class; the other columns of :func:`measure_labels`. No column if there are more than
        `MAX_REGIONS`.
    """
    pairs = pair_labels(label_image, image, len(names))
    if count_regions(pairs) > MAX_REGIONS:
        return {}
    regions, pair = number_regions(pairs)
    table = measure_labels(regions, image, maps=maps)
    roi, label = _place_rows(table, pair, image, len(names))
    class_names = np.array(["", *names], dtype=object)[label]
    return {**roi, "region": table.pop("label"), "label": label, "name": class_names, **table}


def measure_parts(label_image: Labels, image: Image) -> Table:
    """Measure each label, or where there are regions of interest the part of it in each that it reaches.

    Parameters
    ----------
    label_image : ndarray of shape (H, W), integers >= 0
        Regions; 0 is no label.
    image : Image
        Of the same size.

    Returns
    -------
    dict of column name to ndarray of shape (n,)
        ``roi``, if there are regions of interest, and the columns of :func:`measure_labels`.
    """
    if image.interest is None:
        return measure_labels(label_image, image, maps={})
    n = int(label_image.max(initial=0))
    # Few of the pairs occur: they are numbered without gaps.
    pairs, numbers = np.unique(pair_labels(label_image, image, n), return_inverse=True)
    first = 1 if pairs[0] else 0
    table = measure_labels(numbers.reshape(label_image.shape) + first, image, maps={})
    roi, label = _place_rows(table, pairs[pairs > 0], image, n)
    return {**roi, **table, "label": label}


def pair_labels(label_image: Labels, image: Image, n_labels: int) -> Labels:
    """Number the pairs of a region of interest and a label from 1, in this order; 0 where one is missing.

    Parameters
    ----------
    label_image : ndarray of shape (H, W), integers 0 to `n_labels`
    image : Image
        Of the same size.
    n_labels : int

    Returns
    -------
    ndarray of shape (H, W), int
        The labels themselves where there are no regions of interest.
    """
    if image.interest is None:
        return label_image
    places, labels = image.interest.label_image.astype(np.int64), label_image.astype(np.int64)
    return np.where((places > 0) & (labels > 0), (places - 1) * n_labels + labels, 0)


def _place_rows(table: Table, pairs: Labels, image: Image, n_labels: int) -> tuple[Table, Labels]:
    """Return the regions of interest of pairs as a column, and their labels; set the shares in each region."""
    if image.interest is None:
        return {}, pairs
    place, label = np.divmod(pairs.astype(np.intp) - 1, max(1, n_labels))
    total = np.bincount(place, table["pixels"], minlength=1)
    table["share"] = np.asarray(table["pixels"] / np.maximum(total[place], 1))
    return {"roi": np.array(image.interest.names, dtype=object)[place]}, label + 1


def count_regions(label_image: Labels) -> int:
    """Count the connected regions of the labels of an image (H, W)."""
    return int(tally_labels(label_image, int(label_image.max(initial=0)), min_area=1)[1].sum())


def check_region_count(label_image: Labels, image: Image) -> None:
    """Raise an ImageError if the labels of an image (H, W) have more connected regions than a table has rows."""
    if count_regions(label_image) > MAX_REGIONS:
        refuse_regions(label_image, image)


def refuse_regions(label_image: Labels, image: Image) -> NoReturn:
    """Raise an ImageError that says how many connected regions the labels of an image (H, W) have."""
    n = count_regions(label_image)
    raise ImageError(
        f"{printable_path(image.file_name or 'image')}: tables and numbers of at most {MAX_REGIONS} connected regions; "
        f"got {n} or more. Raise --min-region, or save no regions, objects, numbers, outline or measurements."
    )


def measure_labels(label_image: Labels, image: Image, *, maps: Maps, n_labels: int = 0) -> Table:
    """Measure every label of an image of classes or of regions; 0 is no label.

    Parameters
    ----------
    label_image : ndarray of shape (H, W), integers >= 0
        Classes or regions.
    image : Image
        Of the same size.
    maps : mapping of name to ndarray of shape (H, W), float
        Maps of which the mean of each label is wanted, such as a probability.
    n_labels : int
        Number of rows, for the labels 1..n_labels, if that is more than the largest label.

    Returns
    -------
    dict of column name to ndarray of shape (n,)
        ``label``; ``pixels``; ``share`` of the labeled pixels; the area where the size of the pixels is known, such as
        ``area_mm2`` in the unit that the user or the file gives, ``area_m2`` for a georeferenced image;
        ``centroid_row`` and ``centroid_column``, 0 in the middle of the first pixel; ``centroid_x`` and ``centroid_y``
        in world coordinates, where georeferenced; ``top``, ``left``, ``bottom`` and ``right``, the box in pixels,
        bottom and right excluded; ``perimeter`` in pixels, along the centers of border pixels (Benkrid & Crookes 2000),
        and beside an area in its unit, such as ``perimeter_mm``; ``mean_...`` and ``deviation_...`` of each channel in
        the image's own values, the deviation that of the population; the mean of each map. NaN, or an empty box at 0,
        for a label without pixels.

    Notes
    -----
    The values are those of `skimage.measure.regionprops_table`, in one pass for all labels: scikit-image takes a pass,
    and memory for a float copy of the image, for each label.

    Examples
    --------
    >>> image = Image.from_array(np.array([[10, 20, 60]], np.uint8))
    >>> table = measure_labels(np.array([[1, 1, 2]]), image, maps={})
    >>> table["pixels"].tolist(), table["centroid_column"].tolist(), table["mean_gray"].tolist()
    ([2, 1], [0.5, 2.0], [15.0, 60.0])
    """
    image = clip_floats(image, image.limits)
    # Row 0 of every array is for label 0 and is dropped at the end.
    n = max(n_labels, int(label_image.max(initial=0))) + 1
    channels = name_channels(image.n_bands)
    area, row_sums, column_sums = np.zeros(n, np.intp), np.zeros(n), np.zeros(n)
    boxes = np.tile(np.array([[label_image.size] * 2 + [0] * 2]), (n, 1))
    sums = np.zeros((n, len(channels) + len(maps)))
    for rows in _split_rows(label_image):
        runs = _find_runs(label_image[rows], rows.start)
        area += np.bincount(runs.label, runs.length, n).astype(np.intp)
        row_sums += np.bincount(runs.label, runs.length * runs.row, n)
        # The columns of a run sum to its length times that of its middle.
        column_sums += np.bincount(runs.label, runs.length * (runs.column + (runs.length - 1) / 2), n)
        _enlarge_boxes(boxes, runs)
        _add_sums(sums, runs, _stack_values(image, maps.values(), rows))
    # NaN instead of a division by 0 for labels without pixels.
    area_or_nan = np.where(area, area, np.nan)
    means = sums / area_or_nan[:, None]
    table: Table = {"label": np.arange(n), "pixels": area, "share": area / max(1, area[1:].sum())}
    table |= {name: np.append(0, areas) for name, areas in measure_areas(label_image, image, n - 1).items()}
    table |= _locate_labels(image, row_sums / area_or_nan, column_sums / area_or_nan)
    table |= dict(zip(("top", "left", "bottom", "right"), np.where(area[:, None], boxes, 0).T, strict=True))
    perimeters = _measure_perimeters(label_image, n, image.grid)
    names = ("perimeter", image.grid.length_name)
    table |= {name: np.where(area, perimeter, np.nan) for name, perimeter in zip(names, perimeters, strict=False)}
    table |= {f"mean_{name}": means[:, i] for i, name in enumerate(channels)}
    deviations = _compute_deviations(label_image, image, means[:, : len(channels)], area_or_nan)
    table |= {f"deviation_{name}": deviations[:, i] for i, name in enumerate(channels)}
    table |= {name: means[:, i] for i, name in enumerate(maps, start=len(channels))}
    return {name: column[1:] for name, column in table.items()}


def measure_areas(label_image: Labels, image: Image, n_labels: int) -> Table:
    """Measure the area of each label in the unit of the image.

    Parameters
    ----------
    label_image : ndarray of shape (H, W), integers 0..n_labels
        0 is no label.
    image : Image
        Of the same size.
    n_labels : int

    Returns
    -------
    dict of column name to ndarray of shape (n_labels,)
        One column, such as ``area_mm2``; none where the size of the pixels is not known.
    """
    areas: Floats = np.zeros(n_labels + 1)
    for rows in _split_rows(label_image) if image.grid else ():
        if image.grid.is_uniform:
            areas += np.bincount(label_image[rows].reshape(-1), minlength=len(areas))
            continue
        # The pixel in the middle of a run stands for the run.
        runs = _find_runs(label_image[rows], rows.start)
        middle = runs.column + (runs.length - 1) / 2
        areas += np.bincount(runs.label, runs.length * image.grid.compute_areas(runs.row, middle), len(areas))
    areas = areas * measure_pixel_area(image) if image.grid.is_uniform else areas
    return {image.grid.area_name: areas[1:]} if image.grid else {}


def _split_rows(label_image: Labels) -> Iterator[slice]:
    """Split the rows of an image into chunks that are handled at once."""
    height, width = label_image.shape
    step = max(1, _CHUNK_PIXELS // width)
    return (slice(top, min(top + step, height)) for top in range(0, height, step))


def _find_runs(labels: Labels, top: int) -> _Runs:
    """Find the runs in some rows of a label image, of which `top` is the number of the first."""
    width = labels.shape[1]
    start = np.flatnonzero(mark_run_starts(labels))
    row, column = np.divmod(start, width)
    return _Runs(labels[row, column].astype(np.intp), start, np.diff(start, append=labels.size), row + top, column)


def _enlarge_boxes(boxes: Ids, runs: _Runs) -> None:
    """Enlarge the boxes (n, 4), top, left, bottom, right, so that they hold these runs too."""
    np.minimum.at(boxes[:, 0], runs.label, runs.row)
    np.minimum.at(boxes[:, 1], runs.label, runs.column)
    np.maximum.at(boxes[:, 2], runs.label, runs.row + 1)
    np.maximum.at(boxes[:, 3], runs.label, runs.column + runs.length)


def _stack_values(image: Image, maps: Iterable[NDArray[np.floating[Any]]], rows: slice) -> Floats:
    """Stack the channels and maps of some rows as numbers to add up: (pixels, channels + maps)."""
    pixels = image.pixels[rows].reshape(-1, image.n_bands)
    return np.column_stack([pixels, *(values[rows].reshape(-1) for values in maps)]).astype(np.float64)


def _add_sums(sums: Floats, runs: _Runs, values: Floats) -> None:
    """Add the values (pixels, m) of the runs to the sums (n, m) of their labels."""
    for i, run_sums in enumerate(np.add.reduceat(values, runs.start, axis=0).T):
        sums[:, i] += np.bincount(runs.label, run_sums, len(sums))


def _compute_deviations(label_image: Labels, image: Image, means: Floats, area: Floats) -> Floats:
    """Compute the standard deviation of each channel, (n, channels)."""
    # A second pass over the pixels: the difference of the sums of squares and of values would not be exact.
    sums = np.zeros(means.shape)
    for rows in _split_rows(label_image):
        runs = _find_runs(label_image[rows], rows.start)
        values = _stack_values(image, (), rows)
        values -= np.repeat(means[runs.label], runs.length, axis=0)
        _add_sums(sums, runs, values**2)
    return np.sqrt(sums / area[:, None])


def _locate_labels(image: Image, rows: Floats, columns: Floats) -> Table:
    """Give the place of the labels in pixels and in world coordinates."""
    table: Table = {"centroid_row": rows, "centroid_column": columns}
    place = image.georeference
    if place:
        # World coordinates count from the corner of the first pixel, rows and columns from its middle.
        a, b, c, d, e, f = place.transform
        x, y = columns + 0.5, rows + 0.5
        table |= {"centroid_x": a * x + b * y + c, "centroid_y": d * x + e * y + f}
    return table


def _measure_perimeters(label_image: Labels, n: int, grid: PixelGrid) -> list[Floats]:
    """Measure the perimeter of each label 0..n-1 in pixels, as `skimage.measure.perimeter` does, and in its unit.

    A line goes through the centers of the border pixels, those with a 4-neighbor of another label. What a pixel adds
    to its length depends on how many of its neighbors are border pixels of its label, side by side and diagonally.
    """
    padded = np.pad(label_image, 1)
    inner = padded[1:-1, 1:-1]
    border = np.zeros(padded.shape, bool)
    for other in (padded[:-2, 1:-1], padded[2:, 1:-1], padded[1:-1, :-2], padded[1:-1, 2:]):
        border[1:-1, 1:-1] |= inner != other
    border[1:-1, 1:-1] &= inner != 0
    # In the flat padded image the neighbors of every pixel lie at the same offsets.
    flat, is_border, width = padded.reshape(-1), border.reshape(-1), padded.shape[1]
    along, across, corners = (-1, 1), (-width, width), (-width - 1, -width + 1, width - 1, width + 1)
    lengths = [np.zeros(n), *([np.zeros(n)] if grid else [])]
    border_pixels = np.flatnonzero(is_border)
    for begin in range(0, border_pixels.size, _CHUNK_PIXELS):
        place = border_pixels[begin : begin + _CHUNK_PIXELS]
        in_row, in_column, diagonal = (
            sum((is_border[place + by] & (flat[place + by] == flat[place]) for by in offsets), start=np.intp(0))
            for offsets in (along, across, corners)
        )
        beside = in_row + in_column
        steps, diagonal_steps = _STEPS_BESIDE[beside, diagonal], _STEPS_DIAGONAL[beside, diagonal]
        lengths[0] += np.bincount(flat[place], steps + math.sqrt(2) * diagonal_steps, n)
        if grid:
            # Where pixels are no squares, a step beside has the mean length of those that the line can go.
            x, y = grid.compute_sides(place // width - 1, place % width - 1)
            mean_step = (in_row * x + in_column * y) / np.maximum(beside, 1)
            lengths[1] += np.bincount(flat[place], steps * mean_step + diagonal_steps * np.hypot(x, y), n)
    return lengths
