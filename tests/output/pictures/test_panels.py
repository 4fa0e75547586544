"""Panels: the original beside its segments, its regions, or the segments of several methods."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segment.core.image import Image
from segment.output.palette import pick_class_colors
from segment.output.pictures.layout import list_legend_entries
from segment.output.pictures.panels import (
    draw_methods,
    draw_regions_beside,
    draw_side_by_side,
    draw_thumbnails,
    scale_pair,
)
from segment.output.pictures.scaling import colorize_labels

GAP = 24  # white between the pictures
TOP = 72  # where the pictures begin, below their titles, on a sheet that is not wide


def find_top(*widths: int) -> int:
    """Find where pictures of these widths beside each other begin: letters grow with the width of the sheet."""
    return GAP + 2 * min(max(sum(widths) // 60, 24), 36)


def draw_panel(image: Image, labels: np.ndarray, shares: list[float], **named: str) -> np.ndarray:
    """Draw the panel of classes without names."""
    names = [f"class {label}" for label in range(1, len(shares) + 1)]
    return draw_side_by_side(image, labels, list_legend_entries(names, shares, pick_class_colors(len(shares))), **named)


def find_box(panel: np.ndarray, color: tuple[int, int, int]) -> tuple[int, int, int, int]:
    """Find the first row, last row, first column and last column of a color within a panel."""
    rows, columns = np.nonzero((panel == color).all(axis=2))
    return int(rows.min()), int(rows.max()), int(columns.min()), int(columns.max())


def draw_flat_panel(height: int, width: int, color: tuple[int, int, int] = (200, 0, 100), k: int = 1) -> np.ndarray:
    """Draw the panel of an image of one color and one label."""
    image = Image.from_array(np.tile(np.array(color, np.uint8), (height, width, 1)))
    return draw_panel(image, np.ones((height, width), np.uint8), [1.0] + [0.0] * (k - 1))


@pytest.mark.parametrize(
    ("height", "width", "size"),
    [
        (1, 1, (320, 320)),  # tiny: enlarged
        (100, 200, (200, 400)),
        (320, 200, (320, 200)),  # as it is
        (600, 800, (600, 800)),
        (1200, 1920, (600, 960)),  # wide: 960 pixels
        (1800, 900, (900, 450)),  # tall: 900 pixels
        (5000, 1, (900, 16)),  # a line: at least 16 pixels thick
    ],
)
def test_both_pictures_have_the_size_that_fits(height: int, width: int, size: tuple[int, int]) -> None:
    panel = draw_flat_panel(height, width)
    top, bottom, left, right = find_box(panel, (200, 0, 100))
    assert (bottom - top + 1, right - left + 1) == size
    assert (top, left) == (find_top(size[1], size[1]), GAP)
    second = find_box(panel[: bottom + 1, right + 1 :], tuple(pick_class_colors(1)[0].tolist()))
    assert (second[1] - second[0] + 1, second[3] - second[2] + 1) == size
    assert second[0] == top
    assert second[2] >= GAP
    assert panel.shape[1] <= 2 * 960 + 3 * GAP


@pytest.mark.parametrize(
    ("height", "width", "size"),
    [(1, 5000, (16, 1600)), (3, 319, (16, 638)), (1000, 2500, (640, 1600)), (100, 250, (200, 500))],
)
def test_a_panorama_is_above_its_segments(height: int, width: int, size: tuple[int, int]) -> None:
    panel = draw_flat_panel(height, width)
    top, bottom, left, right = find_box(panel, (200, 0, 100))
    assert (bottom - top + 1, right - left + 1) == size
    second = find_box(
        panel[bottom + 1 : bottom + 1 + find_top(size[1]) + size[0]], tuple(pick_class_colors(1)[0].tolist())
    )
    assert (second[1] - second[0] + 1, second[3] - second[2] + 1) == size
    assert (top, left, second[2]) == (find_top(size[1]), GAP, left)
    assert panel.shape[1] <= 2000


@given(height=st.integers(1, 400), width=st.integers(1, 400), k=st.integers(1, 255))
@settings(max_examples=5)
def test_every_class_is_in_the_legend(height: int, width: int, k: int) -> None:
    panel = draw_flat_panel(height, width, k=k)
    assert panel.shape[1] <= 2000
    bottom = find_box(panel, (200, 0, 100))[1]
    legend = panel[bottom + 1 :].reshape(-1, 3).astype(np.int64) @ (65536, 256, 1)
    colors = pick_class_colors(k).astype(np.int64) @ (65536, 256, 1)
    values, counts = np.unique(legend, return_counts=True)
    found = dict(zip(values.tolist(), counts.tolist(), strict=True))
    assert all(found.get(color, 0) >= 20 * 20 for color in colors.tolist())


def test_the_halves_show_the_original_and_the_segments() -> None:
    pixels = np.zeros((400, 500, 3), np.uint8)
    pixels[:150] = (250, 10, 10)
    pixels[150:] = (10, 10, 250)
    labels = np.full((400, 500), 2)
    labels[:100, :200] = 1
    panel = draw_panel(Image.from_array(pixels), labels, [0.4, 0.6])
    np.testing.assert_array_equal(panel[TOP : TOP + 400, GAP : GAP + 500], pixels)
    right = panel[TOP : TOP + 400, 2 * GAP + 500 : 2 * GAP + 1000]
    np.testing.assert_array_equal(right, colorize_labels(labels, pick_class_colors(2)))
    frame = np.ones(panel.shape[:2], bool)
    frame[TOP : TOP + 400, GAP : GAP + 500] = False
    frame[TOP : TOP + 400, 2 * GAP + 500 : 2 * GAP + 1000] = False
    assert (panel[: TOP + 400][frame[: TOP + 400]].min(axis=1) >= 32).all()


def test_unlabeled_pixels_are_a_checkerboard_in_both_halves() -> None:
    labels = np.ones((400, 400), np.uint8)
    labels[:, 200:] = 0
    image = Image.from_array(np.full((400, 400, 3), 90, np.uint8), valid=labels > 0)
    panel = draw_panel(image, labels, [1.0])
    for left in (GAP, 2 * GAP + 400):
        assert set(np.unique(panel[TOP : TOP + 400, left + 200 : left + 400])) == {225, 250}


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("shape", [(1000, 2100), (1000, 2100, 3)])
def test_masked_pixels_do_not_darken_the_border_of_a_smaller_picture(dtype: type, shape: tuple[int, ...]) -> None:
    scale = 1 if dtype == np.float32 else np.iinfo(dtype).max
    white = None if dtype == np.float32 else float(scale)
    valid = np.random.default_rng(5).random(shape[:2]) < 0.6
    image = Image.from_array(np.full(shape, scale * 0.8).astype(dtype), valid=valid, white=white)
    panel = draw_panel(image, valid.astype(np.uint8), [1.0])
    top = find_top(960, 960)
    shown = panel[top : top + 457, GAP : GAP + 960].reshape(-1, 3)
    original = shown[(shown != 225).any(axis=1) & (shown != 250).any(axis=1)].astype(int)
    assert len(original) > 1000
    assert np.abs(original - 204).max() <= 2


def test_inputs_are_unchanged_and_memory_order_does_not_matter(quadrants: np.ndarray) -> None:
    labels = np.arange(240).reshape(12, 20) % 4
    image = Image.from_array(quadrants, valid=labels > 0)
    pixels, mask, kept = image.pixels.copy(), image.valid.copy(), labels.copy()
    panel = draw_panel(image, labels, [0.3, 0.3, 0.4])
    np.testing.assert_array_equal(image.pixels, pixels)
    np.testing.assert_array_equal(image.valid, mask)
    np.testing.assert_array_equal(labels, kept)
    np.testing.assert_array_equal(draw_panel(image, np.asfortranarray(labels), [0.3, 0.3, 0.4]), panel)


def test_an_image_without_a_label_has_a_panel() -> None:
    image = Image.from_array(np.zeros((4, 6, 4), np.uint8))
    panel = draw_panel(image, np.zeros((4, 6), np.uint8), [])
    assert (panel.shape[2], panel.dtype) == (3, np.uint8)


def test_the_title_stands_above_the_original(quadrants: np.ndarray) -> None:
    image, labels = Image.from_array(quadrants), np.ones((12, 20), np.uint8)
    one, two = (draw_panel(image, labels, [1.0], title=title) for title in ("original", "another"))
    rows, columns = np.nonzero((one != two).any(axis=2))
    assert rows.size > 0
    assert rows.max() < TOP
    assert columns.max() < GAP + 320


def test_regions_are_outlined_and_shown_in_their_mean_colors() -> None:
    pixels = np.zeros((400, 500, 3), np.uint8)
    pixels[:, :100], pixels[:, 100:200], pixels[:, 200:] = 10, 30, 250
    labels = np.ones((400, 500), np.int32)
    labels[:, 200:] = 2
    labels[:50] = 0
    panel = draw_regions_beside(Image.from_array(pixels), labels)
    original = panel[TOP : TOP + 400, GAP : GAP + 500]
    regions = panel[TOP : TOP + 400, 2 * GAP + 500 : 2 * GAP + 1000]
    assert (original[60:, 200] == (255, 64, 0)).all()
    np.testing.assert_array_equal(original[60:, 201:], pixels[60:, 201:])
    assert (regions[:50] == 255).all()
    assert (regions[50:, :200] == 20).all()
    assert (regions[50:, 200:] == 250).all()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_the_original_of_a_dark_image_is_stretched(dtype: type) -> None:
    dark, bright = np.linspace(20, 60, 400), np.linspace(20, 200, 400)
    panels = [
        draw_panel(Image.from_array(np.tile(row, (300, 1)).astype(dtype), white=255), np.ones((300, 400)), [1.0])
        for row in (dark, bright)
    ]
    shown, unchanged = (panel[TOP : TOP + 300, GAP : GAP + 400, 0] for panel in panels)
    assert (shown[0, 1], shown[0, -1]) == (0, 255)
    np.testing.assert_array_equal(unchanged[0], bright.astype(np.uint8))
    # The title says so: nothing else differs above the pictures.
    assert (panels[0][: TOP - 2] != panels[1][: TOP - 2]).any()


def test_each_method_is_under_its_title(quadrants: np.ndarray) -> None:
    image, labels = Image.from_array(quadrants), np.ones((12, 20), np.uint8)
    one, two = (draw_methods(image, [("a", labels), (title, labels)], pick_class_colors(1)) for title in ("b", "c"))
    rows, columns = np.nonzero((one != two).any(axis=2))
    second_row = TOP + 192 + GAP
    assert second_row <= rows.min()
    assert rows.max() < second_row + 44
    assert columns.max() < GAP + 320


def test_a_pair_has_one_size() -> None:
    image, labels = Image.from_array(np.full((1000, 4000, 3), 7, np.uint8)), np.ones((1000, 4000), np.uint8)
    original, segments = scale_pair(image, labels, pick_class_colors(1))
    assert original.shape == segments.shape == (400, 1600, 3)
    assert (original == 7).all()
    assert (segments == pick_class_colors(1)[0]).all()


@pytest.mark.parametrize(
    ("height", "width", "size"),
    [(50, 60, (200, 240)), (1, 1, (240, 240)), (130, 170, (130, 170)), (960, 1440, (213, 320)), (9600, 3, (240, 1))],
)
def test_size_of_a_thumbnail(height: int, width: int, size: tuple[int, int]) -> None:
    image = Image.from_array(np.full((height, width, 3), 7, np.uint8))
    original, segments = draw_thumbnails(image, np.ones((height, width), np.uint8), pick_class_colors(1))
    assert original.shape == segments.shape == (*size, 3)
    assert (original == 7).all()
    assert (segments == pick_class_colors(1)[0]).all()
