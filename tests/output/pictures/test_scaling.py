"""Images, labels and values as 8-bit RGB of a wanted size."""

from __future__ import annotations

import numpy as np
import pytest

from segment.core.image import Image
from segment.output.pictures.scaling import (
    colorize_labels,
    convert_to_rgb,
    fit_size,
    make_checkerboard,
    scale_image,
    scale_labels,
    scale_values,
    stretch_for_display,
)


def test_labels_have_their_colors() -> None:
    red, green = (255, 0, 0), (0, 255, 0)
    picture = colorize_labels(np.array([[0, 1], [2, 1]]), np.array([red, green], np.uint8))
    assert picture.tolist() == [[[255, 255, 255], [*red]], [[*green], [*red]]]
    assert picture.dtype == np.uint8


def test_8_bit_pixels_are_unchanged(rng: np.random.Generator) -> None:
    pixels = rng.integers(0, 256, (5, 7, 3)).astype(np.uint8)
    np.testing.assert_array_equal(convert_to_rgb(Image.from_array(pixels)), pixels)


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
def test_black_is_0_and_white_is_255(pixels: np.ndarray, white: float | None, shown: list[int]) -> None:
    gray = convert_to_rgb(Image.from_array(pixels, white=white))
    assert gray.dtype == np.uint8
    assert gray.tolist() == [[[value] * 3 for value in shown]]


def test_invalid_pixels_are_a_checkerboard() -> None:
    valid = np.zeros((16, 24), bool)
    valid[0, 0] = True
    shown = convert_to_rgb(Image.from_array(np.full((16, 24, 3), (10, 20, 30), np.uint8), valid=valid))
    assert shown[0, 0].tolist() == [10, 20, 30]
    assert shown[::8, 1::8, 0].tolist() == [[250, 225, 250], [225, 250, 225]]
    assert (shown[..., 0] == shown[..., 1])[~valid].all()
    assert set(np.unique(shown[~valid])) == {225, 250}


@pytest.mark.parametrize(
    ("height", "width", "expected"),
    [
        (300, 400, (400, 300)),  # fits: as it is
        (1800, 900, (450, 900)),  # too tall
        (1200, 1920, (960, 600)),  # too wide
        (100, 200, (400, 200)),  # tiny: enlarged by a whole factor
        (5000, 1, (16, 900)),  # a line: at least 16 pixels wide
    ],
)
def test_size_of_a_picture(height: int, width: int, expected: tuple[int, int]) -> None:
    assert fit_size(height, width, (960, 900)) == expected


def test_a_smaller_image_has_the_means_of_its_valid_pixels() -> None:
    pixels = np.array([[0, 100, 7, 7], [200, 100, 7, 7]], np.uint8)
    valid = np.array([[True, True, True, False], [True, True, False, False]])
    whole = scale_image(Image.from_array(pixels), (2, 1))
    assert whole[..., 0].tolist() == [[100, 7]]
    masked = scale_image(Image.from_array(pixels, valid=valid), (2, 1))
    assert masked[..., 0].tolist() == [[100, 250]]  # a quarter is not enough: a checkerboard


def test_borders_of_scaled_labels_are_mixed() -> None:
    colors = np.array([[0, 0, 0], [200, 200, 200]], np.uint8)
    labels = np.array([[1, 1, 1, 2, 2, 2]])
    assert scale_labels(labels, colors, (3, 1))[0, :, 0].tolist() == [0, 100, 200]
    assert (
        scale_labels(np.zeros((8, 8), int), colors, (8, 8))[..., 0].tolist()
        == make_checkerboard(16, 16)[::2, ::2].tolist()
    )


@pytest.mark.parametrize("factor", [1, 2, 49])  # 49 times the float 1 / 49 is less than 1
def test_labels_enlarged_by_whole_numbers_are_squares(factor: int, rng: np.random.Generator) -> None:
    colors, labels = rng.integers(0, 256, (3, 3)).astype(np.uint8), rng.integers(1, 4, (4, 5))
    found = scale_labels(labels, colors, (15, 4 * factor))
    np.testing.assert_array_equal(found, colors[labels - 1].repeat(factor, axis=0).repeat(3, axis=1))
    # Nearly such a size mixes the colors.
    assert not np.isin(scale_labels(labels, colors, (14, 8)), colors).all()


def test_scaled_values_are_means_of_the_known_ones() -> None:
    values = np.array([[1.0, 3.0, np.nan, 5.0, np.nan, np.nan]])
    np.testing.assert_array_equal(scale_values(values, (3, 1)), [[2.0, 5.0, np.nan]])
    np.testing.assert_array_equal(scale_values(values[:, :2], (4, 1)), [[1.0, 1.0, 3.0, 3.0]])


def test_an_image_of_one_color_is_not_stretched() -> None:
    sky = Image.from_array(np.full((3, 4, 3), (226, 235, 242), np.uint8))
    assert stretch_for_display(sky) is sky
    pixels = sky.pixels.copy()
    pixels[0, 0] = 210
    assert stretch_for_display(Image.from_array(pixels)).white == 242


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_the_display_is_stretched_between_quantiles(dtype: type, rng: np.random.Generator) -> None:
    pixels = (rng.normal(0.3, 0.02, (37, 53, 3)) * (1 if dtype is np.float32 else np.iinfo(dtype).max)).astype(dtype)
    image = Image.from_array(pixels, white=1.0) if dtype is np.float32 else Image.from_array(pixels)
    shown = stretch_for_display(image)
    np.testing.assert_allclose([shown.black, shown.white], np.quantile(image.pixels, [0.002, 0.998]), rtol=1e-6)
