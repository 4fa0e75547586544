"""Encode label images as shapes for other programs: SVG polygons, COCO annotations."""

from __future__ import annotations

import html
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segment.core.errors import ImageError, printable_path
from segment.output.outlines import Outlines, count_points, trace_outlines
from segment.output.palette import format_hex_color
from segment.output.simplification import find_fixed_points, simplify_outlines
from segment.postprocessor.connected_regions import number_regions
from segment.postprocessor.windows import count_runs

__all__ = ["Shapes", "compute_run_lengths", "encode_coco", "encode_svg", "trace_classes"]

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
        The pixels of each label, where the outlines do not tell them any more: they are simplified.
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


def encode_svg(
    shapes: Shapes, names: Sequence[str], colors: NDArray[np.uint8], *, title: str, is_smooth: bool = False
) -> Iterator[str]:
    """Encode shapes as an SVG picture, one path along the pixels' edges for each class that has pixels.

    Parameters
    ----------
    shapes : Shapes
        The polygons of the classes.
    names : sequence of k str
        Names of the classes: each is the title of its path.
    colors : ndarray of shape (k, 3), uint8
        RGB of each class.
    title : str
        Title of the picture.
    is_smooth : bool
        Whether borders are smooth curves: quadratic Bezier curves from the middle of each side to that of the next.
        Those of both sides of a border are the same; where three borders meet they stay.

    Yields
    ------
    str
        The document in pieces of text.
    """
    height, width = shapes.shape
    rendering = "auto" if is_smooth else "crispEdges"
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        f'shape-rendering="{rendering}" fill-rule="evenodd">\n<title>{_escape_xml(title)}</title>\n'
        f"<desc>{_escape_xml(', '.join(names))}</desc>\n"
    )
    encode = _choose_ring_encoder(shapes, is_smooth=is_smooth)
    for label, polygons in shapes.iterate_labels():
        yield f'<path id="class-{label}" fill="{format_hex_color(colors[label - 1])}" d="'
        for rings in polygons:
            yield "".join(map(encode, rings))
        yield f'"><title>{_escape_xml(names[label - 1])}</title><desc>class {label}</desc></path>\n'
    yield "</svg>\n"


def encode_coco(label_image: Labels, names: Sequence[str], *, file_name: str) -> str:
    """Encode a label image as COCO annotations: the mask of each class that has pixels as compressed run lengths.

    Parameters
    ----------
    label_image : ndarray of shape (H, W), integers 0..k
        0 is no label.
    names : sequence of k str
        Names of the categories 1..k.
    file_name : str
        Name of the image.

    Returns
    -------
    str
        A JSON document.
    """
    height, width = label_image.shape
    annotations = []
    for label, (counts, box) in compute_run_lengths(label_image).items():
        mask = {"size": [height, width], "counts": _compress_run_lengths(counts)}
        known = {"id": label, "image_id": 1, "category_id": label, "iscrowd": 0}
        annotations.append({**known, "area": int(counts[1::2].sum()), "bbox": box, "segmentation": mask})
    document = {
        "images": [{"id": 1, "width": width, "height": height, "file_name": file_name}],
        "categories": [{"id": label, "name": name} for label, name in enumerate(names, start=1)],
        "annotations": annotations,
    }
    return json.dumps(document) + "\n"


def compute_run_lengths(label_image: Labels) -> dict[int, tuple[NDArray[np.int64], list[int]]]:
    """Compute the run lengths, as COCO counts them, and the box of each label above 0 that occurs.

    Parameters
    ----------
    label_image : ndarray of shape (H, W), integers >= 0
        0 is no label.

    Returns
    -------
    dict of label to (counts, box)
        The counts are the lengths of runs outside and inside the mask in turn, down the columns, the first outside
        and perhaps 0. The box is [left, top, width, height] in pixels.

    Examples
    --------
    >>> counts, box = compute_run_lengths(np.array([[0, 1], [0, 1]]))[1]
    >>> counts.tolist(), box
    ([2, 2], [1, 0, 1, 2])
    """
    height = label_image.shape[0]
    flat = np.ascontiguousarray(label_image.T).reshape(-1)
    begin = np.append(0, np.flatnonzero(flat[1:] != flat[:-1]) + 1)
    end = np.append(begin[1:], flat.size)
    label = flat[begin]
    found = {}
    for wanted in np.unique(label[label > 0]).tolist():
        # Runs outside and inside of the mask end where a run of the label begins and ends in turn.
        mine = label == wanted
        bounds = np.stack([begin[mine], end[mine]], axis=1).reshape(-1)
        ends = bounds if bounds[-1] == flat.size else np.append(bounds, flat.size)
        found[wanted] = np.diff(ends, prepend=0), _find_box(begin[mine], end[mine] - 1, height)
    return found


