"""A mixture whose components are grouped to classes: labels, merges and order."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from segment import SegmentConfig, SettingsError, apply_classes, load_class_model, save_class_model, segment_image
from segment.mixture.cells import Cells
from segment.mixture.model import MixtureModel
from segment.segmenter.class_mixture import ClassMixture, compute_entropy

IMAGES = Path(__file__).parents[2] / "images"


def test_posteriors_of_merged_classes_are_added(quadrants: np.ndarray) -> None:
    # By color alone: the field makes three classes and four sure to different degrees.
    plain = segment_image(quadrants, k=4, spatial="none")
    merged = segment_image(quadrants, k=4, merge=("ground=2,4",), spatial="none")
    p, q = plain.posteriors(), merged.posteriors()
    np.testing.assert_allclose(q, np.stack([p[..., 0], p[..., 1] + p[..., 3], p[..., 2]], 2), atol=1e-6)
    np.testing.assert_array_equal(merged.label_image, np.array([0, 1, 2, 3, 2])[plain.label_image])
    assert merged.names == ("class 1", "ground", "class 3")
    assert [row.label for row in merged.classes] == [1, 2, 3]
    assert sum(row.pixels for row in merged.classes) == quadrants.shape[0] * quadrants.shape[1]


def test_several_merges_and_names(quadrants: np.ndarray) -> None:
    result = segment_image(quadrants, k=4, merge=("1,3", "light=2,4"), name=("1=dark",))
    assert result.names == ("dark", "light")
    assert result.n_classes == 2


def test_names_and_merges_are_kept_in_the_model(tmp_path: Path, quadrants: np.ndarray) -> None:
    result = segment_image(quadrants, k=4, merge=("ground=2,4",), name=("3=sky",))
    model = load_class_model(save_class_model(result.class_model, tmp_path / "m.json"))
    assert model.names == ("class 1", "ground", "sky")
    again = apply_classes(model, quadrants)
    np.testing.assert_array_equal(again.label_image, result.label_image)
    started = segment_image(quadrants, start=model)
    assert started.names == model.names


def test_naming_a_class_that_does_not_exist_warns() -> None:
    result = segment_image(np.zeros((5, 5, 3), np.uint8), k=3, name=("3=sky",))
    assert any("there is no class 3 to name" in warning for warning in result.warnings)


@pytest.mark.parametrize(
    ("given_", "message"),
    [
        (
            {"merge": ("2,5",)},
            r"merge \(--merge\): the classes are 1 to 4; got 5\. There is no class 5: give another number\.$",
        ),
        ({"merge": ("2,3", "3,4")}, "at most once; got 3"),
        ({"merge": ("2",)}, r"merge \(--merge\): classes written NAME=A,B or A,B, such as ground=2,3; got '2'"),
        ({"name": ("sky",)}, r"name \(--name\): names written CLASS=NAME, such as 4=sky, or .*; got 'sky'"),
        ({"name": ("1= ",)}, "names written CLASS=NAME"),
        ({"name": ("1=a\x1bb",)}, "names written CLASS=NAME"),
        ({"name": ("1=a", "1=b")}, "at most once; got 1"),
        ({"merge": ("2,3",), "name": ("3=a",)}, r"left after --merge; got 3, a part of 2\+3\. Name what is merged"),
        ({"merge": ("land=2,3",), "name": ("2=a",)}, "left after --merge; got 2, a part of land"),
        ({"name": ("1=a", "2=a")}, "a name of its own for each class"),
        ({"name": ("1=class 2",)}, "a name of its own for each class"),
        ({"name": ("0=a",)}, "names written CLASS=NAME"),
    ],
)
def test_invalid_names_and_merges_are_refused(given_: dict[str, tuple[str, ...]], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        SegmentConfig(k=4, **given_)


def test_the_order_of_classes_changes_their_numbers_alone() -> None:
    """Ties of the clean-up too go by the classes and not by their numbers."""
    settings = {"k": 5, "max_size": 400, "smooth_radius": 0.004, "min_region": 0.002}
    by_lightness, by_hue = (
        segment_image(IMAGES / "lamps.jpg", order=order, **settings) for order in ("lightness", "hue")
    )
    numbers = [int(np.abs(by_lightness.model.means - mean).sum(axis=1).argmin()) + 1 for mean in by_hue.model.means]
    assert sorted(numbers) == [1, 2, 3, 4, 5] != numbers
    np.testing.assert_array_equal(np.array([0, *numbers])[by_hue.label_image], by_lightness.label_image)


@pytest.mark.parametrize("features", ["rgb", "lab", "hsv"])
def test_the_order_of_classes(features: str) -> None:
    red, green, blue = (200, 30, 30), (30, 220, 30), (30, 30, 180)
    picture = np.zeros((40, 60, 3), np.uint8)
    picture[:, :30], picture[:, 30:50], picture[:, 50:] = green, blue, red

    def order(by: str) -> list[tuple[int, ...]]:
        result = segment_image(picture, k=3, order=by, features=features)
        return [tuple(round(value) for value in row.mean) for row in result.classes]

    assert order("area") == [green, blue, red]
    assert order("hue") == [red, green, blue]
    assert order("lightness")[-1] == green


@pytest.fixture
def three_components() -> ClassMixture:
    """Components at 0, 10 and 100 of weights .2, .3 and .5; the first two are one class."""
    model = MixtureModel(np.array([0.2, 0.3, 0.5]), np.array([[0.0], [10.0], [100.0]]), np.ones((3, 1, 1)))
    return ClassMixture(model, np.array([0, 0, 1]))


def cells_at(*values: float) -> Cells:
    return Cells(np.ones(len(values)), np.array(values)[:, None], np.zeros((len(values), 1)))


def test_a_cell_gets_the_label_of_its_most_probable_class(three_components: ClassMixture) -> None:
    cells = cells_at(-1, 11, 99)
    np.testing.assert_array_equal(three_components.label_cells(cells), [1, 1, 2])
    each = ClassMixture(three_components.model, np.arange(3))
    np.testing.assert_array_equal(each.label_cells(cells), [1, 2, 3])
    np.testing.assert_allclose(three_components.compute_posteriors(cells).sum(axis=1), 1)


def test_classes_that_are_merged_twice_know_those_of_before(three_components: ClassMixture) -> None:
    each = ClassMixture(three_components.model, np.arange(3))
    merged = each.merge_classes([("", (1, 3))]).merge_classes([("", (1, 2))])
    assert (merged.n_classes, merged.merged_numbers.tolist()) == (1, [0, 0, 0])
    np.testing.assert_array_equal(merged.unmerged.model.means, each.model.means)
    ordered = each.merge_classes([("", (1, 3))]).order_classes(lambda means, _: -means[:, 0])
    assert ordered.merged_numbers.tolist() == [0, 1, 0]
    np.testing.assert_array_equal(ordered.label_cells(cells_at(0, 10, 100)), [1, 2, 1])
    gap = ClassMixture(three_components.model, np.array([0, 2, 3]))
    np.testing.assert_array_equal(gap.merge_classes([("", (3, 4))]).groups, [0, 2, 2])
    # With a class that is not there, nothing is merged, and no number has another one before.
    assert each.merge_classes([("", (1, 9))]).old_numbers == ()


def test_a_cell_of_low_density_is_rejected(three_components: ClassMixture) -> None:
    labels = three_components.label_cells(cells_at(0, 50, 100), min_log_density=-10)
    np.testing.assert_array_equal(labels, [1, 0, 2])


def test_no_component_gives_no_label() -> None:
    nothing = ClassMixture(MixtureModel(np.zeros(0), np.zeros((0, 1)), np.zeros((0, 1, 1))), np.zeros(0, dtype=np.intp))
    assert nothing.n_classes == 0
    np.testing.assert_array_equal(nothing.label_cells(cells_at(1, 2)), [0, 0])


def test_the_heavier_class_wins_ties(three_components: ClassMixture) -> None:
    heavy_first = ClassMixture(three_components.model, np.array([0, 1, 1]))
    assert heavy_first.rank_classes() == [2, 1]


def test_entropy_is_in_bits() -> None:
    np.testing.assert_allclose(compute_entropy(np.full((1, 8), 1 / 8)), [3])
    np.testing.assert_allclose(compute_entropy(np.array([[0.0, 1.0]])), [0])


def test_classes_are_ordered_by_the_mean_of_their_components() -> None:
    means = np.array([[200.0], [10.0], [60.0], [40.0]])
    weights = np.array([0.1, 0.2, 0.3, 0.4])
    model = MixtureModel(weights, means, np.repeat(np.eye(1)[None], 4, axis=0))
    ordered = ClassMixture(model, np.array([0, 0, 1, 1])).order_classes(lambda features, _: features[:, 0])
    assert ordered.model.means.ravel().tolist() == [40, 60, 10, 200]
    assert ordered.model.weights.tolist() == [0.4, 0.3, 0.2, 0.1]
    assert ordered.groups.tolist() == [0, 0, 1, 1]
    single = ClassMixture(model, np.arange(4)).order_classes(lambda features, _: features[:, 0])
    assert single.model.means.ravel().tolist() == [10, 40, 60, 200]
    assert single.groups.tolist() == [0, 1, 2, 3]


def test_a_cell_gets_the_class_of_highest_summed_posterior() -> None:
    """The most probable component, the third, is not of the most probable class."""
    model = MixtureModel(np.array([0.3, 0.3, 0.4]), np.zeros((3, 1)), np.ones((3, 1, 1)))
    assert ClassMixture(model, np.arange(3)).label_cells(cells_at(0)).tolist() == [3]
    two_classes = ClassMixture(model, np.array([0, 0, 1]))
    assert two_classes.label_cells(cells_at(0)).tolist() == [1]
    np.testing.assert_allclose(two_classes.compute_posteriors(cells_at(0)), [[0.6, 0.4]])
