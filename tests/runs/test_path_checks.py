"""Paths that are likely to be meant otherwise are asked about before any work."""

from __future__ import annotations

from pathlib import Path

import pytest

from segment.core.errors import SettingsError
from segment.runs.path_checks import guess_command, refuse_file_output, refuse_product_inputs


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_command_is_guessed_from_what_a_path_is() -> None:
    Path("photographs").mkdir()
    Path("photo").touch()
    assert [guess_command(name) for name in ("photographs", "photo", "a.jpg", "rum", "")] == [
        "batch",
        "run",
        "run",
        "",
        "batch",
    ]


@pytest.mark.parametrize("name", ["panel", "labels,"])
def test_a_product_is_an_input_only_if_it_is_a_file(name: str) -> None:
    with pytest.raises(SettingsError, match=r"^save \(--save\): .*; got \w+ as an input, which is no file\. Put "):
        refuse_product_inputs([Path("a.png"), Path(name)])
    Path(name).touch()
    refuse_product_inputs([Path("a.png"), Path(name)])


@pytest.mark.parametrize("name", ["result.png", "out/map.TIF", "table.csv"])
def test_an_output_that_looks_like_a_file_is_refused(name: str) -> None:
    with pytest.raises(SettingsError, match=r"^output \(-o\): a folder, .*; got .*Is a file meant\?") as refused:
        refuse_file_output(Path(name), can_pipe=True)
    assert str(refused.value).endswith(f"or -o - > {Path(name).name} for one picture.")
    with pytest.raises(SettingsError) as refused:
        refuse_file_output(Path(name), can_pipe=False)
    assert "-o -" not in str(refused.value)


@pytest.mark.parametrize("name", ["out", ".", "-", "v1.2", "maps.png"])
def test_a_folder_is_accepted(name: str) -> None:
    Path("maps.png").mkdir()
    refuse_file_output(Path(name), can_pipe=True)
