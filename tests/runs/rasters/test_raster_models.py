"""The classes of a saved model in a raster."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from program_runs import run_main
from raster_files import KINDS, make_scene, read, write

import segment


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("settings", [{}, {"spatial": "none"}, {"merge": "1,2", "order": "area", "denoise": "median"}])
def test_the_classes_of_a_model_are_found_as_in_an_image(
    tmp_path: Path, rng: np.random.Generator, kind: str, settings: dict[str, str]
) -> None:
    scene = make_scene(rng)
    model = segment.fit_classes([KINDS[kind](scene)], k=3, name={1: "low"}, n_init=2)
    # Another scene of the sensor, half as bright: its own white would be another one.
    source = write(tmp_path / "b.tif", KINDS[kind](scene[::-1] // np.uint16(2)))
    found = segment.segment_raster(source, tmp_path / "out.tif", model=model, tile=64, **settings)
    expected = segment.apply_classes(model, source, **settings)
    assert np.mean(read(found.path) == expected.label_image) > 0.999
    assert [row.name for row in found.classes] == [row.name for row in expected.classes]
    np.testing.assert_array_equal(found.colors, expected.colors)
    assert found.class_model == expected.class_model
    about_values = [{note for note in each.warnings if "values" in note} for each in (found, expected)]
    assert about_values[0] == about_values[1]


def test_a_model_of_other_images_is_told_or_refused(tmp_path: Path, rng: np.random.Generator) -> None:
    scene = KINDS["8-bit RGB"](make_scene(rng))
    source = write(tmp_path / "a.tif", 255 - scene // 8 * np.uint8([1, 0, 0]))
    model = segment.fit_classes([scene], k=3, n_init=2)
    found = segment.segment_raster(source, tmp_path / "out.tif", model=model, overwrite=True)
    assert [note for note in found.warnings if "the model explains this image badly" in note]
    gray = segment.fit_classes([scene[..., 0]], k=2, n_init=2)
    with pytest.raises(segment.ModelError, match=r"a\.tif: the model's features are intensity; got an image with R, G"):
        segment.segment_raster(source, tmp_path / "b.tif", model=gray)
    small = segment.fit_classes([scene], k=2, n_init=2, max_size=50)
    with pytest.raises(segment.ModelError, match=r"shrunk to 50 pixels\. Fit it without --max-size"):
        segment.segment_raster(source, tmp_path / "b.tif", model=small)
    with pytest.raises(segment.SettingsError, match=r"^k \(-k\): not used by segment_raster with a model; got 2\."):
        segment.segment_raster(source, tmp_path / "b.tif", model=model, k=2)
    assert not (tmp_path / "b.tif").exists()


def test_a_class_that_is_not_there_is_empty(tmp_path: Path, rng: np.random.Generator) -> None:
    gray = np.repeat([[40, 120, 200]], 30, axis=1).repeat(60, axis=0) + rng.integers(0, 9, (60, 90))
    model = segment.fit_classes([gray.astype(np.uint8)], k=3, n_init=2)
    source = write(tmp_path / "a.tif", gray[:, :60].astype(np.uint8))
    found = segment.segment_raster(source, tmp_path / "out.tif", model=model)
    assert [row.pixels for row in found.classes] == [1800, 1800, 0]
    assert not [note for note in found.warnings if "empty" in note]


@pytest.mark.parametrize("kind", ["int16", "float32"])
def test_values_on_the_scale_of_a_model_are_those_of_an_image(
    tmp_path: Path, rng: np.random.Generator, kind: str
) -> None:
    """Signed integers below 256 are read as those of the model; floats beyond its scale are not clipped in means."""
    values = np.repeat([[20, 120, 300]], 30, axis=1).repeat(60, axis=0) + rng.normal(0, 4, (60, 90))
    other = values[:, :60] if kind == "int16" else values + np.where(values > 200, 50, 0)
    model = segment.fit_classes([values.clip(0).astype(kind)], k=3, n_init=2)
    source = write(tmp_path / "a.tif", other.clip(0).astype(kind))
    found = segment.segment_raster(source, tmp_path / "out.tif", model=model, tile=17)
    assert read(found.path).tolist() == [np.repeat([1, 2, 3], 30)[: other.shape[1]].tolist()] * 60
    result = segment.apply_classes(model, source)
    for row, expected in zip(found.classes, result.classes, strict=True):
        assert row.mean == pytest.approx(expected.mean)
        pixels = other.clip(0).astype(kind)[result.label_image == row.label]
        assert row.mean == (pytest.approx((pixels.mean(dtype=float),)) if pixels.size else ())


def test_a_model_of_a_raster_is_applied_by_the_command(
    tmp_path: Path, rng: np.random.Generator, capsys: pytest.CaptureFixture[str]
) -> None:
    source = write(tmp_path / "a.tif", KINDS["4 bands of 16 bits"](make_scene(rng)))
    assert (
        run_main("raster", str(source), "-k", "3", "--save", "model", "--name", "1=low", "-o", str(tmp_path / "fit"))
        == 0
    )
    model = tmp_path / "fit" / "a_model.json"
    assert run_main("raster", str(source), "--model", str(model), "--save", "model", "-o", str(tmp_path / "found")) == 0
    np.testing.assert_array_equal(*(read(tmp_path / name / "a_labels.tif") for name in ("fit", "found")))
    assert (tmp_path / "found" / "a_model.json").read_text() == model.read_text()
    capsys.readouterr()
    assert run_main("raster", str(source), "--model", str(model), "-k", "4", "-o", str(tmp_path / "no")) == 2
    assert "k (-k): not used by segment raster --model FILE" in capsys.readouterr().err
