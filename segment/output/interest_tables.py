"""Measure classes and regions in each region of interest: tables with a column ``roi``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segment.core.image import Image
from segment.core.interest import RegionsOfInterest
from segment.output.measurements import MAX_REGIONS, count_regions, measure_labels
from segment.postprocessor.connected_regions import number_regions, tally_labels

__all__ = ["measure_classes_of_interest", "measure_labels_of_interest", "measure_regions_of_interest"]

Labels = NDArray[np.integer[Any]]
Maps = Mapping[str, NDArray[np.floating[Any]]]
Table = dict[str, NDArray[Any]]


def measure_classes_of_interest(label_image: Labels, image: Image, names: Sequence[str], *, maps: Maps) -> Table:
    """Measure each of the classes 1..k in each region of interest.

    Parameters
    ----------
    label_image : ndarray of shape (H, W), integers 0..k
        0 is no label.
    image : Image
        Of the same size, with regions of interest.
    names : sequence of k str
        Names of the classes.
    maps : mapping of name to ndarray of shape (H, W), float
        Maps of which the mean of each class is wanted.

    Returns
    -------
    dict of column name to ndarray of shape (n * k,)
        ``roi`` and the columns of :func:`segment.output.measurements.measure_classes`; the share is that of the labeled
        pixels of the region of interest.

    Examples
    --------
    >>> from dataclasses import replace
    >>> image = Image.from_array(np.array([[10, 30, 50]], np.uint8))
    >>> image = replace(image, interest=RegionsOfInterest.from_labels(np.array([[1, 1, 2]])))
    >>> table = measure_classes_of_interest(np.array([[1, 2, 2]]), image, ["dark", "light"], maps={})
    >>> table["roi"].tolist(), table["pixels"].tolist(), table["share"].tolist()
    (['1', '1', '2', '2'], [1, 1, 0, 1], [0.5, 0.5, 0.0, 1.0])
    """
    interest = _get_interest(image)
    if not names:
        return {"roi": np.array([], dtype=object), **measure_labels(label_image, image, maps=maps)}
    pairs = _pair_labels(interest, label_image, len(names))
    n_pairs = len(interest.names) * len(names)
    table = measure_labels(pairs, image, maps=maps, n_labels=n_pairs)
    roi, label = np.divmod(table.pop("label") - 1, len(names))
    regions = tally_labels(pairs, n_pairs, min_area=1)[1]
    table["share"] = _compute_shares(table["pixels"], roi)
    about = {"roi": _name(interest, roi), "label": label + 1, "name": np.array(names, dtype=object)[label]}
    return {**about, **table, "regions": regions}


def measure_regions_of_interest(label_image: Labels, image: Image, names: Sequence[str], *, maps: Maps) -> Table:
    """Measure each connected region of the classes; the borders of regions of interest part them.

    Parameters
    ----------
    label_image, image, names, maps
        As for :func:`measure_classes_of_interest`.

    Returns
    -------
    dict of column name to ndarray of shape (m,)
        ``roi`` and the columns of :func:`segment.output.measurements.measure_regions`, in the order of the first pixels
        of the regions. No column if there are more than `MAX_REGIONS`.
    """
    interest = _get_interest(image)
    n = max(1, len(names))
    pairs = _pair_labels(interest, label_image, n)
    if count_regions(pairs, n * len(interest.names)) > MAX_REGIONS:
        return {}
    regions, pair = number_regions(pairs)
    table = measure_labels(regions, image, maps=maps)
    roi, label = np.divmod(pair.astype(np.intp) - 1, n)
    table["share"] = _compute_shares(table["pixels"], roi)
    region = table.pop("label")
    about = {"roi": _name(interest, roi), "region": region, "label": label + 1}
    return {**about, "name": np.array([*names], dtype=object)[label], **table}


def measure_labels_of_interest(label_image: Labels, image: Image) -> Table:
    """Measure the part of each label in each region of interest that it reaches.

    Parameters
    ----------
    label_image : ndarray of shape (H, W), integers >= 0
        Regions; 0 is no label.
    image : Image
        Of the same size, with regions of interest.

    Returns
    -------
    dict of column name to ndarray of shape (m,)
        ``roi`` and the columns of :func:`segment.output.measurements.measure_labels`.
    """
    interest = _get_interest(image)
    n = max(1, int(label_image.max(initial=0)))
    # Few of the pairs occur: they are numbered without gaps.
    pairs, numbers = np.unique(_pair_labels(interest, label_image, n), return_inverse=True)
    first = 1 if pairs[0] else 0
    table = measure_labels(numbers.reshape(label_image.shape) + first, image, maps={})
    roi, label = np.divmod(pairs[pairs > 0] - 1, n)
    table["share"] = _compute_shares(table["pixels"], roi)
    return {"roi": _name(interest, roi), **table, "label": label + 1}


def _get_interest(image: Image) -> RegionsOfInterest:
    """Return the regions of interest of an image that has some."""
    assert image.interest is not None
    return image.interest


def _pair_labels(interest: RegionsOfInterest, label_image: Labels, n: int) -> Labels:
    """Number the pairs of a region of interest and one of n labels from 1, in this order; 0 where one is missing."""
    regions, labels = interest.label_image.astype(np.int64), label_image.astype(np.int64)
    return np.where((regions > 0) & (labels > 0), (regions - 1) * n + labels, 0)


def _compute_shares(pixels: NDArray[Any], roi: NDArray[np.intp]) -> NDArray[np.float64]:
    """Compute the share of each row in the labeled pixels of its region of interest."""
    total = np.bincount(roi, pixels, minlength=1)
    return np.asarray(pixels / np.maximum(total[roi], 1))


def _name(interest: RegionsOfInterest, roi: NDArray[np.intp]) -> NDArray[Any]:
    """Return the names of some regions of interest."""
    return np.array(interest.names, dtype=object)[roi]
