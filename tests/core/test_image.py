"""Image.from_array for arrays of every kind, the inferred scale, and conversion to 8 bits."""

from __future__ import annotations

import numpy as np
import pytest
from encoded_images import compute_relative_values
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from segment.core.errors import ImageError, SettingsError
from segment.core.image import Image

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
    image = Image.from_array(np.array([[[500, 600], [500, 400]]], dtype=np.uint16), white=1000, alpha=True)
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
    image = Image.from_array(array, alpha=True)
    assert image.valid.tolist() == [[False, False, True, True]]
    assert "50 % of the pixels are transparent: they get no label" in image.notes
    assert not image.pixels[~image.valid].any()


def test_nan_and_infinity_are_not_valid_and_hold_0():
    image = Image.from_array(np.array([[np.nan, np.inf, -np.inf, 0.25, 1e300]]))
    assert image.valid.tolist() == [[False, False, False, True, False]]
    assert image.pixels.tolist() == [[0, 0, 0, 0.25, 0]]
    assert (image.black, image.white) == (0, 1)


@pytest.mark.parametrize("array", [np.full((2, 3), np.nan), np.zeros((2, 3, 4)), np.zeros((2, 3, 2), np.uint16)])
def test_image_may_have_no_valid_pixel(array):
    image = Image.from_array(array, alpha=True if array.ndim == 3 else None)
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
    image = Image.from_array(np.full((1, 2, 4), 255, np.uint8), valid=mask, alpha=True)
    assert image.valid.tolist() == [[True, False]]
    assert mask.tolist() == [[True, False]]


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.zeros(3), "shape"),
        (np.zeros((1, 3, 5, 5)), "shape"),
        (np.zeros((3, 8, 9)), r"looks like \(bands, H, W\). Give np.moveaxis\(array, 0, -1\)"),
        (np.zeros((8, 3, 9)), r"looks like \(H, bands, W\). Give np.moveaxis\(array, 1, -1\)"),
        (np.zeros((0, 2)), "at least one pixel"),
        (np.array([["a"]]), "got <U1"),
        (b"\x89PNG", r"numbers; got 4 bytes. Give io.BytesIO\(...\) of what an image file holds"),
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


@pytest.mark.parametrize("n", [2, 4, 5, 7])
def test_every_band_of_an_array_is_a_band_unless_alpha_is_named(n):
    array = np.arange(8 * 9 * n, dtype=np.uint16).reshape(8, 9, n)
    image = Image.from_array(array)
    assert image.n_bands == n
    assert image.valid.all()
    np.testing.assert_array_equal(image.pixels, array)
    (note,) = [note for note in image.notes if "bands" in note]
    assert ("alpha=True" in note) == (n in (2, 4))
    assert not any("alpha=True" in note for note in Image.from_array(array, alpha=False).notes)


def test_alpha_needs_a_band_of_its_own():
    with pytest.raises(ImageError, match="alpha: the last of at least two bands"):
        Image.from_array(np.zeros((2, 3)), alpha=True)


def test_bands_are_selected_before_the_scale_is_inferred():
    array = np.dstack([np.full((4, 5), value, np.uint16) for value in (100, 900, 60_000)])
    image = Image.from_array(array, bands=(2, 1))
    assert image.pixels[0, 0].tolist() == [900, 100]
    assert image.white == 1023
    assert Image.from_array(array, bands=(2,)).is_gray


@pytest.mark.parametrize("bands", [(4,), (1, 1), (0,)])
def test_bands_that_do_not_exist_or_repeat_are_refused(bands):
    with pytest.raises(SettingsError, match="each of the bands 1 to 3 at most once"):
        Image.from_array(np.zeros((4, 5, 3), np.uint8), bands=bands)
    with pytest.raises(SettingsError, match="each of the bands 1 to 3 at most once"):
        Image.from_array(np.zeros((4, 5, 3), np.uint8)).select_bands(bands)


def test_named_axis_of_the_bands_is_moved_to_the_end():
    bands = np.arange(3 * 8 * 9, dtype=np.uint8).reshape(3, 8, 9)
    image = Image.from_array(bands, channel_axis=0)
    np.testing.assert_array_equal(image.pixels, np.moveaxis(bands, 0, -1))
    # A strip of a hyperspectral camera has more bands than rows.
    assert Image.from_array(np.zeros((4, 30, 20)), channel_axis=-1).n_bands == 20
    with pytest.raises(ImageError, match="channel_axis"):
        Image.from_array(bands, channel_axis=3)


def test_masked_pixels_are_not_valid_and_do_not_count_for_the_scale():
    data = np.array([[0, 300, 60_000]])
    image = Image.from_array(np.ma.masked_greater(data, 50_000))
    assert image.valid.tolist() == [[True, True, False]]
    assert image.pixels.tolist() == [[0, 300, 0]]
    assert image.white == 1023
    assert data.tolist() == [[0, 300, 60_000]]


