"""The Dockerfile, without building it: what it copies is there, and what it runs has no rights."""

from __future__ import annotations

import fnmatch
import json
import re
import shlex
import tomllib
from pathlib import Path

import click
import pytest

from segment.cli.commands import cli

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
DOCS = (ROOT / "docs" / "serve.md").read_text(encoding="utf-8").replace("\\\n", " ")


def read_instructions() -> list[tuple[str, str]]:
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(word, rest.strip()) for word, _, rest in (line.partition(" ") for line in lines)]


INSTRUCTIONS = read_instructions()


def find_all(word: str) -> list[str]:
    return [rest for found, rest in INSTRUCTIONS if found == word]


def list_copied() -> list[str]:
    return [source for rest in find_all("COPY") for source in rest.split()[:-1]]


def is_ignored(path: str) -> bool:
    """Tell whether .dockerignore leaves a path out: the last line that fits decides."""
    ignored = False
    for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#") and fnmatch.fnmatch(path, line.removeprefix("!")):
            ignored = not line.startswith("!")
    return ignored


def test_the_base_is_a_slim_python_that_is_supported() -> None:
    (base,) = find_all("FROM")
    found = re.fullmatch(r"python:3\.(\d+)-slim", base)
    assert found
    assert int(found[1]) >= int(PROJECT["requires-python"].removeprefix(">=3."))


def test_what_the_build_needs_is_copied_before_it_is_installed() -> None:
    copied = list_copied()
    needed = ("pyproject.toml", "segment", PROJECT["readme"], *PROJECT["license-files"])
    assert {Path(path).parts[0] for path in needed} == set(copied)
    for path in copied:
        assert (ROOT / path).exists()
        assert not is_ignored(path)
    for path in ("tests", ".git", "images", "segment/__pycache__", "outputs"):
        assert is_ignored(path)
    words = [word for word, _ in INSTRUCTIONS]
    last_copy = len(words) - 1 - words[::-1].index("COPY")
    assert last_copy < words.index("RUN")
    assert "ADD" not in words


def test_the_installation_has_the_page_and_keeps_no_cache() -> None:
    steps = [shlex.split(step) for rest in find_all("RUN") for step in rest.split("&&")]
    installations = [step for step in steps if step[:2] == ["pip", "install"]]
    assert all("--no-cache-dir" in step for step in installations)
    assert [step[-1] for step in installations] == [".[serve]", "opencv-python-headless"]
    assert "serve" in PROJECT["optional-dependencies"]
    # One of both would overwrite the other's files.
    assert ["pip", "uninstall", "--yes", "opencv-python"] in steps


def test_the_program_runs_without_rights_and_gets_signals() -> None:
    words = [word for word, _ in INSTRUCTIONS]
    (user,) = find_all("USER")
    assert user not in ("root", "0")
    assert f" {user}" in find_all("RUN")[-1]
    assert words.index("USER") > len(words) - 1 - words[::-1].index("RUN")
    # As a list there is no shell between Docker and the program.
    (entry,) = find_all("ENTRYPOINT")
    assert json.loads(entry) == list(PROJECT["scripts"])
    (command,) = find_all("CMD")
    assert json.loads(command) == ["--help"]


@pytest.mark.parametrize("name", ["serve", "run"])
def test_commands_of_the_documentation_are_those_of_the_program(name: str) -> None:
    (line,) = re.findall(rf"^docker run .* gmm-segment {name} .*", DOCS, re.MULTILINE)
    words = shlex.split(line)
    assert {"--rm", "--init", "--read-only"} < set(words)
    arguments = words[words.index("gmm-segment") + 2 :]
    command = cli.commands[name]
    # Click keeps the names of the help option of a command as it first meets them.
    with click.Context(command, **cli.context_settings) as context:
        options, _, _ = command.make_parser(context).parse_args(arguments)
    if name == "serve":
        (port,) = find_all("EXPOSE")
        assert (options["host"], str(options["port"])) == ("0.0.0.0", port)
        assert options["token"]
        assert words[words.index("--publish") + 1] == f"127.0.0.1:{port}:{port}"
