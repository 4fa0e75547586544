"""A folder of images under real faults: signals, kills, full and read-only disks, two runs at once."""

from __future__ import annotations

import csv
import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
from folder_runs import (
    CONFIG,
    batch,
    die_of,
    gone,
    living,
    needs_proc,
    rest,
    results,
    rows,
    started,
    timeless,
)
from PIL import Image as PilImage

from segment.core.errors import OutputError
from segment.runs.batch.folder_run import FolderRun, FolderSettings
from segment.runs.batch.folder_search import find_images
from segment.runs.batch.manifest_rows import JOURNAL, MANIFEST, TABLE
from segment.runs.fingerprint import fingerprint
from segment.runs.workers.processes import Crew, Lost

# What is stopped goes on


@needs_proc
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -9)])
def test_a_run_that_was_stopped_goes_on_to_the_same_files(here: Path, number: int, code: int) -> None:
    slow = ("--n-init", "150")
    assert batch("whole", *slow) == 0
    process = started("out", *slow, lines=2 + number % 3)
    if number == signal.SIGINT:
        os.killpg(process.pid, number)  # as a terminal does
    else:
        os.kill(process.pid, number)
    began = time.monotonic()
    _, errors = process.communicate()
    assert process.returncode == code
    assert time.monotonic() - began < 5
    assert gone(process.pid)
    done = {name for name in results("out") if name.endswith("_labels.png")}
    assert 2 <= len(done) < 12
    assert all(results("whole")[name] == results("out")[name] for name in done)
    if number != signal.SIGKILL:
        # loky's tracker of resources may have a word after ours
        (told,) = (line for line in errors.splitlines() if line.startswith("Interrupted after "))
        assert "--resume" in told
        assert results("out").keys() == {*done, JOURNAL}
    before = {name: Path("out", name).stat().st_mtime_ns for name in done}
    assert batch("out", *slow) == 1  # not without being asked
    assert batch("out", *slow, "--resume") == 0
    assert results("out") == results("whole")
    assert timeless("out") == timeless("whole")
    kept = sum(Path("out", name).stat().st_mtime_ns == before[name] for name in done)
    assert kept >= 2


def test_what_a_killed_run_leaves_anywhere_is_made_good(here: Path) -> None:
    """Every state between two writes, made by hand: a result without its row, a row cut short, a temporary file."""
    assert batch("whole", "--save", "panel,labels") == 0
    assert batch("out", "--save", "panel,labels") == 0
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
    assert batch("out", "--save", "panel,labels", "--resume") == 0
    assert results("out") == results("whole")


