"""Versions of libraries, found without loading them."""

from __future__ import annotations

from importlib import metadata

import pytest

from segment.core.version import find_version


def test_a_library_has_the_version_of_its_metadata() -> None:
    assert find_version("numpy") == metadata.version("numpy")
    assert find_version("no-such-distribution") == ""


def test_opencv_without_windows_is_opencv(monkeypatch: pytest.MonkeyPatch) -> None:
    def find(name: str) -> str:
        if name != "opencv-python-headless":
            raise metadata.PackageNotFoundError(name)
        return "5.0"

    monkeypatch.setattr(metadata, "version", find)
    assert find_version("opencv-python") == "5.0"
