"""``segment run - -o -``: real processes at either end of the pipe."""

from __future__ import annotations

import io
import os
import pty
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PilImage

from segment import segment_image


def run(*arguments: str, data: bytes = b"", cwd: Path) -> tuple[int, bytes, str]:
    command = [sys.executable, "-m", "segment", "run", *arguments]
    done = subprocess.run(command, input=data, capture_output=True, cwd=cwd, check=False, timeout=60)
    return done.returncode, done.stdout, done.stderr.decode()


@pytest.fixture
def png(quadrants: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    PilImage.fromarray(quadrants).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "PPM"])
def test_labels_are_piped_out(kind: str, quadrants: np.ndarray, tmp_path: Path) -> None:
    buffer = io.BytesIO()
    PilImage.fromarray(quadrants).save(buffer, kind)
    code, out, err = run("-", "-k", "4", "-o", "-", "--save", "labels", data=buffer.getvalue(), cwd=tmp_path)
    assert (code, err) == (0, "")
    expected = segment_image(quadrants, k=4).label_image
    np.testing.assert_array_equal(np.asarray(PilImage.open(io.BytesIO(out))), expected)
    assert list(tmp_path.iterdir()) == []


def test_default_product_of_a_pipe_is_the_panel(png: bytes, quadrants: np.ndarray, tmp_path: Path) -> None:
    code, out, err = run("-", "-o", "-", data=png, cwd=tmp_path)
    assert (code, err) == (0, "No -k given: 4 classes.\n")
    np.testing.assert_array_equal(np.asarray(PilImage.open(io.BytesIO(out))), segment_image(quadrants).panel())


def test_pipe_to_folder_and_file_to_pipe(png: bytes, tmp_path: Path) -> None:
    assert run("-", "-k", "2", "-o", "out", data=png, cwd=tmp_path)[0] == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["stdin_labels.png", "stdin_panel.png"]
    (tmp_path / "a.png").write_bytes(png)
    code, out, _ = run("a.png", "-k", "2", "-o", "-", "--save", "labels", cwd=tmp_path)
    assert (code, out) == (0, (tmp_path / "out" / "stdin_labels.png").read_bytes())


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "Error: stdin: there is no image; 0 bytes came."),
        (b"garbage" * 1000, "Error: stdin: an image is JPEG, PNG"),
        (b"\x89PNG\r\n\x1a\n" + bytes(50), "Error: stdin: "),
    ],
)
def test_piped_data_that_is_no_image_is_one_line(data: bytes, words: str, tmp_path: Path) -> None:
    code, out, err = run("-", "-k", "2", "-o", "-", data=data, cwd=tmp_path)
    assert (code, out) == (1, b"")
    assert err.startswith(words)
    assert len(err.splitlines()) == 1


def test_truncated_image_is_refused_unless_allowed(png: bytes, tmp_path: Path, landscape: Path) -> None:
    data = landscape.read_bytes()[:60_000]
    code, out, err = run("-", "-k", "2", "-o", "-", data=data, cwd=tmp_path)
    assert (code, out) == (1, b"")
    assert "truncated" in err
    assert run("-", "-k", "2", "-o", "-", "--allow-truncated", data=data, cwd=tmp_path)[0] == 0


@pytest.mark.parametrize("source", ["/dev/zero", "/dev/urandom"])
def test_endless_pipe_is_refused(source: str, tmp_path: Path) -> None:
    with Path(source).open("rb") as endless:
        command = [sys.executable, "-m", "segment", "run", "-", "-k", "2", "-o", "-"]
        done = subprocess.run(command, stdin=endless, capture_output=True, cwd=tmp_path, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (1, b"")


def test_too_many_bytes_after_an_image_are_refused(png: bytes, tmp_path: Path) -> None:
    code, out, err = run("-", "-k", "2", "-o", "-", "--max-pixels", "1000", data=png + bytes(2**21), cwd=tmp_path)
    assert (code, out) == (1, b"")
    assert "has at most 1064576 bytes; got more. Raise --max-pixels." in err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["-", "-o", "-", "--save", "panel,labels"], "save (--save): a product of one file with -o -, such as labels;"),
        (["-", "-o", "-", "--save", "cutouts"], "got stdin_cutout_1.png, stdin_cutout_2.png, stdin_cutout_3.png"),
        (["-", "a.png"], "INPUT: one image, where it or the output is -; got 2."),
        (["a.png", "b.png", "-o", "-"], "INPUT: one image, where it or the output is -; got 2."),
    ],
)
def test_wrong_usage_of_pipes(arguments: list[str], words: str, png: bytes, tmp_path: Path) -> None:
    code, out, err = run(*arguments, "-k", "3", data=png, cwd=tmp_path)
    assert (code, out) == (2, b"")
    assert words in err


@pytest.mark.parametrize("end", ["stdin", "stdout"])
def test_terminal_is_refused(end: str, png: bytes, tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    try:
        streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, end: theirs}
        command = [sys.executable, "-m", "segment", "run", "-", "-k", "2", "-o", "-"]
        done = subprocess.run(command, stderr=subprocess.PIPE, cwd=tmp_path, check=False, timeout=60, **streams)
    finally:
        os.close(ours)
        os.close(theirs)
    assert done.returncode == 2
    assert b"takes no terminal; got one." in done.stderr


def test_closed_pipe_is_an_error_in_one_line(landscape: Path, tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "segment", "run", str(landscape), "-k", "2", "-o", "-"]
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, cwd=tmp_path, check=False, timeout=60)
    os.close(writer)
    assert done.returncode == 1
    assert done.stderr == (
        b"Error: stdout: the result cannot be written; broken pipe. Let the next program read all of it.\n"
    )


def test_stream_is_segmented_by_the_library(png: bytes, quadrants: np.ndarray) -> None:
    result = segment_image(io.BytesIO(png), k=4)
    np.testing.assert_array_equal(result.image.pixels, quadrants)
