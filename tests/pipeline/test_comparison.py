"""The mixture beside k-means and Ward's method: figures, matched classes, the panel and the command."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PilImage
from program_runs import run_main
from scipy.stats import multivariate_normal
from sklearn.metrics import adjusted_rand_score

from segment import Image, compare_image
from segment.pipeline.label_matching import count_overlaps, match_labels

LABELS = [[1] * 8 + [3] * 12] * 5 + [[2] * 8 + [4] * 12] * 7


def noisy(quadrants: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    large = np.kron(quadrants, np.ones((4, 4, 1), int))
    return np.clip(large + rng.normal(0, 6, large.shape), 0, 255).astype(np.uint8)


def same_division(first: np.ndarray, second: np.ndarray) -> bool:
    return adjusted_rand_score(first, second) == 1


# Three segmentations


def test_three_methods_find_the_same_four_colors(quadrants: np.ndarray) -> None:
    found = compare_image(quadrants, k=4)
    assert [method.name for method in found.methods] == ["k-means", "hierarchical (Ward)", "Gaussian mixture"]
    for method in found.methods:
        assert method.label_image.tolist() == LABELS
        assert method.label_image.dtype == np.uint8
        assert method.agreement == 1
        assert method.inertia == 0
        assert method.seconds > 0


def test_the_seconds_are_those_of_the_method_without_its_import(
    quadrants: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "sklearn.cluster", raising=False)
    monkeypatch.setattr("segment.pipeline.comparison.perf_counter", lambda: float("sklearn.cluster" in sys.modules))
    assert compare_image(quadrants, k=4).methods[0].seconds == 0


def test_the_figures_are_those_of_all_pixels(quadrants: np.ndarray, rng: np.random.Generator) -> None:
    picture = noisy(quadrants, rng)
    found = compare_image(picture, k=3, clean_up="none")
    X = picture.reshape(-1, 3).astype(float)
    mixture = found.methods[-1].label_image.reshape(-1)
    for method in found.methods:
        labels = method.label_image.reshape(-1)
        inertia = np.mean(((X - np.stack([X[labels == c].mean(0) for c in range(4) if c])[labels - 1]) ** 2).sum(1))
        assert method.inertia == pytest.approx(inertia)
        assert method.agreement == pytest.approx(adjusted_rand_score(labels, mixture))
    assert found.methods[-1].log_likelihood == pytest.approx(found.result.class_model.training.log_likelihood)
    labels = found.methods[0].label_image.reshape(-1)
    parts = [X[labels == c] for c in (1, 2, 3)]
    covariances = [np.cov(part.T, bias=True) + np.eye(3) / 12 for part in parts]
    joint = [
        len(part) / len(X) * multivariate_normal(part.mean(0), c).pdf(X) * np.exp(-np.trace(np.linalg.inv(c)) / 24)
        for part, c in zip(parts, covariances, strict=True)
    ]
    assert found.methods[0].log_likelihood == pytest.approx(np.log(np.sum(joint, axis=0)).mean())


def test_classes_are_matched_by_pixels_not_by_colors(monkeypatch: pytest.MonkeyPatch) -> None:
    """Most pixels have two colors, and a hundred others have few: counted as colors, they would outvote the two."""
    rng = np.random.default_rng(3)
    ramp = np.repeat(np.arange(100, 200, dtype=np.uint8), 2)  # a hundred colors, two pixels each
    few = rng.permutation(np.r_[np.full(4000, 20, np.uint8), np.full(4000, 240, np.uint8), ramp])
    picture = few.reshape(-1, 41)
    monkeypatch.setattr(
        "segment.pipeline.comparison._find_k_means_centers", lambda *_, **__: np.array([[150.0], [20.0], [400.0]])
    )
    found = compare_image(picture, k=3, clean_up="none")
    k_means, mixture = found.methods[0].label_image, found.methods[-1].label_image
    table = count_overlaps(mixture, k_means, 4)[1:, 1:]
    assert np.trace(table) == table[match_labels(table), np.arange(3)].sum()


def test_k_means_has_the_least_inertia(landscape: Path) -> None:
    found = compare_image(landscape, k=4, max_size=200, shrinkage=0)
    k_means, hierarchical, mixture = found.methods
    assert k_means.inertia <= hierarchical.inertia
    assert k_means.inertia <= mixture.inertia
    assert mixture.log_likelihood >= max(k_means.log_likelihood, hierarchical.log_likelihood)
    for method in found.methods:
        assert method.label_image.shape == (1065, 1600)
        assert set(np.unique(method.label_image)) <= {1, 2, 3, 4}
        # Matched classes: more pixels carry the same number than under any other numbering.
        table = count_overlaps(mixture.label_image, method.label_image, 5)[1:, 1:]
        assert np.trace(table) >= 0.95 * table[match_labels(table), np.arange(4)].sum()


def test_the_same_input_gives_the_same_panel(quadrants: np.ndarray, rng: np.random.Generator) -> None:
    picture = noisy(quadrants, rng)
    first, second = (compare_image(picture, k=3).panel() for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_invalid_pixels_have_no_label(quadrants: np.ndarray) -> None:
    image = Image.from_array(quadrants, valid=np.arange(20) >= np.zeros((12, 1)) + 2)
    for method in compare_image(image, k=4, max_size=10).methods:
        assert (method.label_image == 0).tolist() == (~image.valid).tolist()


def test_an_image_without_a_valid_pixel() -> None:
    found = compare_image(Image.from_array(np.zeros((4, 6, 4), np.uint8), alpha=True))
    assert all(not method.label_image.any() for method in found.methods)
    assert found.panel().shape[2] == 3


def test_unknown_figures_are_dashes(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    PilImage.fromarray(np.full((4, 5), np.nan, np.float32)).save(here / "nothing.tif")
    run_main("compare", str(here / "nothing.tif"), "-k", "2")
    rows = capsys.readouterr().out.splitlines()[2:]
    assert [row.split()[-3:] for row in rows] == [["-", "-", "-"]] * 3


def test_deep_gray_and_few_colors() -> None:
    ramp = np.linspace(0, 65535, 1_000).astype(np.uint16).reshape(20, 50)
    found = compare_image(ramp, k=255, n_init=1, max_iter=1, clean_up="none")
    assert len(np.unique(found.methods[1].label_image)) == 255
    gray = np.array([[[10, 10, 10], [200, 0, 0], [0, 0, 0]]], np.uint8)
    assert compare_image(gray, k=4).result.n_classes == 3


# The panel


def test_the_panel_has_four_pictures_with_matched_colors(quadrants: np.ndarray) -> None:
    large = np.kron(quadrants, np.ones((32, 32, 1), np.uint8))
    found = compare_image(large, k=4)
    panel, colors = found.panel(), found.result.colors
    high, wide, top, gap = 384, 640, 72, 24
    second_row, second_column = top + high + gap + 48, 2 * gap + wide
    expected = colors[np.kron(np.array(LABELS), np.ones((32, 32), int)) - 1]
    np.testing.assert_array_equal(panel[top : top + high, gap : gap + wide], large)
    for row, column in ((top, second_column), (second_row, gap), (second_row, second_column)):
        np.testing.assert_array_equal(panel[row : row + high, column : column + wide], expected)
    legend = panel[second_row + high :].reshape(-1, 3).tolist()
    assert all(legend.count(color.tolist()) >= 20 * 20 for color in colors)


# The command


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quadrants: np.ndarray) -> Path:
    monkeypatch.chdir(tmp_path)
    PilImage.fromarray(quadrants).save("a.png")
    return tmp_path


def test_the_command_writes_the_panel_and_the_table(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_main("compare", "a.png", "-k", "4", "-o", "out") == 0
    captured = capsys.readouterr()
    lines = [re.sub(r"\d+\.\d\d ", "0.00 ", line) for line in captured.out.splitlines()]
    assert lines[:2] == [
        "out/a_compared.png",
        "  method               seconds    inertia  log-likelihood  agreement",
    ]
    assert [line[:19].strip() for line in lines[2:5]] == ["k-means", "hierarchical (Ward)"[:17], "Gaussian mixture"]
    assert all(line.endswith("1.000") for line in lines[2:5])
    assert len(lines) == 5
    assert captured.err == ""
    assert [path.name for path in Path("out").iterdir()] == ["a_compared.png"]
    with PilImage.open("out/a_compared.png") as picture:
        assert (picture.format, picture.mode) == ("PNG", "RGB")


def test_a_lower_likelihood_of_the_mixture_is_explained(
    here: Path, rng: np.random.Generator, capsys: pytest.CaptureFixture[str]
) -> None:
    """One class is much wider than the other, so that shrinkage matters."""
    pixels = np.hstack([rng.normal(60, 2, (30, 20)), rng.normal(180, 20, (30, 20))])
    PilImage.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save("b.png")
    for settings, is_told in (((), True), (("--shrinkage", "0", "--spatial", "none"), False)):
        assert run_main("compare", "b.png", "-k", "2", "-o", "out", "--overwrite", *settings) == 0
        assert ("--shrinkage 0 --spatial none compares alike" in capsys.readouterr().out) == is_told
    # Of several images once.
    Path("c.png").write_bytes(Path("b.png").read_bytes())
    assert run_main("compare", "b.png", "c.png", "-k", "2", "-o", "two") == 0
    assert capsys.readouterr().out.count("compares alike") == 1


def test_a_jpeg_gets_a_jpeg_and_files_are_replaced_only_on_request(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with PilImage.open("a.png") as image:
        image.save("b.jpg")
    assert run_main("compare", "b.jpg", "-k", "2", "-o", ".") == 0
    with PilImage.open("b_compared.jpg") as picture:
        assert picture.format == "JPEG"
    Path("b_compared.jpg").write_bytes(b"mine")
    capsys.readouterr()
    assert run_main("compare", "b.jpg", "-k", "2", "-o", ".") == 1
    assert "b_compared.jpg: exists already" in capsys.readouterr().err
    assert Path("b_compared.jpg").read_bytes() == b"mine"
    assert run_main("compare", "b.jpg", "-k", "2", "-o", ".", "--overwrite") == 0
    assert Path("b_compared.jpg").read_bytes() != b"mine"


def test_a_failure_leaves_nothing_behind(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("bad.png").write_bytes(b"no picture")
    assert run_main("compare", "bad.png", "a.png", "-k", "2", "-o", "out") == 1
    assert capsys.readouterr().err.count("\n") == 2
    assert [path.name for path in Path("out").iterdir()] == ["a_compared.png"]
    assert run_main("compare", "a.png", "--save", "labels") == 2


@pytest.mark.parametrize("features", ["hsv", "lab", "rgb"])
def test_a_gray_drawing_is_compared_in_every_color_space(features: str) -> None:
    gray = np.kron([[0, 100], [60, 160]], np.ones((15, 20))).astype(np.uint8)
    found = compare_image(np.dstack([gray] * 3), k=4, features=features)
    assert [method.agreement for method in found.methods] == [1, 1, 1]
