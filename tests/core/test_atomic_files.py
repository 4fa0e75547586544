"""Files: whole or not at all, and read back by others."""

from __future__ import annotations

import errno
import io
import itertools
import os
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as PilImage

from segment.core.atomic_files import build_file_name, refuse_existing, write_files
from segment.core.errors import OutputError
from segment.output.pictures.encoding import encode_picture

LABELS = np.array([[0, 1, 1, 2], [3, 3, 1, 0]], dtype=np.uint8)
COLORS = np.array([[10, 20, 30], [200, 100, 0], [0, 0, 255]], dtype=np.uint8)
FILES = {"a_panel.png": b"picture", "a_labels.png": b"labels"}


def tree(folder: Path) -> dict[str, bytes | None]:
    """Everything below a folder: the content of files, None for folders."""
    return {str(path.relative_to(folder)): None if path.is_dir() else path.read_bytes() for path in folder.rglob("*")}


def break_once(
    monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, error: BaseException, *, call: int, done: bool
) -> None:
    """Make one call of a function raise, before or after (`done`) it did its work."""
    original = getattr(owner, name)
    calls = itertools.count()

    def replacement(*arguments: Any, **named: Any) -> Any:
        broken = next(calls) == call
        if broken and not done:
            raise error
        result = original(*arguments, **named)
        if broken:
            raise error
        return result

    monkeypatch.setattr(owner, name, replacement)


def test_pictures_are_png_or_jpeg(rng: np.random.Generator) -> None:
    picture = np.kron(rng.integers(0, 256, (3, 4, 3)), np.ones((8, 8, 1), int)).astype(np.uint8)
    png = PilImage.open(io.BytesIO(encode_picture(picture, suffix=".png")))
    np.testing.assert_array_equal(np.asarray(png), picture)
    jpg = PilImage.open(io.BytesIO(encode_picture(picture, suffix=".jpg")))
    assert (png.format, jpg.format, jpg.mode) == ("PNG", "JPEG", "RGB")
    assert np.abs(np.asarray(jpg).astype(int) - picture).max() <= 8
    opened = cv2.imdecode(np.frombuffer(encode_picture(picture, suffix=".png"), np.uint8), cv2.IMREAD_COLOR)
    np.testing.assert_array_equal(opened[..., ::-1], picture)


def test_a_file_name_has_the_longest_stem_that_there_is_room_for() -> None:
    assert build_file_name("x" * 244, "_labels.png") == "x" * 244 + "_labels.png"
    cut = build_file_name("x" * 245, "_labels.png")
    assert cut.startswith("x" * 200)
    assert len(cut) == 255


def test_long_stems_that_differ_at_the_end_get_different_names() -> None:
    assert build_file_name("x" * 250 + "1", "_labels.png") != build_file_name("x" * 250 + "2", "_labels.png")


@given(st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=60, max_size=300))
def test_no_name_is_too_long_for_a_file_system(stem: str) -> None:
    name = build_file_name(stem, "_panel.png")
    assert len(os.fsencode(name)) <= 255
    assert name.endswith("_panel.png")
    assert name.startswith(stem[:50])


def test_writes_all_files_into_a_folder_it_makes(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "deeper"
    assert write_files(folder, FILES) == [folder / "a_panel.png", folder / "a_labels.png"]
    assert tree(folder) == FILES


def test_an_existing_file_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "a_labels.png").write_bytes(b"mine")
    with pytest.raises(OutputError, match=r"a_labels\.png: exists already\. Give --overwrite"):
        write_files(tmp_path, FILES)
    assert tree(tmp_path) == {"a_labels.png": b"mine"}


def test_an_existing_file_is_replaced_when_asked(tmp_path: Path) -> None:
    (tmp_path / "a_labels.png").write_bytes(b"mine")
    write_files(tmp_path, FILES, overwrite=True)
    assert tree(tmp_path) == FILES


def test_a_file_that_came_up_during_the_work_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    late = tmp_path / "a_labels.png"
    original = os.link

    def meanwhile(source: Path, target: Path) -> None:
        late.write_bytes(b"theirs")
        original(source, target)

    monkeypatch.setattr(os, "link", meanwhile)
    with pytest.raises(OutputError, match="exists already"):
        write_files(tmp_path, FILES)
    assert tree(tmp_path) == {"a_labels.png": b"theirs"}


def test_a_dangling_link_counts_as_existing(tmp_path: Path) -> None:
    (tmp_path / "a_labels.png").symlink_to("nowhere")
    with pytest.raises(OutputError, match="exists already"):
        refuse_existing(tmp_path / "a_labels.png")
    refuse_existing(tmp_path / "another.png")


