"""Image.from_array for arrays of every kind, the inferred scale, and conversion to 8 bits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from segment.core.errors import ImageError
from segment.core.image import Image, infer_scale


def compute_relative_values(image: Image) -> np.ndarray:
    """Return the pixels as shares of the range from black to white."""
    return (image.pixels.astype(float) - image.black) / (image.white - image.black)


GRAYS = np.array([[0, 51, 102], [153, 204, 255]], dtype=np.uint8)


@pytest.mark.parametrize(
    "array",
    [
        GRAYS,
        GRAYS[..., None],
        GRAYS.astype(np.uint16) * 257,
        (GRAYS.astype(np.uint16) * 257).astype(">u2"),
        GRAYS.astype(np.int64),
        GRAYS / 255,
        (GRAYS / 255).astype(np.float32),
        np.asfortranarray(GRAYS),
        GRAYS.tolist(),
    ],
)
def test_grays_are_the_same_share_of_white_in_every_type(array):
    image = Image.from_array(array)
    assert image.is_gray
    assert image.valid.all()
    np.testing.assert_allclose(compute_relative_values(image), GRAYS / 255, atol=1e-6)
    assert image.pixels.flags.c_contiguous
    assert image.pixels.dtype.isnative


@pytest.mark.parametrize(
    ("brightest", "white"),
    [(200, 255), (256, 1023), (1023, 1023), (1024, 4095), (4095, 4095), (16383, 16383), (16384, 65535)],
)
def test_white_of_16_bit_values_is_that_of_the_smallest_depth_that_holds_them(brightest, white):
    image = Image.from_array(np.array([[0, 1, brightest]], dtype=np.uint16))
    assert image.white == white
    assert bool(image.notes) == (white < 65535)


@pytest.mark.parametrize("factor", [256, 257])
def test_dark_8_bit_picture_in_16_bits_stays_dark(factor):
    dark = np.array([[3, 7, 40]], dtype=np.uint16)
    assert Image.from_array(dark * np.uint16(factor)).white == 65535


def test_given_white_is_the_full_value_of_light_and_alpha():
    image = Image.from_array(np.array([[[500, 600], [500, 400]]], dtype=np.uint16), white=1000)
    assert image.white == 1000
    assert image.valid.tolist() == [[True, False]]


@pytest.mark.parametrize(
    ("dtype", "full"),
    [
        (np.uint8, 255),
        (np.uint16, 65535),
        (np.int64, 255),
        (np.int64, 65535),
        (np.uint32, 65535),
        (np.float32, 1),
        (np.float64, 255),
    ],
)
@pytest.mark.parametrize("channels", [2, 4])
def test_pixel_with_alpha_of_one_half_is_not_valid(dtype, full, channels):
    array = np.full((1, 4, channels), full // 3 if full > 1 else full / 3, dtype=dtype)
    array[0, :, -1] = [0, full / 2 if full == 1 else full // 2, full // 2 + full / 2 + 0.5 if full == 1 else full, full]
    image = Image.from_array(array)
    assert image.valid.tolist() == [[False, False, True, True]]
    assert not image.pixels[~image.valid].any()


def test_nan_and_infinity_are_not_valid_and_hold_0():
    image = Image.from_array(np.array([[np.nan, np.inf, -np.inf, 0.25, 1e300]]))
    assert image.valid.tolist() == [[False, False, False, True, False]]
    assert image.pixels.tolist() == [[0, 0, 0, 0.25, 0]]
    assert (image.black, image.white) == (0, 1)


@pytest.mark.parametrize("array", [np.full((2, 3), np.nan), np.zeros((2, 3, 4)), np.zeros((2, 3, 2), np.uint16)])
def test_image_may_have_no_valid_pixel(array):
    image = Image.from_array(array)
    assert not image.valid.any()
    assert image.white > image.black


def test_floats_beyond_0_to_1_are_scaled_from_smallest_to_largest():
    image = Image.from_array(np.array([[-2.0, 0.0, 6.0]]))
    assert (image.black, image.white) == (-2, 6)
    assert "from -2 (black) to 6 (white)" in image.notes[0]


@pytest.mark.parametrize("value", [-5.0, 0.5, 3.0, 9e15, -3e38])
def test_constant_image_has_a_white_above_its_black(value):
    image = Image.from_array(np.full((2, 3), value))
    assert image.white > image.black


def test_given_mask_is_combined_with_alpha_and_stays_unchanged():
    mask = np.array([[True, False]])
    image = Image.from_array(np.full((1, 2, 4), 255, np.uint8), valid=mask)
    assert image.valid.tolist() == [[True, False]]
    assert mask.tolist() == [[True, False]]


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.zeros(3), "shape"),
        (np.zeros((2, 2, 5)), "shape"),
        (np.zeros((0, 2)), "at least one pixel"),
        (np.array([["a"]]), "got <U1"),
        (np.zeros((2, 2), complex), "complex"),
    ],
)
def test_arrays_that_are_no_images_are_refused(array, words):
    with pytest.raises(ImageError, match=words):
        Image.from_array(array)


def test_mask_of_another_shape_is_refused():
    with pytest.raises(ImageError, match="mask"):
        Image.from_array(np.zeros((2, 3)), valid=np.ones((3, 2), bool))


@given(
    hnp.arrays(
        st.sampled_from([np.bool_, np.uint8, np.uint16, np.int16, np.int64, np.uint64, np.float16, np.float64]),
        hnp.array_shapes(min_dims=2, max_dims=2, max_side=5).flatmap(
            lambda shape: st.sampled_from([shape, *((*shape, channels) for channels in (1, 2, 3, 4))])
        ),
    )
)
def test_every_array_of_numbers_gives_a_consistent_image(array):
    before = array.copy()
    image = Image.from_array(array)
    np.testing.assert_array_equal(array, before)
    assert image.pixels.dtype in (np.uint8, np.uint16, np.float32)
    assert image.pixels.shape[:2] == image.valid.shape == array.shape[:2]
    assert np.isfinite(image.pixels).all()
    assert image.white > image.black
    assert not image.pixels[~image.valid].any()


@pytest.mark.parametrize(
    ("dtype", "low", "high", "expected"),
    [
        ("uint8", 3, 9, (0, 255, 0)),
        ("uint16", 3, 900, (0, 1023, 1)),
        ("uint16", 3, 60_000, (0, 65535, 0)),
        ("float32", 0.2, 0.4, (0, 1, 0)),
        ("float32", -2, 6, (-2, 6, 1)),
        ("float32", 5, 5, (5, 10, 1)),
        ("uint16", np.nan, np.nan, (0, 65535, 0)),
        ("float32", np.nan, np.nan, (0, 1, 0)),
    ],
)
def test_black_white_and_number_of_notes(dtype, low, high, expected):
    black, white, notes = infer_scale(dtype, low, high)
    assert (black, white, len(notes)) == expected


def test_8_bit_pixels_are_returned_as_they_are():
    image = Image.from_array(GRAYS)
    assert image.to_uint8() is image.pixels


def test_conversion_to_8_bits_rounds_and_clips():
    pixels = np.array([[-1.0, 0.0, 0.499 / 255, 0.501 / 255, 1.0, 2.0]], dtype=np.float32)
    image = Image(np.repeat(pixels, 300, axis=0), np.ones((300, 6), bool), 0.0, 1.0)  # more rows than at a time
    assert (image.to_uint8() == [0, 0, 0, 1, 255, 255]).all()
    assert image.to_uint8().dtype == np.uint8
    assert (image.height, image.width, image.is_gray, image.step) == (300, 6, True, 0.0)
