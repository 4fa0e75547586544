"""Files: all of them complete, or none, whatever fails in between."""

from __future__ import annotations

import errno
import io
import itertools
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segment.core.atomic_files import (
    build_file_name,
    make_temporary_name,
    refuse_existing,
    remove_abandoned,
    write_files,
    write_to_pipe,
)
from segment.core.errors import ImageError, OutputError

FILES = {"a_panel.png": b"picture", "a_labels.png": b"labels"}


def list_tree(folder: Path) -> dict[str, bytes | None]:
    """Return everything below a folder: the content of files, None for folders."""
    return {str(path.relative_to(folder)): None if path.is_dir() else path.read_bytes() for path in folder.rglob("*")}


def fail_once(
    monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, error: BaseException, *, call: int, done: bool
) -> None:
    """Make one call of a function raise, before or after (`done`) it has done its work."""
    original = getattr(owner, name)
    calls = itertools.count()

    def replacement(*arguments: Any, **named: Any) -> Any:
        is_failing = next(calls) == call
        if is_failing and not done:
            raise error
        result = original(*arguments, **named)
        if is_failing:
            raise error
        return result

    monkeypatch.setattr(owner, name, replacement)


def test_file_name_keeps_as_much_of_the_stem_as_fits() -> None:
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
    assert list_tree(folder) == FILES


def test_content_may_come_in_pieces(tmp_path: Path) -> None:
    def make_pieces() -> Iterator[bytes]:
        yield b"one "
        yield b"two"

    write_files(tmp_path, {"a.txt": make_pieces(), "b.txt": b"whole"})
    assert list_tree(tmp_path) == {"a.txt": b"one two", "b.txt": b"whole"}
    stream = io.BytesIO()
    write_to_pipe(stream, [make_pieces(), b"!"])
    assert stream.getvalue() == b"one two!"


def test_pieces_that_cannot_be_made_leave_nothing(tmp_path: Path) -> None:
    def make_pieces() -> Iterator[bytes]:
        yield b"one "
        raise ImageError("a.png: no more")

    with pytest.raises(ImageError, match="no more"):
        write_files(tmp_path / "new", {"b.txt": b"whole", "a.txt": make_pieces()})
    assert list(tmp_path.iterdir()) == []


def test_existing_file_is_kept(tmp_path: Path) -> None:
    (tmp_path / "a_labels.png").write_bytes(b"old")
    with pytest.raises(OutputError, match=r"a_labels\.png: exists already\. Replace it \(--overwrite\)"):
        write_files(tmp_path, FILES)
    assert list_tree(tmp_path) == {"a_labels.png": b"old"}


def test_existing_file_is_replaced_if_overwriting(tmp_path: Path) -> None:
    (tmp_path / "a_labels.png").write_bytes(b"old")
    write_files(tmp_path, FILES, overwrite=True)
    assert list_tree(tmp_path) == FILES


def test_file_that_appears_during_the_work_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    appearing = tmp_path / "a_labels.png"
    original = os.link

    def link_after_another_program(source: Path, target: Path) -> None:
        appearing.write_bytes(b"other")
        original(source, target)

    monkeypatch.setattr(os, "link", link_after_another_program)
    with pytest.raises(OutputError, match="exists already"):
        write_files(tmp_path, FILES)
    assert list_tree(tmp_path) == {"a_labels.png": b"other"}


def test_dangling_link_counts_as_existing(tmp_path: Path) -> None:
    (tmp_path / "a_labels.png").symlink_to("nowhere")
    with pytest.raises(OutputError, match="exists already"):
        refuse_existing(tmp_path / "a_labels.png")
    refuse_existing(tmp_path / "another.png")


def test_overwriting_a_link_keeps_its_target(tmp_path: Path) -> None:
    target = tmp_path / "target.png"
    target.write_bytes(b"old")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a_labels.png").symlink_to(target)
    write_files(tmp_path / "out", FILES, overwrite=True)
    assert target.read_bytes() == b"old"
    assert not (tmp_path / "out" / "a_labels.png").is_symlink()


@pytest.mark.parametrize("overwrite", [False, True])
def test_folder_with_the_name_of_a_file_is_refused_before_anything_is_replaced(tmp_path: Path, overwrite: bool) -> None:
    (tmp_path / "a_panel.png").write_bytes(b"old")
    (tmp_path / "a_labels.png").mkdir()
    with pytest.raises(OutputError, match=r"exists already|a_labels\.png: is a folder"):
        write_files(tmp_path, FILES, overwrite=overwrite)
    assert list_tree(tmp_path) == {"a_panel.png": b"old", "a_labels.png": None}