def test_resuming_does_only_what_is_missing_or_outdated(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert batch("out") == 0

    def redone(*more: str) -> list[str]:
        capsys.readouterr()
        assert batch("out", "--resume", *more) == 0
        return [Path(line).name[:2] for line in capsys.readouterr().out.splitlines()]

    assert redone() == []
    os.utime("in/03.png")
    assert redone() == []  # the same content
    Path("in/04.png").write_bytes(Path("in/05.png").read_bytes())
    Path("out/06_labels.png").unlink()
    Path("out/07_labels.png").write_bytes(b"short")
    assert redone() == ["04", "06", "07"]
    assert redone() == []
    Path("in/08.png").unlink()
    assert redone("--shrinkage", "0.5") == [f"{number:02d}" for number in range(12) if number != 8]
    assert [row["input"] for row in rows("out") if row["status"] == "gone"] == ["08.png"]


def test_files_of_others_are_not_replaced(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("out").mkdir()
    Path("out/05_labels.png").write_bytes(b"mine")
    for more in ((), ("--resume",)):
        assert batch("out", *more) == 1
        assert "Error: out/05_labels.png: exists already." in capsys.readouterr().err
        assert Path("out/05_labels.png").read_bytes() == b"mine"
    assert batch("out", "--resume", "--overwrite") == 0
    assert Path("out/05_labels.png").read_bytes() != b"mine"


# Processes that die


def test_a_worker_that_dies_takes_no_other_image_with_it(tmp_path: Path) -> None:
    crew: Crew[str, str] = Crew(die_of, n_workers=2)
    # In one run, a task that dies only once may be under way when the other dies, and meet its own end when alone.
    for deadly in ("killed", f"once:{tmp_path}/mark"):
        tasks = ["a", "b", deadly, *"cdefgh"]
        found = dict(crew.perform(iter(tasks)))
        if deadly == "killed":
            assert isinstance(found.pop(deadly), Lost)
            tasks.remove(deadly)
        assert found == {task: task for task in tasks}
    assert crew.under_way == {}


@needs_proc
def test_an_image_that_kills_its_process_is_reported(here: Path) -> None:
    """A worker killed from outside, as the kernel does for want of memory, each time it takes up a certain image."""
    for number in range(2, 12):
        Path(f"in/{number:02d}.png").unlink()
    with PilImage.open("in/01.png") as image:
        image.resize((3000, 3000)).save("in/01.png")  # takes long enough to be caught at it
    process = started("out", "--denoise", "median", "--denoise-radius", "0.02", lines=1)
    while process.poll() is None:
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            number = int(path.parent.name)
            if number in living(process.pid) and b"LokyProcess" in path.read_bytes() and process.poll() is None:
                os.kill(number, signal.SIGKILL)
        time.sleep(0.3)
    _, errors = process.communicate()
    assert process.returncode == 1
    assert "Error: in/01.png: its process was killed, and again when" in errors
    assert [row["status"] for row in rows("out")] == ["done", "failed"]


def test_a_task_has_its_time(here: Path) -> None:
    found = dict(Crew(rest, n_workers=2, timeout=1.0).perform(iter(["a", "slow", "b"])))
    lost = found.pop("slow")
    assert isinstance(lost, Lost)
    assert 1 <= lost.seconds < 5
    assert found == {"a": "a", "b": "b"}


def test_an_image_that_takes_too_long_is_reported(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert batch("out", "--timeout", "0.000001") == 1
    errors = capsys.readouterr().err.splitlines()
    assert [line.split(" after ")[0] for line in errors[:-1]] == [f"Error: in/{n:02d}.png: stopped" for n in range(12)]
    assert batch("out", "--timeout", "60", "--resume") == 0


# Disks


@pytest.fixture
def test_a_full_disk_stops_the_run_and_room_lets_it_go_on(
    here: Path, small_disk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in find_images(Path("in")).images:
        pixels = np.random.default_rng(len(name.name)).integers(0, 256, (64, 64, 3), dtype=np.uint8)
        PilImage.fromarray(pixels).save(name)
    more = ("--smooth-radius", "0", "--min-region", "0", "--max-hole", "0")  # labels as noisy, so some KB each
    assert batch("whole", *more) == 0
    (small_disk / "ballast").write_bytes(bytes(215_000))
    capsys.readouterr()
    assert batch("disk", *more) == 1
    *failures, last = capsys.readouterr().err.splitlines()
    full = [line for line in failures if line.endswith("no space left on device.")]
    assert full
    assert all(re.match(r"Error: in/\S+: has no results; ", line) for line in full)
    assert len(set(full)) == len(full)
    assert last == "Error: disk: takes no more results; 12 images in all. Make room there, then give --resume."
    done = results("disk").keys() - {"ballast", JOURNAL}
    assert 0 < len(done) < 12
    assert all(results("disk")[name] == results("whole")[name] for name in done)
    (small_disk / "ballast").unlink()
    assert batch("disk", *more, "--resume") == 0
    assert results("disk") == results("whole")


def test_a_read_only_output_is_told_before_the_first_image(
    here: Path, small_disk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    Path("in/00.png").write_bytes(b"not an image")
    assert batch("disk") == 1
    assert capsys.readouterr().err == "Error: disk: no results can be written there; read-only file system.\n"


# Folders and names


def test_two_runs_do_not_share_a_folder(here: Path) -> None:
    with FolderRun(Path("in"), Path("out"), CONFIG, FolderSettings(n_workers=2)) as first:
        with pytest.raises(OutputError, match="another 'segment batch' is writing there"):
            FolderRun(Path("in"), Path("out"), CONFIG, FolderSettings(n_workers=2, resume=True))
        assert len(list(first.outcomes())) == 12
    assert len(results("out")) == 12


def test_results_in_the_folder_of_the_images_are_no_images(here: Path) -> None:
    assert batch("in") == 0
    before = results("in")
    assert len(before) == 24
    assert batch("in", "--resume") == 0
    assert batch("in", "--overwrite") == 0
    assert batch("in/below", "-r") == 0
    assert batch("other", "-r") == 0  # leaves out both
    assert results("other").keys() == results("in/below").keys()
    assert {name: hash_ for name, hash_ in results("in").items() if "/" not in name} == before


def test_images_go_and_change_while_the_run_lasts(here: Path) -> None:
    run = FolderRun(Path("in"), Path("out"), CONFIG, FolderSettings(n_workers=2))
    Path("in/11.png").unlink()
    Path("in/10.png").write_bytes(b"")
    with run:
        outcomes = list(run.outcomes())
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
    assert batch("out", "-r") == 1
    assert {row["input"]: row["error"].split("got ")[-1] for row in rows("out") if row["status"] == "failed"} == {
        "pipe.png": "a pipe. Name a file.",
        "zero.png": "a device. Name a file.",
    }
    assert fingerprint(Path("in/pipe.png")) is None


def test_names_cannot_reach_into_terminals_and_spreadsheets(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = ["=1+1.png", "@SUM(A1).png", " -2.png", "\x1b[31mred.png", 'a\nb,"c.png', os.fsdecode(b"caf\xe9.png")]
    for number, name in enumerate(names):
        Path(f"in/{number:02d}.png").rename(f"in/{name}")
    assert batch("out") == 0
    captured = capsys.readouterr()
    assert all(line.isprintable() for line in (captured.out + captured.err).splitlines())
    with (Path("out") / TABLE).open(newline="", encoding="utf-8") as file:
        table = list(csv.reader(file))
    assert {len(row) for row in table} == {len(table[0])}
    assert not any(
        cell.lstrip().startswith(("=", "+", "-", "@")) or not cell.isprintable() for row in table for cell in row
    )
    assert {row["input"] for row in rows("out")} == {path.name for path in Path("in").iterdir()}


@needs_proc
def test_a_folder_that_is_watched(here: Path) -> None:
    process = started("out", "--watch", lines=1)
    Path("in/00.png").rename("in/late.png")
    assert process.stdout is not None
    assert any("late_labels.png" in line for line in iter(process.stdout.readline, ""))
    process.send_signal(signal.SIGINT)
    process.communicate()
    assert process.returncode == 130
    assert gone(process.pid)
    assert (Path("out") / "late_labels.png").exists()
