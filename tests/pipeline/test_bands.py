"""Images of any number of bands, from the array to every product."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

import segment
from segment.config.products import CLASS_PRODUCTS
from segment.core.errors import ImageError, ModelError, SettingsError

LEFT = np.arange(40) < 20


def make_bands(n: int, dtype: type = np.uint8) -> np.ndarray:
    """Make n bands of noise, of which the last one alone tells the left half from the right one."""
    bands = np.random.default_rng(0).normal(100, 4, (30, 40, n))
    bands[..., -1] += np.where(LEFT, 60, 0)
    if dtype == np.float32:
        return (bands / 255).astype(dtype)
    return (bands * (256 if dtype == np.uint16 else 1)).astype(dtype)


@pytest.mark.parametrize(("n", "dtype"), [(2, np.uint8), (4, np.uint8), (4, np.uint16), (5, np.float32), (7, np.uint8)])
def test_every_band_counts(n: int, dtype: type) -> None:
    bands = make_bands(n, dtype)
    result = segment.segment_image(bands, k=2, n_init=2)
    np.testing.assert_array_equal(result.label_image == 2, np.broadcast_to(LEFT, (30, 40)))
    assert result.space.feature_names == tuple(f"band {number}" for number in range(1, n + 1))
    for row in result.classes:
        np.testing.assert_allclose(row.mean, bands[result.label_image == row.label].mean(axis=0), rtol=1e-4)
    assert any(f"{n} bands" in warning for warning in result.warnings)


@pytest.mark.parametrize("unit", [1, 0.01, 1e4])
def test_bands_of_other_units_tell_classes_apart(unit: float, rng: np.random.Generator) -> None:
    truth = np.kron(rng.permutation(64).reshape(8, 8) % 4, np.ones((16, 16), dtype=int))
    temperature = 290 + 5 * (truth % 2) + rng.standard_normal(truth.shape)
    reflectance = 0.1 + 0.3 * (truth // 2) + 0.05 * rng.standard_normal(truth.shape)
    noise = rng.standard_normal((*truth.shape, 2))
    bands = np.dstack([temperature, unit * reflectance, noise]).astype(np.float32)
    labels = segment.segment_image(bands, k=4).label_image
    counts = np.array([np.bincount(truth[labels == number], minlength=4) for number in range(1, 5)])
    assert counts.max(axis=1).sum() > 0.99 * truth.size


@pytest.mark.parametrize("spatial", ["field", "none"])
def test_a_band_that_is_rounded_away_is_told(spatial: str, rng: np.random.Generator) -> None:
    bands = np.dstack(
        [rng.normal(290, 1, LEFT.shape * 2), np.where(LEFT, 1e-5, 4e-5) + rng.normal(0, 1e-6, LEFT.shape * 2)]
    )
    told = "values differ in band 2 by 0.0"
    warnings = segment.segment_image(bands, k=2, spatial=spatial).warnings
    assert sum(told in warning for warning in warnings) == 1
    cured = segment.segment_image(bands * [1, 1e5], k=2, spatial=spatial)
    assert not any(told in warning for warning in cured.warnings)
    assert np.mean((cured.label_image == 1) == LEFT) in (0, 1)


@pytest.mark.parametrize(("n", "palette"), [(2, "mean"), (4, "category"), (5, "mean")])
def test_every_product_of_bands_is_made(tmp_path: Path, n: int, palette: str) -> None:
    tifffile.imwrite(tmp_path / "a.tif", make_bands(n), photometric="minisblack", planarconfig="contig", metadata=None)
    result = segment.segment_image(tmp_path / "a.tif", k=2, n_init=2, save=tuple(CLASS_PRODUCTS), palette=palette)
    paths = result.save(tmp_path / "out", stem="a")
    assert all(path.stat().st_size for path in paths)
    table = (tmp_path / "out" / "a_classes.csv").read_text().splitlines()
    heads = table[0].split(",")
    assert [head for head in heads if head.startswith("mean_")] == [f"mean_band_{i}" for i in range(1, n + 1)]
    at = heads.index(f"mean_band_{n}")
    assert [float(line.split(",")[at]) for line in table[1:]] == pytest.approx([99.5, 159.5], abs=1)
    page = (tmp_path / "out" / "a_report.html").read_text()
    assert f"{n} bands, uint8" in page
    assert f"mean band {n}" in page
    model = segment.load_class_model(tmp_path / "out" / "a_model.json")
    again = segment.apply_classes(model, tmp_path / "a.tif")
    np.testing.assert_array_equal(again.label_image, result.label_image)


def test_bands_are_compared_with_other_methods() -> None:
    found = segment.compare_image(make_bands(4), k=2, n_init=2)
    assert [method.agreement for method in found.methods] == [1, 1, 1]
    assert found.panel().shape[2] == 3


def test_model_keeps_its_bands(tmp_path: Path) -> None:
    bands = make_bands(5)
    tifffile.imwrite(tmp_path / "a.tif", bands, photometric="minisblack", planarconfig="contig", metadata=None)
    model = segment.fit_classes([tmp_path / "a.tif"], k=2, bands="5,1")
    segment.save_class_model(model, tmp_path / "m.json")
    model = segment.load_class_model(tmp_path / "m.json")
    assert model.settings["bands"] == "5,1"
    labels = segment.apply_classes(model, tmp_path / "a.tif").label_image
    np.testing.assert_array_equal(labels, segment.segment_image(bands[..., [4, 0]], k=2).label_image)
    with pytest.raises(ModelError, match=r"with band 1, band 2, band 3, .* Choose bands with --bands"):
        segment.apply_classes(model, bands, bands="1,2,3,4")


def test_model_of_all_bands_is_a_file_that_earlier_versions_read() -> None:
    assert "bands" not in segment.fit_classes([make_bands(3)], k=2).to_json()


@pytest.mark.parametrize("settings", [{"features": "lab"}, {"seed_color": "#ff0000"}, {"greyscale": True}])
def test_settings_of_color_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(SettingsError, match="4"):
        segment.segment_image(make_bands(4), k=2, **settings)


def test_regions_of_other_bands_are_refused() -> None:
    for find in (segment.segment_regions, lambda image: segment.segment_image(image, coherence="region")):
        with pytest.raises(ImageError, match=r"gray or RGB images; got 4 bands. Choose some with --bands"):
            find(make_bands(4))
    assert segment.segment_regions(make_bands(4), bands="1,2,4", regions=2).n_regions == 2


def test_pictures_show_the_first_bands() -> None:
    image = segment.Image.from_array(make_bands(5))
    np.testing.assert_array_equal(image.show_as_rgb().pixels, image.pixels[..., :3])
    two = segment.Image.from_array(make_bands(2)).show_as_rgb().pixels
    assert not two[..., 2].any()
    np.testing.assert_array_equal(two[..., :2], make_bands(2))
    gray = segment.Image.from_array(make_bands(5)[..., 0])
    assert gray.show_as_rgb() is gray
