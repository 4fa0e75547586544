"""Measure a result: its classes, or its regions, in each region of interest where there are some."""

from __future__ import annotations

from typing import TYPE_CHECKING

from segment.output.interest_tables import (
    measure_classes_of_interest,
    measure_labels_of_interest,
    measure_regions_of_interest,
)
from segment.output.measurements import Table, measure_classes, measure_labels, measure_regions

if TYPE_CHECKING:
    from segment.pipeline.region_pipeline import RegionSegmentation
    from segment.pipeline.result import Segmentation

__all__ = ["measure_result", "measure_result_regions"]


def measure_result(result: Segmentation) -> tuple[Table, Table]:
    """Measure the classes and the connected regions of a segmented image.

    Parameters
    ----------
    result : Segmentation
        A segmented image.

    Returns
    -------
    classes, regions : dict of column name to ndarray
        The columns of :func:`segment.output.measurements.measure_classes` and
        :func:`segment.output.measurements.measure_regions`; also ``posterior``, the mean probability of the pixels' own
        class, and ``uncertainty``, the mean entropy of the posteriors in bits. Where the image has regions of interest,
        there is a row for each of them and each class, and its name is in the first column, ``roi``.
    """
    maps = {"posterior": result.confidence(), "uncertainty": result.uncertainty()}
    labels, image, names = result.label_image, result.image, result.names
    if image.interest is not None:
        return (
            measure_classes_of_interest(labels, image, names, maps=maps),
            measure_regions_of_interest(labels, image, names, maps=maps),
        )
    return measure_classes(labels, image, names, maps=maps), measure_regions(labels, image, names, maps=maps)


def measure_result_regions(result: RegionSegmentation) -> Table:
    """Measure the regions of an image that was divided into regions.

    Parameters
    ----------
    result : RegionSegmentation
        An image that was divided into regions.

    Returns
    -------
    dict of column name to ndarray
        The columns of :func:`segment.output.measurements.measure_labels`. Where the image has regions of interest,
        there is a row for each part of a region in one of them, with its name in the first column, ``roi``.
    """
    if result.image.interest is not None:
        return measure_labels_of_interest(result.label_image, result.image)
    return measure_labels(result.label_image, result.image, maps={}, n_labels=result.n_regions)
