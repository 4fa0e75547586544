"""The index page of a folder: its rows and links, and that a browser sorts it."""

from __future__ import annotations

import html
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from html_pages import MARKUP, list_links
from PIL import Image as PilImage
from program_runs import run_main

import segment
from segment.output.report.index import Entry, make_thumbnail_urls, render_index


def test_a_folder_has_an_index_of_its_pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("in").mkdir()
    for name in ("a#1.png", "b.png"):
        PilImage.fromarray(np.random.default_rng(0).integers(0, 255, (9, 12, 3), np.uint8)).save(f"in/{name}")
    Path("in/broken.png").write_bytes(b"nothing")
    assert run_main("batch", "in", "-k", "2", "--save", "report", "--jobs", "1", "-o", "out") == 1
    text = Path("out/segment_index.html").read_text(encoding="utf-8")
    links = list_links(text)
    assert [link for link in links if link.endswith("html")] == ["a%231_report.html", "b_report.html"]
    assert Path("out/a#1_report.html").is_file()
    assert sum(link.startswith("data:image/png") for link in links) == 2
    assert sum(link.startswith("data:image/jpeg") for link in links) == 2
    assert "2 of 3 images segmented, 1 failed." in text
    assert "broken.png: " in html.unescape(text)
    assert "uncertainty (bits)" in text
    assert "the same number can mean" in text


def table_rows(browser: Any, part: str) -> list[Any]:
    """Find the rows of a part of the table of images."""
    return list(browser.find_elements("css selector", f"#images {part} tr"))


def test_a_browser_sorts_the_index(browser: Any, result: segment.Segmentation, tmp_path: Path) -> None:
    entries = [
        Entry(
            "a 10.jpg",
            "a 10_report.html",
            drift=0.5,
            uncertainty=0.1,
            shares=(("#102030", 0.25), ("#405060", 0.75)),
            **make_thumbnail_urls(result),
        ),
        Entry("a 9.jpg", 'x"#?%.html', "", 2.0, 0.2, (("#102030", 1.0),), ("it has drifted",)),
        Entry("b.jpg", "b.html", "", float("nan"), 0.3, ()),
        Entry(MARKUP, error=f"{MARKUP}: cannot be read."),
    ]
    text = render_index(entries)
    assert MARKUP not in text
    assert "the same number can mean" not in text  # with drift there is a model
    (tmp_path / "index.html").write_text(text, encoding="utf-8")
    browser.get((tmp_path / "index.html").as_uri())
    assert MARKUP in browser.find_element("id", "failures").text

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
    # Mean and standard deviation of 25 % and 100 %, and of 75 % alone.
    foot = [[cell.text for cell in row.find_elements("css selector", "td")] for row in table_rows(browser, "tfoot")]
    assert [row[1:6] for row in foot] == [
        ["mean", "", "", "62.5 %", "75.0 %"],
        ["standard deviation", "", "", "53.0 %", "-"],
    ]
    assert "nats a pixel" in browser.find_element("tag name", "body").text
    browser.find_element("css selector", "button.zoom").click()
    dialog = browser.find_element("id", "enlarged")
    assert [image.is_displayed() for image in dialog.find_elements("tag name", "img")] == [True, True]
    assert "a 10.jpg" in dialog.text
    browser.execute_script("arguments[0].close()", dialog)
    for width in (400, 800, 1100):
        browser.set_window_size(width, 800)
        assert browser.execute_script("return document.documentElement.scrollWidth <= window.innerWidth")
        # Nor has the table a bar of its own.
        frame = browser.find_element("css selector", ".wide")
        assert browser.execute_script("return arguments[0].scrollWidth <= arguments[0].clientWidth", frame)
    browser.set_window_size(1280, 800)
    assert browser.get_log("browser") == []


def test_classes_that_an_image_lacks_do_not_count_in_the_mean() -> None:
    shares = ((0.25, float("nan")), (0.75, 1.0))
    entries = [
        Entry(name, shares=tuple(("#000000", share) for share in row)) for name, row in zip("ab", shares, strict=True)
    ]
    lone = Entry("c", shares=(("#000000", float("nan")), ("#000000", float("nan"))))
    page = render_index([*entries, lone])
    words = " ".join(re.sub("<[^>]+>", " ", page[page.index("<tfoot") :]).split())
    assert "mean 50.0 % 100.0 %" in words
    assert "nan" not in words


def test_of_hundreds_of_classes_those_with_the_largest_shares_have_columns() -> None:
    shares = tuple(("#000000", 0.5 if label == 199 else label / 1e5) for label in range(255))
    page = render_index([Entry("a", shares=shares), Entry("b", shares=shares)])
    heads = re.findall(r'type="button">(class \d+)<', page)
    assert heads == ["class 200", *(f"class {number}" for number in range(233, 256))]
    assert page.count('data-head="class 200"') == 4
    assert "The 231 classes with the smallest shares have no column: segment_shares.csv has all." in page
