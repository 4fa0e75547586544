"""The page about a segmentation: its contents, its command, and that a browser shows it."""

from __future__ import annotations

import html
import re
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from html_pages import MARKUP, list_links
from PIL import Image as PilImage
from program_runs import run_main

import segment
from segment.mixture.cells import Cells
from segment.output.report import page as report_page
from segment.runs.installation import REQUIRED

DOT = np.zeros((1, 1, 3), np.uint8)


@pytest.fixture(scope="module")
def page(result: segment.Segmentation) -> str:
    return result.report()


def test_a_page_needs_no_other_file(page: str) -> None:
    links = list_links(page)
    assert len(links) >= 7
    assert all(link.startswith("data:") for link in links)
    assert not re.search(r"@import|url\(|https?:", re.sub(r"data:[^\"]*", "", page))


def test_a_page_has_the_classes_and_the_stages(page: str, result: segment.Segmentation) -> None:
    words = html.unescape(page)
    for row, color in zip(result.classes, result.colors, strict=True):
        assert f"{row.pixels:,}" in words
        assert f"{100 * row.share:.2f} %" in words
        assert "#" + bytes(color.tolist()).hex() in words
    assert result.selection.sentence in words
    for stage in ("reading", "fitting the mixture", "cleaning up"):
        assert stage in words
    assert segment.__version__ in words


