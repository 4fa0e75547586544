"""The documentation tells the truth: options are the settings, commands and examples run as they stand."""

from __future__ import annotations

import doctest
import importlib
import json
import math
import pkgutil
import posixpath
import re
import shlex
import shutil
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from PIL import Image as PilImage

import segment
from segment.cli.commands import cli
from segment.cli.main import main
from segment.config.config import list_settings
from segment.config.setting import Setting

ROOT = Path(__file__).parents[2]
PAGES = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for path in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md")))
    # What the site is built into.
    if not {"_build", "generated"} & set(path.parts) and not any(part.startswith("auto_") for part in path.parts)
}
# Options have their rows in docs/options.md alone.
ROWS = PAGES["docs/options.md"].splitlines()
# The page is served until Ctrl-C: its tests are in tests/web.
EXAMPLES = [
    example
    for name, command in cli.commands.items()
    for example in command.examples
    if "<" not in example and name != "serve"
]
COMMANDS = {
    line.split("  #")[0].strip(): None
    for page in PAGES.values()
    for block in re.findall(r"```console\n(.*?)```", page, re.DOTALL)
    for line in block.splitlines()
} | dict.fromkeys(EXAMPLES)


MODULES = ["segment", *(module.name for module in pkgutil.walk_packages(segment.__path__, "segment."))]


def default_of(setting: Setting) -> str:
    if setting.type is bool:
        return "off"
    if setting.type is tuple:
        return ",".join(setting.default) or "none"
    if setting.is_text:
        return setting.default or "none"
    return f"{setting.default:.10g}" if isinstance(setting.default, float) else str(setting.default)


def values_of(setting: Setting) -> str:
    if setting.type is bool:
        return ""
    if setting.choices and setting.type not in (int, float):
        return " or ".join(filter(None, (", ".join(setting.choices), setting.form.text if setting.type is str else "")))
    if setting.type is tuple or setting.is_text:
        return setting.form.text
    numbers = f"{setting.low:g} and more" if math.isinf(setting.high) else f"{setting.low:g} to {setting.high:.10g}"
    return " or ".join(filter(None, (numbers, *setting.choices, setting.form.text)))


def list_linked_pages(page: str) -> set[str]:
    targets = re.findall(r"\]\(([^)#]+)", PAGES[page])
    return {posixpath.normpath(posixpath.join(posixpath.dirname(page), target)) for target in targets} & set(PAGES)


