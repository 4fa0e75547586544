"""The main job from end to end: pictures whose areas are known, laws, and the landscape of the case study."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image as PilImage

import segment
from segment.core.errors import ImageError, SettingsError

EXPECTED = Path(__file__).parents[1] / "expected"


def test_quadrants_are_labeled_from_dark_to_light(quadrants: np.ndarray) -> None:
    result = segment.segment_image(quadrants, k=4)
    expected = np.repeat(np.repeat([[1, 3], [2, 4]], [5, 7], axis=0), [8, 12], axis=1)
    np.testing.assert_array_equal(result.label_image, expected)
    assert [row.pixels for row in result.classes] == [40, 56, 60, 84]
    assert result.classes[1].mean == (60, 110, 40)
    assert result.warnings == ()
    assert result.changed == 0


@pytest.mark.parametrize("features", ["rgb", "lab", "hsv", "intensity"])
@pytest.mark.parametrize("covariance_type", ["full", "tied", "diag", "spherical"])
def test_noisy_quadrants_are_found_in_every_space(
    features: str, covariance_type: str, quadrants: np.ndarray, rng: np.random.Generator
) -> None:
    large = np.kron(quadrants, np.ones((4, 4, 1))) + rng.normal(0, 6, (48, 80, 3))
    pixels = np.clip(np.rint(large), 0, 255).astype(np.uint8)
    result = segment.segment_image(pixels, k=4, features=features, covariance_type=covariance_type)
    expected = np.repeat(np.repeat([[1, 3], [2, 4]], [20, 28], axis=0), [32, 48], axis=1)
    assert (result.label_image == expected).mean() > 0.99


def test_the_landscape_is_sky_mountain_trees_and_meadow_in_every_seed(landscape: Path) -> None:
    """The stored label image was looked at: 1 trees, 2 meadow, 3 mountain, 4 sky."""
    with PilImage.open(EXPECTED / "landscape_labels.png") as stored:
        expected = np.asarray(stored)
    for seed in range(3):
        result = segment.segment_image(landscape, k=4, seed=seed)
        agreement = (result.label_image == expected).mean()
        assert agreement > 0.95, f"seed {seed}: {agreement:.3f}"


@pytest.mark.parametrize("name", ["landscape", "mountains", "sunset", "dandelions", "lamps"])
def test_every_seed_gives_the_same_areas(name: str, landscape: Path) -> None:
    path = landscape.with_name(f"{name}.jpg")
    first, second = (segment.segment_image(path, k=4, max_size=400, seed=seed).label_image for seed in (0, 7))
    assert (first == second).mean() > 0.98


def test_pixels_that_are_not_valid_have_no_label_and_no_say(quadrants: np.ndarray) -> None:
    alpha = np.full((12, 20, 1), 255, dtype=np.uint8)
    alpha[:2] = 127
    hidden = quadrants.copy()
    hidden[:2] = np.random.default_rng(0).integers(0, 256, (2, 20, 3))
    result = segment.segment_image(segment.Image.from_array(np.concatenate([hidden, alpha], axis=2), alpha=True), k=4)
    bare = segment.segment_image(quadrants, k=4)
    assert (result.label_image[:2] == 0).all()
    np.testing.assert_array_equal(result.label_image[2:], bare.label_image[2:])
    np.testing.assert_allclose(sum(row.share for row in result.classes), 1)


@pytest.mark.parametrize("depth", [10, 12, 14, 16])
def test_the_depth_of_the_pixels_does_not_change_the_areas(depth: int, landscape: Path) -> None:
    with PilImage.open(landscape) as image:
        pixels = np.asarray(image.resize((300, 200)))
    deep = np.rint(pixels * ((2**depth - 1) / 255)).astype(np.uint16)
    expected = segment.segment_image(pixels, k=4).label_image
    assert (segment.segment_image(deep, k=4).label_image == expected).mean() > 0.98
    assert (segment.segment_image(pixels / 255.0, k=4).label_image == expected).mean() > 0.98


def test_gray_stays_one_feature(landscape: Path) -> None:
    with PilImage.open(landscape) as image:
        gray = np.asarray(image.convert("L").resize((300, 200)))
    result = segment.segment_image(gray, k=3)
    assert result.model.n_features == 1
    thresholds = [gray[result.label_image == label].mean() for label in (1, 2, 3)]
    assert thresholds == sorted(thresholds)


def test_fewer_colors_than_classes_is_said(quadrants: np.ndarray) -> None:
    result = segment.segment_image(quadrants, k=6)
    assert result.n_classes == 4
    assert "fewer distinct colors than the 6 classes" in result.warnings[0]


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (7, 1), (40, 40)])
def test_one_color_is_one_class(shape: tuple[int, int]) -> None:
    result = segment.segment_image(np.full((*shape, 3), 90, dtype=np.uint8), k=4)
    assert (result.label_image == 1).all()
    assert result.n_classes == 1


def test_nothing_valid_is_no_class() -> None:
    result = segment.segment_image(segment.Image.from_array(np.zeros((4, 5, 4), dtype=np.uint8), alpha=True), k=3)
    assert result.n_classes == 0
    assert not result.label_image.any()
    assert any("no pixel is valid" in warning for warning in result.warnings)
    assert result.posteriors().shape == (4, 5, 0)
    assert result.panel().ndim == 3


def test_not_converging_is_said(landscape: Path) -> None:
    result = segment.segment_image(landscape, k=4, max_size=200, max_iter=1, tol=0)
    assert any("did not converge" in warning for warning in result.warnings)
    assert not result.fit.converged


@given(
    hnp.arrays(np.uint8, st.tuples(st.integers(1, 12), st.integers(1, 12), st.sampled_from([1, 2, 3, 4]))),
    st.integers(1, 5),
)
@settings(max_examples=60)
def test_any_small_picture_is_segmented(pixels: np.ndarray, k: int) -> None:
    before = pixels.copy()
    result = segment.segment_image(pixels, k=k)
    valid = result.image.valid
    assert (result.label_image[~valid] == 0).all()
    assert ((result.label_image[valid] >= 1) & (result.label_image[valid] <= k)).all()
    posteriors = result.posteriors()
    np.testing.assert_allclose(posteriors.sum(axis=2), valid, atol=1e-5)
    np.testing.assert_array_equal(pixels, before)


def test_memory_order_does_not_matter(landscape: Path) -> None:
    with PilImage.open(landscape) as image:
        pixels = np.asarray(image.resize((150, 100)))
    expected = segment.segment_image(pixels, k=3).label_image
    for other in (np.asfortranarray(pixels), pixels[::-1][::-1], np.repeat(pixels, 2, axis=1)[:, ::2]):
        np.testing.assert_array_equal(segment.segment_image(other, k=3).label_image, expected)


def test_a_mirrored_picture_has_mirrored_areas(landscape: Path) -> None:
    with PilImage.open(landscape) as image:
        pixels = np.asarray(image.resize((150, 100)))
    expected = segment.segment_image(pixels, k=3).label_image
    np.testing.assert_array_equal(segment.segment_image(pixels[:, ::-1], k=3).label_image, expected[:, ::-1])
    np.testing.assert_array_equal(
        segment.segment_image(np.swapaxes(pixels, 0, 1), k=3).label_image, np.swapaxes(expected, 0, 1)
    )


def test_max_size_gives_labels_of_the_full_size(landscape: Path) -> None:
    result = segment.segment_image(landscape, k=4, max_size=400)
    assert result.label_image.shape == (result.image.height, result.image.width)
    assert max(result.preprocessed.height, result.preprocessed.width) == 400
    full = segment.segment_image(landscape, k=4)
    assert (result.label_image == full.label_image).mean() > 0.95
    assert result.posteriors().shape == (*result.label_image.shape, 4)


def test_saved_files_are_the_results(quadrants: np.ndarray, tmp_path: Path) -> None:
    result = segment.segment_image(quadrants, k=4)
    picture, labels = result.save(tmp_path, stem="quadrants")
    with PilImage.open(labels) as image:
        np.testing.assert_array_equal(np.asarray(image), result.label_image)
    with PilImage.open(picture) as image:
        np.testing.assert_array_equal(np.asarray(image), result.panel())


def test_unknown_settings_are_refused_with_the_nearest(quadrants: np.ndarray) -> None:
    with pytest.raises(SettingsError, match="Did you mean shrinkage"):
        segment.segment_image(quadrants, shrinkag=1)


def test_a_configuration_and_single_settings_do_not_mix(quadrants: np.ndarray) -> None:
    with pytest.raises(SettingsError, match="not both"):
        segment.segment_image(quadrants, segment.SegmentConfig(k=2), k=3)


@pytest.mark.parametrize("array", [np.zeros((0, 3, 3)), np.zeros(5), np.zeros((2, 2, 5)), np.array([["a"]])])
def test_arrays_that_are_no_image_are_refused(array: np.ndarray) -> None:
    with pytest.raises(ImageError, match="array"):
        segment.segment_image(array)


def test_each_stage_can_be_used_alone(quadrants: np.ndarray) -> None:
    from segment.features.color_index import ColorIndex
    from segment.features.color_space import FeatureSpace
    from segment.features.pixel_features import collect_cells
    from segment.postprocessor.postprocessor import postprocess
    from segment.preprocessor.preprocessor import to_grayscale
    from segment.segmenter.class_mixture import ClassMixture

    image = to_grayscale(segment.Image.from_array(quadrants))
    index = ColorIndex(image)
    space = FeatureSpace("intensity", index.n_channels, index.black, index.white)
    cells = collect_cells(space, index.iterate_parts(), exact=True)
    model = segment.fit_mixture(cells, 2).model
    classes = ClassMixture(model, np.arange(2))
    labels = index.map_to_pixels(lambda colors: classes.label_cells(space.make_cells(colors)))
    assert set(np.unique(postprocess(labels, radius=0, min_region=0.01, max_hole=0).label_image)) == {1, 2}


def test_noise_of_as_many_colors_as_pixels_is_fitted_in_bins(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("segment.features.color_index.MAX_COLORS_OF_NOISE", 100)
    pixels = rng.integers(0, 256, (20, 20, 3)).astype(np.uint8)
    result = segment.segment_image(pixels, k=2, spatial="none")
    assert result.warnings[0] == (
        "nearly every pixel has a color of its own: for the fit they were merged in "
        f"{len(result.spatial.data.cells)} bins"
    )
    assert set(np.unique(result.label_image)) == {1, 2}


def test_classes_of_tiny_floats_are_told_apart() -> None:
    pixels = np.random.default_rng(0).uniform(0.5, 1.5, (30, 50)) * np.repeat([1e-6, 4e-6], [20, 30])
    result = segment.segment_image(pixels, k=2, n_init=1)
    assert (result.label_image == np.repeat([1, 2], [20, 30])).mean() > 0.99


def test_the_number_of_classes_is_chosen_among_few_colors_of_many_bands() -> None:
    colors = np.random.default_rng(0).integers(0, 60000, (3, 5), dtype=np.uint16)
    pixels = np.repeat(np.repeat(colors, 20, axis=0)[None], 50, axis=0)
    result = segment.segment_image(pixels, k="auto")
    assert result.k == 3
    assert np.array_equal(np.unique(result.label_image[0, ::20]), [1, 2, 3])


@pytest.mark.parametrize("spatial", ["field", "none"])
def test_pixels_that_are_noise_alone_are_fitted_with_noise(spatial: str) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (20, 20, 8)).astype(np.uint8)
    result = segment.segment_image(pixels, k=3, noise=True, spatial=spatial)
    assert 0.5 < result.model.noise_share < 1
    assert np.isfinite(result.posteriors()).all()