def test_a_page_has_shares_in_groups_and_tells_what_is_not_known_from_0() -> None:
    pixels = np.repeat(np.uint8([[10, 90, 200]]), [5, 3, 2], axis=1).repeat(10, axis=0)
    settings = {"group": "veg=2,3", "background": "1", "pixel_size": "2mm"}
    result = segment.segment_image(pixels, k=3, spatial="none", **settings)

    def read_rows(result: segment.Segmentation) -> list[list[str]]:
        table = result.report().partition("<table>")[2].partition("</table>")[0]
        rows = [re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", row, re.DOTALL) for row in table.split("<tr>")[1:]]
        return [[html.unescape(re.sub("<[^>]+>", "", cell)).strip() for cell in row] for row in rows]

    assert read_rows(result) == [
        ["class", "pixels", "area in mm²", "share", "share in group", "mean gray"],
        ["class 1", "50", "200", "-", "-", "10"],
        ["class 2", "30", "120", "60.00 %", "veg: 60.00 %", "90"],
        ["class 3", "20", "80", "40.00 %", "veg: 40.00 %", "200"],
    ]
    assert read_rows(replace(result, absent=(3,)))[3][:5] == ["class 3", "-", "-", "-", "-"]


def test_the_command_makes_the_same(result: segment.Segmentation, tmp_path: Path, page: str) -> None:
    (command,) = re.findall(r'<pre id="command">(.*?)</pre>', page, re.DOTALL)
    program, *arguments = shlex.split(html.unescape(command))
    assert program == "segment"
    assert run_main(*arguments, "-o", str(tmp_path)) == 0
    with PilImage.open(tmp_path / "landscape_labels.png") as written:
        assert np.array_equal(np.asarray(written), result.label_image)


@pytest.mark.parametrize("arguments", [("apply", "model.json"), ("run", "--start", "model.json")])
def test_the_command_names_the_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    picture = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    PilImage.fromarray(picture).save("a.png")
    segment.save_class_model(segment.fit_classes([picture], k=2), "model.json")
    run_main(*arguments, "a.png", "--save", "report,labels", "--smoothness", "5")
    page = Path("outputs/a_report.html").read_text()
    (command,) = re.findall(r'<pre id="command">(.*?)</pre>', page, re.DOTALL)
    assert "-k" not in shlex.split(command)
    assert run_main(*shlex.split(command)[1:], "-o", "again") == 0
    assert Path("again/a_labels.png").read_bytes() == Path("outputs/a_labels.png").read_bytes()


def test_arrays_and_models_without_a_file_have_no_command() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    model = segment.fit_classes([picture], k=2)
    for result in (segment.segment_image(picture, k=2), segment.apply_classes(model, picture)):
        assert '<pre id="command">' not in result.report()


def test_a_page_shows_warnings_and_escapes_names() -> None:
    result = segment.segment_image(np.zeros((3, 4), np.uint8), k=3)
    named = replace(result, class_model=result.class_model.rename_classes(MARKUP), warnings=(MARKUP,))
    page = named.report()
    assert MARKUP not in page
    assert page.count(html.escape(MARKUP, quote=False).replace('"', "&#34;")) == 2
    # No line ends within the name of an option.
    told = replace(result, warnings=("lower --clean-up <none>, or -k",)).report()
    assert 'lower <span class="option">--clean-up</span> &lt;none&gt;, or -k.' in told


def test_histograms_say_what_their_axes_count(page: str) -> None:
    pixels = np.linspace(0, 4000, 400).astype(np.uint16).reshape(20, 20)
    text = segment.segment_image(pixels, k=2).report()
    assert "The axes count 0 for black and 255 for white, which are 0 and 4095 in the image" in text
    assert "The axes count" not in page
    logs = segment.segment_image(1 + pixels, k=2, log_scale=True).report()
    assert "The axes are logarithmic: they count 0 for 0.06248 and less, and 255 for 4095, the white of" in logs


def test_histograms_count_the_pixels_that_the_classes_are_fitted_to(
    page: str, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In noise the averaged colors of a copy scatter less than the pixels of the image."""
    samples: list[Cells] = []
    monkeypatch.setattr(report_page, "draw_density_chart", lambda cells, *_, **__: samples.append(cells) or DOT)
    noisy = (np.repeat([60, 180], 500) + rng.normal(0, 20, (1000, 1000))).clip(0, 255).astype(np.uint8)
    result = segment.segment_image(noisy, k=2)
    copy = result.spatial.data.copies[0]
    text = result.report()
    assert f"histogram of a copy of {copy.width} x {copy.height} pixels, to whose averaged colors" in text
    assert samples[0].total_weight == copy.valid.size < noisy.size
    assert "Bars: histogram of the pixels. Dark line" in page


@pytest.mark.parametrize(
    "pixels",
    [
        np.full((1, 1), 7, np.uint8),
        np.arange(12, dtype=np.uint16).reshape(3, 4) * 5000,
        np.full((2, 2), np.nan, np.float32),
        np.random.default_rng(0).random((5, 900, 3), np.float32),
    ],
)
def test_every_image_has_a_page(pixels: np.ndarray) -> None:
    page = segment.segment_image(pixels, k=2).report()
    assert "How it was made" in page


def test_the_versions_of_all_libraries_are_told(page: str) -> None:
    assert [name for name in REQUIRED if f"{name} " not in page and f">{name}<" not in page] == []


def test_the_command_line_writes_a_page(landscape: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_main("report", str(landscape), "-k", "3", "--max-size", "64", "-o", str(tmp_path)) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["landscape_report.html"]
    assert "landscape_report.html" in capsys.readouterr().out


def test_a_browser_shows_the_page(browser: Any, page: str, tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text(page, encoding="utf-8")
    browser.get((tmp_path / "page.html").as_uri())
    images = browser.find_elements("tag name", "img")
    assert len(images) >= 6
    assert all(browser.execute_script("return arguments[0].naturalWidth", image) > 100 for image in images)
    edge, slider = browser.find_element("class name", "edge"), browser.find_element("id", "slider")
    before = edge.rect["x"]
    slider.send_keys(*["\ue014"] * 20)  # the right arrow key
    assert edge.rect["x"] > before + 5
    clip = browser.execute_script("return getComputedStyle(document.querySelector('.over')).clipPath")
    assert clip != "none"
    assert clip.endswith("%)")
    assert float(re.findall(r"([\d.]+)%", clip)[-1]) > 50
    assert browser.get_log("browser") == []