def test_folder_that_cannot_be_created_leaves_no_new_parents(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot be made a folder for results; file name too long"):
        write_files(tmp_path / "new" / ("x" * 300), FILES)
    assert list_tree(tmp_path) == {}


def test_file_with_the_name_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").write_bytes(b"old")
    with pytest.raises(
        OutputError, match="out: cannot be made a folder for results; a file of that name is in the way"
    ):
        write_files(tmp_path / "out", FILES)
    with pytest.raises(OutputError, match="deeper: cannot be made a folder for results; not a directory"):
        write_files(tmp_path / "out" / "deeper", FILES)
    assert list_tree(tmp_path) == {"out": b"old"}


FULL = OSError(errno.ENOSPC, "No space left on device")
INTERRUPTED = KeyboardInterrupt()
FAULTS = {
    "disk full at the first file": (Path, "write_bytes", FULL, 0, False),
    "disk full at the second file": (Path, "write_bytes", FULL, 1, True),
    "interrupted while writing": (Path, "write_bytes", INTERRUPTED, 1, True),
    "interrupted before the second name": (os, "link", INTERRUPTED, 1, False),
    "interrupted after the first name": (os, "link", INTERRUPTED, 0, True),
    "interrupted after the second name": (os, "link", INTERRUPTED, 1, True),
    "interrupted between the names": (Path, "unlink", INTERRUPTED, 0, True),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
@pytest.mark.parametrize("folder", [".", "new/deeper"])
def test_failure_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: tuple[Any, str, BaseException, int, bool], folder: str
) -> None:
    owner, name, error, call, done = fault
    fail_once(monkeypatch, owner, name, error, call=call, done=done)
    with pytest.raises(OutputError if error is FULL else KeyboardInterrupt) as caught:
        write_files(tmp_path / folder, FILES)
    assert list_tree(tmp_path) == {}
    if error is FULL:
        assert str(caught.value).endswith(
            ": the results cannot be written; no space left on device. Make room there, or give another folder."
        )


@pytest.mark.parametrize(("call", "done"), [(0, False), (0, True), (1, False), (1, True)])
def test_failure_without_hard_links_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: int, done: bool
) -> None:
    monkeypatch.setattr(os, "link", refuse_links)
    fail_once(monkeypatch, Path, "replace", INTERRUPTED, call=call, done=done)
    with pytest.raises(KeyboardInterrupt):
        write_files(tmp_path, FILES)
    assert list_tree(tmp_path) == {}


def test_failure_while_overwriting_keeps_every_existing_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a_labels.png").write_bytes(b"old")
    fail_once(monkeypatch, Path, "replace", FULL, call=1, done=False)
    with pytest.raises(OutputError):
        write_files(tmp_path, FILES, overwrite=True)
    assert list_tree(tmp_path) == {"a_labels.png": b"old"}


def refuse_links(source: Path, target: Path) -> None:
    raise OSError(errno.EPERM, "Operation not permitted")


def test_file_system_without_hard_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "link", refuse_links)
    write_files(tmp_path, FILES)
    assert list_tree(tmp_path) == FILES
    with pytest.raises(OutputError, match="exists already"):
        write_files(tmp_path, FILES)


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_files_have_the_usual_permissions_of_new_files(tmp_path: Path, umask: int, mode: int) -> None:
    before = os.umask(umask)
    try:
        paths = write_files(tmp_path, FILES)
    finally:
        os.umask(before)
    assert [path.stat().st_mode & 0o777 for path in paths] == [mode, mode]
    assert [path.stat().st_nlink for path in paths] == [1, 1]


def test_incomplete_files_of_ended_processes_are_removed(tmp_path: Path) -> None:
    ended = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    kept = [make_temporary_name(), ".segment-1-0.tmp", ".segment-x-0.tmp", "a.tmp"]  # process 1 always runs
    for name in [*kept, f".segment-{int(ended.stdout)}-0.tmp", f".segment-{10**30}-0.tmp"]:
        (tmp_path / name).touch()
    remove_abandoned(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(kept)
    remove_abandoned(tmp_path / "missing")


def test_temporary_names_are_new_each_time() -> None:
    assert make_temporary_name() != make_temporary_name()


class SlowPipe(io.RawIOBase):
    """A pipe that accepts three bytes at a time, up to a limit."""

    def __init__(self, limit: int) -> None:
        self.content, self.limit = b"", limit

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        if len(self.content) >= self.limit:
            raise BrokenPipeError(errno.EPIPE, "Broken pipe")
        self.content += bytes(data[:3])
        return len(data[:3])


def test_pipe_gets_everything_in_order() -> None:
    pipe = SlowPipe(limit=100)
    write_to_pipe(pipe, [b"picture", b"", b"labels"])
    assert pipe.content == b"picturelabels"


def test_closed_pipe_is_reported() -> None:
    with pytest.raises(OutputError, match=r"^stdout: the result cannot be written; broken pipe\. Let the next program"):
        write_to_pipe(SlowPipe(limit=6), [b"picture"])
