"""Pages about segmentations: what they say, and that a browser shows it."""

from __future__ import annotations

import html
import re
import shlex
import shutil
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as PilImage

import segment
from segment.cli.main import main
from segment.output.report.index import Entry, make_thumbnail_url, render_index
from segment.output.report.line_chart import line_chart

ROOT = Path(__file__).parents[2]
EVIL = '<script>alert("x")</script>&'


@pytest.fixture(scope="module")
def result() -> segment.Segmentation:
    return segment.segment_image(ROOT / "images" / "landscape.jpg", k="auto", k_range=(3, 5), max_size=320)


@pytest.fixture(scope="module")
def page(result: segment.Segmentation) -> str:
    return result.report()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    webdriver = pytest.importorskip("selenium.webdriver", reason="Selenium is not installed")
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not (chromium and driver):
        pytest.skip("Chromium and its driver are not installed")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1000,900"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    started = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    yield started
    started.quit()


class Links(HTMLParser):
    """Whatever a page refers to."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, _tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [str(value) for name, value in attrs if name in ("src", "href", "srcset", "action", "data")]


def test_a_page_needs_nothing_from_elsewhere(page: str) -> None:
    links = Links()
    links.feed(page)
    assert len(links.found) >= 7
    assert all(link.startswith("data:") for link in links.found)
    assert not re.search(r"@import|url\(|https?:", re.sub(r"data:[^\"]*", "", page))


def test_a_page_says_what_was_found(page: str, result: segment.Segmentation) -> None:
    words = html.unescape(page)
    for row, color in zip(result.classes, result.colors, strict=True):
        assert f"{row.pixels:,}" in words
        assert f"{100 * row.share:.2f} %" in words
        assert "#" + bytes(color.tolist()).hex() in words
    assert result.selection.sentence in words
    for stage in ("reading", "fitting the mixture", "cleaning up"):
        assert stage in words
    assert segment.__version__ in words


def test_the_command_makes_the_same(result: segment.Segmentation, tmp_path: Path, page: str) -> None:
    (command,) = re.findall(r'<pre id="command">(.*?)</pre>', page, re.DOTALL)
    program, *arguments = shlex.split(html.unescape(command))
    assert program == "segment"
    with pytest.raises(SystemExit) as stopped:
        main([*arguments, "-o", str(tmp_path)])
    assert stopped.value.code == 0
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
    with pytest.raises(SystemExit):
        main([*arguments, "a.png", "--save", "report,labels", "--smoothness", "5"])
    page = Path("outputs/a_report.html").read_text()
    (command,) = re.findall(r'<pre id="command">(.*?)</pre>', page, re.DOTALL)
    assert "-k" not in shlex.split(command)
    with pytest.raises(SystemExit) as stopped:
        main([*shlex.split(command)[1:], "-o", "again"])
    assert stopped.value.code == 0
    assert Path("again/a_labels.png").read_bytes() == Path("outputs/a_labels.png").read_bytes()


def test_no_command_makes_the_same_of_an_array_or_a_model_without_a_file() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    model = segment.fit_classes([picture], k=2)
    for result in (segment.segment_image(picture, k=2), segment.apply_classes(model, picture)):
        assert '<pre id="command">' not in result.report()


def test_a_page_tells_of_warnings_and_escapes_names() -> None:
    result = segment.segment_image(np.zeros((3, 4), np.uint8), k=3)
    named = replace(result, class_model=result.class_model.renamed(EVIL), warnings=(EVIL,))
    page = named.report()
    assert EVIL not in page
    assert page.count(html.escape(EVIL, quote=False).replace('"', "&#34;")) == 2


def test_values_at_an_axis_differ() -> None:
    chart = line_chart([0, 1, 2], [-12.481842, -12.481838, -12.481836], x_label="iteration", y_label="value")
    values = re.findall(r'text-anchor="end">([^<]*)<', chart)
    assert len(values) > 1
    assert len(set(values)) == len(values)


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


def test_a_curve_goes_through_its_points() -> None:
    chart = line_chart([1, 2, 4], [10.0, 20.0, 15.0], x_label="k & more", y_label="value", marked=[2])
    assert "k &amp; more" in chart
    ((x, y),) = re.findall(r'class="mark" cx="([\d.]+)" cy="([\d.]+)"', chart)
    assert float(x) == pytest.approx(88 + 356 / 3, abs=0.06)
    assert float(y) == 16.0
    assert len(re.findall('class="point"', chart)) == 2


def test_the_command_line_writes_a_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["report", str(ROOT / "images" / "landscape.jpg"), "-k", "3", "--max-size", "64", "-o", str(tmp_path)])
    assert stopped.value.code == 0
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


def test_a_folder_has_an_index_of_its_pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("in").mkdir()
    for name in ("a#1.png", "b.png"):
        PilImage.fromarray(np.random.default_rng(0).integers(0, 255, (9, 12, 3), np.uint8)).save(f"in/{name}")
    Path("in/broken.png").write_bytes(b"nothing")
    with pytest.raises(SystemExit) as stopped:
        main(["batch", "in", "-k", "2", "--save", "report", "--jobs", "1", "-o", "out"])
    assert stopped.value.code == 1
    text = Path("out/segment_index.html").read_text(encoding="utf-8")
    links = Links()
    links.feed(text)
    assert [link for link in links.found if link.endswith("html")] == ["a%231_report.html", "b_report.html"]
    assert Path("out/a#1_report.html").is_file()
    assert sum(link.startswith("data:image/png") for link in links.found) == 2
    assert "2 of 3 images segmented, 1 failed." in text
    assert "broken.png: " in html.unescape(text)
    assert "uncertainty (bits)" in text


def test_a_browser_sorts_the_index(browser: Any, result: segment.Segmentation, tmp_path: Path) -> None:
    entries = [
        Entry(
            "a 10.jpg", "a 10_report.html", make_thumbnail_url(result), 0.5, 0.1, (("#102030", 0.25), ("#405060", 0.75))
        ),
        Entry("a 9.jpg", 'x"#?%.html', "", 2.0, 0.2, (("#102030", 1.0),), ("it has drifted",)),
        Entry("b.jpg", "b.html", "", float("nan"), 0.3, ()),
        Entry(EVIL, error=f"{EVIL}: cannot be read."),
    ]
    text = render_index(entries)
    assert EVIL not in text
    (tmp_path / "index.html").write_text(text, encoding="utf-8")
    browser.get((tmp_path / "index.html").as_uri())
    assert EVIL in browser.find_element("id", "failures").text

    def order(head: str) -> list[str]:
        (button,) = [b for b in browser.find_elements("css selector", "th button") if b.text == head]
        button.click()
        return [link.text for link in browser.find_elements("css selector", "#images a")]

    assert order("image") == ["a 9.jpg", "a 10.jpg", "b.jpg"]
    assert order("image") == ["b.jpg", "a 10.jpg", "a 9.jpg"]
    assert order("drift (nats)") == ["a 10.jpg", "a 9.jpg", "b.jpg"]
    assert order("drift (nats)") == ["a 9.jpg", "a 10.jpg", "b.jpg"]
    assert order("class 1") == ["a 10.jpg", "a 9.jpg", "b.jpg"]
    assert order("class 2") == ["a 10.jpg", "a 9.jpg", "b.jpg"]
    links = [link.get_attribute("href") for link in browser.find_elements("css selector", "#images a")]
    assert (tmp_path / 'x"#?%.html').as_uri() in links
    assert browser.get_log("browser") == []
