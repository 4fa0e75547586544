"""Classes of the logarithm of values: speckle, several powers of ten, models and rasters."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from raster_files import write
from scipy.ndimage import gaussian_filter

import segment


@pytest.fixture
def areas(rng: np.random.Generator) -> np.ndarray:
    """Four classes of equal shares in smooth areas, from 0."""
    order = gaussian_filter(rng.standard_normal((128, 128)), 8)
    return rng.permutation(4)[np.searchsorted(np.quantile(order, [0.25, 0.5, 0.75]), order)]


def measure_right(label_image: np.ndarray, truth: np.ndarray) -> float:
    """Measure the share of the pixels whose class is that of the truth; both are in order of the values."""
    return float(np.mean(label_image.astype(int) - 1 == truth))


def test_speckle_and_powers_of_ten_show_their_classes(areas: np.ndarray, rng: np.random.Generator) -> None:
    speckle = 2.0**areas * rng.gamma(4, 1 / 4, areas.shape)
    powers = 10.0**areas * np.exp(0.3 * rng.standard_normal(areas.shape))
    for values, least in ((speckle, 0.95), (powers, 0.99)):
        result = segment.segment_image(values.astype(np.float32), k=4, log_scale=True)
        assert measure_right(result.label_image, areas) > least
        # Tables have the values of the image.
        means = [values[result.label_image == row.label].mean() for row in result.classes]
        np.testing.assert_allclose([row.mean[0] for row in result.classes], means, rtol=1e-4)
    assert segment.segment_image(powers.astype(np.float32), k="auto", log_scale=True).n_classes == 4


def test_noise_in_proportion_to_values_is_told_with_its_remedy(
    areas: np.ndarray, rng: np.random.Generator, tmp_path: Path, landscape: Path
) -> None:
    told = "noise grows in proportion to the values"
    speckle = 2.0**areas * rng.gamma(4, 1 / 4, areas.shape)
    counts = rng.poisson(9 * 2.0**areas)
    gray = 20 + 50 * areas + 20 * rng.standard_normal(areas.shape)
    dark = 1.5**areas * rng.gamma(100, 1 / 100, areas.shape)
    for values, is_told in ((speckle, True), (counts, False), (gray, False), (dark, False), (landscape, False)):
        warnings = segment.segment_image(values if isinstance(values, Path) else np.float32(values), k=4).warnings
        assert sum(warning.startswith(told) for warning in warnings) == is_told
    cured = segment.segment_image(np.float32(speckle), k=4, log_scale=True)
    assert not any(warning.startswith(told) for warning in cured.warnings)
    source = write(tmp_path / "a.tif", np.float32(speckle))
    raster = segment.segment_raster(source, tmp_path / "labels.tif", k=4)
    assert sum(warning.startswith(told) for warning in raster.warnings) == 1
    # A saved model of values takes no logarithms, so the remedy is another one.
    model = segment.fit_classes([np.float32(speckle)], k=4)
    again = segment.segment_raster(source, tmp_path / "again.tif", model=model)
    for warnings in (segment.apply_classes(model, source).warnings, again.warnings):
        (warning,) = [warning for warning in warnings if warning.startswith(told)]
        assert "Fit the model with --log-scale" in warning


@pytest.mark.parametrize("spatial", ["field", "none"])
def test_a_model_keeps_the_scale_and_a_raster_has_it(
    areas: np.ndarray, rng: np.random.Generator, tmp_path: Path, spatial: str
) -> None:
    counts = rng.poisson(100 * 3.0**areas * np.exp(0.1 * rng.standard_normal(areas.shape))).astype(np.uint16)
    result = segment.segment_image(counts, k=4, log_scale=True, spatial=spatial)
    assert measure_right(result.label_image, areas) > 0.98
    segment.save_class_model(result.class_model, tmp_path / "m.json")
    model = segment.load_class_model(tmp_path / "m.json")
    assert model.preprocessing["log_scale"]
    applied = segment.apply_classes(model, counts, spatial=spatial)
    np.testing.assert_array_equal(applied.label_image, result.label_image)
    source = write(tmp_path / "a.tif", counts)
    raster = segment.segment_raster(source, tmp_path / "labels.tif", k=4, log_scale=True, spatial=spatial)
    assert [row.mean[0] for row in raster.classes] == pytest.approx([row.mean[0] for row in result.classes], rel=0.01)
    again = segment.segment_raster(source, tmp_path / "again.tif", model=model, spatial=spatial)
    assert [row.share for row in again.classes] == pytest.approx([row.share for row in raster.classes], abs=0.01)


@pytest.mark.parametrize("log_scale", [False, True])
def test_a_model_of_values_finds_no_logarithms_and_the_reverse(tmp_path: Path, log_scale: bool) -> None:
    counts = np.repeat(np.uint8([[10, 40, 160]]), 8, axis=1).repeat(12, axis=0)
    model = segment.fit_classes([counts], k=3, log_scale=log_scale)
    source, labels = write(tmp_path / "a.tif", counts), tmp_path / "labels.tif"
    rule = rf"^log_scale .*: that of the model.*, {log_scale}; got {not log_scale}"
    for call in (
        lambda: segment.apply_classes(model, source, log_scale=not log_scale),
        lambda: segment.segment_raster(source, labels, model=model, log_scale=not log_scale),
        lambda: segment.segment_image(source, start=model, log_scale=not log_scale),
    ):
        with pytest.raises(segment.SettingsError, match=rule):
            call()
    assert segment.apply_classes(model, source, log_scale=log_scale).n_classes == 3


@pytest.mark.parametrize("spatial", ["field", "none"])
def test_a_part_of_a_raster_may_lie_below_0(rng: np.random.Generator, tmp_path: Path, spatial: str) -> None:
    values = np.repeat(np.float32([2, 50]), 60)[:, None] * rng.gamma(20, 1 / 20, (120, 160)).astype(np.float32)
    values[:50, :60] = -rng.random((50, 60))
    source = write(tmp_path / "a.tif", values)
    result = segment.segment_image(source, k=3, log_scale=True, spatial=spatial)
    raster = segment.segment_raster(source, tmp_path / "labels.tif", k=3, log_scale=True, spatial=spatial, tile=32)
    assert [row.share for row in raster.classes] == pytest.approx([row.share for row in result.classes], abs=0.01)
    with pytest.raises(segment.SettingsError, match=r"^log_scale .*: of values above 0; .* % lie below"):
        segment.segment_raster(write(tmp_path / "b.tif", values - 60), tmp_path / "b_labels.tif", k=3, log_scale=True)


@pytest.mark.parametrize("setting", ["log_scale", "greyscale"])
def test_the_value_of_a_flat_border_is_that_of_the_file(rng: np.random.Generator, tmp_path: Path, setting: str) -> None:
    values = rng.integers(100, 200, (80, 80, 3), dtype=np.uint8)
    values[:8] = 30, 20, 10
    source = write(tmp_path / "a.tif", values)
    told = segment.segment_image(source, k=2, **{setting: True}).warnings
    raster = segment.segment_raster(source, tmp_path / "labels.tif", k=2, **{setting: True}).warnings
    notes = [[note for note in notes if "lies at its border" in note] for notes in (told, raster)]
    assert notes[0] == notes[1]
    assert "give --nodata 30,20,10" in notes[0][0]


@pytest.mark.parametrize("has_zero", [False, True])
def test_values_too_low_to_be_told_apart_are_told(areas: np.ndarray, tmp_path: Path, has_zero: bool) -> None:
    powers = np.float32(1000.0) ** areas.astype(np.float32)
    powers[:3, :3] = 0 if has_zero else 1
    end = "4096 of white, .*--nodata" if has_zero else "65536 of white, .*give logarithms"
    source = write(tmp_path / "a.tif", powers)
    result = segment.segment_image(source, k=3, log_scale=True)
    raster = segment.segment_raster(source, tmp_path / "labels.tif", k=3, log_scale=True)
    for warnings in (result.warnings, raster.warnings):
        assert sum(re.search(f"lie between 0 and .*, 1 / {end}", warning) is not None for warning in warnings) == 1
    few = segment.segment_image(np.sqrt(np.maximum(powers, 1)), k=4, log_scale=True)
    assert not any("lie between 0" in warning for warning in few.warnings)
