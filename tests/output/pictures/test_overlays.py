"""Classes drawn into the image: tints, contours, cut-outs."""

from __future__ import annotations

import numpy as np
import pytest

from segment import Image
from segment.output.pictures.overlays import cut_out_class, draw_class_contours, draw_tinted_classes

PIXELS = np.full((400, 500, 3), 100, np.uint8)
HALVES = np.ones((400, 500), np.uint8)
HALVES[:, 250:] = 2
HALVES[:20] = 0
COLORS = np.array([[255, 0, 0], [0, 0, 255]], np.uint8)


def test_an_overlay_is_half_the_image_and_half_the_class() -> None:
    picture = draw_tinted_classes(Image.from_array(PIXELS), HALVES, COLORS)
    assert picture.shape == (400, 500, 3)
    np.testing.assert_allclose(picture[200, 100], (178, 50, 50), atol=1)
    np.testing.assert_allclose(picture[200, 400], (50, 50, 178), atol=1)
    assert picture[200, 249].tolist() == [255, 0, 0]  # the border, in full color on either side
    assert picture[200, 250].tolist() == [0, 0, 255]
    assert picture[5, 100].tolist() == [100, 100, 100]  # no label


def test_contours_lie_along_the_inside_of_each_class() -> None:
    picture = draw_class_contours(Image.from_array(PIXELS), HALVES, COLORS)
    assert picture[200, 249].tolist() == [255, 0, 0]
    assert picture[200, 250].tolist() == [0, 0, 255]
    assert picture[20, 100].tolist() == [255, 0, 0]
    assert picture[200, 100].tolist() == picture[5, 100].tolist() == [100, 100, 100]


def test_a_line_of_the_other_lightness_lies_beside_a_contour() -> None:
    light_and_dark = np.array([[255, 255, 0], [0, 0, 120]], np.uint8)
    for gray in (0, 120, 255):
        picture = draw_class_contours(Image.from_array(np.full((400, 500, 3), gray, np.uint8)), HALVES, light_and_dark)
        row = picture[200, 240:260]
        assert (row[:10] == (0, 0, 0)).all(axis=1).any()
        assert (row[10:] == (255, 255, 255)).all(axis=1).any()


def test_contours_are_thicker_in_a_larger_image() -> None:
    labels = np.ones((1500, 2000), np.uint8)
    labels[:, 1000:] = 2
    picture = draw_class_contours(Image.from_array(np.zeros((1500, 2000, 3), np.uint8)), labels, COLORS)
    assert (picture[700] == (255, 0, 0)).all(axis=1).sum() == 4


@pytest.mark.parametrize(("size", "factor"), [((12, 20), 16), ((1, 1), 320), ((100, 200), 2), ((319, 5), 2)])
def test_small_images_are_enlarged_by_whole_factors(size: tuple[int, int], factor: int) -> None:
    labels = np.ones(size, np.uint8)
    for draw in (draw_tinted_classes, draw_class_contours):
        picture = draw(Image.from_array(np.zeros((*size, 3), np.uint8)), labels, COLORS)
        assert picture.shape == (size[0] * factor, size[1] * factor, 3)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_any_depth_can_be_drawn_into(dtype: type, quadrants: np.ndarray) -> None:
    deep = quadrants.astype(np.uint16) * np.uint16(257) if dtype == np.uint16 else quadrants.astype(dtype)
    if dtype == np.float32:
        deep = deep / np.float32(255)
    labels = np.ones((12, 20), np.uint8)
    one, two = (draw_tinted_classes(Image.from_array(pixels), labels, COLORS) for pixels in (quadrants, deep))
    np.testing.assert_array_equal(one, two)


def test_cutouts_put_together_are_the_image(quadrants: np.ndarray) -> None:
    labels = np.arange(240).reshape(12, 20) % 4
    image = Image.from_array(quadrants)
    parts = [cut_out_class(image, labels, label) for label in range(4)]
    for label, part in enumerate(parts):
        np.testing.assert_array_equal(part[..., 3] == 255, labels == label)
    np.testing.assert_array_equal(np.sum(parts, axis=0)[..., :3], quadrants)
