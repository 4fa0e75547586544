"""--even-light: images of known classes, in light of which nothing was told."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

import segment
from segment.core.image import Image
from segment.pipeline.preparation import even_light

SIDE = 128
Y, X = np.mgrid[-1 : 1 : SIDE * 1j, -1 : 1 : SIDE * 1j]
LIGHTS = {
    "from the left": np.exp(-0.5 * X),
    "from a corner": np.exp(0.3 * X + 0.4 * Y),
    "from the middle": 1 - 0.25 * (X**2 + Y**2),
}
COLORS = np.array([[60, 80, 60], [130, 110, 80], [90, 150, 160], [150, 70, 60]])


def make_areas(rng: np.random.Generator, shares: list[float]) -> NDArray[np.intp]:
    """Draw areas of known shares, all over the picture."""
    smooth = gaussian_filter(rng.standard_normal((SIDE, SIDE)), 6)
    return np.searchsorted(np.quantile(smooth, np.cumsum(shares)[:-1]), smooth)


def make_lines(rng: np.random.Generator) -> NDArray[np.intp]:
    """Draw lines one pixel wide, as of a drawing: 1 on 0."""
    lines = np.zeros((SIDE, SIDE), dtype=np.intp)
    for _ in range(12):
        start, end = rng.integers(0, SIDE, (2, 2))
        rows, columns = np.linspace(start, end, 4 * SIDE).round().astype(int).T
        lines[rows, columns] = 1
    return lines


def measure_right(found: NDArray[np.integer], truth: NDArray[np.intp]) -> float:
    """Measure the mean share of each true class that has the commonest label in it, each label for one class."""
    table = np.array([[np.mean(found[truth == c] == label) for label in np.unique(found)] for c in np.unique(truth)])
    return float(table.max(axis=1).mean()) if len(set(table.argmax(axis=1))) == len(table) else 0.0


@pytest.mark.parametrize("light", LIGHTS)
def test_classes_in_uneven_light_are_found(light: str) -> None:
    rng = np.random.default_rng(3)
    lines = make_lines(rng)
    page = (200 - 100 * lines) * LIGHTS[light] / LIGHTS[light].max() + 4 * rng.standard_normal(lines.shape)
    areas = make_areas(rng, [0.4, 0.3, 0.2, 0.1])
    lit = COLORS[areas] * (LIGHTS[light] / LIGHTS[light].mean())[..., None] + 5 * rng.standard_normal((SIDE, SIDE, 3))
    for values, truth, k in ((page, lines, 2), (lit, areas, 4)):
        pixels = np.clip(values, 0, 255).astype(np.uint8)
        even = segment.segment_image(pixels, k=k, even_light=True)
        assert measure_right(even.label_image, truth) > 0.98
        assert not any("light" in warning for warning in even.warnings)
        # Tables and pictures have the values of the file.
        assert np.array_equal(even.image.pixels, pixels)
    plain = segment.segment_image(np.clip(page, 0, 255).astype(np.uint8), k=2)
    assert measure_right(plain.label_image, lines) < 0.9


def test_the_light_of_any_type_of_pixels_is_the_same() -> None:
    rng = np.random.default_rng(0)
    areas = make_areas(rng, [0.5, 0.3, 0.2])
    values = np.array([60.0, 100.0, 150.0])[areas] * np.exp(0.4 * X) + 3 * rng.standard_normal(areas.shape)
    labels = [
        segment.segment_image(pixels, k=3, even_light=True).label_image
        for pixels in (
            values.round().astype(np.uint8),
            (values * 100).astype(np.uint16),
            values.astype(np.float32) / 255,
        )
    ]
    for found in labels:
        assert measure_right(found, areas) > 0.99


def test_an_image_in_even_light_keeps_its_values() -> None:
    rng = np.random.default_rng(5)
    areas = make_areas(rng, [0.4, 0.4, 0.2])
    pixels = (np.array([50, 120, 200])[areas] + 5 * rng.standard_normal(areas.shape)).astype(np.uint8)
    even = even_light(Image.from_array(pixels))
    np.testing.assert_allclose(even.pixels / 257, pixels, rtol=0.03)
    # Nor is a step at the middle light, as between a sky and land.
    step = np.where(X > 0, 160, 80) + 5 * rng.standard_normal(X.shape)
    np.testing.assert_allclose(
        even_light(Image.from_array(step.astype(np.uint8))).pixels / 257, step, rtol=0.05, atol=1
    )


def test_pixels_that_are_left_out_black_or_white_tell_nothing_of_light() -> None:
    light = np.exp(-0.5 * X)
    values = 70 * light * (1 + np.arange(SIDE) % 2)
    pixels = values.astype(np.uint8)
    pixels[:40], pixels[-20:] = 0, 255
    mask = np.ones(X.shape, dtype=bool)
    mask[40:50] = False
    image = replace(Image.from_array(np.where(mask, pixels, 0).astype(np.uint8)), valid=mask)
    even = even_light(image).pixels[60:-20, ::2]
    assert even.std() / even.mean() < 0.03
    assert not even_light(image).pixels[~mask].any()
    for flat in (0, 255, 90):
        same = even_light(Image.from_array(np.full((5, 7), flat, dtype=np.uint8)))
        np.testing.assert_allclose(same.pixels / 257, max(flat, 0.5), atol=0.01)  # as on a logarithmic scale


def test_values_above_white_in_mean_light_are_white_and_told() -> None:
    light = np.exp(-0.5 * X)
    rng = np.random.default_rng(0)
    model, found = None, []
    for has_lamp in (False, True):
        areas = make_areas(rng, [0.6, 0.4])
        values = np.array([120.0, 150.0])[areas]
        # As white on the dim side as nothing is in bright light.
        lamp = has_lamp & (X > 0.5) & (abs(Y) < 0.2)
        pixels = np.clip(np.where(lamp, 350, values) * light + 3 * rng.standard_normal(X.shape), 0, 255).astype(
            np.uint8
        )
        model = model or segment.fit_classes([pixels, pixels], k=2, even_light=True)
        result = segment.apply_classes(model, pixels)
        found.append([warning for warning in result.warnings if "brighter than white" in warning])
        # All else has the values that it has without: a model of other images holds.
        assert np.mean((result.label_image == areas + 1)[~lamp]) > 0.99
    assert [len(told) for told in found] == [0, 1]


@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
def test_dark_values_keep_their_ratios_on_a_logarithmic_scale(dtype: type) -> None:
    rng = np.random.default_rng(3)
    areas = make_areas(rng, [0.25, 0.25, 0.25, 0.25])
    values = np.array([10.0, 30.0, 100.0, 20_000.0])[areas] * np.exp(-0.5 * X) * rng.gamma(30, 1 / 30, X.shape)
    result = segment.segment_image(values.round().astype(dtype), k=4, even_light=True, log_scale=True)
    assert measure_right(result.label_image, areas) > 0.97


def test_logarithms_are_refused() -> None:
    decibels = np.linspace(-20, -5, 400, dtype=np.float32).reshape(20, 20)
    for settings, name in (({}, "even_light"), ({"log_scale": True}, "log_scale")):
        with pytest.raises(segment.SettingsError, match=rf"{name} \(.*100 % lie below"):
            segment.segment_image(decibels, k=2, even_light=True, **settings)


@pytest.mark.parametrize("n_gray", [2, 20, 300])
def test_few_gray_pixels_in_a_corner_tell_nothing_of_light(n_gray: int) -> None:
    rng = np.random.default_rng(0)
    areas = make_areas(rng, [0.5, 0.5])
    pixels = (255 * areas).astype(np.uint8)
    pixels[:20, :20].flat[rng.choice(400, n_gray, replace=False)] = rng.integers(1, 255, n_gray)
    result = segment.segment_image(pixels, k=2, even_light=True)
    assert measure_right(result.label_image, areas) > 0.98
    assert any("no light was divided out" in warning for warning in result.warnings) == (n_gray < 100)


def test_light_that_varies_by_a_large_factor_is_told() -> None:
    rng = np.random.default_rng(4)
    areas = make_areas(rng, [0.5, 0.5])
    pixels = (np.array([100.0, 180.0])[areas] * np.exp(1.2 * X) * (1 + 0.02 * rng.standard_normal(X.shape))).astype(
        np.float32
    )
    told = [warning for warning in segment.segment_image(pixels, k=2, even_light=True).warnings if "light" in warning]
    assert len(told) == 1
    assert "that was divided out varies by a factor of" in told[0]
    regions = segment.segment_regions(pixels, even_light=True)
    assert told[0] in regions.warnings
    model = segment.fit_classes([pixels, pixels], k=2, even_light=True)
    assert any(told[0] in note for note in model.training.notes)


def test_images_of_other_light_share_classes(tmp_path: Path) -> None:
    rng = np.random.default_rng(6)
    areas = [make_areas(rng, [0.6, 0.4]) for _ in LIGHTS]
    pictures = [
        np.clip(np.array([80.0, 120.0])[truth] * light / light.mean() + 3 * rng.standard_normal(truth.shape), 0, 255)
        for truth, light in zip(areas, LIGHTS.values(), strict=True)
    ]
    model = segment.fit_classes([picture.astype(np.uint8) for picture in pictures], k=2, even_light=True)
    segment.save_class_model(model, tmp_path / "model.json")
    saved = segment.load_class_model(tmp_path / "model.json")
    assert saved.preprocessing["even_light"]
    for picture, truth in zip(pictures, areas, strict=True):
        found = segment.apply_classes(saved, picture.astype(np.uint8)).label_image
        assert np.mean(found == truth + 1) > 0.99
    path = tmp_path / "raster.tif"
    tifffile.imwrite(path, pictures[0].astype(np.uint8))
    with pytest.raises(segment.ModelError, match=r"in the light they have.*--even-light"):
        segment.segment_raster(path, tmp_path / "labels.tif", model=saved)
    with pytest.raises(segment.SettingsError, match=r"even_light \(--even-light\)"):
        segment.segment_raster(path, tmp_path / "labels.tif", k=2, even_light=True)


def test_colors_of_large_areas_are_no_light() -> None:
    rng = np.random.default_rng(0)
    quarters = 2 * (Y > 0) + (X > 0)
    disk = (np.hypot(X, Y) < 0.5).astype(int)
    land = (Y > -0.1).astype(int)
    for areas, k in ((quarters, 4), (disk, 2), (land, 2)):
        values = np.array([50, 90, 140, 200])[areas] + 10 * rng.standard_normal(areas.shape)
        pixels = np.clip(values, 0, 255).astype(np.uint8)
        found = segment.segment_image(pixels, k=k, even_light=True)
        assert measure_right(found.label_image, areas) > 0.99
        (told,) = (warning for warning in found.warnings if "light" in warning)
        assert told.startswith("no light was divided out: what looks like light differs from area to area")
