"""Choosing the number of classes, and classes of several components, from the picture to the files."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PilImage

import segment
from segment.mixture.cells import make_point_cells
from segment.mixture.model import MixtureModel
from segment.segmenter.class_mixture import compute_class_posteriors, label_cells, order_classes


def noisy(picture: np.ndarray, sigma: float, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.clip(np.rint(picture + sigma * rng.normal(size=picture.shape)), 0, 255).astype(np.uint8)


def test_noise_of_one_color_is_one_class() -> None:
    for shape in ((120, 160, 3), (120, 160)):
        assert segment.segment_image(noisy(np.full(shape, 120.0), 20), k="auto").n_classes == 1


@pytest.mark.parametrize("sigma", [0, 5, 15])
def test_four_colors_are_four_classes(sigma: float, quadrants: np.ndarray) -> None:
    large = np.kron(quadrants, np.ones((8, 8, 1), dtype=np.uint8))
    result = segment.segment_image(noisy(large, sigma), k="auto")
    assert result.n_classes == result.selection.chosen == 4
    assert result.selection.runner_up in (3, 5)
    assert len(result.selection.candidates) == (4 if sigma == 0 else 12)


@pytest.mark.parametrize("quality", [60, 85, 95])
@pytest.mark.parametrize("scale", [12, 60])
def test_compression_makes_no_classes(quality: int, scale: int, quadrants: np.ndarray) -> None:
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


def test_scattered_valid_pixels_still_choose(quadrants: np.ndarray) -> None:
    """A smaller copy has no pixel of which half was valid."""
    large = np.kron(quadrants, np.ones((60, 60, 1), dtype=np.uint8))
    alpha = np.zeros((*large.shape[:2], 1), dtype=np.uint8)
    alpha[::9, ::9] = 255
    assert segment.segment_image(np.concatenate([large, alpha], axis=2), k="auto").n_classes == 4


def test_the_landscape_has_the_classes_that_a_person_sees(landscape: Path) -> None:
    chosen = segment.segment_image(landscape, k="auto")
    assert chosen.n_classes == 4
    np.testing.assert_array_equal(chosen.label_image, segment.segment_image(landscape, k=4).label_image)


def test_the_choice_does_not_depend_on_the_size_of_the_photograph(landscape: Path) -> None:
    found = [segment.segment_image(landscape, k="auto", max_size=size).selection for size in (0, 1000, 500)]
    assert {selection.chosen for selection in found} == {4}
    sizes = [selection.n_effective for selection in found]
    assert max(sizes) < 2 * min(sizes)


def test_the_range_is_kept(landscape: Path) -> None:
    result = segment.segment_image(landscape, k="auto", k_range="6..7", max_size=300)
    assert result.n_classes in (6, 7)
    assert [row.n_classes for row in result.selection.candidates] == [6, 7]


@pytest.mark.parametrize("criterion", ["aic", "icl", "entropy", "variational"])
def test_every_criterion_segments(criterion: str, landscape: Path) -> None:
    result = segment.segment_image(landscape, k="auto", criterion=criterion, max_size=300)
    assert result.selection.criterion == criterion
    assert result.n_classes == result.selection.chosen == result.label_image.max() == len(result.classes)
    assert result.model.n_components == result.selection.n_components


def test_fewer_colors_than_the_range_is_said(quadrants: np.ndarray) -> None:
    result = segment.segment_image(quadrants, k="auto", k_range="6..9")
    assert result.n_classes == 4
    assert "fewer distinct colors than the 6 classes" in result.warnings[0]


@pytest.mark.parametrize("pixels", [np.zeros((4, 5, 4), np.uint8), np.full((1, 1, 3), 7, np.uint8)])
def test_nothing_to_choose_from(pixels: np.ndarray) -> None:
    result = segment.segment_image(pixels, k="auto")
    assert result.n_classes == result.label_image.max()


@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
def test_the_depth_of_the_pixels_does_not_change_the_choice(dtype: type, landscape: Path) -> None:
    with PilImage.open(landscape) as image:
        pixels = np.asarray(image.resize((300, 200)))
    deep = (pixels / 255 * (65535 if dtype is np.uint16 else 1)).astype(dtype)
    chosen = [segment.segment_image(array, k="auto").n_classes for array in (pixels, deep)]
    assert chosen[0] == chosen[1]


def test_pixels_that_are_not_valid_do_not_choose(quadrants: np.ndarray) -> None:
    large = noisy(np.kron(quadrants, np.ones((8, 8, 1))), 8)
    hidden = np.random.default_rng(1).integers(0, 256, (96, 160, 3), dtype=np.uint8)
    picture = np.concatenate([np.concatenate([large, hidden]), np.full((192, 160, 1), 255, np.uint8)], axis=2)
    picture[96:, :, 3] = 0
    assert segment.segment_image(picture, k="auto").n_classes == 4


# Classes of several components


def test_a_class_of_two_colors_is_one_where_components_are_combined() -> None:
    """A gradient is no Gaussian: alone it takes two of three components; with three each it is one class."""
    ramp = np.broadcast_to(np.linspace(20, 150, 200)[:, None], (200, 100))
    flat = np.concatenate([np.full((200, 40), 200.0), np.full((200, 40), 240.0)], axis=1)
    pixels = noisy(np.concatenate([ramp, flat], axis=1), 4)
    truth = np.repeat([[1, 2, 3]], [100, 40, 40], axis=1).repeat(200, axis=0)
    settings = {"k": 3, "shrinkage": 0, "smooth_radius": 0, "min_region": 0, "max_hole": 0}
    combined = segment.segment_image(pixels, components_per_class=3, **settings)
    assert combined.model.n_components == 9
    assert combined.groups.tolist() == sorted(combined.groups.tolist())
    assert (combined.label_image == truth).mean() > 0.98
    assert combined.n_classes == len(combined.classes) == len(combined.colors) == 3
    posteriors = combined.posteriors()
    assert posteriors.shape == (200, 180, 3)
    np.testing.assert_allclose(posteriors.sum(axis=2), 1, atol=1e-5)
    np.testing.assert_array_equal(posteriors.argmax(axis=2) + 1, combined.label_image)


def test_classes_are_ordered_by_the_mean_of_their_components() -> None:
    means = np.array([[200.0], [10.0], [60.0], [40.0]])
    weights = np.array([0.1, 0.2, 0.3, 0.4])
    model = MixtureModel(weights, means, np.repeat(np.eye(1)[None], 4, axis=0))
    ordered, groups = order_classes(model, np.array([0, 0, 1, 1]), lambda features, _: features[:, 0])
    assert ordered.means.ravel().tolist() == [40, 60, 10, 200]
    assert ordered.weights.tolist() == [0.4, 0.3, 0.2, 0.1]
    assert groups.tolist() == [0, 0, 1, 1]
    alone, plain = order_classes(model, np.arange(4), lambda features, _: features[:, 0])
    assert alone.means.ravel().tolist() == [10, 40, 60, 200]
    assert plain.tolist() == [0, 1, 2, 3]


def test_a_cell_gets_the_class_of_highest_summed_posterior() -> None:
    """The likeliest single component, the third, is not of the likeliest class."""
    model = MixtureModel(np.array([0.3, 0.3, 0.4]), np.zeros((3, 1)), np.ones((3, 1, 1)))
    cells = make_point_cells([[0.0]])
    assert label_cells(model, cells).tolist() == [3]
    assert label_cells(model, cells, np.array([0, 0, 1])).tolist() == [1]
    np.testing.assert_allclose(compute_class_posteriors(model, np.array([0, 0, 1]), cells), [[0.6, 0.4]])


def test_fewer_colors_than_components_still_make_the_classes(quadrants: np.ndarray) -> None:
    result = segment.segment_image(quadrants, k=4, components_per_class=3)
    assert (result.n_classes, result.model.n_components) == (4, 4)
    assert result.warnings == ()
