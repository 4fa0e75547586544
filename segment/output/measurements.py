"""Measurements of the classes or regions of a label image, one row each."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from segment.core.image import Image
from segment.pipeline.region_pipeline import RegionSegmentation
from segment.pipeline.result import Segmentation
from segment.postprocessor.connected_regions import number_regions

__all__ = ["Table", "measure", "measure_classes", "measure_regions", "measure_result", "measure_result_regions"]

Labels = NDArray[np.integer[Any]]
Floats = NDArray[np.float64]
Ids = NDArray[np.intp]
Maps = Mapping[str, NDArray[np.floating[Any]]]
Table = dict[str, NDArray[Any]]

_BLOCK = 2**17  # pixels handled at once
_CHANNELS = {1: ("grey",), 3: ("red", "green", "blue")}
# Length of a border within one of its pixels, by how many of the pixels beside it (0..4) and diagonal to it (0..4) are
# on the border too: as in scikit-image, after Benkrid & Crookes 2000.
_LENGTHS = np.zeros((5, 5))
_LENGTHS[2:4, :3] = 1
_LENGTHS[0, 2] = _LENGTHS[1, 3] = math.sqrt(2)
_LENGTHS[1, 1:3] = (1 + math.sqrt(2)) / 2


class _Runs(NamedTuple):
    """The horizontal runs of one label in some rows of an image: label, first pixel, length, first row and column."""

    label: Ids
    start: Ids
    length: Ids
    row: Ids
    column: Ids


def measure_result(result: Segmentation) -> tuple[Table, Table]:
    """Measure the classes and the connected regions of a result.

    Beside what :func:`measure_classes` has, ``posterior`` is the mean probability of the pixels' own class and
    ``uncertainty`` the mean entropy of the posteriors in bits.
    """
    maps = {"posterior": result.confidence(), "uncertainty": result.uncertainty()}
    about = result.label_image, result.image, result.names
    return measure_classes(*about, maps=maps), measure_regions(*about, maps=maps)


def measure_result_regions(result: RegionSegmentation) -> Table:
    """Measure the regions of an image that was divided into regions."""
    return measure(result.label_image, result.image, maps={}, n_labels=result.n_regions)


def measure_classes(label_image: Labels, image: Image, names: Sequence[str], *, maps: Maps) -> Table:
    """A row for each of the classes 1..k: what :func:`measure` has, ``name``, and ``regions``, how many there are."""
    table = measure(label_image, image, maps=maps, n_labels=len(names))
    _, label = number_regions(label_image)
    regions = np.bincount(label, minlength=len(names) + 1)[1:]
    return {"label": table.pop("label"), "name": np.array(names, dtype=object), **table, "regions": regions}


def measure_regions(label_image: Labels, image: Image, names: Sequence[str], *, maps: Maps) -> Table:
    """A row for each connected region (over edges, not corners): ``region``, its class, and what `measure` has."""
    regions, label = number_regions(label_image)
    table = measure(regions, image, maps=maps)
    called = np.array(["", *names], dtype=object)[label]
    return {"region": table.pop("label"), "label": label, "name": called, **table}


def measure(label_image: Labels, image: Image, *, maps: Maps, n_labels: int = 0) -> Table:
    """Measure every label of an image of classes or of regions; 0 is no label.

    The columns are those of `skimage.measure.regionprops_table` under plainer names and have the same values, in one
    pass for all labels: scikit-image takes a pass, and memory for a float copy of the image, for each.

    Parameters
    ----------
    label_image : ndarray of shape (H, W), integers >= 0
    image : Image
        Of the same size.
    maps : mapping of name to ndarray of shape (H, W), float
        What else to give the mean of, such as a probability.
    n_labels : int
        Rows, for the labels 1..n_labels, if that is more than the largest label.

    Returns
    -------
    dict of column name to ndarray of shape (n,)
        ``label``; ``pixels``; ``share`` of the labeled pixels; ``square_metres``, where the image is georeferenced in
        units of length; ``centroid_row`` and ``centroid_column``, 0 in the middle of the first pixel; ``centroid_x``
        and ``centroid_y`` in world coordinates, where georeferenced; ``top``, ``left``, ``bottom`` and ``right``, the
        box in pixels, bottom and right excluded; ``perimeter`` in pixels, along the centers of border pixels (Benkrid &
        Crookes 2000); ``mean_...`` and ``deviation_...`` of each channel in the image's own values, the deviation that
        of the population; the mean of each map. NaN, or an empty box at 0, for a label without pixels.
    """
    n = max(n_labels, int(label_image.max(initial=0))) + 1
    channels = _CHANNELS[1 if image.is_gray else 3]
    area, rows, columns = np.zeros(n, np.intp), np.zeros(n), np.zeros(n)
    box = np.tile(np.array([[label_image.size] * 2 + [0] * 2]), (n, 1))
    sums = np.zeros((n, len(channels) + len(maps)))
    for lines in _blocks(label_image):
        runs = _runs(label_image[lines], lines.start)
        area += np.bincount(runs.label, runs.length, n).astype(np.intp)
        rows += np.bincount(runs.label, runs.length * runs.row, n)
        columns += np.bincount(runs.label, runs.length * (runs.column + (runs.length - 1) / 2), n)
        _widen(box, runs)
        _add_sums(sums, runs, _values(image, maps.values(), lines))
    counted = np.where(area, area, np.nan)
    means = sums / counted[:, None]
    table: Table = {"label": np.arange(n), "pixels": area, "share": area / max(1, area[1:].sum())}
    table |= _placed(image, area, rows / counted, columns / counted)
    table |= dict(zip(("top", "left", "bottom", "right"), np.where(area[:, None], box, 0).T, strict=True))
    table["perimeter"] = np.where(area, _perimeters(label_image, n), np.nan)
    table |= {f"mean_{name}": means[:, i] for i, name in enumerate(channels)}
    deviations = _deviations(label_image, image, means[:, : len(channels)], counted)
    table |= {f"deviation_{name}": deviations[:, i] for i, name in enumerate(channels)}
    table |= {name: means[:, i] for i, name in enumerate(maps, start=len(channels))}
    return {name: column[1:] for name, column in table.items()}


def _blocks(label_image: Labels) -> Iterator[slice]:
    """Rows of the image, some at a time."""
    height, width = label_image.shape
    rows = max(1, _BLOCK // width)
    return (slice(top, min(top + rows, height)) for top in range(0, height, rows))


def _runs(labels: Labels, top: int) -> _Runs:
    """The runs in rows of a label image, of which `top` is the first."""
    width = labels.shape[1]
    starts = np.ones(labels.shape, bool)
    np.not_equal(labels[:, 1:], labels[:, :-1], out=starts[:, 1:])
    start = np.flatnonzero(starts)
    row, column = np.divmod(start, width)
    return _Runs(labels[row, column].astype(np.intp), start, np.diff(start, append=labels.size), row + top, column)


def _widen(box: Ids, runs: _Runs) -> None:
    """Make the boxes (n, 4), top, left, bottom, right, hold these runs too."""
    np.minimum.at(box[:, 0], runs.label, runs.row)
    np.minimum.at(box[:, 1], runs.label, runs.column)
    np.maximum.at(box[:, 2], runs.label, runs.row + 1)
    np.maximum.at(box[:, 3], runs.label, runs.column + runs.length)


def _values(image: Image, maps: Any, lines: slice) -> Floats:
    """The channels and maps of some rows as numbers to add up: (pixels, channels + maps)."""
    pixels = image.pixels[lines].reshape(-1, 1 if image.is_gray else 3)
    return np.column_stack([pixels, *(values[lines].reshape(-1) for values in maps)]).astype(np.float64)


def _add_sums(sums: Floats, runs: _Runs, values: Floats) -> None:
    """Add the values (pixels, m) of the runs to the sums (n, m) of their labels."""
    for i, of_runs in enumerate(np.add.reduceat(values, runs.start, axis=0).T):
        sums[:, i] += np.bincount(runs.label, of_runs, len(sums))


def _deviations(label_image: Labels, image: Image, means: Floats, counted: Floats) -> Floats:
    """Standard deviation of each channel, by a second pass: the difference of large sums would not be exact."""
    sums = np.zeros(means.shape)
    for lines in _blocks(label_image):
        runs = _runs(label_image[lines], lines.start)
        values = _values(image, (), lines)
        values -= np.repeat(means[runs.label], runs.length, axis=0)
        _add_sums(sums, runs, values**2)
    return np.sqrt(sums / counted[:, None])


def _placed(image: Image, area: Ids, rows: Floats, columns: Floats) -> Table:
    """Where the labels are and how large, in pixels and on the earth."""
    table: Table = {"centroid_row": rows, "centroid_column": columns}
    place = image.georeference
    if place:
        a, b, c, d, e, f = place.transform
        x, y = columns + 0.5, rows + 0.5
        table |= {"centroid_x": a * x + b * y + c, "centroid_y": d * x + e * y + f}
    return {"square_metres": area * place.pixel_area, **table} if place.meters else table


def _perimeters(label_image: Labels, n: int) -> Floats:
    """The perimeter of each label 0..n-1, in pixels, as `skimage.measure.perimeter` has it.

    A line goes through the centers of the border pixels, those with a 4-neighbor of another label. What a pixel adds
    to its length depends on how many of its neighbors are border pixels of its label, side by side and diagonally.
    """
    padded = np.pad(label_image, 1)
    inner = padded[1:-1, 1:-1]
    border = np.zeros(padded.shape, bool)
    for other in (padded[:-2, 1:-1], padded[2:, 1:-1], padded[1:-1, :-2], padded[1:-1, 2:]):
        border[1:-1, 1:-1] |= inner != other
    border[1:-1, 1:-1] &= inner != 0
    flat, is_border, width = padded.reshape(-1), border.reshape(-1), padded.shape[1]
    lengths = np.zeros(n)
    border_pixels = np.flatnonzero(is_border)
    for begin in range(0, border_pixels.size, _BLOCK):
        place = border_pixels[begin : begin + _BLOCK]
        beside, diagonal = (
            sum((is_border[place + by] & (flat[place + by] == flat[place]) for by in offsets), start=np.intp(0))
            for offsets in ((-1, 1, -width, width), (-width - 1, -width + 1, width - 1, width + 1))
        )
        lengths += np.bincount(flat[place], _LENGTHS[beside, diagonal], n)
    return lengths
