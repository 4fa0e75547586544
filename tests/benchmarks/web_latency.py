"""Measure how soon the page of ``segment serve`` shows a change of k and of smoothness, as a Markdown table.

Run ``python tests/benchmarks/web_latency.py PHOTOGRAPH``; it needs Chromium, its driver and selenium.

The photograph is resized to so many megapixels and opened in a window of 1280 x 1000 pixels. A change is that of a
slider, to a value that was not there before; its times end with the frames that show the preview and the result, in
the clock of the browser. A preview has similar classes: those of the old smoothness, or so many by color alone. The two
changes take turns, after one round that is not counted.
"""

from __future__ import annotations

import argparse
import itertools
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
from common import describe_machine, format_table, take_turns
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.support.ui import WebDriverWait

# Move a slider, and answer with the milliseconds until the frames with the preview and with the result are drawn.
CHANGE = """
const [name, value, done] = arguments;
const slider = document.querySelector(`#set-${name}`).closest('.field').querySelector('input[type=range]');
const times = [];
const observer = new MutationObserver(() => {
  const isExact = document.body.dataset.exact === 'true';
  if (isExact) observer.disconnect();
  // The first call comes before the frame is drawn, the second after it.
  requestAnimationFrame(() => requestAnimationFrame(() => {
    times.push(performance.now() - begin);
    if (isExact) done([times[0], times.at(-1)]);
  }));
});
observer.observe(document.body, {attributeFilter: ['data-exact']});
slider.value = value;
const begin = performance.now();
slider.dispatchEvent(new Event('input', {bubbles: true}));
"""
IS_EXACT = "return document.body.dataset.exact === 'true' && document.getElementById('busy').hidden"


def main() -> None:
    """Measure both changes and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("image", type=Path, help="a photograph")
    parser.add_argument("--megapixels", type=float, default=12.0, help="[default: %(default)s]")
    parser.add_argument("--repeats", type=int, default=7, help="changes of each [default: %(default)s]")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "photograph.jpg"
        resize_photograph(given.image, given.megapixels, path)
        with open_page(path) as driver:
            numbers, strengths = itertools.cycle(range(3, 12)), itertools.count(2.5, 0.5)
            changes = {
                "k": lambda: change_setting(driver, "k", next(numbers)),
                "smoothness": lambda: change_setting(driver, "smoothness", next(strengths)),
            }
            # Classes of another smoothness are another fit, so no k is remembered from the round before.
            times = take_turns(list(changes.values()), given.repeats)
    print(f"Measured on {describe_machine()} {given.megapixels:g} megapixels, {given.repeats} changes of each.\n")
    rows = [
        [f"{what}, {seen}", *(f"{pick(seconds):.2f} s" for pick in (min, statistics.median, max))]
        for what, pairs in zip(changes, times, strict=True)
        for seen, seconds in zip(("preview", "result"), zip(*pairs, strict=True), strict=True)
    ]
    print(format_table(["change of", "fastest", "median", "slowest"], rows))


def resize_photograph(source: Path, megapixels: float, target: Path) -> None:
    """Save a photograph at another size."""
    picture = cv2.imread(str(source))
    factor = (megapixels * 1e6 / (picture.shape[0] * picture.shape[1])) ** 0.5
    cv2.imwrite(str(target), cv2.resize(picture, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC))


@contextmanager
def open_page(image: Path) -> Iterator[Chrome]:
    """Serve an image, and open its page in a browser."""
    command = [sys.executable, "-m", "segment", "serve", str(image), "--no-browser"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        assert server.stdout is not None
        options = ChromeOptions()
        for word in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1280,1000"):
            options.add_argument(word)
        try:
            address = server.stdout.readline().strip()
            driver = Chrome(options=options, service=Service(shutil.which("chromedriver")))
            try:
                driver.get(address)
                wait_for_fit(driver)
                yield driver
            finally:
                driver.quit()
        finally:
            server.terminate()


def change_setting(driver: Chrome, name: str, value: float) -> tuple[float, float]:
    """Move the slider of a setting; return the seconds until the page shows the preview and the result."""
    preview, result = driver.execute_async_script(CHANGE, name, value)
    wait_for_fit(driver)
    return float(preview) / 1000, float(result) / 1000


def wait_for_fit(driver: Chrome) -> None:
    """Wait until the page shows the fit of its settings."""
    WebDriverWait(driver, 60, poll_frequency=0.05).until(lambda found: found.execute_script(IS_EXACT))


if __name__ == "__main__":
    main()
