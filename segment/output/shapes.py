"""The classes of a label image as polygons."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segment.core.errors import ImageError
from segment.output.outlines import Outlines, count_points, trace_outlines
from segment.output.simplification import simplify_outlines
from segment.postprocessor.connected_regions import number_regions
from segment.postprocessor.windows import count_runs

__all__ = ["Shapes", "trace_classes"]

Labels = NDArray[np.integer[Any]]

# Points of polygons, of some 100 bytes each: so many, and one more for so many pixels.
MAX_POINTS, PIXELS_PER_POINT = 1_500_000, 12


@dataclass(frozen=True)
class Shapes:
    """The classes of a label image as polygons.

    Attributes
    ----------
    outlines : Outlines
        Of all connected regions. Neighbors share every vertex of their border.
    label : ndarray of shape (n,), int
        The label of each region 1..n.
    shape : tuple of int
        Height and width of the image, in pixels.
    dropped : tuple of int
        Labels that are left out.
    pixels : dict of int to int, optional
        The pixels of each label, where the outlines are simplified and enclose other areas.
    """

    outlines: Outlines
    label: Labels
    shape: tuple[int, int]
    dropped: tuple[int, ...] = ()
    pixels: dict[int, int] | None = None

    def simplify(self, tolerance: float) -> Shapes:
        """Simplify the outlines by a tolerance in pixels; 0 leaves them as they are."""
        if not tolerance:
            return self
        return replace(self, outlines=simplify_outlines(self.outlines, tolerance), pixels=self.count_pixels())

    def leave_out(self, labels: Sequence[int]) -> Shapes:
        """Leave some labels out of what is written; the polygons of the others stay as they are."""
        return replace(self, dropped=tuple(labels))

    def iterate_labels(self) -> Iterator[tuple[int, list[list[slice]]]]:
        """Iterate over the labels, each with its polygons: the places of their rings among the points."""
        found: dict[int, list[list[slice]]] = {label: [] for label in np.unique(self.label).tolist()}
        labels = self.label.tolist()
        for region, rings in self.outlines.iterate_polygons():
            found[labels[region - 1]].append(rings)
        yield from (item for item in found.items() if item[0] not in self.dropped)

    def count_pixels(self) -> dict[int, int]:
        """Count the pixels of each label that occurs."""
        if self.pixels is not None:
            return self.pixels
        area = np.bincount(self.label[self.outlines.region - 1], self.outlines.areas)
        return {label: int(area[label]) for label in np.unique(self.label).tolist()}


def trace_classes(label_image: Labels) -> Shapes:
    """Trace the outlines of every class in a label image.

    Parameters
    ----------
    label_image : ndarray of shape (H, W), integers 0..k
        0 is no label and has no outlines.

    Returns
    -------
    Shapes
        The polygons of the classes.

    Raises
    ------
    ImageError
        If the polygons have more points than memory should hold.
    """
    most = MAX_POINTS + label_image.size // PIXELS_PER_POINT
    # A vertex has a vertical side on it, and at most four points.
    if 8 * (count_runs(label_image) + len(label_image)) > most and (n := count_points(label_image)) > most:
        raise ImageError(f"polygons of at most {most} points for this size of image; got {n}. Raise --min-region.")
    regions, label = number_regions(label_image)
    height, width = label_image.shape
    return Shapes(trace_outlines(regions), label, (height, width))
