"""The options of the server, and how it begins."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import pytest

from segment.config.config import SegmentConfig
from segment.core.errors import DependencyError, ImageError, SettingsError
from segment.web.server import ServerOptions, run_server

pytest.importorskip("uvicorn", reason="the page needs uvicorn: pip install 'gmm-segment[serve]'")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"host": "0.0.0.0"}, r"^host \(--host\): other machines reach it, so a token is needed; got 0\.0\.0\.0\."),
        ({"host": "studio.example"}, r"^host \(--host\): other machines"),
        ({"token": "short"}, r"^token \(--token\): at least 8 printable ASCII characters; got 5\."),
        ({"token": "with a line\n"}, r"^token \(--token\)"),
        ({"port": 70_000}, r"^port \(--port\): a number from 0 to 65535; got 70000\.$"),
        ({"max_upload": 0}, r"^max_upload \(--max-upload\): a number from 1 to 100000; got 0\.$"),
        ({"timeout": 0.0}, r"^timeout \(--timeout\): "),
    ],
)
def test_options_are_checked(options: dict[str, object], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        ServerOptions(**options)


def test_hosts_that_are_allowed() -> None:
    for options in ({}, {"host": "localhost"}, {"host": "::1"}, {"host": "0.0.0.0", "token": "long-enough"}):
        assert ServerOptions(**options).port == 0


def never(*_: object) -> None:
    raise AssertionError


def test_a_port_in_use_and_a_source_that_is_none(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(SettingsError, match=rf"got 127\.0\.0\.1:{port}: address already in use\. Give"):
            run_server(None, SegmentConfig(), ServerOptions(port=port), never)
    with pytest.raises(SettingsError, match="found neither"):
        run_server(tmp_path / "missing", SegmentConfig(), ServerOptions(), never)
    with pytest.raises(ImageError, match="no image in this folder"):
        run_server(tmp_path, SegmentConfig(), ServerOptions(), never)


def test_images_of_a_folder_that_are_not_read_are_told(tmp_path: Path) -> None:
    for name in ("sea.png", "scan.dcm", "layers.psd"):
        (tmp_path / name).touch()
    told: list[tuple[object, ...]] = []

    def stop(*said: object) -> None:
        told.append(said[1:])
        raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        run_server(tmp_path, SegmentConfig(), ServerOptions(workers=1), stop)
    kinds = "1 DICOM, 1 Photoshop document (PSD)"
    line = f"2 images not read, of a kind that is not supported: {kinds}. Save them as PNG or TIFF."
    assert told == [(1, [line])]


def test_without_processes_it_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("segment.web.server.can_start_threads", lambda _: False)
    with pytest.raises(SettingsError, match=r"^workers \(--workers\): so many .* got 3\. Lower it, or raise"):
        run_server(None, SegmentConfig(), ServerOptions(workers=3), never)


@pytest.mark.parametrize("library", ["starlette", "uvicorn"])
def test_without_the_libraries_the_message_names_the_extra(monkeypatch: pytest.MonkeyPatch, library: str) -> None:
    for name in [name for name in sys.modules if name.startswith((f"{library}.", "segment.web."))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(DependencyError, match=r"pip install 'gmm-segment\[serve\]'\.$"):
        run_server(None, SegmentConfig(), ServerOptions(), never)
