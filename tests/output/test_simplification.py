"""Simplified and smooth borders stay shared, and every reader gets valid polygons."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import segment
from segment.output import simplification
from segment.output.outlines import trace_outlines
from segment.output.shapes import trace_classes
from segment.output.simplification import find_fixed_points, simplify_outlines
from segment.output.svg import encode_svg
from segment.postprocessor.connected_regions import number_regions


def draw_blobs() -> np.ndarray:
    """Three classes with holes, diagonal contacts and a part without label."""
    y, x = np.mgrid[:40, :60]
    labels = np.where((x - 20) ** 2 + (y - 18) ** 2 < 150, 2, 1)
    labels[(x - 20) ** 2 + (y - 18) ** 2 < 30] = 3
    labels[(x + 2 * y) > 110] = 3
    labels[36:, :5] = 0
    labels[30, 50], labels[31, 51] = 2, 2
    return labels.astype(np.uint8)


def test_borders_stay_shared() -> None:
    shapely = pytest.importorskip("shapely", minversion="2.1")
    outlines = trace_outlines(number_regions(draw_blobs())[0])
    simple = simplify_outlines(outlines, 2.0)
    assert len(simple.points) < len(outlines.points) / 2
    np.testing.assert_array_equal(simple.region, outlines.region)
    np.testing.assert_array_equal(simple.is_hole, outlines.is_hole)
    polygons = []
    for _, rings in simple.iterate_polygons():
        shell, *holes = (simple.points[ring] for ring in rings)
        polygons.append(shapely.Polygon(shell, holes))
    assert all(polygon.is_valid for polygon in polygons)
    assert shapely.coverage_is_valid(np.array(polygons))
    # A ring around a region runs one way, that around a hole the other.
    assert ((simple.areas < 0) == simple.is_hole).all()
    assert simplify_outlines(trace_outlines(np.zeros((2, 2), int)), 2.0).region.size == 0


@pytest.mark.parametrize("tolerance", [10.0, 1000.0])
def test_no_tolerance_cuts_corners_or_loses_regions(tolerance: float) -> None:
    shapely = pytest.importorskip("shapely", minversion="2.1")
    y, x = np.mgrid[:40, :60]
    labels = 1 + (x > 50) + 2 * (x + y < 6) + (abs(x - 20) + abs(y - 20) < 5)
    outlines = trace_outlines(number_regions(labels.astype(np.uint8))[0])
    simple = simplify_outlines(outlines, tolerance)
    np.testing.assert_array_equal(simple.region, outlines.region)
    parts = []
    for _, rings in simple.iterate_polygons():
        shell, *holes = (simple.points[ring] for ring in rings)
        parts.append(shapely.Polygon(shell, holes))
    assert min(part.area for part in parts) > 0
    assert shapely.union_all(parts).equals(shapely.box(0, 0, 60, 40))


@pytest.mark.parametrize("svg_smooth", [False, True])
def test_geojson_has_simple_polygons_true_pixels_and_classes_for_qupath(tmp_path: Path, svg_smooth: bool) -> None:
    pytest.importorskip("shapely", minversion="2.1")
    labels = draw_blobs()
    settings: dict[str, Any] = {"name": "2=leaf", "palette": "leaf=#0a0b0c", "save": "geojson,svg"}
    plain = segment.relabel_classes(labels, **settings).save(tmp_path, stem="plain")
    settings |= {"simplify": 2, "svg_smooth": svg_smooth}
    simple = segment.relabel_classes(labels, **settings).save(tmp_path, stem="simple")
    documents = [json.loads(paths[0].read_text()) for paths in (plain, simple)]
    counts = [len(re.findall(r"\d+,\d+", json.dumps(document, separators=(",", ":")))) for document in documents]
    assert counts[1] < counts[0] / 2
    for document in documents:
        leaf = document["features"][1]["properties"]
        assert leaf["pixels"] == (labels == 2).sum()
        assert leaf["classification"] == {"name": "leaf", "color": [10, 11, 12]}
    root = ET.parse(simple[1]).getroot()
    assert root.get("shape-rendering") == ("auto" if svg_smooth else "crispEdges")
    drawn = [path.get("d", "") for path in root.findall("{*}path")]
    assert len(drawn) == 3
    if not svg_smooth:  # straight sides between the points of the polygons
        polygons = [polygon for leaf in documents[1]["features"] for polygon in leaf["geometry"]["coordinates"]]
        rings = ["L".join(f"{x} {y}" for x, y in ring[:-1]) for polygon in polygons for ring in polygon]
        found, expected = (
            sorted(sorted(ring.split("L")) for ring in some) for some in (re.findall("M(.*?)z", "".join(drawn)), rings)
        )
        assert found == expected


def test_curves_of_both_sides_of_a_border_are_the_same() -> None:
    labels = np.ones((12, 12), np.uint8)
    labels[3:9, 4:7], labels[5:11, 6:9] = 2, 3
    shapes = trace_classes(labels)
    fixed = find_fixed_points(shapes.outlines, shapes.shape)
    corners = {tuple(point) for point in shapes.outlines.points[fixed].tolist()}
    assert {(0, 0), (12, 0), (12, 12), (0, 12)} < corners
    svg = "".join(encode_svg(shapes, ["a", "b", "c"], np.zeros((3, 3), np.uint8), title="", is_smooth=True))
    curves: dict[tuple[float, ...], int] = {}
    for path in re.findall(r' d="(.*?)"', svg):
        for ring in path.split("z")[:-1]:
            numbers = [tuple(map(float, pair.split())) for pair in re.findall(r"[-\d.]+ [-\d.]+", ring)]
            for begin, control, end in zip(numbers[:-2:2], numbers[1:-1:2], numbers[2::2], strict=True):
                if control not in corners:
                    key = (*min(begin, end), *control, *max(begin, end))
                    curves[key] = curves.get(key, 0) + 1
    # Both sides of each border between two classes draw the same curve.
    assert curves
    assert set(curves.values()) == {2}


def test_without_shapely_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    outlines = trace_outlines(np.ones((1, 1), int))
    monkeypatch.setitem(__import__("sys").modules, "shapely", None)
    with pytest.raises(segment.DependencyError, match=r"pip install 'gmm-segment\[vector\]'"):
        simplification.simplify_outlines(outlines, 1.0)