def _find_box(first: NDArray[np.intp], last: NDArray[np.intp], height: int) -> list[int]:
    """Find the box around runs down the columns, from their first and last pixels: [left, top, width, height]."""
    left, right = int(first[0]) // height, int(last[-1]) // height
    # A run that goes on from the foot of a column to the head of the next touches the top and the bottom.
    wraps = first // height != last // height
    top = 0 if wraps.any() else int((first % height).min())
    bottom = height - 1 if wraps.any() else int((last % height).max())
    return [left, top, right - left + 1, bottom - top + 1]


def _compress_run_lengths(counts: NDArray[np.int64]) -> str:
    """Compress run lengths to COCO's text: differences from the count before the last, 5 bits a character.

    The format is that of `rleToString` in pycocotools' maskApi.c: low bits come first, bit 6 says that more follow, and
    the sign is extended from the highest bit of the last character.
    """
    values = counts.copy()
    values[3:] -= counts[1:-2]
    characters = []
    unfinished = np.ones(values.size, bool)
    # One character of every number in each round; 0 stands for the characters that a finished number does not have.
    while unfinished.any():
        low = values & 0x1F
        values = values >> 5
        more = np.where(low & 0x10, values != -1, values != 0)
        characters.append(np.where(unfinished, (low | (more.astype(np.int64) << 5)) + 48, 0))
        unfinished &= more
    text = np.stack(characters, axis=1).reshape(-1)
    return bytes(text[text > 0].astype(np.uint8)).decode("ascii")


def _choose_ring_encoder(shapes: Shapes, *, is_smooth: bool) -> Callable[[slice], str]:
    """Choose what encodes a ring, by its place among the points, as SVG path data."""
    points = shapes.outlines.points
    if is_smooth:
        is_fixed = find_fixed_points(shapes.outlines, shapes.shape)
        return lambda ring: _encode_curve(points[ring], is_fixed[ring])
    if shapes.pixels is not None:  # simplified sides run along no axis
        return lambda ring: "M" + "L".join(f"{x} {y}" for x, y in points[ring].tolist()) + "z"
    # Vertices at which only another border meets the ring are not needed here.
    is_corner = _find_corners(shapes.outlines)
    return lambda ring: _encode_path(points[ring][is_corner[ring]])


def _find_corners(outlines: Outlines) -> NDArray[np.bool_]:
    """Find the points at which their ring turns."""
    after, y = outlines.next_point, outlines.points[:, 1]
    is_level = y == y[after]  # of the side from each point to the next
    turns = np.empty(len(y), bool)
    turns[after] = is_level[after] != is_level
    return turns


def _encode_path(corners: NDArray[np.int32]) -> str:
    """Encode a ring of right angles as SVG path data; ``z`` draws its last side."""
    # Begin with a level side: level and upright ones come in turn, as h and v.
    if corners[0, 1] != corners[1, 1]:
        corners = np.roll(corners, -1, axis=0)
    steps = np.diff(corners, axis=0).sum(axis=1)  # one of the two is 0
    sides = "".join(map("h{}v{}".format, steps[0::2].tolist(), steps[1::2].tolist()))
    return f"M{corners[0, 0]} {corners[0, 1]}{sides}h{steps[-1]}z"


def _encode_curve(ring: NDArray[np.int32], is_fixed: NDArray[np.bool_]) -> str:
    """Encode a ring as SVG path data of quadratic curves with its points as controls; fixed points are corners."""
    middles = ((ring + np.roll(ring, -1, axis=0)) / 2).tolist()
    x, y = middles[-1]
    parts = [f"M{x:g} {y:g}"]
    for (x, y), corner, (next_x, next_y) in zip(ring.tolist(), is_fixed.tolist(), middles, strict=True):
        parts.append(f"{'L' if corner else 'Q'}{x} {y} {next_x:g} {next_y:g}")
    return "".join(parts) + "z"


def _escape_xml(text: str) -> str:
    """Escape a text for XML, and control characters, which XML does not allow."""
    return html.escape(printable_path(text, limit=sys.maxsize), quote=False)
