"""Which pixels count: crop, no data, masks, and flat borders that should perhaps not count."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from segment.core.errors import ImageError
from segment.core.georeference import Georeference
from segment.core.image import Image
from segment.core.interest import RegionsOfInterest
from segment.preprocessor.masking import crop, find_flat_border, find_nodata, keep_interest, keep_masked, mask_nodata


@pytest.fixture
def photograph(rng: np.random.Generator) -> np.ndarray:
    """Noise of many colors, 60 x 80."""
    return rng.integers(60, 200, (60, 80, 3)).astype(np.uint8)


def test_a_crop_has_the_pixels_and_the_place_of_the_part(rng: np.random.Generator) -> None:
    pixels = rng.integers(0, 255, (6, 8, 3)).astype(np.uint8)
    image = replace(Image.from_array(pixels), georeference=Georeference((10.0, 0, 500.0, 0, -10.0, 900.0)))
    part = crop(image, (2, 1, 7, 5))
    assert np.array_equal(part.pixels, pixels[1:5, 2:7])
    assert part.georeference.transform == (10.0, 0, 520.0, 0, -10.0, 890.0)


@pytest.mark.parametrize("box", [(0, 0, 9, 6), (0, 0, 8, 7), (3, 0, 3, 6), (-1, 0, 3, 6)])
def test_a_crop_beyond_the_image_is_refused(box: tuple[int, int, int, int]) -> None:
    with pytest.raises(ImageError, match=r"^crop \(--crop\): a part of the image, within 0,0,8,6; got "):
        crop(Image.from_array(np.zeros((6, 8))), box)


def test_a_crop_of_floats_has_its_own_scale() -> None:
    image = Image.from_array(np.array([[5.0, 10.0, 4000.0]]))
    assert crop(image, (0, 0, 2, 1)).white == 10


@pytest.mark.parametrize(
    ("dtype", "values", "found"),
    [
        (np.uint8, [0], [True, False, False]),
        (np.uint8, [0, 9, 9], [False, True, False]),
        (np.uint8, [0.5], [False, False, False]),
        (np.uint8, [256], [False, False, False]),
        (np.float32, [0], [True, False, False]),
    ],
)
def test_no_data_is_the_value_of_every_channel(dtype: type, values: list[float], found: list[bool]) -> None:
    pixels = np.array([[[0, 0, 0], [0, 9, 9], [9, 9, 0]]], dtype=dtype)
    assert find_nodata(pixels, values).tolist() == [found]


def test_the_lowest_float_is_found_by_few_digits() -> None:
    pixels = np.array([[np.finfo(np.float32).min, -3.4e37, 0]], dtype=np.float32)
    assert find_nodata(pixels, [-3.40282e38]).tolist() == [[True, False, False]]


def test_two_numbers_for_three_channels_are_refused() -> None:
    with pytest.raises(ImageError, match=r"one number, or one for each of the 3 channels; got 2"):
        find_nodata(np.zeros((2, 2, 3)), [1, 2])


def test_no_data_has_no_part_in_the_scale() -> None:
    image = mask_nodata(Image.from_array(np.array([[5.0, 6.0, 7.0, 900.0]])), [900])
    assert (image.black, image.white) == (5, 7)
    assert image.valid.tolist() == [[True, True, True, False]]
    assert not any("900" in note for note in image.notes)


def test_a_value_that_no_pixel_has_is_noted() -> None:
    image = mask_nodata(Image.from_array(np.ones((2, 2), np.uint8)), [-9999])
    assert image.notes == ("no pixel has the nodata value -9999",)
    # A pixel that has it in some bands only counts.
    image = mask_nodata(Image.from_array(np.array([[[0, 7, 7]]], np.uint8)), [0])
    assert image.notes == ("no pixel has the nodata value 0 in all bands",)


def test_a_guess_that_the_user_made_too_is_not_told() -> None:
    scene = np.random.default_rng(0).uniform(2, 7, (20, 30, 2)).astype(np.float32)
    scene[3:8] = -9999
    image = Image.from_array(scene)
    assert any("have the value -9999" in note for note in image.notes)
    for values in [-9999], [-9999, -9999]:
        assert not any("-9999" in note for note in mask_nodata(image, values).notes)
    assert any("have the value -9999" in note for note in mask_nodata(image, [5]).notes)
    # Pixels that have it in one band are those of the guess alone.
    scene[10, :, 1] = -9999
    notes = mask_nodata(Image.from_array(scene), [-9999]).notes
    assert any("have the value -9999" in note for note in notes)


def test_only_pixels_of_the_mask_count() -> None:
    image = keep_masked(Image.from_array(np.full((2, 2), 9, np.uint8)), np.array([[True, False], [True, True]]))
    assert image.valid.tolist() == [[True, False], [True, True]]
    assert image.pixels.tolist() == [[9, 0], [9, 9]]


def test_masks_of_another_size_or_without_a_pixel_are_refused() -> None:
    image = Image.from_array(np.zeros((4, 6)))
    with pytest.raises(ImageError, match="a mask has the size of its image, 6 x 4 pixels; got 5 x 4"):
        keep_masked(image, np.ones((4, 5), bool))
    with pytest.raises(ImageError, match=r"got 4 x 6\. Turn it: images are read upright, as their EXIF data ask"):
        keep_masked(image, np.ones((6, 4), bool))
    with pytest.raises(ImageError, match="a mask has pixels that are not zero; got none"):
        keep_masked(image, np.zeros((4, 6), bool))


def test_an_empty_region_of_interest_is_refused_by_name() -> None:
    image = Image.from_array(np.zeros((1, 3)))
    regions = RegionsOfInterest(np.array([[1, 1, 0]]), ("meadow", "lake"))
    with pytest.raises(ImageError, match="region of interest 'lake': lies on the image; got no pixel there"):
        keep_interest(image, regions)


@pytest.mark.parametrize("color", [(0, 0, 0), (255, 255, 255), (3, 90, 7)])
@pytest.mark.parametrize("shape", ["strip", "corners", "surround"])
def test_a_flat_border_is_found(photograph: np.ndarray, color: tuple[int, int, int], shape: str) -> None:
    rows, columns = np.mgrid[:60, :80]
    outside = {
        "strip": columns < 10,
        "corners": np.abs(rows - 30) + np.abs(columns - 40) > 50,
        "surround": np.hypot(rows - 30, columns - 40) > 28,
    }[shape]
    photograph[outside] = color
    flat = find_flat_border(Image.from_array(photograph))
    assert flat is not None
    assert flat.values == color
    assert flat.share == outside.mean()
    assert flat.text == (str(color[0]) if len(set(color)) == 1 else "3,90,7")


def test_what_is_no_collar_is_not_reported(photograph: np.ndarray, quadrants: np.ndarray) -> None:
    assert find_flat_border(Image.from_array(photograph)) is None
    # Flat areas of a drawing are its classes.
    assert find_flat_border(Image.from_array(quadrants)) is None
    # Less than 2 % of the image.
    thin = photograph.copy()
    thin[:, :1] = 0
    assert find_flat_border(Image.from_array(thin)) is None
    # Not at the border.
    inner = photograph.copy()
    inner[20:40, 20:60] = 0
    assert find_flat_border(Image.from_array(inner)) is None
    # A clipped sky fades into its clouds.
    ramp = np.minimum(100 + np.add.outer(np.arange(200), np.arange(300) / 3), 255).astype(np.uint8)
    assert (ramp == 255).mean() > 0.2
    assert find_flat_border(Image.from_array(ramp)) is None
    # A gray that is frequent by chance among noise in a bright half
    noise = np.random.default_rng(0).normal(np.where(np.arange(80) < 40, 60, 200), 3, (80, 80))
    noise[:, 40:] = np.rint(noise[:, 40:] / 4) * 4
    assert find_flat_border(Image.from_array(np.rint(noise).astype(np.uint8))) is None


def test_pixels_that_do_not_count_are_no_collar(photograph: np.ndarray) -> None:
    photograph[:, :20] = 0
    valid = np.ones((60, 80), bool)
    valid[:, :20] = False
    assert find_flat_border(Image.from_array(photograph, valid=valid)) is None
