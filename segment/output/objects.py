"""Group the connected regions of a class into objects: leaves that do not touch are one plant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from segment.config.sizes import split_size
from segment.core.errors import SettingsError
from segment.core.threads import IMPORT_LOCK
from segment.core.units import METERS_PER_UNIT
from segment.output.measurements import check_region_count, measure_labels, pair_labels
from segment.output.result_tables import set_shares
from segment.postprocessor.connected_regions import number_regions

if TYPE_CHECKING:
    from segment.core.image import Image
    from segment.output.measurements import Table
    from segment.pipeline.result import Segmentation

__all__ = ["group_regions", "measure_objects", "number_objects"]

Labels = NDArray[np.integer[Any]]
Ids = NDArray[np.intp]


def number_objects(result: Segmentation) -> tuple[Labels, Ids, tuple[str, ...]]:
    """Number the objects of a result.

    Regions of one class that are no further from each other than the setting `group_distance` are one object. Where
    the image has regions of interest, what lies in two of them is two objects; without a distance all that is of one
    class in a region of interest is one. The background is none.

    Parameters
    ----------
    result : Segmentation
        A segmented image.

    Returns
    -------
    objects : ndarray of shape (H, W), int
        1..n in the order of their first pixels; 0 for none.
    label : ndarray of shape (n,), int
        The class of each object.
    roi : tuple of str
        The name of the region of interest of each; empty where there are none.

    Raises
    ------
    ImageError
        If there are more connected regions than a table may have rows.
    """
    interest, k = result.image.interest, max(1, result.n_classes)
    labels: Labels = result.label_image.copy()
    uncounted = [row.label for row in result.classes if np.isnan(row.share)]
    labels[np.isin(labels, uncounted)] = 0
    labels = pair_labels(labels, result.image, k)
    check_region_count(labels, result.image)
    distance, sides = _find_distance(result.config.group_distance, result.image)
    regions, of_region = number_regions(labels)
    is_place = interest is not None and not distance  # all that is of one class in a region of interest
    group = of_region if is_place else group_regions(regions, of_region, distance, sides)
    # Objects, as regions are, are numbered in the order of their first pixels.
    _, first, number = np.unique(group, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.argsort(order)[number]
    objects = np.append(0, rank + 1).astype(np.int32)[regions]
    pair = of_region[first[order]].astype(np.intp)  # all regions of an object are of one class
    roi, label = np.divmod(pair - 1, k)
    return objects, label + 1, () if interest is None else tuple(interest.names[i] for i in roi.tolist())


def measure_objects(result: Segmentation, *, maps: Mapping[str, NDArray[np.floating]]) -> Table:
    """Measure the objects of a result.

    Parameters
    ----------
    result : Segmentation
        A segmented image.
    maps : mapping of name to ndarray of shape (H, W), float
        Maps of which the mean of each object is wanted.

    Returns
    -------
    dict of column name to ndarray of shape (n,)
        ``object``, the number 1..n; ``roi``, where there are regions of interest; ``label`` and ``name`` of the class;
        the other columns of :func:`segment.output.measurements.measure_labels`; ``regions``, the number of connected
        regions; and what :func:`segment.output.result_tables.set_shares` adds.
    """
    objects, label, roi = number_objects(result)
    table = measure_labels(objects, result.image, maps=maps, n_labels=len(label))
    _, of_region = number_regions(objects)
    regions = np.bincount(of_region, minlength=len(label) + 1)[1:]
    names = np.array([*result.names], dtype=object)[label - 1]
    place = {"roi": np.array(roi, dtype=object)} if roi else {}
    number = table.pop("label")
    return set_shares({"object": number, **place, "label": label, "name": names, **table, "regions": regions}, result)


def group_regions(
    regions: Labels, label: Sequence[int] | Labels, distance: float, sides: tuple[float, float] = (1.0, 1.0)
) -> Ids:
    """Group regions of one label that lie near each other.

    Parameters
    ----------
    regions : ndarray of shape (H, W), int
        The number of each pixel's region 1..n; 0 for none.
    label : sequence of n int
        The label of each region.
    distance : float
        Between the middles of the nearest pixels of two regions, up to which they are one; 0 groups none.
    sides : tuple of 2 float
        Height and width of a pixel, in the unit of `distance`.

    Returns
    -------
    ndarray of shape (n,), int
        The group of each region, from 0.

    Examples
    --------
    >>> group_regions(np.array([[1, 0, 2, 0, 0, 3]]), [1, 1, 1], 2.0).tolist()
    [0, 0, 1]
    """
    with IMPORT_LOCK:
        from scipy.ndimage import distance_transform_edt
        from scipy.sparse import coo_array
        from scipy.sparse.csgraph import connected_components

    n = len(label)
    if not distance or n == 0:
        return np.arange(n)
    region_label = np.append(0, np.asarray(label))[regions]
    first, second = [np.zeros(0, np.intp)], [np.zeros(0, np.intp)]
    for each in np.unique(label).tolist():
        of_class = np.where(region_label == each, regions, 0)
        # Every pixel knows the nearest pixel of the class. Where the nearest ones of two neighbors are of different
        # regions, they are the ends of a short way between these; the shortest way crosses such a place.
        rows, columns = distance_transform_edt(of_class == 0, sides, return_distances=False, return_indices=True)
        nearest = of_class[rows, columns]
        for one, other in (
            (np.s_[:, :-1], np.s_[:, 1:]), (np.s_[:-1], np.s_[1:]),
            (np.s_[:-1, :-1], np.s_[1:, 1:]), (np.s_[1:, :-1], np.s_[:-1, 1:]),
        ):  # fmt: skip
            gap = np.hypot(sides[0] * (rows[one] - rows[other]), sides[1] * (columns[one] - columns[other]))
            # Sides in units are rounded: what is exactly so far away is near.
            is_near = (nearest[one] != nearest[other]) & (gap <= distance * (1 + 1e-9))
            first.append(nearest[one][is_near] - 1)
            second.append(nearest[other][is_near] - 1)
    # Old versions of SciPy take 32 bits alone.
    ends = (np.concatenate(first).astype(np.int32), np.concatenate(second).astype(np.int32))
    graph = coo_array((np.ones(len(ends[0]), np.int8), ends), shape=(n, n))
    return np.asarray(connected_components(graph, directed=False)[1], dtype=np.intp)


def _find_distance(text: str, image: Image) -> tuple[float, tuple[float, float]]:
    """Find the distance of the setting `group_distance`, and height and width of a pixel in its unit."""
    if not text:
        return 0.0, (1.0, 1.0)
    number, unit = split_size(text)
    if unit == "px":
        return number, (1.0, 1.0)
    grid = image.grid
    if not grid:
        raise SettingsError(
            f"group_distance (--group-distance): in pixels where their size is not known; got {text}. Give "
            "--pixel-size, or pixels such as 12px."
        )
    # A pixel of each row stands for the row, as the widths of rows may differ.
    rows = np.arange(image.height)
    width, height = (float(sides.mean()) for sides in grid.compute_sides(rows, np.full(len(rows), image.width / 2)))
    scale = METERS_PER_UNIT[grid.unit] / METERS_PER_UNIT[unit]
    return number, (scale * height, scale * width)
