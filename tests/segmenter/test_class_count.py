"""The number of classes that is chosen for images."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PilImage
from scipy.ndimage import gaussian_filter

import segment
from segment.features.color_index import ColorIndex
from segment.features.color_space import FeatureSpace
from segment.features.pixel_features import collect_cells
from segment.mixture.cells import concatenate
from segment.segmenter.class_count import choose_classes, measure_adjacency
from segment.segmenter.fit_data import FitData


def add_noise(picture: np.ndarray, sigma: float, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.clip(np.rint(picture + sigma * rng.normal(size=picture.shape)), 0, 255).astype(np.uint8)


def test_the_cells_of_two_images_have_the_classes_of_each(quadrants: np.ndarray) -> None:
    large = np.kron(quadrants, np.ones((8, 8, 1)))
    images = [segment.Image.from_array(add_noise(large, 8, seed)) for seed in (0, 1)]
    space = FeatureSpace("rgb", 3, 0, 255)
    cells = concatenate(*(collect_cells(space, ColorIndex(image).iterate_parts(), exact=True) for image in images))
    selection = choose_classes(FitData(space, cells, tuple(images)), (1, 6))
    assert (selection.chosen, selection.criterion) == (4, "bic")
    assert [row.n_classes for row in selection.candidates] == [1, 2, 3, 4, 5, 6]
    assert 100 < selection.n_effective <= 1000


def test_a_small_number_of_independent_pixels_is_drawn_to_the_typical_one(rng: np.random.Generator) -> None:
    """Waves as wide as half of the picture repeat themselves: they are some 40 independent pixels."""
    rough = gaussian_filter(rng.normal(size=(120, 160)), 30)
    image = segment.Image.from_array(np.interp(rough, (rough.min(), rough.max()), (0, 255)).astype(np.uint8))
    space = FeatureSpace("intensity", 1, 0, 255)
    cells = collect_cells(space, ColorIndex(image).iterate_parts(), exact=True)
    assert 100 < choose_classes(FitData(space, cells, (image,)), (1, 3)).n_effective < 200


def test_there_are_at_most_as_many_classes_as_cells() -> None:
    image = segment.Image.from_array(np.array([[20, 200]] * 2, np.uint8))
    space = FeatureSpace("intensity", 1, 0, 255)
    cells = collect_cells(space, ColorIndex(image).iterate_parts(), exact=True)
    assert choose_classes(FitData(space, cells, (image,)), (3, 5)).chosen == 2


def test_noise_around_one_color_is_one_class() -> None:
    for shape in ((120, 160, 3), (120, 160)):
        assert segment.segment_image(add_noise(np.full(shape, 120.0), 20), k="auto").n_classes == 1


@pytest.mark.parametrize("sigma", [0, 5, 15])
def test_four_colors_are_four_classes(sigma: float, quadrants: np.ndarray) -> None:
    large = np.kron(quadrants, np.ones((8, 8, 1), dtype=np.uint8))
    result = segment.segment_image(add_noise(large, sigma), k="auto")
    assert result.n_classes == result.selection.chosen == 4
    assert result.selection.runner_up in (3, 5)
    assert len(result.selection.candidates) == (4 if sigma == 0 else 12)


@pytest.mark.parametrize("quality", [60, 85, 95])
@pytest.mark.parametrize("scale", [12, 60])
def test_jpeg_artifacts_make_no_classes(quality: int, scale: int, quadrants: np.ndarray) -> None:
    """Four flat colors, smooth at a round border as well, saved as JPEG: ringing and mixed pixels are no classes."""
    large = np.kron(quadrants, np.ones((scale, scale, 1), dtype=np.uint8))
    rows, columns = np.indices(large.shape[:2])
    distance = np.hypot(rows - large.shape[0] * 0.6, columns - large.shape[1] * 0.5) - large.shape[0] * 0.25
    disc = np.clip(0.5 - distance, 0, 1)[..., None]  # anti-aliased
    picture = np.rint(disc * (20, 30, 90) + (1 - disc) * large).astype(np.uint8)
    file = BytesIO()
    PilImage.fromarray(picture).save(file, "JPEG", quality=quality)
    with PilImage.open(file) as compressed:
        assert segment.segment_image(np.asarray(compressed), k="auto").n_classes == 4


def test_scattered_valid_pixels_are_enough(quadrants: np.ndarray) -> None:
    """A smaller copy has no pixel of which half was valid."""
    large = np.kron(quadrants, np.ones((60, 60, 1), dtype=np.uint8))
    alpha = np.zeros((*large.shape[:2], 1), dtype=np.uint8)
    alpha[::9, ::9] = 255
    assert segment.segment_image(np.concatenate([large, alpha], axis=2), k="auto").n_classes == 4


def test_the_landscape_has_four_classes(landscape: Path) -> None:
    chosen, given_ = (segment.segment_image(landscape, k=k, max_size=800) for k in ("auto", 4))
    assert chosen.n_classes == 4
    np.testing.assert_array_equal(chosen.label_image, given_.label_image)


def test_the_choice_does_not_depend_on_the_size_of_the_photograph(landscape: Path) -> None:
    with PilImage.open(landscape) as image:
        pixels = np.asarray(image.resize((900, 599)))
    found = [segment.segment_image(pixels, k="auto", max_size=size).selection for size in (0, 600, 400)]
    assert {selection.chosen for selection in found} == {4}
    sizes = [selection.n_effective for selection in found]
    assert max(sizes) < 2 * min(sizes)


def test_the_number_is_chosen_from_the_range(landscape: Path) -> None:
    result = segment.segment_image(landscape, k="auto", k_range="6..7", max_size=200)
    assert result.n_classes in (6, 7)
    assert [row.n_classes for row in result.selection.candidates] == [6, 7]


def test_neither_seed_nor_range_changes_the_criterion(landscape: Path) -> None:
    found = segment.segment_image(landscape, k="auto", max_size=100).selection
    assert segment.segment_image(landscape, k="auto", max_size=100, seed=1).selection == found
    few = segment.segment_image(landscape, k="auto", max_size=100, k_range=(2, 4)).selection
    assert few.candidates == found.candidates[1:4]


@pytest.mark.parametrize("criterion", ["aic", "icl", "entropy", "variational"])
def test_every_criterion_segments(criterion: str, landscape: Path) -> None:
    result = segment.segment_image(landscape, k="auto", criterion=criterion, max_size=200)
    assert result.selection.criterion == criterion
    assert result.n_classes == result.selection.chosen == result.label_image.max() == len(result.classes)
    assert result.model.n_components == result.selection.n_components


def test_fewer_colors_than_the_range_give_a_warning(quadrants: np.ndarray) -> None:
    result = segment.segment_image(quadrants, k="auto", k_range="6..9")
    assert result.n_classes == 4
    assert "fewer distinct colors than the 6 classes" in result.warnings[0]


@pytest.mark.parametrize(
    "pixels", [np.full((4, 5, 3), np.nan), np.full((1, 1, 3), 7, np.uint8), np.full((20, 20), 500, np.uint16)]
)
def test_an_image_of_one_color_or_none_needs_no_choice(pixels: np.ndarray) -> None:
    result = segment.segment_image(pixels, k="auto")
    assert result.n_classes == result.label_image.max()


@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
def test_the_depth_of_the_pixels_does_not_change_the_choice(dtype: type, landscape: Path) -> None:
    with PilImage.open(landscape) as image:
        pixels = np.asarray(image.resize((200, 133)))
    deep = (pixels / 255 * (65535 if dtype is np.uint16 else 1)).astype(dtype)
    chosen = [segment.segment_image(array, k="auto").n_classes for array in (pixels, deep)]
    assert chosen[0] == chosen[1]


@pytest.mark.parametrize("factor", [1, 257, 1 / 255])
def test_images_of_one_fit_have_a_depth_each(factor: float, rng: np.random.Generator) -> None:
    values = np.kron([[60, 120], [180, 180]], np.ones((50, 60))) + rng.normal(0, 3, (100, 120))
    first = np.rint(values).astype(np.uint8)
    other = (np.rint(values) * factor).astype({1: np.uint8, 257: np.uint16}.get(factor, np.float32))
    for images in ([first, other], [other, first]):
        assert segment.fit_classes(images, k="auto").n_classes == 3


@pytest.mark.parametrize("white", [None, 4095])
def test_temperatures_in_a_small_part_of_the_range_are_told_apart(white: int | None, rng: np.random.Generator) -> None:
    levels = np.kron(np.array([[2900, 2940], [2980, 2980]]), np.ones((60, 70)))
    values = levels + rng.normal(0, 4, levels.shape)
    array = values.astype(np.uint16) if white is None else (values / white).astype(np.float32)
    assert segment.segment_image(array, k="auto").n_classes == 3


def test_a_few_hot_pixels_hide_no_classes(rng: np.random.Generator) -> None:
    values = 2000 + 300 * (np.arange(160) // 40) + rng.normal(0, 40, (120, 160))
    values[rng.uniform(size=values.shape) < 0.002] = 65535
    assert segment.segment_image(values.astype(np.uint16), k="auto").n_classes >= 4


def test_bands_in_other_units_are_told_apart(rng: np.random.Generator) -> None:
    left, top = np.meshgrid(np.arange(160) < 80, np.arange(120) < 60)
    bands = np.dstack([np.where(left, 290, 300), np.where(top, 0.1, 0.5)]) + rng.normal(0, [1, 0.04], (120, 160, 2))
    assert segment.segment_image(bands.astype(np.float32), k="auto").n_classes == 4


@pytest.mark.parametrize("factor", [16, 257, 1 / 255])
def test_levels_of_8_bits_stored_in_more_make_no_classes(factor: float, rng: np.random.Generator) -> None:
    levels = np.rint(180 + gaussian_filter(rng.normal(0, 1, (100, 150)), 2) * 5)
    deep = (levels * factor).astype(np.uint16 if factor > 1 else np.float32)
    assert [segment.segment_image(array, k="auto").n_classes for array in (levels.astype(np.uint8), deep)] == [1, 1]


def test_classes_are_counted_under_noise() -> None:
    # Four gray values 40 apart, in stripes, under noise of a standard deviation of 36.
    clean = 60 + 40.0 * (np.arange(192)[None] // 12 % 4) * np.ones((160, 1))
    assert segment.segment_image(add_noise(clean, 36), k="auto").n_classes == 4


def test_invalid_pixels_do_not_change_the_choice(quadrants: np.ndarray) -> None:
    large = add_noise(np.kron(quadrants, np.ones((8, 8, 1))), 8)
    hidden = np.random.default_rng(1).integers(0, 256, (96, 160, 3), dtype=np.uint8)
    picture = np.concatenate([np.concatenate([large, hidden]), np.full((192, 160, 1), 255, np.uint8)], axis=2)
    picture[96:, :, 3] = 0
    image = segment.Image.from_array(picture, alpha=True)
    assert segment.segment_image(image, k="auto").n_classes == 4


@pytest.mark.parametrize("sigma", [2.0, 12.0])
def test_thin_lines_are_a_class(sigma: float) -> None:
    rows, columns = np.mgrid[:200, :240]
    lines = ((rows + 2 * columns) // 2 % 60 == 0) | (columns == 120)  # 1.5 and 1 pixels wide
    assert len(segment.segment_image(add_noise(90 + 80.0 * lines, sigma), k="auto").classes) == 2


def test_speckle_and_single_pixels_are_no_class(rng: np.random.Generator) -> None:
    # Their colors are not those of one Gaussian, but they lie anywhere.
    speckle = np.clip(rng.gamma(4, 20, (150, 160)), 0, 255).astype(np.uint8)
    dots = add_noise(90 + 100.0 * (rng.random((150, 160)) < 0.001), 4.0)
    for picture in (speckle, dots):
        assert len(segment.segment_image(picture, k="auto").classes) == 1


def test_neighbors_of_lines_are_marked_and_those_of_single_pixels_are_not() -> None:
    line = np.zeros((50, 50), dtype=bool)
    line[10] = True
    assert measure_adjacency(line) == pytest.approx(0.25, abs=0.01)
    single = np.zeros((50, 50), dtype=bool)
    single[::3, ::3] = True
    assert measure_adjacency(single) == measure_adjacency(np.zeros((5, 5), dtype=bool)) == 0


@pytest.mark.parametrize("features", ["rgb", "lab", "hsv"])
def test_a_gray_image_has_as_many_classes_when_it_is_stored_as_color(features: str, rng: np.random.Generator) -> None:
    rough = gaussian_filter(rng.normal(size=(192, 256)), 6)
    gray = add_noise(60.0 + 45 * np.digitize(rough, np.quantile(rough, [0.5, 0.8])), 18)
    chosen = [
        segment.segment_image(pixels, k="auto", features=features)
        for pixels in (gray, np.repeat(gray[..., None], 3, axis=2))
    ]
    assert [result.k for result in chosen] == [3, 3]
    assert chosen[0].selection.candidates == chosen[1].selection.candidates
    assert chosen[1].space.n_channels == 3