@pytest.mark.parametrize("setting", list_settings(), ids=lambda setting: setting.name)
def test_every_option_has_its_row(setting: Setting) -> None:
    row = f"| `{setting.option}` | {default_of(setting)} | {values_of(setting)} | {setting.help} |"
    assert row in ROWS


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a folder with small versions of the photographs, by the names that the commands use."""
    folder = tmp_path_factory.mktemp("pictures")
    (folder / "images" / "results").mkdir(parents=True)
    for path in (ROOT / "images").rglob("*.jpg"):
        with PilImage.open(path) as image:
            image.resize((160, 107)).save(folder / path.relative_to(ROOT))
    with PilImage.open(ROOT / "images" / "landscape.jpg") as image:
        small = image.resize((320, 213))
    (folder / "photographs").mkdir()
    for name in ("landscape.jpg", "a.jpg", "b.tif", "photographs/one.png"):
        small.save(folder / name)
    return folder


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_runs(command: str, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(pictures, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    program, *arguments = shlex.split(command)
    assert program == "segment"
    if "model.json" in arguments and arguments[0] != "fit":
        segment.save_class_model(segment.fit_classes(["a.jpg"], k=4), "model.json")
    if "outputs/landscape_labels.png" in arguments:
        segment.segment_image("landscape.jpg", k=4).save("outputs", stem="landscape")
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 0


def test_the_library_in_ten_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, *_ = re.findall(r"```python\n(.*?)```", PAGES["docs/library.md"], re.DOTALL)
    assert len(code.strip().splitlines()) <= 10
    monkeypatch.chdir(tmp_path)
    shutil.copytree(ROOT / "images", "images")
    exec(compile(code, "docs/library.md", "exec"), {})
    assert "(1065, 1600) uint8" in capsys.readouterr().out
    assert sorted(path.name for path in Path("outputs").iterdir()) == [
        "landscape_from_python_labels.png",
        "landscape_from_python_panel.png",
    ]


@pytest.mark.parametrize("page", PAGES)
def test_every_link_and_picture_is_there(page: str) -> None:
    for target, heading in re.findall(r"\]\(([^)#]*)(?:#([^)]*))?\)", PAGES[page]):
        if target.startswith("http"):
            continue
        path = (ROOT / page).parent / target if target else ROOT / page
        assert path.exists(), target
        if heading:
            titles = re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
            assert heading in [re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles], heading


def test_links_to_other_sites_lead_somewhere() -> None:
    files = [
        *ROOT.glob("*.md"),
        *(path for room in ("docs", "images", "segment") for path in (ROOT / room).rglob("*.*")),
    ]
    texts = [path.read_text(encoding="utf-8") for path in files if path.suffix in (".md", ".rst", ".py")]
    links = {link.rstrip(".,") for text in texts for link in re.findall(r"https://[\w./~%?&=+-]+", text)}
    try:
        urllib.request.urlopen("https://semver.org", timeout=10)
    except OSError:
        pytest.skip("needs a network")
    gone = []
    for link in sorted(links):
        try:
            urllib.request.urlopen(urllib.request.Request(link, headers={"User-Agent": "Mozilla/5.0"}), timeout=30)
        except urllib.error.HTTPError as error:
            # Others, such as 403 and 429, are told to programs alone.
            gone += [link] if error.code in (404, 410) else []
        except OSError:
            gone.append(link)
    assert gone == []


def test_the_front_page_is_short_and_leads_everywhere_in_two_clicks() -> None:
    assert len(PAGES["README.md"].splitlines()) <= 150
    first = list_linked_pages("README.md")
    second = {page for linked in first for page in list_linked_pages(linked)}
    assert {"README.md"} | first | second == set(PAGES)


def test_the_oldest_dependencies_tested_are_the_ones_declared() -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = [*project["dependencies"], *project["optional-dependencies"]["test"]]
    pinned = dict(
        line.split("==")
        for line in (ROOT / ".ci" / "oldest.txt").read_text(encoding="utf-8").splitlines()
        if line and not line.startswith("#")
    )
    for requirement in declared:
        name, lower = requirement.split(">=")
        assert (pinned.pop(name) + ".").startswith(lower + "."), requirement
    assert not pinned


def test_the_examples_in_docstrings_run() -> None:
    flags = doctest.ELLIPSIS  # of long messages and numbers
    modules = [importlib.import_module(name) for name in MODULES if not name.endswith("__main__")]
    results = [doctest.testmod(module, optionflags=flags) for module in modules]
    assert sum(result.attempted for result in results) >= 5
    assert sum(result.failed for result in results) == 0


def test_the_files_of_a_release_agree() -> None:
    import tomllib

    version = segment.__version__.removesuffix(".dev0")
    read = lambda name: (ROOT / name).read_text(encoding="utf-8")  # noqa: E731
    assert f"\nversion: {version}\n" in read("CITATION.cff")
    assert re.search(r"^## (\S+)", read("CHANGELOG.md"), re.MULTILINE)[1] == version
    recipe = read("conda/meta.yaml")
    assert f'set version = "{version}"' in recipe
    needed = tomllib.loads(read("pyproject.toml"))["project"]["dependencies"]
    listed = re.findall(r"^    - (\S+) (>=\S+)$", recipe.partition("  run:\n")[2], re.MULTILINE)
    assert [f"{name}{bound}".replace("py-opencv", "opencv-python") for name, bound in listed][1:] == needed


def test_quoted_figures_are_those_that_were_measured() -> None:
    results = json.loads((ROOT / "docs" / "results.json").read_text(encoding="utf-8"))
    table = PAGES["README.md"].partition("## Measured")[2].partition("\n## ")[0]
    rows = [row for row in re.findall(r"^\| (.+) \| (.+) \|$", table, re.MULTILINE) if row[0] not in ("what", "---")]
    assert rows == [(what, result["measured"]) for what, result in results.items()]
    for result in results.values():
        assert (ROOT / result["program"]).exists()
        for figure in re.findall(r"\d*\.?\d+", result["measured"]):
            assert figure in PAGES["docs/measured.md"], figure


def test_the_reference_has_every_public_name() -> None:
    reference = (ROOT / "docs" / "reference" / "api.rst").read_text(encoding="utf-8")
    listed = set(re.findall(r"^   (\w+)$", reference, re.MULTILINE))
    assert listed == set(segment.__all__) - {"__version__"}, "docs/reference/api.rst lists the public names"