def test_overwriting_a_link_leaves_what_it_points_to(tmp_path: Path) -> None:
    precious = tmp_path / "precious.png"
    precious.write_bytes(b"mine")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a_labels.png").symlink_to(precious)
    write_files(tmp_path / "out", FILES, overwrite=True)
    assert precious.read_bytes() == b"mine"
    assert not (tmp_path / "out" / "a_labels.png").is_symlink()


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_folder_in_the_place_of_a_file_is_refused_before_anything_is_replaced(
    tmp_path: Path, overwrite: bool
) -> None:
    (tmp_path / "a_panel.png").write_bytes(b"old")
    (tmp_path / "a_labels.png").mkdir()
    with pytest.raises(OutputError, match=r"exists already|a_labels\.png: is a folder"):
        write_files(tmp_path, FILES, overwrite=overwrite)
    assert tree(tmp_path) == {"a_panel.png": b"old", "a_labels.png": None}


def test_a_folder_that_cannot_be_made_leaves_none_of_its_parents(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot be made a folder for results; file name too long"):
        write_files(tmp_path / "new" / ("x" * 300), FILES)
    assert tree(tmp_path) == {}


def test_a_file_in_the_place_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "out").write_bytes(b"mine")
    with pytest.raises(
        OutputError, match="out: cannot be made a folder for results; a file of that name is in the way"
    ):
        write_files(tmp_path / "out", FILES)
    with pytest.raises(OutputError, match="deeper: cannot be made a folder for results; not a directory"):
        write_files(tmp_path / "out" / "deeper", FILES)
    assert tree(tmp_path) == {"out": b"mine"}


FULL = OSError(errno.ENOSPC, "No space left on device")
INTERRUPTED = KeyboardInterrupt()
BREAKS = {
    "no room for the first file": (Path, "write_bytes", FULL, 0, False),
    "half of the second file": (Path, "write_bytes", FULL, 1, True),
    "interrupted while writing": (Path, "write_bytes", INTERRUPTED, 1, True),
    "interrupted before the second name": (os, "link", INTERRUPTED, 1, False),
    "interrupted after the first name": (os, "link", INTERRUPTED, 0, True),
    "interrupted after the second name": (os, "link", INTERRUPTED, 1, True),
    "interrupted between the names": (Path, "unlink", INTERRUPTED, 0, True),
}


@pytest.mark.parametrize("fault", BREAKS.values(), ids=BREAKS)
@pytest.mark.parametrize("folder", [".", "new/deeper"])
def test_a_failure_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: tuple[Any, str, BaseException, int, bool], folder: str
) -> None:
    owner, name, error, call, done = fault
    break_once(monkeypatch, owner, name, error, call=call, done=done)
    with pytest.raises(OutputError if error is FULL else KeyboardInterrupt) as caught:
        write_files(tmp_path / folder, FILES)
    assert tree(tmp_path) == {}
    if error is FULL:
        assert str(caught.value).endswith(": the results cannot be written; no space left on device.")


@pytest.mark.parametrize(("call", "done"), [(0, False), (0, True), (1, False), (1, True)])
def test_a_failure_without_hard_links_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: int, done: bool
) -> None:
    monkeypatch.setattr(os, "link", refuse_links)
    break_once(monkeypatch, Path, "replace", INTERRUPTED, call=call, done=done)
    with pytest.raises(KeyboardInterrupt):
        write_files(tmp_path, FILES)
    assert tree(tmp_path) == {}


def test_a_failure_while_overwriting_keeps_every_file_that_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a_labels.png").write_bytes(b"old")
    break_once(monkeypatch, Path, "replace", FULL, call=1, done=False)
    with pytest.raises(OutputError):
        write_files(tmp_path, FILES, overwrite=True)
    assert tree(tmp_path) == {"a_labels.png": b"old"}


def refuse_links(source: Path, target: Path) -> None:
    raise OSError(errno.EPERM, "Operation not permitted")


def test_file_systems_without_hard_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "link", refuse_links)
    write_files(tmp_path, FILES)
    assert tree(tmp_path) == FILES
    with pytest.raises(OutputError, match="exists already"):
        write_files(tmp_path, FILES)


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_files_have_the_permissions_that_the_user_gives_new_files(tmp_path: Path, umask: int, mode: int) -> None:
    before = os.umask(umask)
    try:
        paths = write_files(tmp_path, FILES)
    finally:
        os.umask(before)
    assert [path.stat().st_mode & 0o777 for path in paths] == [mode, mode]
    assert [path.stat().st_nlink for path in paths] == [1, 1]
