"""Size, grayscale, noise and working copy: against other implementations, and what must not change."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from skimage.color import rgb2gray
from skimage.transform import downscale_local_mean

from segment.config.config import list_settings
from segment.core.image import Image
from segment.preprocessor.preprocessor import (
    compute_shrunk_shape,
    denoise,
    enlarge,
    fill_invalid,
    shrink,
    to_grayscale,
)
from segment.preprocessor.working_copy import MAX_FIELD_STEP, WORKING_PIXELS, compute_working_shape, make_working_copy

DENOISERS = next(setting.choices for setting in list_settings() if setting.name == "denoise")
FILTERS = DENOISERS[1:]
SCALES = {np.uint8: 255, np.uint16: 65535, np.float32: 1}
each_dtype = pytest.mark.parametrize("dtype", SCALES)
each_filter = pytest.mark.parametrize("method", FILTERS)
SHAPES = [(17, 23), (17, 23, 3), (1, 40), (40, 1, 3), (1, 1)]


def make_noise(shape: tuple[int, ...], dtype: type, seed: int = 0, valid: np.ndarray | None = None) -> Image:
    values = np.random.default_rng(seed).random(shape) * SCALES[dtype]
    pixels = values.astype(dtype)
    return Image.from_array(pixels, white=SCALES[dtype] if dtype != np.float32 else None, valid=valid)


def convert_to_share_of_diagonal(image: Image, pixels: float) -> float:
    return pixels / math.hypot(image.height, image.width)


def apply_all_operations(image: Image) -> list[Image]:
    """Return the image after each operation, including those that leave it as it is."""
    shrunk = [shrink(image, max_size=size) for size in (0, 1, 3, 7, 1000)]
    filtered = [
        denoise(image, method=m, radius=convert_to_share_of_diagonal(image, r)) for m in DENOISERS for r in (0, 1, 2.6)
    ]
    return [*shrunk, *filtered, to_grayscale(image)]


@each_dtype
@pytest.mark.parametrize("shape", SHAPES)
def test_dtype_and_scale_are_kept_and_the_input_is_unchanged(dtype: type, shape: tuple[int, ...]) -> None:
    valid = np.random.default_rng(1).random(shape[:2]) < 0.7
    for image in (make_noise(shape, dtype), make_noise(shape, dtype, valid=valid)):
        before, mask = image.pixels.copy(), image.valid.copy()
        for result in apply_all_operations(image):
            assert result.pixels.dtype == dtype
            assert (result.black, result.white, result.notes) == (image.black, image.white, image.notes)
            assert result.pixels.flags.c_contiguous
            assert result.pixels.shape[:2] == result.valid.shape
            assert not result.pixels[~result.valid].any()
        np.testing.assert_array_equal(image.pixels, before)
        np.testing.assert_array_equal(image.valid, mask)


@each_dtype
@pytest.mark.parametrize("color", [(0, 0, 0), (1, 1, 1), (0.3, 0.6, 0.9)])
def test_constant_image_stays_constant(dtype: type, color: tuple[float, ...]) -> None:
    one = np.array([part * SCALES[dtype] for part in color]).astype(dtype)
    image = Image.from_array(np.tile(one, (9, 14, 1)), valid=np.arange(126).reshape(9, 14) % 5 > 0)
    for result in apply_all_operations(image)[:-1]:
        difference = np.abs(result.pixels[result.valid].astype(np.float64) - one)
        assert difference.max(initial=0) <= (0 if image.step else 1e-6)
    gray = np.unique(to_grayscale(image).pixels[image.valid])
    assert len(gray) == 1
    assert len(set(color)) > 1 or gray == pytest.approx(one[0])


@each_dtype
@given(seed=st.integers(0, 2**16), extreme=st.sampled_from([0.0, 1.0]))
@settings(max_examples=25)
def test_pixels_that_are_not_valid_do_not_influence_valid_ones(dtype: type, seed: int, extreme: float) -> None:
    """Valid pixels lie in the middle third of the scale, the others at an end of it."""
    rng = np.random.default_rng(seed)
    shape = (int(rng.integers(1, 30)), int(rng.integers(1, 30)), 3)[: int(rng.integers(2, 4))]
    valid = rng.random(shape[:2]) < rng.choice([0.1, 0.5, 0.9])
    middle = (rng.random(shape) / 3 + 1 / 3) * SCALES[dtype]
    pixels = np.where(valid if len(shape) == 2 else valid[..., None], middle, extreme * SCALES[dtype]).astype(dtype)
    image = Image(pixels, valid, 0.0, float(SCALES[dtype]))
    for result in apply_all_operations(image):
        shares = result.pixels[result.valid] / SCALES[dtype]
        assert shares.size == 0 or (shares.min() > 0.325 and shares.max() < 0.675)


@given(height=st.integers(1, 60), width=st.integers(1, 60), size=st.integers(0, 70))
def test_shrinking_keeps_the_aspect_and_never_enlarges(height: int, width: int, size: int) -> None:
    image = Image.from_array(np.zeros((height, width), np.uint8))
    result = shrink(image, max_size=size)
    longer = max(height, width)
    if size == 0 or longer <= size:
        assert result is image
    else:
        assert max(result.height, result.width) == size
        assert abs(result.height - height * size / longer) <= 0.5 or result.height == 1
        assert abs(result.width - width * size / longer) <= 0.5 or result.width == 1


@each_dtype
@pytest.mark.parametrize("shape", [(24, 36), (24, 36, 3)])
def test_shrinking_averages_areas(dtype: type, shape: tuple[int, ...]) -> None:
    image = make_noise(shape, dtype)
    expected = downscale_local_mean(image.pixels.astype(np.float64), (4, 4, 1)[: len(shape)])
    step = 0.5 if image.step else 1e-6
    np.testing.assert_allclose(shrink(image, max_size=9).pixels, expected, atol=step + 1e-9)


def test_shrunk_pixel_is_valid_where_half_of_its_area_was() -> None:
    valid = np.array(
        [[1, 1, 0, 0, 1, 1, 1, 0], [1, 1, 0, 0, 0, 0, 0, 0], [1, 0, 0, 1, 1, 1, 0, 0], [1, 1, 0, 1, 1, 1, 0, 0]], bool
    )
    image = Image.from_array(np.arange(32, dtype=np.uint8).reshape(4, 8), valid=valid)
    assert shrink(image, max_size=4).valid.tolist() == [[True, False, True, False], [True, True, True, False]]


def test_pixels_that_are_not_valid_enter_no_average() -> None:
    pixels = np.array([[10, 10, 250, 250], [10, 10, 250, 10]], dtype=np.uint8)
    image = Image.from_array(pixels, valid=pixels == 10)
    assert shrink(image, max_size=2).pixels.tolist() == [[10, 0]]


def test_grayscale_is_the_luma_of_scikit_image() -> None:
    for dtype, scale in SCALES.items():
        image = make_noise((31, 17, 3), dtype)
        gray = to_grayscale(image)
        assert gray.is_gray
        step = 0.5 if image.step else 1e-6
        np.testing.assert_allclose(gray.pixels, rgb2gray(image.pixels / scale) * scale, atol=step + 1e-3 * image.step)


def test_gray_image_is_returned_as_it_is() -> None:
    image = make_noise((4, 5), np.uint16)
    assert to_grayscale(image) is image


def test_image_is_returned_as_it_is_where_there_is_nothing_to_filter() -> None:
    image = make_noise((30, 40), np.uint8)  # diagonal 50 pixels
    assert denoise(image, method="none", radius=0.1) is image
    for method in FILTERS:
        assert denoise(image, method=method, radius=0) is image
        assert denoise(image, method=method, radius=0.03) is not image


@pytest.mark.parametrize(("method", "pixels"), [("gaussian", 0.5), ("median", 1), ("bilateral", 0.5)])
def test_the_default_radius_has_an_effect_on_small_images(method: str, pixels: float) -> None:
    image = make_noise((30, 40), np.uint8)  # a thousandth of the diagonal is a twentieth of a pixel
    result = denoise(image, method=method, radius=0.001).pixels
    assert not np.array_equal(result, image.pixels)
    same = denoise(image, method=method, radius=convert_to_share_of_diagonal(image, pixels)).pixels
    np.testing.assert_array_equal(result, same)


@each_dtype
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("sigma", [0.5, 1.0, 2.5])
def test_gaussian_equals_scipy(dtype: type, shape: tuple[int, ...], sigma: float) -> None:
    image = make_noise(shape, dtype)
    result = denoise(image, method="gaussian", radius=convert_to_share_of_diagonal(image, sigma)).pixels
    sigmas = (sigma, sigma, 0)[: len(shape)]
    expected = ndimage.gaussian_filter(image.pixels.astype(np.float64), sigmas, mode="nearest", truncate=4)
    # OpenCV cuts the tails of 8-bit filters at 3 sigma
    np.testing.assert_allclose(result / SCALES[dtype], expected / SCALES[dtype], atol=1.5 / 255)


@each_dtype
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("radius", [1, 2, 3, 5])
def test_median_equals_that_of_all_windows(dtype: type, shape: tuple[int, ...], radius: int) -> None:
    image = make_noise(shape, dtype)
    result = denoise(image, method="median", radius=convert_to_share_of_diagonal(image, radius)).pixels
    edge = [(radius, radius), (radius, radius), (0, 0)][: len(shape)]
    windows = np.lib.stride_tricks.sliding_window_view(
        np.pad(image.pixels, edge, mode="edge"), (2 * radius + 1, 2 * radius + 1), axis=(0, 1)
    )
    np.testing.assert_array_equal(result, np.median(windows, axis=(-2, -1)).astype(dtype))


@pytest.mark.parametrize("length", [130, 200])
def test_median_of_a_window_beyond_16_bit_counts(length: int) -> None:
    """A window of 255 x 255 pixels is the last whose counts fit 16 bits."""
    row = (np.random.default_rng(3).random(1500) * 255).astype(np.uint8)
    row[:700] = 100
    image = Image.from_array(row[None])
    result = denoise(image, method="median", radius=convert_to_share_of_diagonal(image, length)).pixels
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(row, length, mode="edge"), 2 * length + 1)
    np.testing.assert_array_equal(result[0], np.median(windows, axis=1))


@pytest.mark.parametrize(("zeros", "median"), [(261 * 261 // 2, 200), (261 * 261 // 2 + 1, 0)])
def test_median_of_a_wide_window_is_its_middle_value(zeros: int, median: int) -> None:
    pixels = np.full(261 * 261, 200, np.uint8)
    pixels[:zeros] = 0
    image = Image.from_array(pixels.reshape(261, 261))
    assert denoise(image, method="median", radius=convert_to_share_of_diagonal(image, 130)).pixels[130, 130] == median


def filter_bilateral(pixels: np.ndarray, sigma: float, edge: float) -> np.ndarray:
    """Apply the bilateral filter as its definition says to gray pixels, in the disc of 1.5 sigma."""
    radius = round(1.5 * sigma)
    padded = np.pad(pixels, radius, mode="edge")
    total, weights = np.zeros_like(pixels), np.zeros_like(pixels)
    for dy in range(-radius, radius + 1):
        for dx in range(-radius, radius + 1):
            if dy * dy + dx * dx > radius * radius:
                continue
            moved = padded[radius + dy :, radius + dx :][: pixels.shape[0], : pixels.shape[1]]
            weight = np.exp(-(dy * dy + dx * dx) / (2 * sigma**2) - (moved - pixels) ** 2 / (2 * edge**2))
            total += weight * moved
            weights += weight
    return np.asarray(total / weights)


@each_dtype
@pytest.mark.parametrize("sigma", [1.0, 2.0])
def test_bilateral_equals_its_definition(dtype: type, sigma: float) -> None:
    ramp = np.linspace(0.2, 0.4, 20)[:, None] + np.random.default_rng(2).normal(0, 0.02, (20, 30))
    ramp[:, 18:] += 0.4
    image = Image((ramp * SCALES[dtype]).astype(dtype), np.ones(ramp.shape, bool), 0.0, float(SCALES[dtype]))
    result = denoise(image, method="bilateral", radius=convert_to_share_of_diagonal(image, sigma)).pixels
    expected = filter_bilateral(image.pixels / SCALES[dtype], sigma, 0.1) * SCALES[dtype]
    # OpenCV 5 cuts 8-bit results down where other versions round them.
    np.testing.assert_allclose(result, expected, rtol=0, atol={np.uint8: 1.01, np.uint16: 0.51}.get(dtype, 1e-5))


@each_dtype
def test_specks_and_edges_after_each_filter(dtype: type) -> None:
    """A step edge with one speck: the median removes the speck and keeps the edge, bilateral keeps both."""
    step = np.zeros((11, 16))
    step[:, 8:] = 0.8
    speck = step.copy()
    speck[5, 3] = 1.0
    image = Image((speck * SCALES[dtype]).astype(dtype), np.ones(step.shape, bool), 0.0, float(SCALES[dtype]))
    radius = convert_to_share_of_diagonal(image, 1)
    np.testing.assert_array_equal(
        denoise(image, method="median", radius=radius).pixels, (step * SCALES[dtype]).astype(dtype)
    )
    np.testing.assert_allclose(
        denoise(image, method="bilateral", radius=radius).pixels / SCALES[dtype], speck, atol=0.01
    )
    blurred = denoise(image, method="gaussian", radius=radius).pixels / SCALES[dtype]
    assert 0.2 < blurred[0, 7] < 0.4 < blurred[0, 8] < 0.6


@each_dtype
@each_filter
def test_filters_commute_with_rotation(dtype: type, method: str) -> None:
    image = make_noise((14, 9, 3), dtype)
    turned = Image(np.ascontiguousarray(image.pixels[::-1].swapaxes(0, 1)), image.valid.T, image.black, image.white)
    radius = convert_to_share_of_diagonal(image, 1.4)
    expected = denoise(image, method=method, radius=radius).pixels[::-1].swapaxes(0, 1)
    result = denoise(turned, method=method, radius=radius).pixels
    atol = 1 if image.step else 1e-6
    np.testing.assert_allclose(result.astype(np.float64), expected.astype(np.float64), atol=atol)


def test_image_without_valid_pixel_stays_so() -> None:
    image = Image.from_array(np.full((6, 8, 3), 9, np.uint8), valid=np.zeros((6, 8), bool))
    for result in apply_all_operations(image):
        assert not result.valid.any()
        assert not result.pixels.any()


@each_dtype
@each_filter
def test_threads_do_not_change_the_pixels(dtype: type, method: str) -> None:
    image = make_noise((300, 400, 3), dtype)
    before = cv2.getNumThreads()
    try:
        results = []
        for threads in (1, 2):
            cv2.setNumThreads(threads)
            small = shrink(denoise(image, method=method, radius=convert_to_share_of_diagonal(image, 2)), max_size=170)
            results.append(to_grayscale(small).pixels.tobytes())
    finally:
        cv2.setNumThreads(before)
    assert results[0] == results[1]


def test_enlarged_values_are_those_of_the_shrunk_pixel_around_each_pixel() -> None:
    valid = np.array([[True, True, True, True], [True, True, True, False]])
    image = Image.from_array(np.zeros((2, 4), np.uint8), valid=valid)
    assert enlarge(np.array([[7, 9]], np.uint8), image).tolist() == [[7, 7, 9, 9], [7, 7, 9, 0]]
    large = enlarge(np.array([[7, 9]], np.float32), image, fill_value=np.nan)
    np.testing.assert_array_equal(large, [[7, 7, 9, 9], [7, 7, 9, np.nan]])


def test_values_of_the_same_size_are_not_enlarged() -> None:
    values = np.ones((2, 4), np.uint8)
    assert enlarge(values, Image.from_array(np.zeros((2, 4), np.uint8))) is values


@pytest.mark.parametrize("channels", [(), (3,), (6,)])
def test_invalid_pixels_get_the_value_of_the_nearest_valid_one(
    rng: np.random.Generator, channels: tuple[int, ...]
) -> None:
    valid = rng.random((12, 15)) < 0.2
    valid[0, 0] = True
    image = Image(rng.random((12, 15, *channels)).astype(np.float32), valid, 0.0, 1.0)
    filled = fill_invalid(image)
    distances = ndimage.distance_transform_edt(~valid)
    np.testing.assert_array_equal(filled[valid], image.pixels[valid])
    # The nearest pixel may not be the only one, so compare distances. OpenCV's are approximate: 5 x 5 neighborhoods.
    for row, column in np.argwhere(~valid):
        same = np.argwhere(valid & (image.pixels.reshape(12, 15, -1) == filled[row, column]).all(axis=2))
        assert len(same) == 1
        assert np.hypot(*(same[0] - (row, column))) <= 1.05 * distances[row, column]


def test_images_with_all_or_no_valid_pixels_are_not_filled() -> None:
    for valid in (True, False):
        image = make_noise((4, 5), np.uint8, valid=np.full((4, 5), valid))
        assert fill_invalid(image) is image.pixels


@given(height=st.integers(1, 9000), width=st.integers(1, 9000), max_size=st.integers(1, 9000))
def test_shrunk_shape_has_the_longer_side_asked_for(height: int, width: int, max_size: int) -> None:
    shape = compute_shrunk_shape(height, width, max_size)
    assert max(shape) == max_size
    assert min(shape) == max(1, round(min(height, width) * max_size / max(height, width)))


@given(height=st.integers(1, 9000), width=st.integers(1, 9000))
def test_working_shape_has_about_the_pixels_allowed(height: int, width: int) -> None:
    shape = compute_working_shape(height, width)
    if height * width <= WORKING_PIXELS:
        assert shape == (height, width)
    else:
        # Larger images have a larger copy: of four times the area that has WORKING_PIXELS at 6 pixels each, twice.
        expected = WORKING_PIXELS * max(1.0, math.sqrt(height * width / WORKING_PIXELS) / MAX_FIELD_STEP)
        assert math.prod(shape) == pytest.approx(expected, rel=0.02, abs=max(shape))


def test_working_copy_has_at_most_about_the_pixels_allowed() -> None:
    image = make_noise((40, 60, 3), np.uint8)
    assert make_working_copy(image) is image
    copy = make_working_copy(image, max_pixels=600)
    assert copy.pixels.shape == (20, 30, 3)


def test_working_copy_is_the_image_where_shrinking_would_lose_most_valid_pixels() -> None:
    valid = np.zeros((40, 60), bool)
    valid[::3, ::3] = True
    image = make_noise((40, 60), np.uint8, valid=valid)
    assert make_working_copy(image, max_pixels=600) is image


@pytest.mark.parametrize("share", [0.05, 0.4, 0.9])
def test_a_masked_image_is_shrunk_in_bands_as_if_it_were_whole(
    share: float, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels = rng.integers(0, 256, (90, 70, 3)).astype(np.uint8)
    valid = rng.random((90, 70)) < share
    valid[20:60, 10:40] = True
    valid[30:37, 15:30] = False
    image = Image.from_array(pixels, valid=valid)
    whole = shrink(image, max_size=31)
    monkeypatch.setattr("segment.core.nearest.BAND_PIXELS", 70)
    found = shrink(image, max_size=31)
    np.testing.assert_array_equal(found.valid, whole.valid)
    np.testing.assert_array_equal(found.pixels, whole.pixels)
