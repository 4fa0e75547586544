"""The value scale of a model on images of other scales."""

from __future__ import annotations

import numpy as np
import pytest

from segment.core.image import Image
from segment.segmenter.class_model.value_scale import ValueScale, apply_value_scale


def test_an_image_of_the_same_scale_is_returned_as_it_is() -> None:
    image = Image.from_array(np.full((4, 5, 3), 200, np.uint8))
    assert apply_value_scale(image, ValueScale("uint8", 0, 255)) is image


def test_a_known_scale_stays_and_is_noted() -> None:
    image = Image.from_array(np.full((4, 5, 3), 200, np.uint16), white=4095)
    found = apply_value_scale(image, ValueScale("uint16", 0, 1023))
    assert (found.black, found.white) == (0, 4095)
    assert found.notes == ("its values from 0 to 4095 stand for the model's 0 to 1023",)


@pytest.mark.parametrize(("n_hot", "is_replaced"), [(0, True), (1, True), (2, False)])
def test_a_guessed_white_is_replaced_unless_more_than_one_percent_lies_beyond(n_hot: int, is_replaced: bool) -> None:
    pixels = np.full((10, 10), 900, np.uint16)
    pixels[0, :n_hot] = 8000
    image = Image.from_array(pixels)
    assert image.is_scale_inferred
    found = apply_value_scale(image, ValueScale("uint16", 0, 4095))
    assert found.white == (4095 if is_replaced else image.white) != 1023
    # What was guessed is told where it counts.
    assert [note.startswith("its values") for note in found.notes] == ([True] if is_replaced else [False, True])
    assert found.pixels is image.pixels


def test_a_guessed_white_of_another_type_is_kept() -> None:
    image = Image.from_array(np.full((4, 5), 900, np.uint16))
    assert apply_value_scale(image, ValueScale("uint8", 0, 255)).white == image.white == 1023


def test_a_signed_integer_below_zero_does_not_change_what_the_others_mean() -> None:
    values = np.linspace(200, 6200, 100).astype(np.int16).reshape(10, 10)
    below = values.copy()
    below[0, 0] = -30
    plain, signed = Image.from_array(values), Image.from_array(below)
    assert (plain.pixels.dtype, signed.pixels.dtype) == (np.uint16, np.float32)
    for image, other in ((plain, signed), (signed, plain)):
        found = apply_value_scale(image, ValueScale.from_image(other))
        assert (found.black, found.white) == (other.black, other.white) != (image.black, image.white)


@pytest.mark.parametrize("high", [200, 400, 846])
def test_a_dark_scene_of_signed_integers_is_not_stretched(high: int) -> None:
    for low, scale in ((-40, ("uint16", 0, 16383)), (3, ("float32", -167.3, 65535)), (3, ("uint16", 0, 1023))):
        values = np.linspace(low, high, 100).astype(np.int16).reshape(10, 10)
        image = Image.from_array(values)
        found = apply_value_scale(image, ValueScale(*scale))
        assert (found.black, found.white) == scale[1:]
        assert np.array_equal(found.pixels, values)


@pytest.mark.parametrize(("high", "is_replaced"), [(90, True), (254.5, True), (1.3, False), (900, False)])
def test_floats_in_the_unit_of_8_bits_are_read_on_the_scale_of_a_model_of_8_bits(
    high: float, is_replaced: bool
) -> None:
    image = Image.from_array(np.linspace(0.4, high, 100).reshape(10, 10))
    found = apply_value_scale(image, ValueScale("uint8", 0, 255))
    assert ((found.black, found.white) == (0, 255)) == is_replaced
    assert (found.notes[-1] == "its values are read on the model's scale, 0 to 255") == is_replaced


def test_integers_of_8_bits_keep_their_white() -> None:
    image = Image.from_array(np.linspace(3, 200, 100).astype(np.uint8).reshape(10, 10))
    found = apply_value_scale(image, ValueScale("uint16", 0, 1023))
    assert (found.pixels.dtype, found.white) == (np.uint8, 255)


def test_values_beyond_the_model_are_no_outliers_but_those_far_from_all_others_are() -> None:
    values = np.linspace(10, 40, 5000, dtype=np.float32).reshape(50, 100)
    values[7, 7] = 60_000
    own = Image.from_array(values)
    found = apply_value_scale(own, ValueScale("float32", 5, 30))
    assert (found.black, found.white) == (5, 30)
    assert found.limits == (5, own.white)
    assert 40 < own.white < 100


def test_shares_of_full_light_and_floats_in_a_much_smaller_unit_are_not_integers() -> None:
    for values in (np.linspace(0, 1, 100), np.linspace(-5.5, 40, 100)):
        image = Image.from_array(values.astype(np.float32).reshape(10, 10))
        assert apply_value_scale(image, ValueScale("uint16", 0, 16383)).white == image.white


@pytest.mark.parametrize(("factor", "is_replaced"), [(2, True), (9, True), (11, False)])
def test_floats_are_in_the_unit_of_the_model_unless_they_range_much_farther(factor: float, is_replaced: bool) -> None:
    """A degree is a degree, however warm the warmest place is."""
    image = Image.from_array(np.linspace(10, 10 + factor * 30, 100, dtype=np.float32).reshape(10, 10))
    found = apply_value_scale(image, ValueScale("float32", 10, 40))
    assert (found.black, found.white) == ((10, 40) if is_replaced else (10, image.white))
    words = f": {100 * np.mean(image.pixels > 40):.0f} % of them lie beyond and count as black or white"
    assert (words in found.notes[-1]) == is_replaced


def test_a_small_hot_place_does_not_change_the_unit_of_floats() -> None:
    values = np.linspace(10, 40, 100, dtype=np.float32).reshape(10, 10)
    values[0] = 900
    found = apply_value_scale(Image.from_array(values), ValueScale("float32", 10, 40))
    assert (found.black, found.white) == (10, 40)
    assert found.notes[-1].endswith(": 10 % of them lie beyond and count as black or white")


def test_most_values_beyond_the_model_are_taken_for_another_unit() -> None:
    celsius = np.linspace(10, 40, 100, dtype=np.float32).reshape(10, 10)
    found = apply_value_scale(Image.from_array(celsius + 273), ValueScale("float32", 10, 40))
    remedy = "Give values in the unit of the training images, or fit the model again"
    assert found.notes[-1].endswith(f": 100 % of them lie beyond and count as black or white. {remedy}")
