"""Colors of classes: near their hues, as given, and the same for the same classes in every image."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PilImage
from scipy.optimize import linear_sum_assignment
from skimage.color import rgb2hsv, rgb2lab

import segment
from segment.config.config import SegmentConfig
from segment.output.class_colors import assign_category_colors, choose_palette_colors, find_cheapest_pairs
from segment.output.palette import pick_class_colors

SKY, LEAF, EARTH, SNOW = (120, 170, 230), (60, 120, 40), (150, 90, 40), (245, 245, 250)
BLUES = ((0, 114, 178), (86, 180, 233))


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (5, 5), (7, 12), (40, 60)])
def test_pairs_are_as_cheap_as_those_of_scipy(shape: tuple[int, int], rng: np.random.Generator) -> None:
    costs = rng.random(shape)
    found = find_cheapest_pairs(costs)
    assert len(set(found.tolist())) == shape[0]
    rows, columns = linear_sum_assignment(costs)
    assert costs[np.arange(shape[0]), found].sum() == pytest.approx(costs[rows, columns].sum())


@pytest.mark.parametrize("k", [2, 3, 4, 6])
def test_a_sky_is_blue_wherever_it_stands_in_the_order(k: int) -> None:
    others = np.array([LEAF, EARTH, SNOW, (20, 20, 20), (200, 60, 50)][: k - 1])
    for place in range(k):
        colors = assign_category_colors(np.insert(others, place, SKY, axis=0).astype(float))
        assert tuple(colors[place].tolist()) in BLUES


def test_colors_have_the_hues_of_the_classes() -> None:
    means = np.array([(200, 40, 30), (60, 120, 40), (40, 80, 200), (230, 210, 90)], float)
    found = assign_category_colors(means)
    hues, expected = rgb2hsv(found[None] / 255)[0, :, 0], rgb2hsv(means[None] / 255)[0, :, 0]
    gaps = np.abs((hues - expected + 0.5) % 1 - 0.5)
    assert gaps.max() < 0.2  # of a turn
    assert len({tuple(color) for color in found.tolist()}) == 4


@pytest.mark.parametrize("k", [0, 1, 2, 5, 20, 60])
def test_colors_are_distinct_ones_of_the_palette(k: int, rng: np.random.Generator) -> None:
    found = assign_category_colors(rng.uniform(0, 255, (k, 3)))
    known = {tuple(color) for color in pick_class_colors(max(k, 12)).tolist()}
    colors = {tuple(color) for color in found.tolist()}
    assert len(colors) == k
    assert colors <= known


def test_a_gray_image_has_the_first_colors() -> None:
    means = np.repeat(np.linspace(10, 240, 5)[:, None], 3, axis=1) + np.array([0, 1, 0])
    np.testing.assert_array_equal(assign_category_colors(means), pick_class_colors(5))


def test_given_colors_are_exact_and_the_others_differ_from_them() -> None:
    config = SegmentConfig(k=3, palette="sky=#0072B3, 2=#228833")
    found = choose_palette_colors(config, ["leaf", "class 2", "sky"], np.array([LEAF, EARTH, SKY], float))
    assert found[1:].tolist() == [[0x22, 0x88, 0x33], [0x00, 0x72, 0xB3]]
    # Blue is nearly that of the sky, so no other class has it.
    lab = rgb2lab(found[None] / 255)[0]
    assert np.linalg.norm(lab[0] - lab[1:], axis=1).min() > 20


def test_a_name_that_is_a_number_is_looked_for_first() -> None:
    found = choose_palette_colors(SegmentConfig(palette="2=#010203"), ["2", "class 2"], np.array([LEAF, SKY], float))
    assert found[0].tolist() == [1, 2, 3]
    assert found[1].tolist() != [1, 2, 3]


@pytest.mark.parametrize(
    ("palette", "message"),
    [
        ("sky=blue", "one of .*|colors of classes written CLASS=#RRGGBB"),
        ("sky=#12345", "colors of classes written CLASS=#RRGGBB"),
        ("5=#123456", r"palette \(--palette\): one color for each of the classes 1 to 4, by number or name; got 5\."),
        ("a=#123456,a=#123457", "got a twice"),
        ("rainbow", "one of category, mean, seed, viridis, cividis, grey, or colors of classes written"),
    ],
)
def test_wrong_palettes_are_refused(palette: str, message: str) -> None:
    with pytest.raises(segment.SettingsError, match=message):
        SegmentConfig(palette=palette)


def test_the_palette_may_be_a_mapping() -> None:
    assert SegmentConfig(palette={"sky": "#4477AA", 2: "#228833"}).palette_colors == (
        ("sky", "#4477aa"),
        ("2", "#228833"),
    )


def test_given_colors_are_in_the_files_and_a_missing_class_is_a_warning(tmp_path: Path, quadrants: np.ndarray) -> None:
    palette = {"snow": "#f0f0ff", 1: "#4477aa", "sea": "#000000"}
    result = segment.segment_image(quadrants, k=4, name="4=snow", palette=palette, save="labels")
    assert result.warnings == (
        "there is no class sea to color (--palette); the classes are class 1, class 2, class 3, snow",
    )
    (path,) = result.save(tmp_path)
    with PilImage.open(path) as picture:
        np.testing.assert_array_equal(np.asarray(picture), result.label_image)
        colors = np.array(picture.getpalette()).reshape(-1, 3)[1:5]
    np.testing.assert_array_equal(colors, result.colors)
    assert colors[[0, 3]].tolist() == [[0x44, 0x77, 0xAA], [0xF0, 0xF0, 0xFF]]


def test_the_classes_of_a_model_have_their_colors_in_every_image(quadrants: np.ndarray) -> None:
    from segment.pipeline.alignment import align_classes

    first = segment.segment_image(quadrants, k=4)
    darker = (quadrants * 0.7).astype(np.uint8)
    part = quadrants[:, :8]
    for image in (darker, part):
        np.testing.assert_array_equal(segment.apply_classes(first.class_model, image).colors, first.colors)
        np.testing.assert_array_equal(segment.segment_image(image, start=first.class_model).colors, first.colors)
    # A class without counterpart gets a color of its own and changes no other.
    other = quadrants.copy()
    other[:2] = (250, 20, 20)
    aligned = align_classes(segment.segment_image(other, k=5), first.class_model)
    assert aligned.k == 5
    np.testing.assert_array_equal(aligned.colors[:4], first.colors)
    assert aligned.colors[4].tolist() not in first.colors.tolist()


@pytest.mark.parametrize("features", ["rgb", "lab", "hsv"])
def test_the_features_do_not_matter(features: str) -> None:
    picture = np.repeat([LEAF, SKY, EARTH], 40, axis=0).astype(np.uint8).reshape(3, 40, 3)
    result = segment.segment_image(picture, k=3, features=features, spatial="none")
    colors = {tuple(picture[row, 0]): tuple(result.colors[result.label_image[row, 0] - 1].tolist()) for row in range(3)}
    assert colors[SKY] in BLUES
    assert colors[EARTH] == (213, 94, 0)


def test_seed_colors_are_those_of_the_nearest_classes() -> None:
    seeds = ("#0000ff", "#208020")
    config = SegmentConfig(k=3, palette="seed", seed_color=seeds)
    means = np.array([[40.0, 120, 50], [200, 200, 200], [60, 70, 220]])
    colors = choose_palette_colors(config, ["a", "b", "c"], means)
    assert colors[[2, 0]].tolist() == [[0, 0, 255], [32, 128, 32]]
    assert colors[1].tolist() not in colors[[0, 2]].tolist()
    with pytest.raises(segment.SettingsError, match="Give --seed-color too"):
        SegmentConfig(palette="seed")
