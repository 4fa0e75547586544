"""Drawings, read back by an XML parser."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import numpy as np
from label_cases import for_label_images

from segment.output.palette import pick_class_colors
from segment.output.shapes import trace_classes
from segment.output.svg import encode_svg

NAMES = ("sky", "sea & <land>", "=cmd|'/c calc'!A1", 'a "b" \x1b')

COLORS = pick_class_colors(4)


def paint_svg(root: ElementTree.Element, size: tuple[int, ...]) -> np.ndarray:
    """Paint SVG paths as a label image: a pixel is inside if an odd number of sides is above it."""
    found = np.zeros(size, np.uint8)
    for path in root.findall("{*}path"):
        crossings = np.zeros((size[0] + 1, size[1]), int)
        x = y = 0
        for letter, numbers in re.findall("([Mhvz])([-0-9 ]*)", path.attrib["d"]):
            if letter == "M":
                x, y = (int(number) for number in numbers.split())
            elif letter == "h":
                low, high = sorted((x, x + int(numbers)))
                crossings[y, low:high] += 1
                x += int(numbers)
            elif letter == "v":
                y += int(numbers)
        inside = (np.cumsum(crossings, axis=0)[:-1] % 2).astype(bool)
        assert not found[inside].any()
        found[inside] = int(path.attrib["id"].removeprefix("class-"))
    return found


@for_label_images
def test_svg_paths_paint_the_labels(labels: np.ndarray) -> None:
    root = ElementTree.fromstring("".join(encode_svg(trace_classes(labels), NAMES, COLORS, title="a \x07 <b>")))
    assert root.attrib["viewBox"] == f"0 0 {labels.shape[1]} {labels.shape[0]}"
    assert root.attrib["fill-rule"] == "evenodd"
    assert root.find("{*}title").text == r"a \x07 <b>"
    np.testing.assert_array_equal(paint_svg(root, labels.shape), labels)
    for path in root.findall("{*}path"):
        label = int(path.attrib["id"].removeprefix("class-"))
        assert path.find("{*}title").text == NAMES[label - 1].replace("\x1b", r"\x1b")
        assert path.attrib["fill"] == "#" + bytes(COLORS[label - 1]).hex()
        for sides in re.findall("M[^z]*z", path.attrib["d"]):
            assert re.fullmatch(r"M\d+ \d+(h-?\d+v-?\d+)*h-?\d+z", sides)  # every vertex is a corner


def test_nothing_shows_through_the_borders_of_smooth_shapes() -> None:
    shapes = trace_classes(np.repeat([[1, 2]], 4, axis=1).repeat(4, axis=0).astype(np.uint8))
    smooth, crisp = (
        ElementTree.fromstring("".join(encode_svg(shapes, NAMES, COLORS, title="", is_smooth=is_smooth)))
        for is_smooth in (True, False)
    )
    assert smooth.attrib["stroke-width"] == "1"
    for path in smooth.findall("{*}path"):
        assert path.attrib["stroke"] == path.attrib["fill"]
        assert path.attrib["vector-effect"] == "non-scaling-stroke"
    assert "stroke" not in "".join(name for path in crisp.iter() for name in path.attrib)
