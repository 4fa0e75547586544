"""Images in other light than those of their model are told, and images of other content are not."""

from __future__ import annotations

import numpy as np
import pytest

import segment
from segment.pipeline import other_light

COLORS = np.array([[30, 60, 40], [90, 80, 60], [150, 150, 140], [220, 220, 230]], float)
TOLD = "times the light of those of the model, which gives"


def make_scene(light: float = 1.0, classes: tuple[int, ...] = (0, 1, 2, 3), seed: int = 0) -> np.ndarray:
    """Make stripes of four colors, the first one in place of what is left out, under noise, in some light."""
    stripes = np.repeat([kind if kind in classes else classes[0] for kind in range(4)], 15)
    noise = np.random.default_rng(seed).normal(0, 8, (40, 60, 3))
    return (COLORS[stripes] * light + noise).clip(0, 255).astype(np.uint8)


def find_told(images: list[np.ndarray]) -> list[int]:
    """Fit one model to all images, and find which of them are told to be in other light."""
    model = segment.fit_classes(images, k=4)
    results = [segment.apply_classes(model, image) for image in images]
    return [i for i, result in enumerate(results) if any(TOLD in warning for warning in result.warnings)]


def test_a_dark_image_is_told_with_what_helps() -> None:
    images = [make_scene(light, seed=i) for i, light in enumerate((1, 0.98, 1.02, 1, 0.7))]
    assert find_told(images) == [4]
    model = segment.fit_classes(images, k=4)
    (words,) = [warning for warning in segment.apply_classes(model, images[4]).warnings if TOLD in warning]
    factor = float(words.partition("multiply its values by ")[2].partition(",")[0])
    assert factor == pytest.approx(1 / 0.7, rel=0.05)
    expected = np.tile(np.repeat([1, 2, 3, 4], 15), (40, 1))
    assert np.mean(segment.apply_classes(model, images[4]).labels == expected) < 0.9
    brighter = (images[4] * factor).clip(0, 255).astype(np.uint8)
    assert np.mean(segment.apply_classes(model, brighter).labels == expected) > 0.99


def test_light_that_falls_over_a_series_is_told_where_classes_change() -> None:
    assert find_told([make_scene(light, seed=i) for i, light in enumerate(np.linspace(1, 0.6, 8))])[-1] == 7


@pytest.mark.parametrize("others", [(0, 1), (1, 2), (2, 3), (0,), (1,), (3,)])
def test_missing_classes_are_no_other_light(others: tuple[int, ...]) -> None:
    assert find_told([make_scene(seed=0), make_scene(seed=1), make_scene(classes=others, seed=2)]) == []


def test_equal_light_and_grays_are_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_told([make_scene(seed=i) for i in range(3)]) == []
    grays = [make_scene(light, seed=i)[..., 0] for i, light in enumerate((1, 1, 0.7))]
    assert find_told(grays) == []
    monkeypatch.setattr(other_light, "MIN_PIXELS", 10_000)
    assert find_told([make_scene(light, seed=i) for i, light in enumerate((1, 1, 1, 0.7))]) == []
