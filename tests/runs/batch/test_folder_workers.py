"""Folders on a Dask cluster: the results of this machine, also when workers are killed."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from dask_cluster import LocalCluster, is_idle
from dask_work import work_endlessly
from folder_runs import (
    hash_results,
    kill_worker,
    needs_proc,
    read_manifest_without_times,
    ring_if_slow,
    run_batch,
    start_batch,
    wait_for_end,
)
from program_runs import run_main

from segment.runs.batch.folder_workers import DaskWorkers, start_workers
from segment.runs.batch.manifest_rows import JOURNAL, MANIFEST, TABLE
from segment.runs.batch.share_table import SHARES
from segment.runs.workers.dask_client import Cluster
from segment.runs.workers.lost_tasks import TaskLost
from segment.runs.workers.processes import ProcessWorkers

ARGUMENTS = ("-k", "2", "--n-init", "2", "--save", "labels")


def test_the_cluster_is_used_where_there_is_one(cluster: Cluster) -> None:
    assert isinstance(start_workers(str.upper, cluster=cluster, n_workers=0), DaskWorkers)
    assert isinstance(start_workers(str.upper, cluster=None, n_workers=0), ProcessWorkers)


@pytest.mark.parametrize("more", [(), ("--model", "shared")], ids=["each its own classes", "one model"])
def test_a_folder_has_the_results_of_this_machine(
    here: Path, local_cluster: LocalCluster, cluster: Cluster, capsys: pytest.CaptureFixture[str], more: tuple[str, ...]
) -> None:
    Path("in/05.png").write_bytes(b"no image")
    source = str(here / "in")  # errors name files as they are given, and those of a cluster in full
    assert run_main("batch", source, "-o", "local", *ARGUMENTS, *more) == 1
    capsys.readouterr()
    assert run_batch("out", *more, "--scheduler", local_cluster.address) == 1
    reported = [Path(line).name for line in capsys.readouterr().out.splitlines()]
    assert reported == sorted(reported)
    assert len(reported) == 11
    assert hash_results("out") == hash_results("local")
    assert read_manifest_without_times("out") == read_manifest_without_times("local")
    kept = {path: path.stat().st_mtime_ns for path in Path("out").glob("*.png")}
    assert run_batch("out", *more, "--resume", "--jobs", "2") == 1  # a run may go on anywhere
    assert {path: path.stat().st_mtime_ns for path in Path("out").glob("*.png")} == kept


@needs_proc
def test_a_run_that_is_stopped_goes_on_though_a_worker_is_killed(
    here: Path, local_cluster: LocalCluster, cluster: Cluster
) -> None:
    on_cluster = ("--jobs", "0", "--scheduler", local_cluster.address)
    hold = Path("in/08.png.hold")
    hold.touch()
    process = start_batch("out", *on_cluster, lines=2)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate()
    assert process.returncode == 130
    assert errors.startswith("Interrupted after ")
    assert len(errors.splitlines()) == 1
    assert wait_for_end(process.pid)
    assert is_idle(cluster)
    hold.unlink()
    done = {path.name for path in Path("out").iterdir()} - {JOURNAL, MANIFEST, SHARES, TABLE}
    assert 2 <= len(done) < 12
    assert all(name.endswith("_labels.png") for name in done)
    process = start_batch("out", *on_cluster, "--resume", lines=1)
    local_cluster.replace_worker()
    _, errors = process.communicate()
    assert process.returncode == 0
    assert errors.startswith("12 of 12") or " kept from before" in errors
    assert run_batch("local", "--jobs", "2") == 0
    assert hash_results("out") == hash_results("local")
    assert read_manifest_without_times("out") == read_manifest_without_times("local")


def test_a_task_that_kills_its_process_is_lost_and_no_other(cluster: Cluster) -> None:
    tasks = ["a", "b", "killed", *"cdefg"]
    workers: DaskWorkers[str, str] = DaskWorkers(kill_worker, cluster)
    found = dict(workers.run(iter(tasks)))
    lost = found.pop("killed")
    assert isinstance(lost, TaskLost)
    assert lost.reason == "killed"
    assert found == {task: task for task in tasks if task != "killed"}
    assert workers.in_progress == {}


def test_every_task_is_prepared_for_a_second_attempt(cluster: Cluster) -> None:
    workers: DaskWorkers[str, str] = DaskWorkers(ring_if_slow, cluster, prepare_retry=str.upper)
    assert dict(workers.run(iter("ab"))) == {"a": "A", "b": "B"}


def test_a_task_that_takes_too_long_is_lost_and_no_later_one(cluster: Cluster) -> None:
    ((_, lost),) = DaskWorkers(work_endlessly, cluster, timeout=0.5).run(iter(["busy"]))
    assert isinstance(lost, TaskLost)
    assert lost.reason == "timeout"
    assert lost.seconds >= 0.5
    # On a busy machine a task that does nothing may take as long.
    assert dict(DaskWorkers(work_endlessly, cluster, timeout=60).run(iter("ab"))) == {"a": "a", "b": "b"}
    assert is_idle(cluster)


def test_an_image_that_takes_too_long_is_reported(
    here: Path, cluster: Cluster, local_cluster: LocalCluster, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_batch("out", "--timeout", "0.000001", "--scheduler", local_cluster.address) == 1
    errors = capsys.readouterr().err.splitlines()
    assert [line.split(" after ")[0] for line in errors[:-1]] == [
        f"Error: {here}/in/{number:02d}.png: stopped" for number in range(12)
    ]
    assert not list(Path("out").glob("*.png"))


def test_a_scheduler_that_cannot_be_reached_leaves_no_folder(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("distributed")
    monkeypatch.setattr("segment.runs.workers.dask_client.CONNECT_SECONDS", 0.3)
    assert run_batch("out", "--scheduler", "tcp://127.0.0.1:9") == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("Error: tcp://127.0.0.1:9: no scheduler answers there.")
    assert run_batch("out", "--scheduler", "nonsense") == 2
    assert "an address such as tcp://10.0.0.1:8786; got nonsense." in capsys.readouterr().err
    assert not Path("out").exists()
