"""Names, folded classes and the order of classes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PilImage

from segment import SegmentConfig, SettingsError, apply_classes, load_class_model, save_class_model, segment_image
from segment.segmenter.class_mixture import name_classes

IMAGES = Path(__file__).parents[2] / "images"


def test_folded_posteriors_add_up(quadrants: np.ndarray) -> None:
    plain = segment_image(quadrants, k=4)
    folded = segment_image(quadrants, k=4, merge=("ground=2,4",))
    p, q = plain.posteriors(), folded.posteriors()
    np.testing.assert_allclose(q, np.stack([p[..., 0], p[..., 1] + p[..., 3], p[..., 2]], 2), atol=1e-6)
    np.testing.assert_array_equal(folded.label_image, np.array([0, 1, 2, 3, 2])[plain.label_image])
    assert folded.names == ("class 1", "ground", "class 3")
    assert [row.label for row in folded.classes] == [1, 2, 3]
    assert sum(row.pixels for row in folded.classes) == quadrants.shape[0] * quadrants.shape[1]


def test_several_merges_and_names(quadrants: np.ndarray) -> None:
    result = segment_image(quadrants, k=4, merge=("1,3", "light=2,4"), name=("1=dark",))
    assert result.names == ("dark", "light")
    assert result.n_classes == 2


@pytest.mark.parametrize(
    ("names", "namings", "merges", "called"),
    [
        (("class 1", "class 2"), (), (), ("class 1", "class 2")),
        (("class 1", "class 2", "class 3"), ((3, "sky"),), (("", (1, 2)),), ("class 1", "sky")),
        (("a", "b", "c"), (), (("", (2, 3)),), ("a", "b")),
        (("a", "b", "c"), ((2, "d"),), (("e", (3, 1)),), ("e", "d")),
        (("class 1",), ((5, "far"),), (("gone", (6, 7)),), ("class 1",)),
    ],
)
def test_what_folded_classes_are_called(
    names: tuple[str, ...], namings: tuple, merges: tuple, called: tuple[str, ...]
) -> None:
    assert name_classes(names, namings, merges) == called


def test_names_and_merges_are_kept_in_the_model(tmp_path: Path, quadrants: np.ndarray) -> None:
    result = segment_image(quadrants, k=4, merge=("ground=2,4",), name=("3=sky",))
    model = load_class_model(save_class_model(result.class_model, tmp_path / "m.json"))
    assert model.names == ("class 1", "ground", "sky")
    again = apply_classes(model, quadrants)
    np.testing.assert_array_equal(again.label_image, result.label_image)
    started = segment_image(quadrants, start=model)
    assert started.names == model.names


def test_a_class_that_is_not_there_has_a_warning() -> None:
    result = segment_image(np.zeros((5, 5, 3), np.uint8), k=3, name=("3=sky",))
    assert any("there is no class 3 to name" in warning for warning in result.warnings)


@pytest.mark.parametrize(
    ("given_", "message"),
    [
        ({"merge": ("2,5",)}, r"merge \(--merge\): each of the classes 1 to 4 at most once; got 5\."),
        ({"merge": ("2,3", "3,4")}, "at most once; got 3"),
        ({"merge": ("2",)}, r"merge \(--merge\): classes written NAME=A,B or A,B, such as ground=2,3; got '2'"),
        ({"name": ("sky",)}, r"name \(--name\): names written CLASS=NAME, such as 4=sky; got 'sky'"),
        ({"name": ("1= ",)}, "names written CLASS=NAME"),
        ({"name": ("1=a\x1bb",)}, "names written CLASS=NAME"),
        ({"name": ("1=a", "1=b")}, "at most once; got 1"),
        ({"name": ("1=a", "2=a")}, "a name of its own for each class"),
        ({"name": ("1=class 2",)}, "a name of its own for each class"),
        ({"name": ("0=a",)}, "names written CLASS=NAME"),
    ],
)
def test_what_cannot_be_is_refused(given_: dict[str, tuple[str, ...]], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        SegmentConfig(k=4, **given_)


def test_the_order_of_classes_changes_their_numbers_alone() -> None:
    """Ties of the clean-up too go by the classes and not by their numbers."""
    settings = {"k": 5, "max_size": 400, "smooth_radius": 0.004, "min_region": 0.002}
    usual, other = (segment_image(IMAGES / "lamps.jpg", order=order, **settings) for order in ("lightness", "hue"))
    numbers = [int(np.abs(usual.model.means - mean).sum(axis=1).argmin()) + 1 for mean in other.model.means]
    assert sorted(numbers) == [1, 2, 3, 4, 5] != numbers
    np.testing.assert_array_equal(np.array([0, *numbers])[other.label_image], usual.label_image)


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


def test_names_are_in_the_legend(quadrants: np.ndarray, tmp_path: Path) -> None:
    result = segment_image(quadrants, k=4, name=("4=sky",))
    words = [words for words, _ in result.legend()]
    assert words[3].startswith("4 sky   ")
    assert words[0].startswith("1   ")
    assert not np.array_equal(result.panel(), segment_image(quadrants, k=4).panel())
    PilImage.fromarray(result.panel()).save(tmp_path / "panel.png")
