"""The pixels that count, in every function of the library."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image as PilImage

import segment
from segment.config.config import SegmentConfig
from segment.core.errors import ImageError, SegmentError, SettingsError
from segment.core.georeference import Georeference
from segment.core.image import Image
from segment.pipeline.pixel_selection import select_pixels, take_arrays


@pytest.fixture
def picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator) -> np.ndarray:
    """Two noisy areas, left and right, under a collar of zeros: 40 x 60, also as the file a.png."""
    monkeypatch.chdir(tmp_path)
    means = np.where(np.arange(60)[None, :, None] < 30, (200, 60, 60), (40, 90, 200))
    picture = np.clip(means + rng.normal(0, 5, (40, 60, 3)), 1, 255).astype(np.uint8)
    picture[:8] = 0
    PilImage.fromarray(picture).save("a.png")
    return picture


TRUTH = np.where(np.arange(40)[:, None] < 8, 0, np.where(np.arange(60) < 30, 2, 1))
INSIDE = TRUTH > 0


def label(result: segment.Segmentation) -> np.ndarray:
    """The labels, the blue area being 1 and the red one 2."""
    blue = int(result.label_image[20, 45])
    return np.where(result.label_image == 0, 0, np.where(result.label_image == blue, 1, 2))


@pytest.mark.parametrize(
    "settings",
    [
        {"nodata": 0},
        {"nodata": (0, 0, 0)},
        {"mask": INSIDE},
        {"mask": INSIDE.astype(float).tolist()},
        {"mask": "mask.png"},
        {"mask": Path("masks")},
        {"roi": INSIDE.astype(int)},
        {"roi": "mask.png"},
        {"roi": "polygon.json"},
    ],
)
def test_only_pixels_that_count_are_fitted_and_labeled(picture: np.ndarray, settings: dict[str, Any]) -> None:
    PilImage.fromarray(INSIDE).save("mask.png")
    Path("masks").mkdir()
    PilImage.fromarray(INSIDE).save("masks/a.tif")
    ring = [[0, 8], [60, 8], [60, 40], [0, 40], [0, 8]]
    Path("polygon.json").write_text(json.dumps({"type": "Polygon", "coordinates": [ring]}), encoding="utf-8")
    result = segment.segment_image("a.png", k=2, **settings)
    assert np.array_equal(label(result), TRUTH)
    assert sum(row.pixels for row in result.classes) == INSIDE.sum()
    assert result.warnings == ()


def test_a_crop_has_results_of_its_size(picture: np.ndarray) -> None:
    result = segment.segment_image("a.png", k=2, crop=(10, 8, 60, 40))
    assert np.array_equal(label(result), TRUTH[8:, 10:])
    assert result.image.pixels.shape == (32, 50, 3)


def test_masks_and_polygons_are_for_the_whole_image_and_grids_for_the_crop(picture: np.ndarray) -> None:
    result = segment.segment_image("a.png", k=2, crop="10,8,60,40", mask=INSIDE, roi="grid:1x2")
    assert result.image.interest is not None
    assert result.image.interest.count_pixels().tolist() == [32 * 25, 32 * 25]


def test_every_function_takes_them(picture: np.ndarray) -> None:
    model = segment.fit_classes(["a.png"], k=2, mask=INSIDE)
    assert model.training.pixels == INSIDE.sum()
    assert np.array_equal(label(segment.apply_classes(model, "a.png", mask=INSIDE)), TRUTH)
    comparison = segment.compare_image("a.png", k=2, roi=INSIDE.astype(int))
    for method in comparison.methods:
        assert np.array_equal(method.label_image > 0, INSIDE)
    regions = segment.segment_regions("a.png", regions=2, mask=INSIDE)
    assert np.array_equal(regions.label_image > 0, INSIDE)
    model = segment.fit_classes(["a.png"], k=2)
    assert "a.png: one color, 0, fills 20 % of the image" in model.training.notes[0]


def test_arrays_have_no_command(picture: np.ndarray) -> None:
    assert segment.segment_image("a.png", k=2, mask=INSIDE).provenance.command == ()
    assert segment.segment_image("a.png", k=2, nodata=0).provenance.command == ("run", "a.png")


def test_a_flat_border_has_a_hint(picture: np.ndarray) -> None:
    (hint,) = segment.segment_image("a.png", k=2).warnings
    assert hint.startswith("one color, 0, fills 20 % of the image and lies at its border")
    assert "--nodata 0" in hint
    assert "--roi circle" in hint


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"mask": np.ones((3, 3))}, "a mask has the size of its image, 60 x 40 pixels; got 3 x 3"),
        ({"mask": np.zeros((40, 60))}, "a mask has pixels that are not zero; got none"),
        ({"mask": "none.png"}, "none.png: the file cannot be opened"),
        ({"mask": "empty"}, "empty: a folder of masks has one for each image; got none named a"),
        ({"roi": np.zeros((40, 60), int)}, "labels that are not 0; got none"),
        ({"roi": "grid:50x1"}, "a grid of at most 40 x 60 cells"),
        ({"roi": "circle:90,90,5"}, "region of interest 'circle': lies on the image; got no pixel there"),
        ({"roi": "far.json"}, "far.json: region of interest '1': lies on the image"),
        ({"crop": (0, 0, 61, 40)}, "crop .* within 0,0,60,40; got 0,0,61,40"),
        ({"nodata": (0, 0)}, "one number, or one for each of the 3 channels; got 2"),
        ({"mask": INSIDE, "roi": (~INSIDE).astype(int)}, "some pixel counts; got none"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(picture: np.ndarray, settings: dict[str, Any], message: str) -> None:
    Path("empty").mkdir()
    ring = [[70, 8], [90, 8], [90, 40], [70, 8]]
    Path("far.json").write_text(json.dumps({"type": "Polygon", "coordinates": [ring]}), encoding="utf-8")
    with pytest.raises(ImageError, match=message) as error:
        segment.segment_image("a.png", k=2, **settings)
    assert str(error.value).startswith("a.png: ")
    assert "\n" not in str(error.value)


def test_the_circle_of_a_fisheye_is_found_and_noted(rng: np.random.Generator) -> None:
    rows, columns = np.mgrid[:80, :80]
    outside = np.hypot(rows - 39.5, columns - 39.5) > 33
    pixels = np.clip(np.where(rows < 40, 190, 70) + rng.normal(0, 4, (80, 80)), 0, 255).astype(np.uint8)
    pixels[outside] = 3
    image = select_pixels(Image.from_array(pixels), SegmentConfig(roi="circle"), "sky.png")
    assert np.mean(image.valid == ~outside) > 0.99
    assert image.notes[-1].startswith("the region of interest is the circle of center 40,40 and radius ")


def test_regions_without_a_pixel_that_counts_are_noted() -> None:
    image = Image.from_array(np.array([[0, 0, 5, 9]], dtype=np.uint8))
    image = select_pixels(image, SegmentConfig(roi="grid:1x2", nodata="0"), "a.png")
    assert image.notes == ("1 region of interest has no pixel that counts: r1c1",)


def test_a_mask_of_another_place_is_noted(tmp_path: Path) -> None:
    files = pytest.importorskip("raster_files")
    path = files.write(tmp_path / "mask.tif", np.ones((4, 6), np.uint8))
    image = Image.from_array(np.ones((4, 6), np.uint8))
    there = replace(image, georeference=Georeference((10.0, 0.0, 0.0, 0.0, -10.0, 0.0), "EPSG:32632", 1.0))
    here = replace(image, georeference=Georeference((10.0, 0, 500_000.0, 0, -10.0, 5_000_000.0), "EPSG:32632", 1.0))
    config = SegmentConfig(mask=path)
    assert select_pixels(here, config, "a.tif").notes == ()
    (note,) = select_pixels(there, config, "a.tif").notes
    assert "lies at another place on the earth than the image" in note


def test_no_selection_changes_nothing() -> None:
    image = Image.from_array(np.arange(12, dtype=np.uint8).reshape(3, 4))
    assert select_pixels(image, SegmentConfig(), "a.png") is image


@pytest.mark.parametrize("array", [np.ones(3), np.ones((2, 2, 3)), np.array([["a"]])])
def test_arrays_of_another_shape_are_refused(array: np.ndarray) -> None:
    with pytest.raises(SettingsError, match=r"^mask \(--mask\): a path, or an array of numbers of shape \(H, W\); got"):
        take_arrays({"mask": array})
    with pytest.raises(SegmentError, match=r"whole numbers"):
        take_arrays({"roi": np.ones((2, 2))})


def test_what_is_unknown_in_a_mask_does_not_count() -> None:
    """NaN is not zero, and a masked array that is converted shows what lies below its mask."""
    hidden = np.ma.MaskedArray([[1, 1, 0]], mask=[[False, True, False]])
    for mask in (np.array([[1, np.nan, 0]]), hidden, hidden.astype(bool)):
        assert take_arrays({"mask": mask})[1].mask.astype(bool).tolist() == [[True, False, False]]
        assert Image.from_array(np.ones((1, 3)), valid=mask).valid.tolist() == [[True, False, False]]
    assert take_arrays({"roi": hidden})[1].roi.tolist() == [[1, 0, 0]]


def test_none_is_no_mask() -> None:
    others, arrays = take_arrays({"k": 2, "mask": None, "roi": "circle"})
    assert others == {"k": 2, "roi": "circle"}
    assert not arrays


@pytest.fixture
def land_cover(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator) -> np.ndarray:
    """Numbers 1 to 250 of a palette and a collar of 5, as a.tif; black is 7, and 5 and 6 have one color."""
    monkeypatch.chdir(tmp_path)
    colors = rng.integers(60, 250, (3, 256)) * 257
    colors[:, 7], colors[:, 6] = 0, colors[:, 5]
    stored = rng.integers(6, 251, (40, 60)).astype(np.uint8)
    stored[:, :12] = 5
    tifffile.imwrite("a.tif", stored, photometric="palette", colormap=colors.astype(np.uint16))
    return stored


@pytest.mark.parametrize("nodata", [5, 7, 200])
def test_no_data_of_a_palette_is_a_number_in_the_file(land_cover: np.ndarray, nodata: int) -> None:
    result = segment.segment_image("a.tif", k=2, nodata=nodata, crop=(2, 1, 50, 40))
    assert result.image.valid.tolist() == (land_cover[1:40, 2:50] != nodata).tolist()
    assert result.image.stored is None


def test_a_number_that_the_file_does_not_have_is_told(land_cover: np.ndarray) -> None:
    assert "no pixel has the nodata value 0 in all bands" in segment.segment_image("a.tif", k=2, nodata=0).warnings


def test_the_hint_of_a_flat_border_is_a_number_in_the_file(land_cover: np.ndarray) -> None:
    (hint,) = segment.segment_image("a.tif", k=2).warnings
    assert hint.startswith("one color, 5, fills 20 % of the image")
    assert "give --nodata 5," in hint
    image = segment.segment_image("a.tif", k=2, nodata=5).image
    assert image.valid.tolist() == (land_cover != 5).tolist()


def test_no_data_of_white_as_zero_is_a_number_in_the_file(tmp_path: Path, rng: np.random.Generator) -> None:
    stored = rng.integers(0, 256, (20, 30)).astype(np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="miniswhite")
    image = segment.segment_image(tmp_path / "a.tif", k=2, nodata=0).image
    assert image.valid.tolist() == (stored != 0).tolist()


def test_no_data_of_a_palette_in_png_is_a_color(tmp_path: Path, rng: np.random.Generator) -> None:
    picture = PilImage.fromarray(rng.integers(0, 4, (20, 30)).astype(np.uint8))
    picture.putpalette([9, 9, 9, 50, 0, 0, 0, 0, 0, 70, 80, 90])
    picture.save(tmp_path / "a.png")
    image = segment.segment_image(tmp_path / "a.png", k=2, nodata=0).image
    assert image.valid.tolist() == (np.asarray(picture) != 2).tolist()