@pytest.mark.parametrize(("nodata", "dtype"), [(-32768, np.int16), (-9999, np.int32), (70_000, np.uint32)])
def test_pixels_that_are_not_valid_do_not_count_for_the_type(nodata, dtype):
    image = Image.from_array(np.array([[0, 300, nodata]], dtype), valid=[[True, True, False]])
    assert (image.pixels.dtype, image.white) == (np.uint16, 1023)
    assert image.pixels.tolist() == [[0, 300, 0]]


def test_pixel_that_is_masked_in_one_band_is_not_valid():
    array = np.ma.MaskedArray(np.full((1, 3, 3), 9, np.uint8), mask=np.zeros((1, 3, 3), bool))
    array.mask[0, 1, 2] = True
    assert Image.from_array(array).valid.tolist() == [[True, False, True]]
    assert Image.from_array(array.transpose(2, 0, 1), channel_axis=0).valid.tolist() == [[True, False, True]]
    assert Image.from_array(np.ma.MaskedArray(np.zeros((2, 2)))).valid.all()


class Labeled:
    """An array of another library, which converts itself."""

    def __init__(self, data):
        self.data = data

    def __array__(self, dtype=None, copy=None):
        if self.data is None:
            raise RuntimeError("call detach() first")
        return self.data


def test_array_of_another_library_converts_itself():
    np.testing.assert_array_equal(Image.from_array(Labeled(GRAYS)).pixels, GRAYS)
    with pytest.raises(ImageError, match=r"array: cannot be converted .* call detach\(\) first"):
        Image.from_array(Labeled(None))


@pytest.mark.parametrize("name", ["_FillValue", "missing_value"])
@pytest.mark.parametrize("fill", [7, np.int16(7), "7", np.nan])
def test_no_data_of_an_array_of_xarray_do_not_count(name, fill):
    pixels = np.array([[[7, 7], [7, 8]], [[8, 7], [9, 9]]], np.int16)
    array = Labeled(pixels)
    array.dims, array.attrs = ("y", "x", "band"), {name: fill, "units": "K"}
    valid = Image.from_array(array).valid
    assert valid.tolist() == [[fill != 7, True], [True, True]]
    flat = Labeled(pixels[..., 0])
    flat.dims, flat.attrs = ("y", "x"), {name: fill}
    assert Image.from_array(flat).valid.tolist() == [[fill != 7] * 2, [True, True]]
    # Attributes of an array of another library may mean anything.
    del flat.dims
    assert Image.from_array(flat).valid.all()


@pytest.mark.parametrize("is_masked", [False, True])
def test_pixels_without_a_value_in_some_bands_are_told_and_count_where_these_are_left_out(is_masked):
    """A quarter of the pixels has no value in the second band, and a quarter none in any: these need not be told."""
    pixels = np.linspace(0.1, 0.9, 4 * 8 * 3).reshape(4, 8, 3)
    pixels[:, :2, 1] = pixels[:, 6:] = np.nan
    array = np.ma.masked_invalid(pixels) if is_masked else pixels
    image = Image.from_array(array)
    assert image.valid.tolist() == [[False] * 2 + [True] * 4 + [False] * 2] * 4
    told = "25 % of the pixels have no value in some bands only: they get no label. Leave out these bands (--bands)"
    assert image.notes == (told,)
    others = Image.from_array(array, bands=(1, 3))
    assert others.valid.tolist() == [[True] * 6 + [False] * 2] * 4
    assert told not in others.notes


def test_lone_minimum_and_huge_values_stand_for_no_data():
    image = Image.from_array(np.array([[0.1, 0.9, -9999.0, -3.4e38, 0.5, np.nan]]))
    assert image.valid.tolist() == [[True, True, False, False, True, False]]
    assert (image.black, image.white) == (0, 1)
    assert image.notes == (
        "20 % of the pixels have values beyond 9.9e+36, which stand for no data",
        "20 % of the pixels have the value -9999, far below all others: it stands for no data",
    )


def test_8_bit_pixels_are_returned_as_they_are():
    image = Image.from_array(GRAYS)
    assert image.to_uint8() is image.pixels


def test_numpy_takes_the_pixels():
    image = Image.from_array(GRAYS)
    assert np.asarray(image) is image.pixels
    assert np.array(image) is not image.pixels
    assert np.array_equal(np.asarray(image, np.float32), GRAYS.astype(np.float32))
    assert image.__array__(copy=True) is not image.pixels
    with pytest.raises(ValueError, match="copy: pixels of uint8 become"):
        image.__array__(np.float32, copy=False)


def test_conversion_to_8_bits_rounds_and_clips():
    pixels = np.array([[-1.0, 0.0, 0.499 / 255, 0.501 / 255, 1.0, 2.0]], dtype=np.float32)
    image = Image(np.repeat(pixels, 300, axis=0), np.ones((300, 6), bool), 0.0, 1.0)  # more rows than at a time
    assert (image.to_uint8() == [0, 0, 0, 1, 255, 255]).all()
    assert image.to_uint8().dtype == np.uint8
    assert (image.height, image.width, image.is_gray, image.step) == (300, 6, True, 0.0)
