"""Encode the polygons of classes as an SVG picture."""

from __future__ import annotations

import html
import sys
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from segment.core.errors import printable_path
from segment.core.hex_colors import format_hex_color
from segment.output.outlines import Outlines
from segment.output.shapes import Shapes
from segment.output.simplification import find_fixed_points

__all__ = ["encode_svg"]


def encode_svg(
    shapes: Shapes,
    names: Sequence[str],
    colors: NDArray[np.uint8],
    *,
    title: str,
    is_smooth: bool = False,
    kind: str = "class",
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
    kind : str
        What the shapes are, class or region: the id of a path is it, a hyphen and the number.

    Yields
    ------
    str
        The document in pieces of text.
    """
    height, width = shapes.shape
    rendering = 'auto" stroke-width="1" stroke-linejoin="round' if is_smooth else "crispEdges"
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        f'shape-rendering="{rendering}" fill-rule="evenodd">\n<title>{_escape_xml(title)}</title>\n'
        f"<desc>{_escape_xml(', '.join(names))}</desc>\n"
    )
    encode = _choose_ring_encoder(shapes, is_smooth=is_smooth)
    for label, polygons in shapes.iterate_labels():
        color = format_hex_color(colors[label - 1])
        # Both sides of a smooth border cover a pixel of the screen in part: a line of a pixel hides what shows through.
        stroke = f' stroke="{color}" vector-effect="non-scaling-stroke"' if is_smooth else ""
        yield f'<path id="{kind}-{label}" fill="{color}"{stroke} d="'
        for rings in polygons:
            yield "".join(map(encode, rings))
        yield f'"><title>{_escape_xml(names[label - 1])}</title><desc>{kind} {label}</desc></path>\n'
    yield "</svg>\n"


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
