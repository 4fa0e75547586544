"""A warning where the light is uneven, and none where the classes lie in different places."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import PIL.Image
import pytest
from scipy.ndimage import gaussian_filter

import segment
from segment.core.image import Image
from segment.pipeline.uneven_light import measure_uneven_light, warn_of_uneven_light

ROWS, COLUMNS = np.mgrid[:120, :160]


def draw_things(rng: np.random.Generator) -> np.ndarray:
    """Scatter things of about a third of the image."""
    return gaussian_filter(rng.standard_normal(ROWS.shape), 5) > 0.02


@pytest.mark.parametrize(
    "light",
    [
        0.6 + 0.8 * COLUMNS / 160,
        1.3 - 0.6 * (COLUMNS + ROWS) / 280,
        1.2 - 0.7 * (((COLUMNS - 80) / 80) ** 2 + ((ROWS - 60) / 60) ** 2) / 2,
        1 + 0.4 * np.tanh((COLUMNS - 80) / 20),
    ],
    ids=["ramp", "diagonal", "vignette", "shadow side"],
)
def test_light_across_the_image_is_told(light: np.ndarray, rng: np.random.Generator) -> None:
    values = (90 + 50 * draw_things(rng)) * light + rng.normal(0, 3, light.shape)
    image = np.clip(values, 0, 255).astype(np.float32)
    (told,) = [text for text in segment.segment_image(image, k=2).warnings if "light" in text]
    assert told.startswith("the light is uneven, and shares depend on it: in even light ")
    assert "Give --even-light" in told


def measure(image: Image) -> tuple[float, float]:
    """Measure the light of an image in two classes."""
    result = segment.segment_image(image, k=2)
    return measure_uneven_light(image, result.class_mixture, result.space)


def is_told(image: Image) -> bool:
    return any("light is uneven" in text for text in segment.segment_image(image, k=2).warnings)


def test_the_share_of_moved_pixels_is_that_of_wrong_labels(rng: np.random.Generator) -> None:
    things = draw_things(rng)
    light = 0.6 + 0.8 * COLUMNS / 160
    values = np.clip((90 + 50 * things) * light + rng.normal(0, 3, light.shape), 0, 255).astype(np.uint8)
    labels = segment.segment_image(values, k=2).label_image
    wrong = np.mean((labels == 2) != things)
    explained, moved = measure(Image.from_array(values))
    assert moved == pytest.approx(wrong, abs=0.03)
    assert wrong > 0.1
    assert explained > 0.9


def test_even_light_and_light_that_confuses_no_classes_are_not(rng: np.random.Generator) -> None:
    things, noise = draw_things(rng), rng.normal(0, 2, ROWS.shape)
    ramp = 0.75 + 0.5 * COLUMNS / 160
    for contrast, light in ((40, 1.0), (130, ramp)):
        image = Image.from_array(np.clip((60 + contrast * things) * light + noise, 0, 255).astype(np.uint8))
        assert not is_told(image)
    # The ramp itself is found: it is only too weak to matter.
    explained, moved = measure(image)
    assert explained > 0.7
    assert moved < 0.02


@pytest.mark.parametrize("k", [2, 3])
def test_a_smooth_surface_is_not_uneven_light(k: int, rng: np.random.Generator) -> None:
    values = 60 + 80 * COLUMNS / 160 + 20 * np.sin(ROWS / 40) + rng.normal(0, 3, ROWS.shape)
    result = segment.segment_image(np.clip(values, 0, 255).astype(np.uint8), k=k)
    assert not any("light" in text for text in result.warnings)


def test_a_sky_above_land_is_not_uneven_light(rng: np.random.Generator) -> None:
    """The sky follows a function of the place, the land does not follow the same one."""
    skyline = 60 + 10 * np.sin(COLUMNS / 20)
    is_land = skyline < ROWS
    texture = gaussian_filter(rng.standard_normal(ROWS.shape), 2)
    land, sky = 90 + 18 * texture / texture.std(), 130 + 60 * ROWS / 70
    image = Image.from_array(np.clip(np.where(is_land, land, sky), 0, 255).astype(np.uint8))
    assert measure(image)[0] < 0.6
    assert not is_told(image)


def test_few_pixels_or_one_class_tell_nothing() -> None:
    values = ((90 + 50 * (ROWS // 10 % 2)) * (0.6 + 0.8 * COLUMNS / 160)).astype(np.uint8)
    image = Image.from_array(values)
    assert is_told(image)
    result = segment.segment_image(image, k=2)
    classes, space = result.class_mixture, result.space
    assert measure_uneven_light(image, classes, space) != (0, 0)
    # A class of few pixels does not count, nor do few valid pixels.
    valid = ROWS < 7
    assert measure_uneven_light(replace(image, valid=valid), classes, space) == (0, 0)
    dark = Image.from_array(np.where((ROWS < 4) & (COLUMNS < 4), 255, 20).astype(np.uint8))
    assert measure_uneven_light(dark, classes, space) == (0, 0)
    flat = Image.from_array(np.full((40, 40), 7, np.uint8))
    assert warn_of_uneven_light(flat, classes, space, [image]) == ()


def test_dithered_things_in_a_vignette_are_two_colors_and_not_light(rng: np.random.Generator) -> None:
    vignette = 1 - 0.2 * (((COLUMNS - 80) / 80) ** 2 + ((ROWS - 60) / 60) ** 2)
    values = np.uint8((90 + 50 * draw_things(rng)) * vignette)
    dithered = np.asarray(PIL.Image.fromarray(values).resize((800, 600)).convert("1"))
    result = segment.segment_image(dithered, k=2)
    assert min(measure_uneven_light(Image.from_array(dithered), result.class_mixture, result.space)) > 0.02
    # Of the dither single pixels are left, which is told.
    assert not any("light" in text for text in result.warnings)
