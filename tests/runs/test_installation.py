"""What is installed is found by trying it."""

from __future__ import annotations

import tomllib
from importlib import metadata, resources
from pathlib import Path

import pytest

from segment.loader.file_kind import READABLE_FORMATS
from segment.runs import installation
from segment.runs.installation import REQUIRED, check_extras, check_formats, check_libraries

ROOT = Path(__file__).parents[2]


def test_the_libraries_are_among_those_declared() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert set(REQUIRED) <= {requirement.split(">=")[0] for requirement in project["dependencies"]}
    assert [finding.name for finding in check_libraries() if finding.works] == list(REQUIRED)


def test_there_is_a_sample_of_every_format() -> None:
    findings = {finding.name: finding for finding in check_formats()}
    assert sorted(findings) == sorted(READABLE_FORMATS.replace(" or ", ", ").split(", "))
    always = findings.keys() - {"HEIC", "camera RAW"}
    assert all(findings[name].works for name in always)


def test_a_file_that_cannot_be_read_is_reported_with_its_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("segment.loader.file_kind.find_spec", lambda _: None)
    (heic,) = [finding for finding in check_formats() if finding.name == "HEIC"]
    assert not heic.works
    assert heic.detail.endswith("it is not installed. Run: pip install 'gmm-segment[heif]'.")


def test_extras_are_those_of_the_metadata(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = ["numpy>=1.26", "absent-library>=1; extra == 'geo'", 'pillow>=1; extra == "heif"', "ruff; extra == 'dev'"]
    monkeypatch.setattr(metadata, "requires", lambda _: lines)
    absent, present = check_extras()
    assert (absent.name, absent.works, absent.detail) == ("[geo] absent-library", False, "not installed")
    assert absent.remedy == "pip install 'gmm-segment[geo]'"
    assert (present.name, present.works, present.detail) == ("[heif] pillow", True, metadata.version("pillow"))


def test_a_package_that_runs_from_its_source_has_no_extras(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installation, "DISTRIBUTION", "no-such-distribution")
    assert list(check_extras()) == []


def test_samples_are_small() -> None:
    samples = list((resources.files("segment.loader") / "samples").iterdir())
    assert sum(len(sample.read_bytes()) for sample in samples) < 10_000
