"""A folder of images under real faults: signals, kills, full and read-only disks, two runs at once."""

from __future__ import annotations

import contextlib
import csv
import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from folder_runs import (
    CONFIG,
    hash_results,
    needs_proc,
    read_manifest,
    read_manifest_without_times,
    run_batch,
    start_batch,
    wait_for_end,
    write_images,
)
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as PilImage

from segment.core.errors import OutputError
from segment.runs.batch.folder_run import FolderRun, FolderSettings, report_in_order
from segment.runs.batch.folder_search import find_images
from segment.runs.batch.manifest_rows import JOURNAL, MANIFEST, TABLE
from segment.runs.batch.share_table import SHARES
from segment.runs.job import Job
from segment.runs.outcome import Outcome

# Runs that are stopped go on


class Complete(NamedTuple):
    """A run that nothing has stopped."""

    results: dict[str, str]
    rows: list[dict[str, Any]]


@pytest.fixture(scope="module")
def complete(tmp_path_factory: pytest.TempPathFactory) -> Complete:
    with contextlib.chdir(tmp_path_factory.mktemp("complete")):
        write_images()
        assert run_batch("out") == 0
        return Complete(hash_results("out"), read_manifest_without_times("out"))


@needs_proc
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -9)])
def test_a_run_that_was_stopped_goes_on_to_the_same_files(
    here: Path, complete: Complete, number: int, code: int
) -> None:
    hold = Path("in/08.png.hold")
    hold.touch()
    process = start_batch("out", lines=2 + number % 3)
    if number == signal.SIGINT:
        os.killpg(process.pid, number)  # as a terminal does
    else:
        os.kill(process.pid, number)
    _, errors = process.communicate()
    assert process.returncode == code
    assert wait_for_end(process.pid)
    hold.unlink()
    done = {name for name in hash_results("out") if name.endswith("_labels.png")}
    assert 2 <= len(done) < 12
    assert all(complete.results[name] == hash_results("out")[name] for name in done)
    if number != signal.SIGKILL:
        # loky's tracker of resources may have a word after ours
        (message,) = (line for line in errors.splitlines() if line.startswith("Interrupted after "))
        assert "--resume" in message
        assert hash_results("out").keys() == {*done, JOURNAL, SHARES}
    before = {name: Path("out", name).stat().st_mtime_ns for name in done}
    assert run_batch("out") == 1  # not without being asked
    assert run_batch("out", "--resume") == 0
    assert hash_results("out") == complete.results
    assert read_manifest_without_times("out") == complete.rows
    kept = sum(Path("out", name).stat().st_mtime_ns == before[name] for name in done)
    assert kept >= 2


def test_a_run_killed_between_any_two_writes_is_resumed(here: Path) -> None:
    """Every state between two writes, made by hand: a result without its row, a row cut short, a temporary file."""
    assert run_batch("complete", "--save", "panel,labels") == 0
    assert run_batch("out", "--save", "panel,labels") == 0
    lines = (Path("out") / MANIFEST).read_text().splitlines()
    begun = {"input": "02.png", "earlier": [{"file": "02_panel.png"}, {"file": "02_labels.png"}]}
    (Path("out") / JOURNAL).write_text("\n".join([*lines[:2], json.dumps(begun), lines[3][:40]]))
    for path in [*Path("out").glob("0[3-9]_*"), *Path("out").glob("1?_*")]:
        path.unlink()
    Path("out/02_labels.png").unlink()
    for name in (MANIFEST, TABLE):
        (Path("out") / name).unlink()
    nobody = 2**22 + 1
    Path(f"out/.segment-{nobody}-0123456789abcdef.tmp").write_bytes(b"half")
    assert run_batch("out", "--save", "panel,labels", "--resume") == 0
    assert hash_results("out") == hash_results("complete")


