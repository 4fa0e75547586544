"""How usual each pixel is: the map, its picture, and the file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PilImage
from scipy.stats import multivariate_normal

from segment import Image, segment_image
from segment.cli.main import main
from segment.output.pictures.maps import draw_log_density_map

GAP = 24
TOP = 72  # where the picture begins, below its title


def test_the_map_is_the_density_of_scipy(quadrants: np.ndarray, rng: np.random.Generator) -> None:
    picture = np.clip(quadrants + rng.normal(0, 9, quadrants.shape), 0, 255).astype(np.uint8)
    result = segment_image(picture, k=2, features="rgb")
    model = result.model
    density = sum(
        w * multivariate_normal(m, c).pdf(picture.astype(float)) * np.exp(-np.trace(np.linalg.inv(c)) / 24)
        for w, m, c in zip(model.weights, model.means, model.covariances, strict=True)
    )
    values = result.log_likelihood()
    assert (values.shape, values.dtype) == ((12, 20), np.float32)
    np.testing.assert_allclose(values, np.log(density), rtol=1e-5)


@pytest.mark.parametrize("features", ["rgb", "lab", "hsv", "intensity"])
def test_its_mean_is_the_log_likelihood_of_the_fit(features: str, landscape: Path) -> None:
    with PilImage.open(landscape) as image:
        pixels = np.asarray(image.resize((90, 60)))
    result = segment_image(pixels, k=3, features=features)
    expected = result.class_model.training.log_likelihood
    assert result.log_likelihood().mean(dtype=float) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("max_size", [0, 60])
def test_it_is_of_the_size_of_the_image_and_nan_where_nothing_is_valid(landscape: Path, max_size: int) -> None:
    with PilImage.open(landscape) as image:
        pixels = np.asarray(image.resize((120, 80)))
    mask = np.ones((80, 120), bool)
    mask[:40, :60] = False
    result = segment_image(Image.from_array(pixels, valid=mask), k=3, max_size=max_size)
    values = result.log_likelihood()
    assert values.shape == (80, 120)
    np.testing.assert_array_equal(np.isnan(values), ~mask)
    assert np.isnan(segment_image(np.zeros((4, 6, 4), np.uint8)).log_likelihood()).all()


def test_an_anomaly_is_what_is_least_likely(rng: np.random.Generator) -> None:
    picture = np.clip(rng.normal((60, 120, 60), 5, (50, 50, 3)), 0, 255).astype(np.uint8)
    picture[20, 30] = (250, 20, 200)
    result = segment_image(picture, k=1)  # with two it would be a class of its own
    values = result.log_likelihood()
    assert np.unravel_index(values.argmin(), values.shape) == (20, 30)


def test_the_picture_is_dark_where_usual_and_bright_where_not() -> None:
    values = np.full((400, 400), -1.0, np.float32)
    values[:, 200:] = -9
    values[:100] = np.nan
    panel = draw_log_density_map(values)
    shown = panel[TOP : TOP + 400, GAP : GAP + 400].astype(int)
    assert shown[150:, :200].sum(axis=2).max() < 60
    assert shown[150:, 200:].sum(axis=2).min() > 600
    assert set(np.unique(shown[:100])) == {225, 250}
    scale = panel[TOP + 400 + GAP + 5, GAP : panel.shape[1] - GAP].astype(int).sum(axis=1)
    assert scale[0] < 60
    assert scale[-1] > 600


@pytest.mark.parametrize(
    ("height", "width", "size"), [(1, 1, (320, 320)), (1000, 1920, (667, 1280)), (1, 5000, (16, 1280))]
)
def test_size_of_the_picture(height: int, width: int, size: tuple[int, int]) -> None:
    panel = draw_log_density_map(np.linspace(0, 1, height * width).reshape(height, width))
    assert panel.shape == (TOP + size[0] + GAP + 96, max(size[1] + 2 * GAP, 640), 3)


def test_borders_of_a_smaller_picture_are_not_darkened_by_what_is_missing(rng: np.random.Generator) -> None:
    values = np.where(rng.random((900, 1920)) < 0.7, 10.0, np.nan)
    values[:450] -= 5  # two values, so there is a range
    panel = draw_log_density_map(values)[TOP + 310 : TOP + 590, GAP : GAP + 1280].astype(int)
    known = (panel != 225).any(axis=2) & (panel != 250).any(axis=2)
    assert known.mean() > 0.7
    assert panel[known].sum(axis=1).max() < 60


def test_an_image_without_values_has_a_picture() -> None:
    assert draw_log_density_map(np.full((4, 6), np.nan)).dtype == np.uint8
    assert draw_log_density_map(np.full((4, 6), -3.0)).dtype == np.uint8


def test_the_command_writes_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quadrants: np.ndarray) -> None:
    monkeypatch.chdir(tmp_path)
    PilImage.fromarray(quadrants).save("a.jpg")
    with pytest.raises(SystemExit) as stop:
        main(["run", "a.jpg", "-k", "3", "--save", "anomaly,labels", "-o", "out"])
    assert stop.value.code == 0
    assert sorted(path.name for path in Path("out").iterdir()) == ["a_anomaly.png", "a_labels.png"]
    with PilImage.open("out/a_anomaly.png") as picture:
        assert (picture.format, picture.mode) == ("PNG", "RGB")
