"""Label images as shapes for other programs: GeoJSON and SVG polygons, COCO annotations."""

from __future__ import annotations

import html
import json
import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segment.core.errors import printable_path
from segment.core.georeference import NOWHERE, Georeference
from segment.output.outlines import Outlines, trace_outlines
from segment.postprocessor.connected_regions import number_regions

__all__ = ["Shapes", "coco", "geojson", "run_lengths", "svg", "trace_classes"]

Labels = NDArray[np.integer[Any]]

_WGS84 = "EPSG:4326"
_FINE = 4  # world coordinates are written to the decimal that is at most 1e-4 of a pixel


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
    """

    outlines: Outlines
    label: Labels
    shape: tuple[int, int]

    def by_label(self) -> Iterator[tuple[int, list[list[slice]]]]:
        """Each label with its polygons: the places of their rings among the points of the outlines."""
        found: dict[int, list[list[slice]]] = {label: [] for label in np.unique(self.label).tolist()}
        labels = self.label.tolist()
        for region, rings in self.outlines.polygons():
            found[labels[region - 1]].append(rings)
        yield from found.items()

    def pixels(self) -> dict[int, int]:
        """The area of each label that occurs, in pixels."""
        area = np.bincount(self.label[self.outlines.region - 1], self.outlines.areas)
        return {label: int(area[label]) for label in np.unique(self.label).tolist()}


def trace_classes(label_image: Labels) -> Shapes:
    """The outlines of every class in a label image (H, W), 0..k; 0 is no label and has none."""
    regions, label = number_regions(label_image)
    height, width = label_image.shape
    return Shapes(trace_outlines(regions), label, (height, width))


def geojson(
    shapes: Shapes, names: Sequence[str], colors: NDArray[np.uint8], georeference: Georeference = NOWHERE
) -> Iterator[str]:
    """A GeoJSON FeatureCollection (RFC 7946), one MultiPolygon for each class that has pixels, in pieces of text.

    Outer rings run counter-clockwise in the plane of their coordinates and holes clockwise, as the standard asks. The
    coordinates are those of the world where the image is georeferenced, in its own system, which a ``crs`` member names
    unless it is WGS 84; else they are pixels, x to the right and y down from the outer corner of the first pixel. The
    member ``coordinate_system`` says which.

    Parameters
    ----------
    shapes : Shapes
    names : sequence of k texts
    colors : ndarray of shape (k, 3), uint8
    georeference : Georeference
    """
    yield '{"type":"FeatureCollection"'
    for member, value in _system(georeference).items():
        yield f",{json.dumps(member)}:{json.dumps(value)}"
    yield ',"features":['
    points = _world(shapes.outlines.points, georeference)
    pixels, separator = shapes.pixels(), "\n"
    for label, polygons in shapes.by_label():
        about = {"label": label, "name": names[label - 1], "fill": _hex(colors[label - 1]), "pixels": pixels[label]}
        if georeference.meters:
            about["square_metres"] = pixels[label] * georeference.pixel_area
        yield f'{separator}{{"type":"Feature","id":{label},"properties":{json.dumps(about)},'
        yield '"geometry":{"type":"MultiPolygon","coordinates":['
        for number, rings in enumerate(polygons):
            closed = (_closed(points[ring], backwards=georeference.determinant < 0) for ring in rings)
            yield f"{',' if number else ''}\n[{','.join(closed)}]"
        yield "]}}"
        separator = ",\n"
    yield "]}\n"


def svg(shapes: Shapes, names: Sequence[str], colors: NDArray[np.uint8], *, title: str) -> Iterator[str]:
    """An SVG picture with one path for each class that has pixels, along the pixels' edges, in pieces of text.

    Parameters
    ----------
    shapes : Shapes
    names : sequence of k texts
        Each is the title of its path.
    colors : ndarray of shape (k, 3), uint8
    title : str
        Of the whole picture.
    """
    height, width = shapes.shape
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        f'shape-rendering="crispEdges" fill-rule="evenodd">\n<title>{_xml(title)}</title>\n'
        f"<desc>{_xml(', '.join(names))}</desc>\n"
    )
    points, turning = shapes.outlines.points, _turning(shapes.outlines)
    for label, polygons in shapes.by_label():
        yield f'<path id="class-{label}" fill="{_hex(colors[label - 1])}" d="'
        for rings in polygons:
            yield "".join(_path(points[ring][turning[ring]]) for ring in rings)
        yield f'"><title>{_xml(names[label - 1])}</title><desc>class {label}</desc></path>\n'
    yield "</svg>\n"


def coco(label_image: Labels, names: Sequence[str], *, file_name: str) -> str:
    """Annotations as COCO JSON: one for each class that has pixels, its mask as compressed run lengths.

    Parameters
    ----------
    label_image : ndarray of shape (H, W), integers 0..k
    names : sequence of k texts
        Of the categories 1..k.
    file_name : str
        Of the image.
    """
    height, width = label_image.shape
    annotations = []
    for label, (counts, box) in run_lengths(label_image).items():
        mask = {"size": [height, width], "counts": _compressed(counts)}
        known = {"id": label, "image_id": 1, "category_id": label, "iscrowd": 0}
        annotations.append({**known, "area": int(counts[1::2].sum()), "bbox": box, "segmentation": mask})
    document = {
        "images": [{"id": 1, "width": width, "height": height, "file_name": file_name}],
        "categories": [{"id": label, "name": name} for label, name in enumerate(names, start=1)],
        "annotations": annotations,
    }
    return json.dumps(document) + "\n"


def run_lengths(label_image: Labels) -> dict[int, tuple[NDArray[np.int64], list[int]]]:
    """For each label above 0 that occurs, its mask as COCO's run lengths and its box.

    Returns
    -------
    dict of label to (counts, box)
        The counts are the lengths of runs outside and inside the mask by turns, down the columns, the first outside
        and perhaps 0. The box is [left, top, width, height] in pixels.
    """
    height = label_image.shape[0]
    flat = np.ascontiguousarray(label_image.T).reshape(-1)
    begin = np.append(0, np.flatnonzero(flat[1:] != flat[:-1]) + 1)
    end = np.append(begin[1:], flat.size)
    label = flat[begin]
    found = {}
    for wanted in np.unique(label[label > 0]).tolist():
        mine = label == wanted
        bounds = np.stack([begin[mine], end[mine]], axis=1).reshape(-1)
        ends = bounds if bounds[-1] == flat.size else np.append(bounds, flat.size)
        found[wanted] = np.diff(ends, prepend=0), _box(begin[mine], end[mine] - 1, height)
    return found


def _box(first: NDArray[np.intp], last: NDArray[np.intp], height: int) -> list[int]:
    """The box around runs down the columns, from their first and last pixels: [left, top, width, height]."""
    left, right = int(first[0]) // height, int(last[-1]) // height
    wraps = first // height != last // height  # from the foot of a column to the head of the next
    top = 0 if wraps.any() else int((first % height).min())
    bottom = height - 1 if wraps.any() else int((last % height).max())
    return [left, top, right - left + 1, bottom - top + 1]


def _compressed(counts: NDArray[np.int64]) -> str:
    """Run lengths in COCO's text: differences from the count before the last, 5 bits a character, low ones first.

    The format is that of `rleToString` in pycocotools' maskApi.c: bit 6 says that more follow, and the sign is extended
    from the highest bit of the last character.
    """
    values = counts.copy()
    values[3:] -= counts[1:-2]
    characters = []
    unfinished = np.ones(values.size, bool)
    while unfinished.any():
        low = values & 0x1F
        values = values >> 5
        more = np.where(low & 0x10, values != -1, values != 0)
        characters.append(np.where(unfinished, (low | (more.astype(np.int64) << 5)) + 48, 0))
        unfinished &= more
    text = np.stack(characters, axis=1).reshape(-1)
    return bytes(text[text > 0].astype(np.uint8)).decode("ascii")


def _system(georeference: Georeference) -> dict[str, Any]:
    """What a FeatureCollection says of its coordinates."""
    if not georeference:
        return {"coordinate_system": "pixels: x to the right, y down from the outer corner of the first pixel"}
    crs = georeference.crs
    if crs == _WGS84:
        return {"coordinate_system": "longitude, latitude"}
    if not crs:
        return {"coordinate_system": "world, in an unknown system"}
    name = f"urn:ogc:def:crs:EPSG::{crs.removeprefix('EPSG:')}" if crs.startswith("EPSG:") else crs
    return {"coordinate_system": "world", "crs": {"type": "name", "properties": {"name": name}}}


def _world(points: NDArray[np.int32], georeference: Georeference) -> NDArray[Any]:
    """The points in world coordinates, each computed once, so that shared ones stay the same."""
    if not georeference:
        return points
    a, b, c, d, e, f = georeference.transform
    x, y = points.T
    decimals = max(0, math.ceil(_FINE - math.log10(math.sqrt(abs(georeference.determinant)))))
    return np.round(np.stack([a * x + b * y + c, d * x + e * y + f], axis=1), decimals)


def _closed(ring: NDArray[Any], *, backwards: bool) -> str:
    """The points of a ring as JSON, the first again at the end."""
    points = ring[::-1].tolist() if backwards else ring.tolist()
    return json.dumps([*points, points[0]], separators=(",", ":"))


def _turning(outlines: Outlines) -> NDArray[np.bool_]:
    """True for the points at which their ring turns."""
    after, y = outlines.following, outlines.points[:, 1]
    level = y == y[after]
    turns = np.empty(len(y), bool)
    turns[after] = level[after] != level
    return turns


def _path(corners: NDArray[np.int32]) -> str:
    """A ring of right angles as SVG path data; ``z`` draws its last side."""
    if corners[0, 1] != corners[1, 1]:  # begin with a level side
        corners = np.roll(corners, -1, axis=0)
    steps = np.diff(corners, axis=0).sum(axis=1)  # one of the two is 0
    sides = "".join(map("h{}v{}".format, steps[0::2].tolist(), steps[1::2].tolist()))
    return f"M{corners[0, 0]} {corners[0, 1]}{sides}h{steps[-1]}z"


def _hex(color: NDArray[np.uint8]) -> str:
    return "#" + bytes(color).hex()


def _xml(text: str) -> str:
    """Text that may stand in XML: control characters, which may not, are written as escapes."""
    return html.escape(printable_path(text, limit=sys.maxsize), quote=False)
