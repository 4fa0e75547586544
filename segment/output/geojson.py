"""Encode the polygons of classes as GeoJSON (RFC 7946)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segment.core.hex_colors import format_hex_color
from segment.output.shapes import Shapes
from segment.output.world_coordinates import WorldCoordinates

__all__ = ["encode_geojson"]

Points = NDArray[Any]


def encode_geojson(
    shapes: Shapes,
    names: Sequence[str],
    colors: NDArray[np.uint8],
    coordinates: WorldCoordinates,
    areas: Mapping[str, NDArray[np.float64]],
) -> Iterator[str]:
    """Encode shapes as a GeoJSON FeatureCollection, one MultiPolygon for each class that has pixels.

    Parameters
    ----------
    shapes : Shapes
        The polygons of the classes.
    names : sequence of k str
        Names of the classes.
    colors : ndarray of shape (k, 3), uint8
        RGB of each class.
    coordinates : WorldCoordinates
        What the coordinates are.
    areas : mapping of str to ndarray of shape (k,)
        Further properties of the classes: their areas, by the name that tells the unit.

    Yields
    ------
    str
        The document in pieces of text. Outer rings run counter-clockwise in the plane of their coordinates and holes
        clockwise, as the standard asks. The member ``coordinate_system`` tells what the coordinates are.

    Examples
    --------
    >>> from segment.core.georeference import NOWHERE
    >>> from segment.output.shapes import trace_classes
    >>> from segment.output.world_coordinates import choose_coordinates
    >>> shapes = trace_classes(np.ones((1, 2), int))
    >>> pieces = encode_geojson(shapes, ["sky"], np.zeros((1, 3), np.uint8), choose_coordinates(NOWHERE, "wgs84"), {})
    >>> json.loads("".join(pieces))["features"][0]["geometry"]["coordinates"]
    [[[[0, 0], [2, 0], [2, 1], [0, 1], [0, 0]]]]
    """
    yield '{"type":"FeatureCollection"'
    for member, value in coordinates.members.items():
        yield f",{json.dumps(member)}:{json.dumps(value)}"
    yield ',"features":['
    points, starts = _add_points(shapes, coordinates.max_edge)
    points = coordinates.convert(points)
    # Traced rings are counter-clockwise in the plane of pixel coordinates.
    is_mirrored = coordinates.is_mirrored
    pixels, separator = shapes.count_pixels(), "\n"
    for label, polygons in shapes.iterate_labels():
        color = format_hex_color(colors[label - 1])
        properties = {"label": label, "name": names[label - 1], "fill": color, "pixels": pixels[label]}
        # QuPath reads name and color of a class from here.
        properties["classification"] = {"name": names[label - 1], "color": colors[label - 1].tolist()}
        properties |= {name: float(values[label - 1]) for name, values in areas.items()}
        yield f'{separator}{{"type":"Feature","id":{label},"properties":{json.dumps(properties)},'
        yield '"geometry":{"type":"MultiPolygon","coordinates":['
        # A polygon is its outer ring and then its holes.
        for number, rings in enumerate(polygons):
            places = (slice(starts[ring.start], starts[ring.stop]) for ring in rings)
            closed = (_encode_ring(points[place], reverse=is_mirrored) for place in places)
            yield f"{',' if number else ''}\n[{','.join(closed)}]"
        yield "]}}"
        separator = ",\n"
    yield "]}\n"


def _add_points(shapes: Shapes, max_edge: int) -> tuple[Points, NDArray[np.intp]]:
    """Add points to long edges, at the same places on both sides of a border; return them, and where each point went.

    A border has points where its column or row is a multiple of `max_edge`.
    """
    points = shapes.outlines.points
    if shapes.pixels is not None:  # simplified borders run along no axis
        return points, np.arange(len(points) + 1)
    after = points[shapes.outlines.next_point]
    # Edges run along one of the axes: of the other the difference is 0.
    first, last = points.astype(np.int64), after.astype(np.int64)
    low, high = np.minimum(first, last), np.maximum(first, last)
    between = np.maximum((high - 1) // max_edge - low // max_edge, 0).sum(axis=1)
    starts = np.append(0, np.cumsum(between + 1))
    if not between.any():
        return points, starts
    found = np.repeat(first, between + 1, axis=0)
    for edge in np.flatnonzero(between):
        axis = int(first[edge, 0] == last[edge, 0])
        begin, end = first[edge, axis], last[edge, axis]
        marks = np.arange(low[edge, axis] // max_edge + 1, (high[edge, axis] - 1) // max_edge + 1) * max_edge
        found[starts[edge] + 1 : starts[edge + 1], axis] = marks if begin < end else marks[::-1]
    return found, starts


def _encode_ring(ring: NDArray[Any], *, reverse: bool) -> str:
    """Encode the points of a ring as JSON, the first again at the end."""
    points = ring[::-1].tolist() if reverse else ring.tolist()
    return json.dumps([*points, points[0]], separators=(",", ":"))
