"""Image.from_array: what becomes of arrays of every kind."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from segment.core.errors import ImageError
from segment.core.image import Image


def relative(image: Image) -> np.ndarray:
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
def test_the_same_grays_are_the_same_share_of_white_in_every_type(array):
    image = Image.from_array(array)
    assert image.is_gray
    assert image.valid.all()
    np.testing.assert_allclose(relative(image), GRAYS / 255, atol=1e-6)
    assert image.pixels.flags.c_contiguous
    assert image.pixels.dtype.isnative


@pytest.mark.parametrize(
    ("brightest", "white"),
    [(200, 255), (256, 1023), (1023, 1023), (1024, 4095), (4095, 4095), (16383, 16383), (16384, 65535)],
)
def test_white_of_16_bit_values_is_that_of_the_depth_that_holds_them(brightest, white):
    image = Image.from_array(np.array([[0, 1, brightest]], dtype=np.uint16))
    assert image.white == white
    assert bool(image.notes) == (white < 65535)


@pytest.mark.parametrize("factor", [256, 257])
def test_a_dark_8_bit_picture_spread_over_16_bits_stays_dark(factor):
    dark = np.array([[3, 7, 40]], dtype=np.uint16)
    assert Image.from_array(dark * np.uint16(factor)).white == 65535


def test_white_given_is_the_full_value_of_light_and_alpha():
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
def test_at_most_half_opaque_is_not_valid(dtype, full, channels):
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
def test_an_image_without_valid_pixels_is_made(array):
    image = Image.from_array(array)
    assert not image.valid.any()
    assert image.white > image.black


def test_floats_beyond_0_to_1_are_read_from_their_smallest_to_their_largest_value():
    image = Image.from_array(np.array([[-2.0, 0.0, 6.0]]))
    assert (image.black, image.white) == (-2, 6)
    assert "from -2 (black) to 6 (white)" in image.notes[0]


@pytest.mark.parametrize("value", [-5.0, 0.5, 3.0, 9e15, -3e38])
def test_a_constant_image_has_a_white_above_its_black(value):
    image = Image.from_array(np.full((2, 3), value))
    assert image.white > image.black


def test_the_given_mask_narrows_the_alpha_and_is_not_changed():
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
def test_what_is_no_image_is_refused_in_a_sentence(array, words):
    with pytest.raises(ImageError, match=words):
        Image.from_array(array)


def test_a_mask_of_another_shape_is_refused():
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
def test_every_array_of_numbers_gives_a_sound_image(array):
    before = array.copy()
    image = Image.from_array(array)
    np.testing.assert_array_equal(array, before)
    assert image.pixels.dtype in (np.uint8, np.uint16, np.float32)
    assert image.pixels.shape[:2] == image.valid.shape == array.shape[:2]
    assert np.isfinite(image.pixels).all()
    assert image.white > image.black
    assert not image.pixels[~image.valid].any()
