"""The page, in a browser, as a person uses it."""

from __future__ import annotations

import io
import shlex
import shutil
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as PilImage
from program_runs import run_main, write_photograph
from web_client import Server, run_server

pytest.importorskip("uvicorn", reason="the page needs uvicorn: pip install 'gmm-segment[serve]'")
pytest.importorskip("selenium", reason="the browser is driven by selenium: pip install selenium")

from selenium.webdriver import ActionChains, Chrome, ChromeOptions, Keys
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")


class Page:
    """A browser with the page."""

    def __init__(self, server: Server, downloads: Path) -> None:
        self.server, self.downloads = server, downloads
        options = ChromeOptions()
        options.binary_location = str(CHROMIUM)
        for words in (
            *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--window-size=1280,1000"),
            *("--disable-extensions", "--disable-component-update", "--disable-background-networking"),
            # Nothing but this machine can be reached.
            "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
        ):
            options.add_argument(words)
        options.add_experimental_option("prefs", {"download.default_directory": str(downloads)})
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = Chrome(options=options, service=Service(DRIVER))

    def open(self) -> None:
        self.driver.get(self.server.address)
        self.wait("document.body.dataset.ready === 'true'")

    def run(self, script: str) -> Any:
        return self.driver.execute_script(f"return {script}")

    def wait(self, condition: str, seconds: float = 20) -> None:
        end = time.monotonic() + seconds
        while not self.run(condition):
            assert time.monotonic() < end, (condition, self.errors())
            time.sleep(0.02)

    def find(self, selector: str) -> Any:
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def wait_for_result(self, before: int) -> None:
        """Wait for an exact result after so many results."""
        self.wait(f"Number(document.body.dataset.seen ?? 0) > {before} && document.body.dataset.exact === 'true'")

    @property
    def seen(self) -> int:
        return int(self.run("Number(document.body.dataset.seen ?? 0)"))

    def set_value(self, name: str, value: object) -> None:
        """Type a value into the control of a setting, and wait for the result."""
        before = self.seen
        box = self.find(f"#set-{name}")
        box.send_keys(Keys.CONTROL, "a")
        box.send_keys(str(value), Keys.TAB)
        self.wait_for_result(before)

    def send(self, path: Path) -> None:
        """Drop a file on the page."""
        self.driver.execute_script(
            "const data = new DataTransfer(); data.items.add(new File([new Uint8Array(arguments[0])], arguments[1]));"
            "for (const kind of ['dragover', 'drop'])"
            "  dispatchEvent(new DragEvent(kind, {dataTransfer: data, bubbles: true, cancelable: true}));",
            list(path.read_bytes()),
            path.name,
        )

    def choose(self, name: str) -> None:
        """Choose an image of the strip, and wait for its result."""
        before = self.seen
        self.find(f"#thumbs button[title='{name}']").click()
        self.wait_for_result(before)

    def paint(self, tool: str, x: int = -120) -> None:
        """Draw a stroke with a tool, from so far right of the middle, and wait for the result."""
        before = self.seen
        self.find(f"input[value={tool}] + span").click()
        stroke = ActionChains(self.driver, duration=20).move_to_element_with_offset(self.find("#canvas"), x, 0)
        stroke.click_and_hold().move_by_offset(40, 30).release().perform()
        self.wait_for_result(before)

    def undo(self) -> None:
        """Press Ctrl+Z where no text is edited."""
        self.driver.execute_script("document.activeElement.blur()")
        ActionChains(self.driver).key_down(Keys.CONTROL).send_keys("z").key_up(Keys.CONTROL).perform()

    def rename(self, number: int, name: str) -> None:
        box = self.find(f"#name-{number}")
        box.send_keys(Keys.CONTROL, "a")
        box.send_keys(name, Keys.TAB)

    def errors(self) -> list[str]:
        return [row["message"] for row in self.driver.get_log("browser") if row["level"] in ("SEVERE", "WARNING")]

    def download(self) -> Path:
        """Press the button, and wait for the file."""
        known = set(self.downloads.iterdir())
        self.run("document.getElementById('export').open = true")
        self.find("#download").click()
        end = time.monotonic() + 20
        while True:
            new = [path for path in set(self.downloads.iterdir()) - known if path.suffix not in (".crdownload", ".tmp")]
            if new and new[0].stat().st_size:
                return new[0]
            assert time.monotonic() < end
            time.sleep(0.05)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    if CHROMIUM is None or DRIVER is None:
        pytest.skip("needs Chromium and its driver: apt-get install chromium chromium-driver")
    folder = tmp_path_factory.mktemp("page")
    (folder / "downloads").mkdir()
    (folder / "in").mkdir()
    write_photograph(str(folder / "in" / "a.png"), side=16)
    with PilImage.open(folder / "in" / "a.png") as picture:
        picture.transpose(PilImage.Transpose.ROTATE_90).save(folder / "in" / "b.png")
        small = picture.resize((64, 48), PilImage.Resampling.NEAREST)
        small.point(lambda value: value // 8).save(folder / "c.png")  # dark
    (folder / "broken.png").write_bytes((folder / "in" / "a.png").read_bytes()[:3000])
    begin = ("-k", "3", "--n-init", "2", "--palette", "viridis")
    with run_server(folder, "in", *begin, "--workers", "1") as server:
        page = Page(server, folder / "downloads")
        try:
            yield page
        finally:
            page.driver.quit()


@pytest.fixture(autouse=True)
def no_errors(page: Page) -> Iterator[None]:
    page.open()
    page.wait_for_result(0)
    yield
    assert page.errors() == []
    # Everything came from the server itself.
    origins = page.run("[...new Set(performance.getEntriesByType('resource').map((e) => new URL(e.name).host))]")
    assert set(origins) <= {f"127.0.0.1:{page.server.port}"}
    page.run("sessionStorage.clear()")


def test_name_merge_color_and_export_as_the_command_writes(
    page: Page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page.set_value("k", 4)
    colors = page.run("[...document.querySelectorAll('#class-list input[type=color]')].map((box) => box.value)")
    assert (colors[0], colors[-1]) == ("#471063", "#e5e419")  # of the palette that the page began with
    page.rename(4, "sky")
    page.rename(1, "sky")
    page.rename(1, "class 2")
    page.rename(1, "class 1")
    assert page.find("#name-1").get_property("value") == "class 1"
    said = [text for text in page.find("#messages").text.splitlines() if "another name" in text]
    assert [text.split(".")[0] for text in said] == ["Another class is called sky", "class 2 stands for a number"]
    before = page.seen
    # Keys alone: the list beside the class merges it, and they go on there.
    page.find("#merge-1").send_keys(Keys.ARROW_DOWN)
    assert len(page.run("document.querySelectorAll('#class-list li')")) == 4
    ActionChains(page.driver).send_keys(Keys.ARROW_DOWN, Keys.ENTER).perform()
    page.wait("document.querySelectorAll('#class-list li').length === 3")
    assert page.run("document.activeElement.id") == "merge-1"
    page.rename(1, "ground")
    page.driver.execute_script(
        "const box = document.getElementById('color-3'); box.value = '#10a0b0';"
        "box.dispatchEvent(new Event('input')); box.dispatchEvent(new Event('change'));"
    )
    page.find("#hide-4").click()
    # None of it was asked of the server.
    assert page.seen == before
    page.run("document.getElementById('export').open = true")
    for product in ("svg", "classes"):
        page.find(f"#products input[value={product}]").click()
    for part in ("--drop-class 3", "svg", "classes"):
        page.wait(f"document.getElementById('command').textContent.includes('{part}')")
    words = page.run("document.getElementById('command').textContent")
    with zipfile.ZipFile(page.download()) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    _, *arguments = shlex.split(words)
    monkeypatch.chdir(page.downloads.parent / "in")
    assert run_main(*arguments, "-o", str(tmp_path / "out")) == 0
    assert files == {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    assert b"ground" in files["a_classes.csv"]
    assert b"<title>sky" not in files["a_classes.svg"]
    assert b"<title>ground" in files["a_classes.svg"]


def test_dragging_one_class_onto_another_merges_them(page: Page) -> None:
    page.driver.execute_script(
        "const data = new DataTransfer();"
        "const of = (key) => document.querySelector(`#class-list li[data-key='${key}']`);"
        "for (const [kind, key] of [['dragstart', 2], ['dragover', 3], ['drop', 3]])"
        "  of(key).dispatchEvent(new DragEvent(kind, {dataTransfer: data, bubbles: true, cancelable: true}));"
    )
    page.wait("document.querySelectorAll('#class-list li').length === 2")
    page.find("#split-2").click()
    page.wait("document.querySelectorAll('#class-list li').length === 3")
    # The split is taken back, then the merge, and then nothing.
    for n in (2, 3, 3):
        page.undo()
        page.wait(f"document.querySelectorAll('#class-list li').length === {n}")


def test_the_last_change_is_taken_back_whatever_it_was(page: Page) -> None:
    page.paint("mask")
    page.rename(2, "meadow")
    page.find("#hide-1").click()
    before = page.seen
    page.undo()
    assert page.find("#hide-1").text == "Hide"
    page.undo()
    assert page.find("#name-2").get_property("value") == "class 2"
    assert page.seen == before
    page.undo()  # the stroke
    page.wait_for_result(before)


def test_a_dropped_image_is_shown_and_a_reload_goes_on(page: Page) -> None:
    before = page.seen
    page.send(page.downloads.parent / "c.png")
    page.wait_for_result(before)
    assert page.find("#about").text.startswith("c.png")
    assert "its display is stretched." in page.find("#messages").text
    page.driver.execute_script(
        "window.words = []; const busy = document.getElementById('busy');"
        "new MutationObserver(() => words.push(busy.textContent)).observe(busy, {childList: true});"
    )
    page.set_value("smoothness", 5)
    # What is seen first says that it is no more than a preview.
    assert "preview" in page.run("words")
    page.wait("document.getElementById('busy').hidden")
    page.rename(1, "shade")
    page.driver.refresh()
    page.wait("document.body.dataset.ready === 'true'")
    page.wait_for_result(0)
    assert page.find("#about").text.startswith("c.png")
    assert page.find("#name-1").get_property("value") == "shade"
    assert page.find("#set-smoothness").get_property("value") == "5"


def test_what_is_painted_on_a_part_lies_there(page: Page) -> None:
    page.run("[...document.querySelectorAll('#more details')].forEach((each) => { each.open = true; })")
    page.set_value("crop", "32,0,96,96")
    page.paint("mask")
    page.find("input[name=tool][value=move] + span").click()
    ActionChains(page.driver, duration=20).move_to_element_with_offset(page.find("#canvas"), -110, 8).click().perform()
    page.wait("document.getElementById('pixel').textContent.includes('no label')")
    # It does not fit another part, not even after the page is loaded again.
    page.choose("b.png")
    page.set_value("crop", "0,0,64,96")
    page.driver.refresh()
    page.wait("document.body.dataset.ready === 'true'")
    page.choose("a.png")
    page.run("document.getElementById('export').open = true")
    page.wait("document.getElementById('command').textContent.startsWith('segment run a.png')")
    assert "--mask" not in page.find("#command").text


def test_what_is_painted_is_left_out_and_a_click_tells_of_a_pixel(page: Page) -> None:
    canvas = page.find("#canvas")
    page.paint("mask")
    page.find("input[name=tool][value=move] + span").click()
    ActionChains(page.driver, duration=20).move_to_element_with_offset(canvas, -120, 0).click().perform()
    page.wait("document.getElementById('pixel').textContent.includes('no label')")
    # With the keyboard: arrows move a cursor, Enter looks up.
    canvas.send_keys(*([Keys.SHIFT + Keys.ARROW_RIGHT] * 6), Keys.NULL, Keys.ENTER)
    page.wait("document.getElementById('pixel').textContent.includes('class')")
    page.set_value("smoothness", 11)
    assert page.find("#pixel").text.startswith("Click a pixel")
    page.find("#export summary").click()
    page.wait("document.getElementById('command').textContent.includes('--mask a_mask_')")
    assert "--smoothness 11 --save" in page.find("#command").text
    for box in page.driver.find_elements(By.CSS_SELECTOR, "#products input:checked"):
        box.click()
    assert not page.find("#download").is_enabled()  # nothing is chosen
    for product in ("labels", "config"):
        page.find(f"#products input[value={product}]").click()
    with zipfile.ZipFile(page.download()) as archive:
        labels = np.asarray(PilImage.open(io.BytesIO(archive.read("a_labels.png"))))
        (mask,) = [name for name in archive.namelist() if "_mask_" in name]
        assert np.array_equal(labels > 0, np.asarray(PilImage.open(io.BytesIO(archive.read(mask)))) > 0)
    assert 0 < (labels == 0).mean() < 0.2


def test_strokes_are_taken_back_and_a_reload_keeps_the_others(page: Page) -> None:
    measured = "[...document.querySelectorAll('#class-list small')].map((part) => part.textContent).join()"
    before = page.seen
    page.send(page.downloads.parent / "c.png")
    page.wait_for_result(before)
    page.choose("a.png")
    page.paint("mask")
    with_mask = page.run(measured)
    page.paint("roi", x=40)
    assert page.run(measured) != with_mask
    assert page.find("#pixel").text.startswith("Paint what counts")
    before = page.seen
    page.undo()
    page.wait_for_result(before)
    assert page.run(measured) == with_mask
    page.driver.refresh()
    page.wait("document.body.dataset.ready === 'true'")
    assert page.run(measured) == with_mask
    assert len(page.driver.find_elements(By.CSS_SELECTOR, "#thumbs button")) == 3
    # What is drawn next is added to what was drawn before.
    page.paint("roi", x=40)
    page.run("document.getElementById('export').open = true")
    page.wait("document.getElementById('command').textContent.includes('--mask a_mask_')")
    assert "--roi a_roi_" in page.find("#command").text


def test_an_outline_is_dragged_or_has_clicked_corners(page: Page) -> None:
    page.find("input[value=mask] + span").click()
    page.find("#shape").send_keys(Keys.ARROW_DOWN)
    assert "click its corners" in page.find("#pixel").text
    canvas = page.find("#canvas")
    before = page.seen
    for x, y in [(-200, -100), (-80, -100), (-80, 60), (-200, 60)]:
        ActionChains(page.driver, duration=20).move_to_element_with_offset(canvas, x, y).click().perform()
    assert page.seen == before  # it is not closed yet
    ActionChains(page.driver, duration=20).move_to_element_with_offset(canvas, -199, -99).click().perform()
    page.wait_for_result(before)
    before = page.seen
    stroke = ActionChains(page.driver, duration=20).move_to_element_with_offset(canvas, 40, 0).click_and_hold()
    stroke.move_by_offset(60, 0).move_by_offset(0, 60).release().perform()
    page.wait_for_result(before)
    page.find("#shape").send_keys(Keys.ARROW_UP)


def test_names_and_masks_belong_to_their_image(page: Page) -> None:
    page.rename(1, "shade")
    page.find("#hide-2").click()
    page.paint("mask")
    page.run("document.getElementById('export').open = true")
    page.choose("b.png")
    assert page.find("#name-1").get_property("value") == "class 1"
    assert page.find("#hide-2").text == "Hide"
    page.wait("document.getElementById('command').textContent.startsWith('segment run b.png')")
    assert "--mask" not in page.find("#command").text
    page.rename(1, "other")
    page.choose("a.png")
    assert page.find("#name-1").get_property("value") == "shade"
    assert page.find("#hide-2").text == "Show"
    page.wait("document.getElementById('command').textContent.includes('--mask a_mask_')")
    page.find("#clear").click()
    # An outline has no size.
    for key, is_shown in ((Keys.ARROW_DOWN, False), (Keys.ARROW_UP, True)):
        page.find("#shape").send_keys(key)
        assert page.find("#brush").is_displayed() == is_shown


def test_the_name_of_a_class_outlives_a_merge_and_numbers_are_those_of_the_files(page: Page) -> None:
    page.rename(1, "shade")
    page.find("#merge-1").send_keys(Keys.ARROW_DOWN)
    ActionChains(page.driver).send_keys("class 2", Keys.ENTER).perform()
    page.wait("document.querySelectorAll('#class-list li').length === 2")
    assert page.find("#name-1").get_property("value") == "shade"
    assert page.find("#class-list li:nth-child(2) .acts small").text == "class 2 in files"
    page.wait("document.getElementById('chart').getAttribute('aria-label').includes('of 2 classes')")


def test_a_broken_image_leaves_nothing_of_another_one(page: Page) -> None:
    page.send(page.downloads.parent / "broken.png")
    page.wait("document.querySelector('#messages .error') !== null")
    assert "broken.png: the file is truncated" in page.find("#messages").text
    assert page.find("#about").text.startswith("a.png")  # it was not taken
    (page.downloads.parent / "empty.png").touch()
    page.send(page.downloads.parent / "empty.png")
    page.wait("document.getElementById('messages').textContent === 'empty.png: the file is empty. Choose another one.'")
    page.find("#messages button.close").click()
    assert page.find("#messages").text == ""
    # One of the folder is: an image that cannot be read any more.
    path = page.downloads.parent / "in" / "b.png"
    content = path.read_bytes()
    path.write_bytes(content[:3000])
    try:
        page.find("#thumbs li:nth-child(2) button").click()
        page.wait("document.querySelector('#about').textContent === 'b.png'")
        page.wait("document.querySelector('#messages .error') !== null")
        assert not page.find("#classes").is_displayed()
        assert not page.find("#export").is_displayed()
        before = page.seen
        # The option that the message names leads to its control.
        page.find("#messages button.option").click()
        assert page.run("document.activeElement.id") == "set-allow_truncated"
        page.driver.switch_to.active_element.send_keys(Keys.SPACE)
        page.wait_for_result(before)
        assert page.find("#about").text.startswith("b.png · 96 ")
        assert page.find("#classes").is_displayed()
    finally:
        path.write_bytes(content)
    assert [line for line in page.errors() if "422" not in line] == []


def test_what_is_wrong_with_the_first_of_several_files_stays_said(page: Page) -> None:
    before = page.seen
    page.find("#file").send_keys("\n".join(str(page.downloads.parent / name) for name in ("broken.png", "c.png")))
    page.wait_for_result(before)
    assert page.find("#about").text.startswith("c.png")
    assert "broken.png: the file is truncated" in page.find("#messages .error").text
    # It is about nothing that is chosen afterwards.
    page.choose("a.png")
    assert page.run("document.querySelector('#messages .error')") is None
    assert [line for line in page.errors() if "422" not in line] == []


def test_auto_shows_its_curve_and_regions_are_shown(page: Page) -> None:
    before = page.seen
    page.find("#set-k-auto").click()
    page.wait_for_result(before)
    assert page.find("#curve").is_displayed()
    chosen = page.find("#messages").text.split("k = ")[1].split(" chosen of")[0]
    assert page.find("#set-k").get_property("value") == chosen
    before = page.seen
    page.find("#set-regions-auto").click()
    page.wait_for_result(before)
    assert not page.find("#classes").is_displayed()
    assert f"{page.find('#set-regions').get_property('value')} regions." in page.find("#messages").text
    # What regions do not use is faded, and cannot be changed.
    assert not page.find("#set-k").is_enabled()
    assert page.find("#set-regions-auto").is_enabled()
    faded = page.run("[...document.querySelectorAll('#controls .idle label')].map((label) => label.htmlFor)")
    assert "set-k" in faded
    assert "set-regions" not in faded


def test_an_area_has_its_unit(page: Page) -> None:
    page.run("document.getElementById('export').open = true")
    for text, option in (("30px", "--min-region 30px"), ("0.001", "--min-region 0.001")):
        page.set_value("min_region", text)
        page.wait(f"document.getElementById('command').textContent.includes('{option}')")
        slider = page.find("#set-min_region").find_element(By.XPATH, "preceding-sibling::input")
        assert slider.get_property("value") == ("0" if "px" in text else "0.001")
    page.driver.refresh()
    page.wait("document.body.dataset.ready === 'true'")
    assert page.find("#set-min_region").get_property("value") == "0.001"
    page.set_value("min_region", Keys.DELETE)
    assert page.find("#set-min_region").get_property("value") == "0"


def test_a_wrong_setting_is_explained_and_the_page_goes_on(page: Page) -> None:
    page.run("[...document.querySelectorAll('#more details')].forEach((each) => { each.open = true; })")
    box = page.find("#set-seed_color")
    box.send_keys("blue", Keys.TAB)
    page.wait("document.getElementById('messages').textContent.includes('colors written #RRGGBB')")
    assert [line for line in page.errors() if "400" not in line] == []
    # The message is in view, however far down the setting is.
    top, height = page.run("[document.querySelector('#messages .error').getBoundingClientRect().top, innerHeight]")
    assert 0 <= top < height
    before = page.seen
    box.send_keys(Keys.CONTROL, "a")
    box.send_keys("#0000ff", Keys.TAB)
    page.wait_for_result(before)


def test_all_images_with_the_classes_of_one(page: Page) -> None:
    page.find("#shared").click()
    page.find("#all").click()
    page.wait("document.getElementById('progress-text').textContent === '2 of 2 done'")
    assert page.run("[...document.querySelectorAll('#thumbs button')].map((b) => b.dataset.state)") == ["done", "done"]
    before = page.seen
    page.find("#thumbs li:nth-child(2) button").click()
    page.wait_for_result(before)
    assert page.find("#about").text.startswith("b.png")


def test_a_merge_adds_the_probabilities_of_the_pixel_that_was_looked_up(page: Page) -> None:
    page.choose("a.png")
    page.set_value("k", 2)
    page.find("input[value=move] + span").click()
    page.find("#canvas").click()
    page.wait("document.getElementById('pixel').textContent.includes('%')")
    page.driver.execute_script(
        "const list = document.getElementById('merge-1'); list.value = '2'; list.dispatchEvent(new Event('change'));"
    )
    assert page.find("#pixel").text.endswith("classes 1, 2 100.0 %")
    page.undo()


def test_the_line_between_picture_and_classes_is_dragged(page: Page) -> None:
    assert page.find("#split").get_property("value") == "50"
    drag = ActionChains(page.driver, duration=20).move_to_element_with_offset(page.find("#canvas"), 3, -60)
    drag.click_and_hold().move_by_offset(-100, 0).release().perform()
    assert 30 < float(page.find("#split").get_property("value")) < 45


def test_help_is_said_without_a_mouse(page: Page) -> None:
    page.run("document.getElementById('export').open = true")
    for group, first, words in (
        ("controls", "#set-smoothness", "How much neighboring"),
        ("products", "input", "panel: the"),
    ):
        page.driver.execute_script("arguments[0].focus()", page.find(f"#{group} {first}"))
        assert page.run(f"document.querySelector('#{group} > .help').textContent").startswith(words)


def test_a_narrow_window_has_all_of_it(page: Page) -> None:
    page.driver.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": 400, "height": 800, "deviceScaleFactor": 1, "mobile": True}
    )
    assert page.run("document.documentElement.scrollWidth") == 400
    for selector in ("#canvas", "#set-k", "#name-1", "#file"):
        box = page.find(selector).rect
        assert 0 <= box["x"] <= box["x"] + box["width"] <= 400
    page.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_everything_has_a_name_for_screen_readers(page: Page) -> None:
    page.run("[...document.querySelectorAll('details')].forEach((each) => { each.open = true; })")
    nodes = page.driver.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    controls = (
        "button",
        "textbox",
        "slider",
        "spinbutton",
        "combobox",
        "checkbox",
        "radio",
        "ColorWell",
        "application",
    )
    kinds = [node for node in nodes if node["role"]["value"] in controls and not node["ignored"]]
    assert len(kinds) > 60
    nameless = [node["role"]["value"] for node in kinds if not node.get("name", {}).get("value", "").strip()]
    assert nameless == []
    # Nor are there two of one name.
    names = [(node["role"]["value"], node["name"]["value"]) for node in kinds]
    assert sorted(set(names)) == sorted(names)