def test_resuming_does_only_what_is_missing_or_outdated(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_batch("out") == 0

    def list_redone(*more: str) -> list[str]:
        capsys.readouterr()
        assert run_batch("out", "--resume", *more) == 0
        return [Path(line).name[:2] for line in capsys.readouterr().out.splitlines()]

    assert list_redone() == []
    os.utime("in/03.png")
    assert list_redone() == []  # the same content
    Path("in/04.png").write_bytes(Path("in/05.png").read_bytes())
    Path("out/06_labels.png").unlink()
    Path("out/07_labels.png").write_bytes(b"short")
    assert list_redone() == ["04", "06", "07"]
    assert list_redone() == []
    Path("in/08.png").unlink()
    assert list_redone("--shrinkage", "0.5") == [f"{number:02d}" for number in range(12) if number != 8]
    assert [row["input"] for row in read_manifest("out") if row["status"] == "gone"] == ["08.png"]


def test_files_of_others_are_not_replaced(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("out").mkdir()
    Path("out/05_labels.png").write_bytes(b"mine")
    for more in ((), ("--resume",)):
        assert run_batch("out", *more) == 1
        assert "Error: out/05_labels.png: exists already." in capsys.readouterr().err
        assert Path("out/05_labels.png").read_bytes() == b"mine"
    assert run_batch("out", "--resume", "--overwrite") == 0
    assert Path("out/05_labels.png").read_bytes() != b"mine"


# Processes that die


@needs_proc
def test_an_image_that_kills_its_process_is_reported(here: Path) -> None:
    """A worker that is killed, as the kernel does when memory runs out, each time it opens a certain image."""
    for number in range(2, 12):
        Path(f"in/{number:02d}.png").unlink()
    Path("in/01.png.kill").touch()
    process = start_batch("out", lines=1)
    _, errors = process.communicate()
    assert process.returncode == 1
    assert "Error: in/01.png: its process was killed, and again when" in errors
    assert [row["status"] for row in read_manifest("out")] == ["done", "failed"]


def test_an_image_that_takes_too_long_is_reported(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_batch("out", "--timeout", "0.000001") == 1
    errors = capsys.readouterr().err.splitlines()
    assert [line.split(" after ")[0] for line in errors[:-1]] == [f"Error: in/{n:02d}.png: stopped" for n in range(12)]
    assert run_batch("out", "--timeout", "60", "--resume") == 0


# Disks


def test_a_full_disk_stops_the_run_and_room_lets_it_go_on(
    here: Path, small_disk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in find_images(Path("in")).images:
        pixels = np.random.default_rng(len(name.name)).integers(0, 256, (64, 64, 3), dtype=np.uint8)
        PilImage.fromarray(pixels).save(name)
    more = ("--spatial", "none", "--clean-up", "none")  # labels as noisy, so 2 KB each
    assert run_batch("complete", *more) == 0
    (small_disk / "ballast").write_bytes(bytes(215_000))
    capsys.readouterr()
    assert run_batch("disk", *more) == 1
    *failures, last = capsys.readouterr().err.splitlines()
    full = [line for line in failures if "; no space left on device. Make room there" in line]
    assert all(re.match(r"Error: in/\S+: has no results; ", line) for line in full)
    assert len(set(full)) == len(full)
    # What finds no room first depends on how fast the workers are: a result, or the next page of the journal.
    assert last in (
        "Error: disk: takes no more results; 12 images in all. Make room there, then give --resume.",
        f"Error: disk/{JOURNAL}: the run cannot go on; no space left on device. "
        "Make room there, or give another folder. Then give --resume.",
    )
    assert full or JOURNAL in last, failures
    done = hash_results("disk").keys() - {"ballast", JOURNAL}
    assert 0 < len(done) < 12
    assert all(hash_results("disk")[name] == hash_results("complete")[name] for name in done)
    (small_disk / "ballast").unlink()
    assert run_batch("disk", *more, "--resume") == 0
    assert hash_results("disk") == hash_results("complete")


def test_a_read_only_output_is_an_error_before_the_first_image(
    here: Path, small_disk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    Path("in/00.png").write_bytes(b"not an image")
    assert run_batch("disk") == 1
    assert (
        capsys.readouterr().err
        == "Error: disk: no results can be written there; read-only file system. Give another folder with -o.\n"
    )


# Folders and names


def test_two_runs_do_not_share_a_folder(here: Path) -> None:
    with FolderRun(Path("in"), Path("out"), CONFIG, FolderSettings(n_workers=2)) as first:
        with pytest.raises(OutputError, match="another 'segment batch' is writing there"):
            FolderRun(Path("in"), Path("out"), CONFIG, FolderSettings(n_workers=2, resume=True))
        assert len(list(first.iterate_outcomes())) == 12
    assert len(hash_results("out").keys() - {SHARES}) == 12


def test_results_in_the_folder_of_the_images_are_no_images(here: Path) -> None:
    for number in range(3, 12):
        Path(f"in/{number:02d}.png").unlink()
    assert run_batch("in") == 0
    before = hash_results("in")
    assert len(before) == 7
    assert run_batch("in", "--resume") == 0
    assert run_batch("in", "--overwrite") == 0
    assert run_batch("in/below", "-r") == 0
    assert run_batch("other", "-r") == 0  # leaves out both
    assert hash_results("other").keys() == hash_results("in/below").keys()
    assert {name: hash_ for name, hash_ in hash_results("in").items() if "/" not in name} == before


def test_images_go_and_change_while_the_run_lasts(here: Path) -> None:
    run = FolderRun(Path("in"), Path("out"), CONFIG, FolderSettings(n_workers=2))
    Path("in/11.png").unlink()
    Path("in/10.png").write_bytes(b"")
    with run:
        outcomes = list(run.iterate_outcomes())
    assert [outcome.job.source.name for outcome in outcomes] == [f"{number:02d}.png" for number in range(12)]
    assert [outcome.status for outcome in outcomes] == ["done"] * 10 + ["failed"] * 2
    assert "the file is empty" in outcomes[10].error
    assert "no such file" in outcomes[11].error


def test_pipes_devices_and_junk(here: Path) -> None:
    os.mkfifo("in/pipe.png")
    Path("in/zero.png").symlink_to("/dev/zero")
    for name in ("in/Thumbs.db", "in/._00.png", "in/@eaDir/00.png"):
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_bytes(b"x")
    assert run_batch("out", "-r") == 1
    assert {
        row["input"]: row["error"].split("got ")[-1] for row in read_manifest("out") if row["status"] == "failed"
    } == {
        "pipe.png": "a pipe. Name a file.",
        "zero.png": "a device. Name a file.",
    }


def test_names_cannot_reach_into_terminals_and_spreadsheets(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = ["=1+1.png", "@SUM(A1).png", " -2.png", "\uff1d3.png"]
    names += ["\x1b[31mred.png", 'a\nb,"c.png', os.fsdecode(b"caf\xe9.png")]
    for number, name in enumerate(names):
        Path(f"in/{number:02d}.png").rename(f"in/{name}")
    assert run_batch("out") == 0
    captured = capsys.readouterr()
    assert all(line.isprintable() for line in (captured.out + captured.err).splitlines())
    with (Path("out") / TABLE).open(newline="", encoding="utf-8") as file:
        table = list(csv.reader(file))
    assert {len(row) for row in table} == {len(table[0])}
    cells = [cell for row in table for cell in row]
    assert not any(cell.lstrip().startswith(("=", "+", "-", "@", "\uff1d")) for cell in cells)
    assert all(cell.isprintable() for cell in cells)
    assert {row["input"] for row in read_manifest("out")} == {path.name for path in Path("in").iterdir()}


@needs_proc
def test_a_watched_folder_is_searched_again(here: Path) -> None:
    for path in Path("in").iterdir():
        os.utime(path, (1, 1))  # long enough ago to be complete
    process = start_batch("out", "--watch", lines=1)
    Path("in/00.png").rename("in/late.png")
    assert process.stdout is not None
    assert any("late_labels.png" in line for line in iter(process.stdout.readline, ""))
    process.send_signal(signal.SIGINT)
    process.communicate()
    assert process.returncode == 130
    assert wait_for_end(process.pid)
    assert (Path("out") / "late_labels.png").exists()


def make_outcome(number: int) -> Outcome:
    return Outcome(Job(Path(f"{number}.png"), Path(), str(number)))


@given(st.permutations(range(7)), st.sets(st.integers(0, 6)))
def test_every_outcome_is_reported_once_in_order(order: list[int], kept: set[int]) -> None:
    decided = [(number, None if number in kept else make_outcome(number)) for number in order]
    stems = [int(outcome.job.stem) for outcome in report_in_order(decided)]
    assert stems == sorted(set(order) - kept)


def test_an_outcome_is_reported_as_soon_as_all_before_it_are_decided() -> None:
    taken = []

    def decide() -> Iterator[tuple[int, Outcome | None]]:
        for number in (1, 0, 3, 2):
            taken.append(number)
            yield number, make_outcome(number)

    outcomes = report_in_order(decide())
    assert next(outcomes).job.stem == "0"
    assert taken == [1, 0]
    assert next(outcomes).job.stem == "1"
    assert taken == [1, 0]
    assert next(outcomes).job.stem == "2"
    assert taken == [1, 0, 3, 2]
