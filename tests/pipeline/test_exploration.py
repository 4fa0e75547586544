"""Several numbers of classes side by side."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image as PilImage
from program_runs import run_main

import segment
from segment.core.errors import ImageError, SettingsError


@pytest.fixture
def noisy(quadrants: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Four areas with a little noise."""
    large = np.kron(quadrants, np.ones((3, 3, 1))) + rng.normal(0, 3, (36, 60, 3))
    return np.clip(np.rint(large), 0, 255).astype(np.uint8)


def test_each_number_has_the_labels_of_its_own_run_and_auto_takes_one(noisy: np.ndarray) -> None:
    found = segment.explore(noisy, k_range=(2, 5))
    assert [result.k for result in found.results] == [2, 3, 4, 5]
    for result in found.results:
        np.testing.assert_array_equal(result.label_image, segment.segment_image(noisy, k=result.k).label_image)
    assert found.selection == segment.segment_image(noisy, k="auto", k_range=(2, 5)).selection
    assert found.chosen.k == found.selection.chosen == 4
    assert [candidate.n_classes for candidate in found.selection.candidates] == [2, 3, 4, 5]
    assert "4 would be chosen" in repr(found)
    again = pickle.loads(pickle.dumps(found))
    assert again.selection == found.selection
    np.testing.assert_array_equal(again.panel(), found.panel())
    assert found._repr_png_()[:4] == b"\x89PNG"


def test_a_note_of_the_image_is_in_each_result_once(noisy: np.ndarray) -> None:
    noisy[:6] = 0
    for result in segment.explore(noisy, k_range=(2, 3)).results:
        assert sum(text.startswith("one color, 0") for text in result.warnings) == 1


def test_a_page_of_a_file_is_explored(noisy: np.ndarray, tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "s.tif", np.stack([np.zeros_like(noisy), noisy]), photometric="rgb")
    found = segment.explore(tmp_path / "s.tif", k_range=(2, 3), page=2)
    expected = segment.segment_image(noisy, k=3).label_image
    np.testing.assert_array_equal(found.results[1].label_image, expected)


def test_no_more_classes_than_colors(quadrants: np.ndarray) -> None:
    assert [result.k for result in segment.explore(quadrants, k_range=(2, 8)).results] == [2, 3, 4]
    assert [result.k for result in segment.explore(quadrants, k_range=(6, 8)).results] == [4]


def test_pixels_are_chosen_once(noisy: np.ndarray) -> None:
    mask = np.zeros((36, 60), bool)
    mask[4:30, 4:50] = True
    found = segment.explore(noisy, k_range="2..3", mask=mask, crop="2,2,58,34")
    expected = segment.segment_image(noisy, k=3, mask=mask, crop="2,2,58,34")
    np.testing.assert_array_equal(found.results[1].label_image, expected.label_image)


def test_an_image_without_valid_pixels_is_refused() -> None:
    nothing = np.full((4, 5), np.nan)
    with pytest.raises(ImageError, match=r"^image: an image to explore has valid pixels; got none\. Name another"):
        segment.explore(nothing)


def test_numbers_under_another_name_are_refused(noisy: np.ndarray) -> None:
    with pytest.raises(SettingsError, match=r"^k \(-k\): not used by .*; got 2, 4\. Give the least and the greatest"):
        segment.explore(noisy, k=(2, 4))  # type: ignore[arg-type]


@pytest.mark.parametrize("k", ["8..2", "0..3", "many", (1, 300)])
def test_a_wrong_range_is_refused(noisy: np.ndarray, k: str | tuple[int, int]) -> None:
    with pytest.raises(SettingsError, match="k_range"):
        segment.explore(noisy, k_range=k)


@pytest.mark.parametrize("settings", [{"k": 3}, {"k": 4}, {"name": "1=sea"}, {"save": "labels"}, {"merge": "1,2"}])
def test_what_would_be_ignored_is_refused(noisy: np.ndarray, settings: dict[str, object]) -> None:
    with pytest.raises(SettingsError, match="segment explore"):
        segment.explore(noisy, **settings)  # type: ignore[arg-type]


def test_the_command_writes_a_sheet_and_a_table(
    noisy: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    PilImage.fromarray(noisy).save("a.png")
    assert run_main("explore", "a.png", "-k", "3..5", "-o", "out") == 0
    text = capsys.readouterr()
    assert "k = 4 chosen of 3..5" in text.err
    path, heading, *rows = text.out.splitlines()
    assert (path, heading.split()) == ("out/a_explored.png", ["classes", "criterion", "shares"])
    assert [row.split()[0] for row in rows] == ["3", "4", "5"]
    assert [row.count("%") for row in rows] == [3, 4, 5]
    with PilImage.open(path) as sheet:
        assert sheet.width > 900
    assert run_main("explore", "a.png", "-k", "5..3", "-o", "out") == 2
    assert capsys.readouterr().err.startswith(
        "Error: k (-k): LOW..HIGH, whole numbers from 1 to 255, the lower first; got"
    )


def test_the_chosen_number_is_shown_where_it_is_below_the_range(quadrants: np.ndarray) -> None:
    found = segment.explore(quadrants, k_range=(2, 4), components_per_class=3)
    assert (found.selection.chosen, found.chosen.k) == (1, 1)
    assert [result.k for result in found.results] == [1, 2, 3, 4]
    assert found.panel().ndim == 3


def test_an_image_of_one_color_has_a_sheet_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    PilImage.new("RGB", (5, 4), (10, 200, 30)).save("flat.png")
    found = segment.explore("flat.png", k_range=(2, 3))
    assert found.chosen is found.results[0]
    titles: list[str] = []
    sheet = "segment.output.pictures.exploration_sheet.draw_exploration_sheet"
    monkeypatch.setattr(sheet, lambda _image, tries, *_, **__: titles.extend(item.title for item in tries))
    found.panel()
    assert titles == ["1 class of 2: chosen by -k auto"]
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    assert run_main("explore", "flat.png", "-k", "2..3", "-o", "out") == 0
    captured = capsys.readouterr()
    number, _, *shares = captured.out.splitlines()[-1].split()
    assert (number, shares) == ("1", ["100.00", "%"])
    lines = [line for line in captured.err.splitlines() if line.startswith("Warning")]
    assert [line.split(": ")[2][:40] for line in lines] == [
        "the image has too few distinct colors fo",
        "the image has fewer distinct colors than",
    ]
