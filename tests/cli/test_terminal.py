"""Progress on terminals, and stdout or stderr that is closed, full or of another encoding."""

from __future__ import annotations

import os
import pty
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from program_runs import MODULE, Program, run_process

from segment.cli.terminal import Status


@pytest.mark.parametrize("command", [("run", "a.png"), ("batch", ".")])
def test_progress_is_shown_only_on_terminals(run_program: Program, command: tuple[str, ...]) -> None:
    arguments = (*command, "-k", "2", "--overwrite", "-o", "out")
    quiet = run_program(*arguments)
    assert (quiet.code, quiet.err) == (0, "")
    master, slave = pty.openpty()
    done = run_process(*arguments, stderr=slave)
    os.close(slave)
    seen = b"".join(read_chunks(master)).decode()
    assert (done.returncode, done.stdout.decode()) == (0, quiet.out)
    stages = re.findall(r"\r\x1b\[K([^\r\n]*)", seen)
    if command[0] == "run":
        assert all(words.startswith("a.png: ") for words in stages if words)
        assert {"a.png: reading", "a.png: writing"} <= set(stages)
    else:
        assert f"[{'.' * 24}] 0/1  starting" in stages
        assert f"[{'#' * 24}] 1/1  a.png: done" in stages
    assert seen.rsplit("\r\x1b[K", 1)[1] == ""


def read_chunks(descriptor: int) -> Iterator[bytes]:
    """What was written to a terminal that is closed."""
    try:
        while data := os.read(descriptor, 65536):
            yield data
    except OSError:  # Linux says so at the end of a terminal
        return
    finally:
        os.close(descriptor)


def test_closed_pipe_is_an_exit_code(image_folder: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = run_process("run", "a.png", "-k", "2", "-o", "out", stdout=writer)
    os.close(writer)
    assert (done.returncode, done.stderr) == (1, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_full_disk_behind_stdout_is_one_line(image_folder: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        done = run_process("run", "a.png", "-k", "2", "-o", "out", stdout=full)
    assert done.returncode == 1
    remedy = "Make room where stdout goes, and for temporary files."
    assert done.stderr.decode().splitlines() == [f"Error: cannot go on; no space left on device. {remedy}"]


@pytest.mark.parametrize("closed", ["1", "2"])
def test_closed_stream_is_no_failure(image_folder: Path, closed: str) -> None:
    command = ["sh", "-c", f'exec "$0" "$@" {closed}>&-', *MODULE, "run", "a.png", "-k", "2", "-o", "out"]
    done = subprocess.run(command, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert len(list(Path("out").iterdir())) == 2


def test_names_are_escaped_for_the_terminal_encoding(image_folder: Path) -> None:
    done = run_process("run", "a.png", "-k", "2", "-o", "\u0142", env={"PYTHONIOENCODING": "latin-1"})
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.splitlines()[1] == b"\\u0142/a_labels.png"


def test_time_left_is_the_mean_time_of_the_images_that_are_left(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    status = Status(3, bar=True)
    assert status._format_time_left() == ""
    now[0] = 4000.0
    status.advance()
    assert status._format_time_left() == "2:10:00 left  "
    status.advance()
    status.advance()
    assert status._format_time_left() == ""
