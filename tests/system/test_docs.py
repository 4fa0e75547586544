"""The documentation tells the truth: options are the settings, commands and examples run as they stand."""

from __future__ import annotations

import doctest
import importlib
import math
import pkgutil
import re
import shlex
import shutil
from pathlib import Path

import pytest
from PIL import Image as PilImage

import segment
from segment.cli.main import main
from segment.config.config import list_settings
from segment.config.setting import Setting

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = [
    line.split("  #")[0].strip()
    for block in re.findall(r"```console\n(.*?)```", README, re.DOTALL)
    for line in block.splitlines()
]


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
    return " or ".join((numbers, *setting.choices))


@pytest.mark.parametrize("setting", list_settings(), ids=lambda setting: setting.name)
def test_every_option_has_its_row(setting: Setting) -> None:
    row = f"| `{setting.option}` | {default_of(setting)} | {values_of(setting)} | {setting.help} |"
    assert row in README.splitlines()


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_runs(command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(ROOT / "images", "images")
    with PilImage.open("images/landscape.jpg") as image:
        small = image.resize((320, 213))
    for name in ("landscape.jpg", "a.jpg", "b.tif"):
        small.save(name)
    program, *arguments = shlex.split(command)
    assert program == "segment"
    if "model.json" in arguments and arguments[0] != "fit":
        segment.save_class_model(segment.fit_classes(["a.jpg"], k=4), "model.json")
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 0


def test_the_library_in_ten_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert len(code.strip().splitlines()) <= 10
    monkeypatch.chdir(tmp_path)
    shutil.copytree(ROOT / "images", "images")
    exec(compile(code, "README.md", "exec"), {})
    assert "(1065, 1600) uint8" in capsys.readouterr().out
    assert sorted(path.name for path in Path("outputs").iterdir()) == [
        "landscape_from_python_labels.png",
        "landscape_from_python_panel.png",
    ]


def test_every_link_and_picture_is_there() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert target.startswith("http") or (ROOT / target).exists(), target


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
