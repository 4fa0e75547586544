"""Classes drawn into the image: overlay, contours, mean colors, cut-outs, and the maps of probabilities."""

from __future__ import annotations

import io
import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PilImage
from scipy.stats import entropy

from segment import Image, Segmentation, segment_image
from segment.config.products import plan_files
from segment.output.palette import pick_class_colors
from segment.output.pictures.maps import posterior_panel, uncertainty_panel
from segment.output.pictures.overlays import contoured, cutout, overlaid
from segment.output.products import encode_product

GAP, LINE = 24, 48

PIXELS = np.full((400, 500, 3), 100, np.uint8)
HALVES = np.ones((400, 500), np.uint8)
HALVES[:, 250:] = 2
HALVES[:20] = 0
COLORS = np.array([[255, 0, 0], [0, 0, 255]], np.uint8)


def saved(result: Segmentation, name: str) -> bytes:
    """What a product writes into its file."""
    (file,) = plan_files("a", (name,), picture=".png", n_classes=result.n_classes)
    return encode_product(result, file)


def test_an_overlay_is_half_the_image_and_half_the_class() -> None:
    picture = overlaid(Image.from_array(PIXELS), HALVES, COLORS)
    assert picture.shape == (400, 500, 3)
    np.testing.assert_allclose(picture[200, 100], (178, 50, 50), atol=1)
    np.testing.assert_allclose(picture[200, 400], (50, 50, 178), atol=1)
    assert picture[200, 249].tolist() == [255, 0, 0]  # the border, in full color on either side
    assert picture[200, 250].tolist() == [0, 0, 255]
    assert picture[5, 100].tolist() == [100, 100, 100]  # no label


def test_contours_lie_along_the_inside_of_each_class() -> None:
    picture = contoured(Image.from_array(PIXELS), HALVES, COLORS)
    assert picture[200, 249].tolist() == [255, 0, 0]
    assert picture[200, 250].tolist() == [0, 0, 255]
    assert picture[20, 100].tolist() == [255, 0, 0]
    assert picture[200, 100].tolist() == picture[5, 100].tolist() == [70, 70, 70]


def test_contours_are_as_thick_as_the_image_is_large() -> None:
    labels = np.ones((1500, 2000), np.uint8)
    labels[:, 1000:] = 2
    picture = contoured(Image.from_array(np.zeros((1500, 2000, 3), np.uint8)), labels, COLORS)
    assert (picture[700] == (255, 0, 0)).all(axis=1).sum() == 4


@pytest.mark.parametrize(("size", "factor"), [((12, 20), 16), ((1, 1), 320), ((100, 200), 2), ((319, 5), 2)])
def test_small_images_are_enlarged_by_whole_factors(size: tuple[int, int], factor: int) -> None:
    labels = np.ones(size, np.uint8)
    for draw in (overlaid, contoured):
        picture = draw(Image.from_array(np.zeros((*size, 3), np.uint8)), labels, COLORS)
        assert picture.shape == (size[0] * factor, size[1] * factor, 3)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_any_depth_can_be_drawn_into(dtype: type, quadrants: np.ndarray) -> None:
    deep = quadrants.astype(np.uint16) * np.uint16(257) if dtype == np.uint16 else quadrants.astype(dtype)
    if dtype == np.float32:
        deep = deep / np.float32(255)
    labels = np.ones((12, 20), np.uint8)
    one, two = (overlaid(Image.from_array(pixels), labels, COLORS) for pixels in (quadrants, deep))
    np.testing.assert_array_equal(one, two)


def test_cutouts_put_together_are_the_image(quadrants: np.ndarray) -> None:
    labels = np.arange(240).reshape(12, 20) % 4
    image = Image.from_array(quadrants)
    parts = [cutout(image, labels, label) for label in range(4)]
    for label, part in enumerate(parts):
        np.testing.assert_array_equal(part[..., 3] == 255, labels == label)
    np.testing.assert_array_equal(np.sum(parts, axis=0)[..., :3], quadrants)


def test_every_class_has_a_cutout_file(tmp_path: Path, quadrants: np.ndarray) -> None:
    result = segment_image(quadrants, k=4, save="cutouts")
    paths = result.save(tmp_path, stem="a")
    assert [path.name for path in paths] == [f"a_cutout_{label}.png" for label in (1, 2, 3, 4)]
    for label, path in enumerate(paths, start=1):
        with PilImage.open(path) as picture:
            assert picture.mode == "RGBA"
            np.testing.assert_array_equal(np.asarray(picture)[..., 3] > 0, result.label_image == label)


