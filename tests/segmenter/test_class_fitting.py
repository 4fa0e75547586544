"""From cells to classes: how many, which components, and warnings."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from fake_libraries import FakeLibraries, make_recorder

from segment import Image, SegmentConfig, SettingsError, segment_image
from segment.features.pixel_features import extract_features
from segment.mixture import fitting
from segment.mixture.cells import Cells
from segment.mixture.mixture_fit import MixtureFit
from segment.mixture.rivals import Rival
from segment.segmenter import class_fitting
from segment.segmenter.class_fitting import fit_image_classes, warn_of_rivals
from segment.segmenter.fit_data import FitData


def make_data(pixels: np.ndarray) -> FitData:
    image = Image.from_array(pixels)
    features = extract_features(image, "rgb")
    return FitData(features.space, features.cells, (image,))


def test_as_many_classes_as_asked_for(quadrants: np.ndarray) -> None:
    found = fit_image_classes(make_data(quadrants), SegmentConfig(k=4))
    assert found.classes.n_classes == found.selection.chosen == 4
    assert found.names == ("class 1", "class 2", "class 3", "class 4")
    assert found.warnings == ()


def test_fewer_colors_than_classes_are_fewer_classes(quadrants: np.ndarray) -> None:
    found = fit_image_classes(make_data(quadrants), SegmentConfig(k=6))
    assert found.classes.n_classes == 4
    assert found.warnings == ("the image has fewer distinct colors than the 6 classes asked for: it gets 4",)


def test_components_are_grouped_to_classes(quadrants: np.ndarray) -> None:
    found = fit_image_classes(make_data(quadrants), SegmentConfig(k=2, components_per_class=2, spatial="none"))
    assert found.classes.model.n_components == 4
    assert found.classes.n_classes == 2


def test_no_valid_pixel_is_no_class() -> None:
    image = Image.from_array(np.zeros((3, 4, 3), np.uint8), valid=np.zeros((3, 4), bool))
    features = extract_features(image, "rgb")
    found = fit_image_classes(FitData(features.space, features.cells, (image,)), SegmentConfig(k=3))
    assert found.classes.n_classes == 0
    assert found.warnings == ("no pixel is valid, so no pixel has a label",)


def test_more_start_colors_than_classes_are_refused(quadrants: np.ndarray) -> None:
    colors = ("#141e5a", "#5a8cc8", "#3c6e28")
    data = make_data(quadrants[:5])  # two colors, so that two classes are left of the three asked for
    with pytest.raises(SettingsError, match="at most one for each of 2 classes; got 3"):
        fit_image_classes(data, SegmentConfig(k=3, seed_color=colors))


def test_a_class_of_several_components_may_have_any_shape(rng: np.random.Generator) -> None:
    """A gradient is not Gaussian: alone it takes two of three components; with three each it is one class."""
    ramp = np.broadcast_to(np.linspace(20, 150, 200)[:, None], (200, 100))
    flat = np.concatenate([np.full((200, 40), 200.0), np.full((200, 40), 240.0)], axis=1)
    picture = np.concatenate([ramp, flat], axis=1)
    pixels = np.clip(np.rint(picture + 4 * rng.normal(size=picture.shape)), 0, 255).astype(np.uint8)
    truth = np.repeat([[1, 2, 3]], [100, 40, 40], axis=1).repeat(200, axis=0)
    settings = {"k": 3, "shrinkage": 0, "clean_up": "none"}
    combined = segment_image(pixels, components_per_class=3, **settings)
    assert combined.model.n_components == 9
    assert combined.groups.tolist() == sorted(combined.groups.tolist())
    assert (combined.label_image == truth).mean() > 0.98
    assert combined.n_classes == len(combined.classes) == len(combined.colors) == 3
    posteriors = combined.posteriors()
    assert posteriors.shape == (200, 180, 3)
    np.testing.assert_allclose(posteriors.sum(axis=2), 1, atol=1e-5)
    np.testing.assert_array_equal(posteriors.argmax(axis=2) + 1, combined.label_image)


def test_fewer_colors_than_components_are_enough_for_the_classes(quadrants: np.ndarray) -> None:
    result = segment_image(quadrants, k=4, components_per_class=3)
    assert (result.n_classes, result.model.n_components) == (4, 4)
    assert result.warnings == ()


def draw_noisy_quarters() -> np.ndarray:
    rng = np.random.default_rng(0)
    pixels = np.zeros((40, 60, 3))
    pixels[:20, :30], pixels[:20, 30:], pixels[20:, :30], pixels[20:, 30:] = (
        [200, 40, 40],
        [40, 200, 40],
        [40, 40, 200],
        [180, 180, 180],
    )
    return np.clip(pixels + rng.normal(0, 6, pixels.shape), 0, 255).astype(np.uint8)


def test_a_class_starts_at_a_given_color() -> None:
    """Four classes of four colors: the given ones decide which colors get their own class."""
    pixels = draw_noisy_quarters()
    result = segment_image(pixels, k=4, seed_color=("#c82828", "#28c828", "#2828c8", "#b4b4b4"))
    assert len(result.fit.restarts) == 1
    means = np.array([row.mean for row in result.classes])
    for color in ([200, 40, 40], [40, 200, 40], [40, 40, 200], [180, 180, 180]):
        assert np.abs(means - color).max(axis=1).min() < 5


@pytest.mark.parametrize(
    "pixels", [draw_noisy_quarters()[..., 0], draw_noisy_quarters().astype(np.uint16) * 257], ids=["grey", "deep"]
)
def test_given_colors_fit_any_image(pixels: np.ndarray) -> None:
    result = segment_image(pixels, k=2, seed_color=["#c8c8c8"])
    assert set(np.unique(result.label_image)) == {1, 2}


def test_another_fit_that_is_about_as_good_is_told(quadrants: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    data = make_data(quadrants)
    means = fit_image_classes(data, SegmentConfig(k=4)).classes.compute_means()

    def tell(share: float, **settings: object) -> tuple[str, ...]:
        """Let another fit give this share to the second class that is of the first, and return the warnings."""
        table = np.diag([0.25 - share, 0.25, 0.25, 0.25])
        table[0, 1] = share
        monkeypatch.setattr("segment.mixture.fitting.find_rivals", lambda *_: (Rival(table, means),))
        return fit_image_classes(data, SegmentConfig(**{"k": 4, **settings})).warnings

    assert tell(0.1) == warn_of_rivals(0.1) != ()
    assert tell(0.04) == ()
    # Components of one class may be divided otherwise, and so may classes that are merged.
    assert tell(0.1, k=2, components_per_class=2) == ()
    assert tell(0.1, merge="1,2") == ()
    assert tell(0.1, merge="2,3") == tell(0.1, merge="2,4", order="area") == warn_of_rivals(0.1)


def test_many_classes_are_fitted_to_groups_of_colors_before_the_field_and_to_all_without(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sizes, fit_mixture = [], class_fitting.fit_mixture

    def record(cells: Cells, n: int, **settings: Any) -> MixtureFit:
        sizes.append(len(cells))
        return fit_mixture(cells, n, **settings)

    monkeypatch.setattr(class_fitting, "fit_mixture", record)
    monkeypatch.setattr(fitting, "_N_GROUPS", 2**8)
    rows, columns = np.indices((64, 64))
    data = make_data(np.stack([4 * rows, 4 * columns, 2 * (rows + columns)], axis=-1).astype(np.uint8))
    for config in (SegmentConfig(k=20), SegmentConfig(k=20, shrinkage=1.5), SegmentConfig(k=20, spatial="none")):
        fit_image_classes(data, config)
    assert sizes[0] == sizes[1] < sizes[2] == 64 * 64


def test_classes_are_fitted_with_one_thread_of_linear_algebra(
    quadrants: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    libraries, found = FakeLibraries.install(monkeypatch), set[int]()
    monkeypatch.setattr(class_fitting, "fit_mixture", make_recorder(libraries, class_fitting.fit_mixture, found))
    fit_image_classes(make_data(quadrants), SegmentConfig(k=2))
    assert found == {1}
    assert libraries.n_threads == 2


def test_thin_strokes_in_uneven_light_keep_their_class() -> None:
    # By color they are 9 % of the pixels; the random field alone gives all of them to the paper.
    draw = np.random.default_rng(0)
    paper = np.full((500, 600), 244.0)
    for row, column in zip(draw.integers(0, 486, 1900), draw.integers(0, 586, 1900), strict=True):
        shape = (14, 1) if draw.integers(2) else (1, 14)
        paper[row : row + shape[0], column : column + shape[1]] = 35
    light = 0.6 + 0.4 * np.linspace(0, 1, 600)
    pixels = np.clip(paper * light + draw.normal(0, 4, paper.shape), 0, 255).astype(np.uint8)
    found = segment_image(pixels, k=2)
    strokes, dark = paper < 128, found.labels == 1
    assert np.count_nonzero(dark & strokes) > 0.3 * np.count_nonzero(dark | strokes)


def test_text_of_one_color_is_not_lost_in_the_gray_of_a_smaller_copy() -> None:
    """On more pixels than the mixture is fitted to with its neighbors."""
    rng = np.random.default_rng(0)
    page = np.full((480, 480), 255, np.uint8)
    for row in range(30, 450, 26):
        page[row : row + 8, 60:420] = np.where(rng.random((8, 360)) < 0.2, 0, 255)
    for k in (2, 4):
        assert np.array_equal(segment_image(page, k=k).labels, np.where(page == 0, 1, 2))


def test_a_noisy_picture_of_few_grays_keeps_its_neighbors(rng: np.random.Generator) -> None:
    """It has no more grays than `k="auto"` may have classes, and yet they are no classes."""
    values = np.repeat([[2.0, 7.0]], 450, axis=1).repeat(800, axis=0) + rng.normal(0, 1.2, (800, 900))
    result = segment_image(20 * np.clip(np.rint(values), 0, 10).astype(np.uint8), k="auto", clean_up="none")
    assert result.k == 2
    assert np.mean(result.labels == np.repeat([1, 2], 450)) > 0.999  # by color alone .98
