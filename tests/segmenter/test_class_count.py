"""The number of classes: contrast, independent pixels, and what is chosen for images."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PilImage
from scipy.ndimage import gaussian_filter, maximum_filter, minimum_filter
from scipy.signal import correlate2d

import segment
from segment.features.color_index import ColorIndex
from segment.features.color_space import FeatureSpace
from segment.features.pixel_features import collect_cells
from segment.mixture.cells import concatenate
from segment.segmenter.class_count import (
    choose_classes,
    estimate_effective_size,
    mask_interior,
    measure_adjacency,
    measure_contrast,
    measure_correlation_area,
)
from segment.segmenter.fit_data import FitData


def add_noise(picture: np.ndarray, sigma: float, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.clip(np.rint(picture + sigma * rng.normal(size=picture.shape)), 0, 255).astype(np.uint8)


def all_valid(maps: np.ndarray) -> np.ndarray:
    return np.ones(maps.shape[:2], dtype=bool)


# Contrast and the interior of areas


def test_a_step_has_contrast_on_both_sides() -> None:
    picture = np.array([[5, 5, 5, 9, 9, 9]] * 3, dtype=np.uint8)[..., None]
    everywhere = np.ones((3, 6), dtype=bool)
    assert measure_contrast(picture, everywhere).tolist() == [[0, 0, 4, 4, 0, 0]] * 3
    assert mask_interior(picture, everywhere, edge_share=0.5).tolist() == [[True, True, False, False, True, True]] * 3


def test_contrast_equals_scipys_filters_in_the_channel_of_the_widest_range(rng: np.random.Generator) -> None:
    picture = rng.integers(0, 65536, (9, 13, 3)).astype(np.uint16)
    window = (3, 3, 1)
    expected = maximum_filter(picture, window, mode="nearest").astype(float) - minimum_filter(
        picture, window, mode="nearest"
    )
    np.testing.assert_array_equal(measure_contrast(picture, np.ones((9, 13), dtype=bool)), expected.max(axis=2))


def test_invalid_pixels_make_no_contrast(rng: np.random.Generator) -> None:
    valid = rng.random((8, 9)) < 0.7
    picture = np.full((8, 9, 2), 7.0)
    picture[~valid] = rng.normal(size=(int((~valid).sum()), 2)) * 1e6
    assert not measure_contrast(picture, valid).any()
    np.testing.assert_array_equal(mask_interior(picture, valid, edge_share=0.2), valid)


def test_at_most_the_given_share_is_left_out(rng: np.random.Generator) -> None:
    picture, valid = rng.random((30, 40, 3)), rng.random((30, 40)) < 0.8
    for edges in (0.0, 0.2, 0.5):
        inside = mask_interior(picture, valid, edge_share=edges)
        assert not (inside & ~valid).any()
        assert 1 - edges <= inside.sum() / valid.sum() < 1 - edges + 0.01
        left_out = measure_contrast(picture, valid)[valid & ~inside]
        assert left_out.min(initial=np.inf) > measure_contrast(picture, valid)[inside].max()


def test_an_image_without_valid_pixels_has_no_interior() -> None:
    nothing = np.zeros((4, 3), dtype=bool)
    assert not mask_interior(np.ones((4, 3, 3)), nothing, edge_share=0.2).any()


# Independent pixels


def test_every_pixel_of_white_noise_is_independent(rng: np.random.Generator) -> None:
    maps = rng.normal(size=(90, 70, 3))
    assert estimate_effective_size(maps, all_valid(maps)) == 90 * 70


@pytest.mark.parametrize("side", [3, 6])
def test_blocks_count_as_about_one_pixel_each(side: int, rng: np.random.Generator) -> None:
    maps = np.kron(rng.normal(size=(40, 30)), np.ones((side, side)))[..., None]
    found = estimate_effective_size(maps, all_valid(maps))
    assert 0.7 < found / (40 * 30) < 1.5


@pytest.mark.parametrize("sigma", [2.0, 4.0])
def test_smooth_noise_has_the_area_of_its_correlation(sigma: float, rng: np.random.Generator) -> None:
    """A Gaussian filter leaves the correlation exp(-h^2 / (4 sigma^2)), whose integral in the plane is 4 pi sigma^2."""
    maps = np.stack([gaussian_filter(rng.normal(size=(300, 240)), sigma, mode="wrap") for _ in range(4)], axis=2)
    found = measure_correlation_area(maps, all_valid(maps))
    assert found == pytest.approx(4 * np.pi * sigma**2, rel=0.15)


def test_more_pixels_of_the_same_scene_count_no_more(rng: np.random.Generator) -> None:
    small = np.stack([gaussian_filter(rng.normal(size=(60, 80)), 3, mode="wrap") for _ in range(3)], axis=2)
    large = np.kron(small, np.ones((3, 3, 1)))
    first, second = (estimate_effective_size(maps, all_valid(maps)) for maps in (small, large))
    assert second == pytest.approx(first, rel=0.1)


def test_the_area_equals_a_direct_sum(rng: np.random.Generator) -> None:
    maps = gaussian_filter(rng.normal(size=(14, 11)), 1.5)[..., None]
    valid = rng.random((14, 11)) < 0.8
    centered = np.where(valid, maps[..., 0] - maps[..., 0][valid].mean(), 0.0)
    products, pairs = correlate2d(centered, centered), correlate2d(valid * 1.0, valid * 1.0)
    rows, columns = np.indices(products.shape)
    distance = np.rint(np.hypot(rows - 13, columns - 10)).astype(int)
    rings = [products[distance == r].sum() / max(1, pairs[distance == r].sum()) for r in range(distance.max() + 1)]
    end = next(r for r, value in enumerate(rings) if value < 0.05 * rings[0])
    expected = products[distance < end].sum() / products[13, 10]
    assert end > 1
    assert measure_correlation_area(maps, valid) == pytest.approx(expected)


def test_invalid_pixels_do_not_change_the_area(rng: np.random.Generator) -> None:
    maps = gaussian_filter(rng.normal(size=(50, 40)), 2)[..., None]
    valid = np.zeros((50, 40), dtype=bool)
    valid[10:45, 5:30] = True
    changed = np.where(valid[..., None], maps, 1e6 * rng.normal(size=maps.shape))
    assert measure_correlation_area(changed, valid) == pytest.approx(
        measure_correlation_area(maps[10:45, 5:30], np.ones((35, 25), bool))
    )


@pytest.mark.parametrize("value", [0.0, 7.3, 1e9])
def test_constant_maps_have_no_correlation(value: float) -> None:
    maps = np.full((9, 5, 2), value)
    assert measure_correlation_area(maps, all_valid(maps)) == 1
    assert estimate_effective_size(maps, all_valid(maps)) == 45


def test_scale_and_shift_do_not_matter(rng: np.random.Generator) -> None:
    maps = np.stack([gaussian_filter(rng.normal(size=(60, 50)), 2) for _ in range(2)], axis=2)
    found = measure_correlation_area(maps, all_valid(maps))
    assert measure_correlation_area(1e-6 * maps + 5, all_valid(maps)) == pytest.approx(found, rel=1e-4)
    assert measure_correlation_area(np.swapaxes(maps, 0, 1), all_valid(maps).T) == pytest.approx(found)


def test_the_effective_size_is_at_least_one() -> None:
    assert estimate_effective_size(np.zeros((4, 3, 2)), np.zeros((4, 3), dtype=bool)) == 1
    assert estimate_effective_size(np.ones((1, 1, 3)), np.ones((1, 1), dtype=bool)) == 1


# The choice


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