def test_mean_colors_are_those_of_the_image(quadrants: np.ndarray) -> None:
    image = Image.from_array(quadrants, valid=np.arange(240).reshape(12, 20) > 3)
    result = segment_image(image, k=4)
    shown = np.asarray(PilImage.open(io.BytesIO(saved(result, "mean"))).convert("RGBA"))
    np.testing.assert_array_equal(shown[..., :3][image.valid], quadrants[image.valid])
    np.testing.assert_array_equal(shown[..., 3] == 255, image.valid)


@pytest.mark.parametrize("palette", ["category", "mean", "viridis", "cividis", "grey"])
def test_the_palette_colors_every_product(palette: str, quadrants: np.ndarray) -> None:
    result = segment_image(quadrants, k=4, palette=palette)
    seen = np.asarray(PilImage.open(io.BytesIO(saved(result, "labels"))).convert("RGB"))
    np.testing.assert_array_equal(seen, result.colors[result.label_image - 1])
    panel = {tuple(color) for color in result.panel().reshape(-1, 3).tolist()}
    assert {tuple(color) for color in result.colors.tolist()} <= panel
    if palette == "mean":
        np.testing.assert_array_equal(seen, quadrants)
    if palette == "category":
        np.testing.assert_array_equal(result.colors, pick_class_colors(4))


@pytest.mark.parametrize("max_size", [0, 60])
def test_uncertainty_is_the_entropy_of_the_posteriors(landscape: Path, max_size: int) -> None:
    with PilImage.open(landscape) as image:
        pixels = np.asarray(image.resize((120, 80)))
    valid = np.arange(9600).reshape(80, 120) > 500
    result = segment_image(Image.from_array(pixels, valid=valid), k=3, max_size=max_size)
    values = result.uncertainty()
    assert (values.shape, values.dtype) == ((80, 120), np.float32)
    np.testing.assert_array_equal(np.isnan(values), ~valid)
    posteriors = result.posteriors().astype(float)[valid]
    np.testing.assert_allclose(values[valid], entropy(posteriors, base=2, axis=1), atol=1e-5)
    assert 0 <= values[valid].min() <= values[valid].max() <= math.log2(3) + 1e-6


def test_maps_one_by_one_are_the_posteriors(quadrants: np.ndarray) -> None:
    result = segment_image(quadrants, k=4)
    np.testing.assert_array_equal(np.stack(list(result.posterior_maps()), 2), result.posteriors())


def test_uncertainty_is_bright_where_undecided() -> None:
    values = np.zeros((400, 400), np.float32)
    values[:, 200:] = 2
    values[:100] = np.nan
    panel = uncertainty_panel(values, 4)[GAP + LINE : GAP + LINE + 400, GAP : GAP + 400].astype(int)
    assert panel[150:, :190].sum(axis=2).max() < 60
    assert panel[150:, 210:].sum(axis=2).min() > 600
    assert set(np.unique(panel[:100])) == {225, 250}


@pytest.mark.parametrize(("height", "width"), [(1, 1), (30, 40), (1, 3000), (3000, 2), (900, 1600)])
@pytest.mark.parametrize("k", [0, 1, 4, 30])
def test_posteriors_of_any_size_and_number_have_a_sheet(height: int, width: int, k: int) -> None:
    maps = (np.full((height, width), number / max(k, 1), np.float32) for number in range(k))
    sheet = posterior_panel(maps, [str(number) for number in range(k)], (width, height))
    assert sheet.dtype == np.uint8
    assert sheet.shape[2] == 3
    assert sheet.shape[1] <= 12000


def test_every_product_of_an_image_without_labels_can_be_made(tmp_path: Path) -> None:
    pictures = "panel,overlay,contours,labels,mean,posterior,uncertainty,anomaly,cutouts"
    result = segment_image(np.zeros((4, 6, 4), np.uint8), save=pictures)
    assert len(result.save(tmp_path)) == 8


def test_every_picture_of_a_gray_image_can_be_made(tmp_path: Path, rng: np.random.Generator) -> None:
    pictures = "panel,overlay,contours,labels,mean,posterior,uncertainty,anomaly,cutouts"
    gray = rng.integers(0, 1000, (30, 40)).astype(np.uint16)
    for path in segment_image(gray, k=2, save=pictures, palette="mean").save(tmp_path):
        with PilImage.open(path) as picture:
            picture.load()
