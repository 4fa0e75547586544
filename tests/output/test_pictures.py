"""Pictures: class colors, the image as 8-bit RGB, and the panel."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.color import rgb2lab

from segment.core.image import Image
from segment.output.palette import pick_class_colors
from segment.output.pictures.layout import legend
from segment.output.pictures.panels import side_by_side as panel_with
from segment.output.pictures.scaling import color_labels, display


def side_by_side(image: Image, labels: np.ndarray, shares: list[float], **named: str) -> np.ndarray:
    """The panel of classes that are called by their numbers."""
    names = [f"class {label}" for label in range(1, len(shares) + 1)]
    return panel_with(image, labels, legend(names, shares, pick_class_colors(len(shares))), **named)


GAP = 24  # white between the pictures
TOP = 72  # where the pictures begin, below their titles


def box_of(panel: np.ndarray, color: tuple[int, int, int]) -> tuple[int, int, int, int]:
    """First row, last row, first column, last column of a color within a panel."""
    rows, columns = np.nonzero((panel == color).all(axis=2))
    return int(rows.min()), int(rows.max()), int(columns.min()), int(columns.max())


def panel_of(height: int, width: int, color: tuple[int, int, int] = (200, 0, 100), k: int = 1) -> np.ndarray:
    """The panel of an image of one color and one label."""
    image = Image.from_array(np.tile(np.array(color, np.uint8), (height, width, 1)))
    return side_by_side(image, np.ones((height, width), np.uint8), [1.0] + [0.0] * (k - 1))


@given(st.integers(0, 255))
def test_class_colors_are_distinct_and_the_same_for_any_number_of_classes(k: int) -> None:
    colors = pick_class_colors(k)
    assert (colors.shape, colors.dtype) == ((k, 3), np.uint8)
    assert len(np.unique(colors, axis=0)) == k
    np.testing.assert_array_equal(colors, pick_class_colors(255)[:k])


def test_no_class_has_the_color_of_nothing() -> None:
    assert not (pick_class_colors(255) == 255).all(axis=1).any()


def test_the_first_colors_look_different() -> None:
    lab = rgb2lab(pick_class_colors(20)[None] / 255)[0]
    distances = np.linalg.norm(lab[:, None] - lab, axis=2) + 1000 * np.eye(20)
    assert distances.min() > 12
    assert distances[:8, :8].min() > 24


def test_labels_in_their_colors() -> None:
    red, green = (255, 0, 0), (0, 255, 0)
    picture = color_labels(np.array([[0, 1], [2, 1]]), np.array([red, green], np.uint8), nothing=(7, 8, 9))
    assert picture.tolist() == [[[7, 8, 9], [*red]], [[*green], [*red]]]
    assert picture.dtype == np.uint8


def test_8_bit_pixels_are_displayed_as_they_are(rng: np.random.Generator) -> None:
    pixels = rng.integers(0, 256, (5, 7, 3)).astype(np.uint8)
    np.testing.assert_array_equal(display(Image.from_array(pixels)), pixels)


@pytest.mark.parametrize(
    ("pixels", "white", "shown"),
    [
        (np.array([[0, 128, 255]], np.uint8), None, [0, 128, 255]),
        (np.array([[0, 32768, 65535]], np.uint16), None, [0, 128, 255]),
        (np.array([[0, 512, 1023]], np.uint16), None, [0, 128, 255]),
        (np.array([[0, 500, 1000]], np.uint16), 1000, [0, 128, 255]),
        (np.array([[0, 500, 2000]], np.uint16), 1000, [0, 128, 255]),
        (np.array([[0, 0.25, 1]], np.float32), None, [0, 64, 255]),
        (np.array([[-5, 0, 5]], np.float32), None, [0, 128, 255]),
        (np.array([[3, 3, 3]], np.float32), None, [0, 0, 0]),
    ],
    ids=["uint8", "16-bit", "10-bit", "own white", "beyond white", "float", "negative", "constant"],
)
def test_display_goes_from_black_to_white(pixels: np.ndarray, white: float | None, shown: list[int]) -> None:
    gray = display(Image.from_array(pixels, white=white))
    assert gray.dtype == np.uint8
    assert gray.tolist() == [[[value] * 3 for value in shown]]


def test_what_is_not_valid_is_displayed_as_a_checkerboard() -> None:
    valid = np.zeros((16, 24), bool)
    valid[0, 0] = True
    shown = display(Image.from_array(np.full((16, 24, 3), (10, 20, 30), np.uint8), valid=valid))
    assert shown[0, 0].tolist() == [10, 20, 30]
    assert shown[::8, 1::8, 0].tolist() == [[250, 225, 250], [225, 250, 225]]
    assert (shown[..., 0] == shown[..., 1])[~valid].all()
    assert set(np.unique(shown[~valid])) == {225, 250}


@pytest.mark.parametrize(
    ("height", "width", "size"),
    [
        (1, 1, (320, 320)),  # tiny: enlarged
        (100, 200, (160, 320)),
        (320, 200, (320, 200)),  # as it is
        (600, 800, (600, 800)),
        (1200, 1920, (600, 960)),  # wide: 960 pixels
        (1800, 900, (900, 450)),  # tall: 900 pixels
        (5000, 1, (900, 16)),  # a line: at least 16 pixels thick
    ],
)
def test_size_of_the_pictures(height: int, width: int, size: tuple[int, int]) -> None:
    panel = panel_of(height, width)
    top, bottom, left, right = box_of(panel, (200, 0, 100))
    assert (bottom - top + 1, right - left + 1) == size
    assert (top, left) == (TOP, GAP)
    second = box_of(panel[: bottom + 1, right + 1 :], tuple(pick_class_colors(1)[0].tolist()))
    assert (second[1] - second[0] + 1, second[3] - second[2] + 1) == size
    assert second[0] == top
    assert second[2] >= GAP
    assert panel.shape[1] <= 2 * 960 + 3 * GAP


@pytest.mark.parametrize(
    ("height", "width", "size"),
    [(1, 5000, (16, 1600)), (3, 319, (16, 320)), (1000, 2500, (640, 1600)), (100, 250, (128, 320))],
)
def test_a_panorama_is_above_its_segments(height: int, width: int, size: tuple[int, int]) -> None:
    panel = panel_of(height, width)
    top, bottom, left, right = box_of(panel, (200, 0, 100))
    assert (bottom - top + 1, right - left + 1) == size
    second = box_of(panel[bottom + 1 : bottom + 1 + TOP + size[0]], tuple(pick_class_colors(1)[0].tolist()))
    assert (second[1] - second[0] + 1, second[3] - second[2] + 1) == size
    assert (top, left, second[2]) == (TOP, GAP, left)
    assert panel.shape[1] <= 2000


@given(height=st.integers(1, 700), width=st.integers(1, 700), k=st.integers(1, 255))
@settings(max_examples=8, deadline=None)
def test_every_class_is_in_the_legend(height: int, width: int, k: int) -> None:
    panel = panel_of(height, width, k=k)
    assert panel.shape[1] <= 2000
    bottom = box_of(panel, (200, 0, 100))[1]
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
    panel = side_by_side(Image.from_array(pixels), labels, [0.4, 0.6])
    np.testing.assert_array_equal(panel[TOP : TOP + 400, GAP : GAP + 500], pixels)
    right = panel[TOP : TOP + 400, 2 * GAP + 500 : 2 * GAP + 1000]
    np.testing.assert_array_equal(right, color_labels(labels, pick_class_colors(2)))
    frame = np.ones(panel.shape[:2], bool)
    frame[TOP : TOP + 400, GAP : GAP + 500] = False
    frame[TOP : TOP + 400, 2 * GAP + 500 : 2 * GAP + 1000] = False
    assert (panel[: TOP + 400][frame[: TOP + 400]].min(axis=1) >= 32).all()


def test_unlabeled_pixels_are_a_checkerboard_in_both_halves() -> None:
    labels = np.ones((400, 400), np.uint8)
    labels[:, 200:] = 0
    image = Image.from_array(np.full((400, 400, 3), 90, np.uint8), valid=labels > 0)
    panel = side_by_side(image, labels, [1.0])
    for left in (GAP, 2 * GAP + 400):
        assert set(np.unique(panel[TOP : TOP + 400, left + 200 : left + 400])) == {225, 250}


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("shape", [(1000, 2100), (1000, 2100, 3)])
def test_masked_pixels_do_not_darken_the_border_of_a_smaller_picture(dtype: type, shape: tuple[int, ...]) -> None:
    scale = 1 if dtype == np.float32 else np.iinfo(dtype).max
    white = None if dtype == np.float32 else float(scale)
    valid = np.random.default_rng(5).random(shape[:2]) < 0.6
    image = Image.from_array(np.full(shape, scale * 0.8).astype(dtype), valid=valid, white=white)
    panel = side_by_side(image, valid.astype(np.uint8), [1.0])
    shown = panel[TOP : TOP + 457, GAP : GAP + 960].reshape(-1, 3)
    original = shown[(shown != 225).any(axis=1) & (shown != 250).any(axis=1)].astype(int)
    assert len(original) > 1000
    assert np.abs(original - 204).max() <= 2


def test_inputs_are_unchanged_and_memory_order_does_not_matter(quadrants: np.ndarray) -> None:
    labels = np.arange(240).reshape(12, 20) % 4
    image = Image.from_array(quadrants, valid=labels > 0)
    pixels, mask, given_ = image.pixels.copy(), image.valid.copy(), labels.copy()
    panel = side_by_side(image, labels, [0.3, 0.3, 0.4])
    np.testing.assert_array_equal(image.pixels, pixels)
    np.testing.assert_array_equal(image.valid, mask)
    np.testing.assert_array_equal(labels, given_)
    np.testing.assert_array_equal(side_by_side(image, np.asfortranarray(labels), [0.3, 0.3, 0.4]), panel)


def test_an_image_without_a_label_has_a_panel() -> None:
    image = Image.from_array(np.zeros((4, 6, 4), np.uint8))
    panel = side_by_side(image, np.zeros((4, 6), np.uint8), [])
    assert (panel.shape[2], panel.dtype) == (3, np.uint8)


def test_the_title_stands_above_the_original(quadrants: np.ndarray) -> None:
    image, labels = Image.from_array(quadrants), np.ones((12, 20), np.uint8)
    one, two = (side_by_side(image, labels, [1.0], title=title) for title in ("original", "another"))
    rows, columns = np.nonzero((one != two).any(axis=2))
    assert rows.size > 0
    assert rows.max() < TOP
    assert columns.max() < GAP + 320
