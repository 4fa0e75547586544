"""Folders and rasters on a real Dask scheduler with real workers, some of which are killed: the same results."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
from dask_work import busy
from folder_runs import (
    die_of,
    gone,
    heed_interrupts,
    needs_proc,
    rest,
    results,
    started,
    timeless,
)
from folder_runs import run as program

import segment
from segment.core.errors import ClusterError, DependencyError
from segment.runs.batch.folder_workers import ClusterCrew
from segment.runs.batch.manifest_rows import JOURNAL, MANIFEST, TABLE
from segment.runs.workers import dask_client as connection
from segment.runs.workers import dask_worker as errands
from segment.runs.workers.dask_client import Cluster
from segment.runs.workers.processes import Lost

pytest.importorskip("distributed", reason="a cluster needs Dask: pip install distributed")

ARGUMENTS = ("-k", "2", "--n-init", "2", "--save", "labels")
SLOW = ("--n-init", "100")
PATIENCE = 60  # seconds until a process that does not start is taken to be broken


class Machines:
    """A scheduler and its workers, each a process of its own, one task at a time."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "scheduler.json"
        # Workers find the functions of these tests.
        self.environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[1]), *sys.path])}
        self._log = (folder / "log").open("w")
        self._scheduler = self._begin("scheduler", "--host", "127.0.0.1", "--port", "0")
        self.workers: list[subprocess.Popen[bytes]] = []
        self.keep(2)
        end = time.monotonic() + PATIENCE
        while not self._file.exists() and time.monotonic() < end:
            time.sleep(0.05)
        self.address = str(json.loads(self._file.read_text())["address"])

    def keep(self, number: int) -> None:
        """Have so many living workers."""
        self.workers = [worker for worker in self.workers if worker.poll() is None]
        while len(self.workers) < number:
            self.workers.append(self._begin("worker", "--nthreads", "1", "--no-nanny"))

    def kill(self) -> None:
        """Kill a worker, as the kernel does for want of memory, and have another in its place."""
        self.workers[0].kill()
        self.workers[0].wait()
        self.keep(2)

    def stop(self) -> None:
        for process in (*self.workers, self._scheduler):
            process.kill()
            process.wait()
        self._log.close()

    def _begin(self, *arguments: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "dask", *arguments, "--no-dashboard", "--scheduler-file", str(self._file)]
        return subprocess.Popen(
            command, stdout=self._log, stderr=self._log, env=self.environment, start_new_session=True
        )


@pytest.fixture(scope="module")
def machines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machines]:
    machines = Machines(tmp_path_factory.mktemp("cluster"))
    yield machines
    machines.stop()


@pytest.fixture
def cluster(machines: Machines) -> Iterator[Cluster]:
    machines.keep(2)
    with Cluster(machines.address) as cluster:
        cluster.client.wait_for_workers(2, timeout=PATIENCE)
        yield cluster


def batch(output: str, *more: str) -> int:
    return program("batch", "in", "-o", output, *ARGUMENTS, *more)


def idle(cluster: Cluster) -> bool:
    """Whether all workers have nothing left of any run, or will not within five seconds."""
    end = time.monotonic() + 5
    while cluster.left_of("segment-") and time.monotonic() < end:
        time.sleep(0.05)
    return cluster.left_of("segment-") == 0


# Folders


@pytest.mark.parametrize("more", [(), ("--model", "shared")], ids=["each its own classes", "one model"])
def test_a_folder_has_the_results_of_this_machine(
    here: Path, cluster: Cluster, machines: Machines, capsys: pytest.CaptureFixture[str], more: tuple[str, ...]
) -> None:
    Path("in/05.png").write_bytes(b"no image")
    source = str(here / "in")  # errors name files as they are given, and those of a cluster in full
    assert program("batch", source, "-o", "local", *ARGUMENTS, *more) == 1
    capsys.readouterr()
    assert batch("out", *more, "--scheduler", machines.address) == 1
    told = [Path(line).name for line in capsys.readouterr().out.splitlines()]
    assert told == sorted(told)
    assert len(told) == 11
    assert results("out") == results("local")
    assert timeless("out") == timeless("local")
    kept = {path: path.stat().st_mtime_ns for path in Path("out").glob("*.png")}
    assert batch("out", *more, "--resume", "--jobs", "2") == 1  # wherever a run goes on
    assert {path: path.stat().st_mtime_ns for path in Path("out").glob("*.png")} == kept


@needs_proc
def test_a_run_that_is_stopped_goes_on_though_a_worker_is_killed(
    here: Path, cluster: Cluster, machines: Machines
) -> None:
    on_cluster = (*SLOW, "--jobs", "0", "--scheduler", machines.address)
    process = started("out", *on_cluster, lines=2)
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate()
    assert process.returncode == 130
    assert time.monotonic() - began < 5
    assert errors.startswith("Interrupted after ")
    assert len(errors.splitlines()) == 1
    assert gone(process.pid)
    assert idle(cluster)
    done = {path.name for path in Path("out").iterdir()} - {JOURNAL, MANIFEST, TABLE}
    assert 2 <= len(done) < 12
    assert all(name.endswith("_labels.png") for name in done)
    process = started("out", *on_cluster, "--resume", lines=1)
    machines.kill()
    _, errors = process.communicate()
    assert process.returncode == 0
    assert errors.startswith("12 of 12") or " kept from before" in errors
    assert batch("local", *SLOW, "--jobs", "2") == 0
    assert results("out") == results("local")
    assert timeless("out") == timeless("local")


ENDLESS = """
import sys
from dask_work import busy
from segment.runs.batch.folder_workers import ClusterCrew
from segment.runs.workers.dask_client import Cluster
with Cluster(sys.argv[1]) as cluster:
    for task, _ in ClusterCrew(busy, cluster).perform(iter(["a", "busy", "busy", "busy"])):
        print(task, flush=True)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_program_that_ends_leaves_no_work_on_the_cluster(cluster: Cluster, machines: Machines, number: int) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", ENDLESS, machines.address],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=machines.environment,
        preexec_fn=heed_interrupts,  # noqa: PLW1509  # it takes no lock that a thread may hold
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"a\n"
    began = time.monotonic()
    process.send_signal(number)
    process.communicate()
    assert time.monotonic() - began < 5
    assert idle(cluster)


def test_a_task_that_kills_its_workers_is_lost_alone(cluster: Cluster, machines: Machines) -> None:
    def forgive(number: int) -> int:
        return cluster.client.run_on_scheduler(_forgive, number)

    machines.keep(3)  # two will die
    cluster.client.wait_for_workers(3, timeout=PATIENCE)
    usual = forgive(0)  # else each task has four workers
    try:
        tasks = ["a", "b", "killed", *"cdefg"]
        crew: ClusterCrew[str, str] = ClusterCrew(die_of, cluster)
        found = dict(crew.perform(iter(tasks)))
    finally:
        forgive(usual)
    assert isinstance(found.pop("killed"), Lost)
    assert found == {task: task for task in tasks if task != "killed"}
    assert crew.under_way == {}


def test_a_task_may_find_what_a_dead_worker_left_of_it(cluster: Cluster) -> None:
    crew: ClusterCrew[str, str] = ClusterCrew(rest, cluster, again=str.upper)
    assert dict(crew.perform(iter("ab"))) == {"a": "A", "b": "B"}


def _forgive(number: int, dask_scheduler: object = None) -> int:
    """Let a scheduler begin a task again after so many deaths; how many it was before."""
    before = dask_scheduler.allowed_failures  # type: ignore[attr-defined]
    dask_scheduler.allowed_failures = number  # type: ignore[attr-defined]
    return int(before)


@pytest.mark.parametrize("slow", ["busy", "slow"])
def test_a_task_has_its_time(cluster: Cluster, slow: str) -> None:
    found = dict(ClusterCrew(busy, cluster, timeout=1.0).perform(iter(["a", slow, "b"])))
    lost = found.pop(slow)
    assert isinstance(lost, Lost)
    assert 1 <= lost.seconds < 5
    assert found == {"a": "a", "b": "b"}


def test_an_image_that_takes_too_long_is_reported(
    here: Path, cluster: Cluster, machines: Machines, capsys: pytest.CaptureFixture[str]
) -> None:
    assert batch("out", "--timeout", "0.000001", "--scheduler", machines.address) == 1
    errors = capsys.readouterr().err.splitlines()
    assert [line.split(" after ")[0] for line in errors[:-1]] == [
        f"Error: {here}/in/{number:02d}.png: stopped" for number in range(12)
    ]
    assert not list(Path("out").glob("*.png"))


# Rasters

QUICK = {"k": 3, "n_init": 1, "tile": 512, "smooth_radius": 0.002, "min_region": 0.0, "max_hole": 0.0}


def write(path: Path, pixels: np.ndarray) -> Path:
    rasterio = pytest.importorskip("rasterio", reason="rasters need rasterio")
    height, width, bands = pixels.shape
    size = {"height": height, "width": width, "count": bands, "dtype": pixels.dtype, "crs": "EPSG:32632"}
    with rasterio.open(path, "w", driver="GTiff", transform=rasterio.Affine.scale(2), tiled=True, **size) as file:
        file.write(np.moveaxis(pixels, -1, 0))
    return path


def scene(depth: str) -> np.ndarray:
    """Soft areas and noise, six tiles of 512 pixels: the colors of 8 bits have a table, those of 16 are boxed."""
    rows, columns = np.mgrid[:600, :1100]
    near = np.stack([rows / 600, columns / 1100, 0.5 + 0.5 * np.sin(rows / 90) * np.cos(columns / 130)], axis=-1)
    pixels = 30 + 190 * near + np.random.default_rng(3).normal(0, 9, near.shape)
    return np.clip(pixels * (1 if depth == "uint8" else 100), 0, 65535).astype(depth)


@pytest.mark.parametrize(("depth", "spatial"), [("uint8", "none"), ("uint16", "none"), ("uint8", "field")])
def test_a_raster_is_the_file_of_this_machine_though_workers_are_killed(
    tmp_path: Path, cluster: Cluster, machines: Machines, depth: str, spatial: str
) -> None:
    source = write(tmp_path / "a.tif", scene(depth))
    first_pass = "counting colors" if spatial == "none" else "making the working copy"
    local = segment.segment_raster(source, tmp_path / "local.tif", spatial=spatial, **QUICK)
    told: list[str] = []

    def on_stage(stage: str) -> None:
        told.append(stage)
        if stage in (f"{first_pass}, tile 2 of 6", "labeling, tile 2 of 6"):
            machines.kill()

    found = segment.segment_raster(
        source, tmp_path / "out.tif", cluster=cluster, on_stage=on_stage, spatial=spatial, **QUICK
    )
    assert found.path.read_bytes() == local.path.read_bytes()
    assert found.classes == local.classes
    assert found.warnings == local.warnings
    assert [stage for stage in told if first_pass in stage] == [f"{first_pass}, tile {n} of 6" for n in range(1, 7)]
    assert idle(cluster)


def test_a_raster_that_is_damaged_leaves_nothing(
    tmp_path: Path, machines: Machines, cluster: Cluster, capsys: pytest.CaptureFixture[str]
) -> None:
    source = write(tmp_path / "a.tif", scene("uint8"))
    with source.open("r+b") as file:
        file.truncate(source.stat().st_size // 2)
    output = tmp_path / "out"
    arguments = ("raster", str(source), "-k", "3", "-o", str(output))
    assert program(*arguments) == 1
    here_told = capsys.readouterr().err
    assert program(*arguments, "--scheduler", machines.address) == 1
    assert capsys.readouterr().err == here_told
    assert not output.exists()
    assert idle(cluster)


def test_a_raster_that_is_interrupted_leaves_nothing(tmp_path: Path, cluster: Cluster) -> None:
    def on_stage(stage: str) -> None:
        if stage == "labeling, tile 2 of 6":
            raise KeyboardInterrupt

    source = write(tmp_path / "a.tif", scene("uint8"))
    with pytest.raises(KeyboardInterrupt):
        segment.segment_raster(source, tmp_path / "out.tif", cluster=cluster, on_stage=on_stage, **QUICK)
    assert idle(cluster)
    assert [path.name for path in tmp_path.iterdir()] == ["a.tif"]


def test_a_raster_on_the_command_line(tmp_path: Path, machines: Machines, cluster: Cluster) -> None:
    source = write(tmp_path / "a.tif", scene("uint8")[:300, :300])
    for folder, more in (("local", ()), ("out", ("--scheduler", machines.address))):
        assert program("raster", str(source), "-k", "2", "--n-init", "1", "-o", str(tmp_path / folder), *more) == 0
    assert results(tmp_path / "out") == results(tmp_path / "local")


# Clusters that will not do


def test_a_scheduler_that_cannot_be_reached(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(connection, "CONNECT", 0.5)
    for address in ("tcp://127.0.0.1:9", "nonsense://x"):
        assert batch("out", "--scheduler", address) == 1
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith(f"Error: {address}: no scheduler answers there. Start one with 'dask scheduler'")
    assert batch("out", "--scheduler", "nonsense") == 2
    assert "an address such as tcp://10.0.0.1:8786; got nonsense." in capsys.readouterr().err
    assert not Path("out").exists()


def test_without_dask_there_is_a_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(DependencyError, match=r"needs Dask, .* Install it: pip install distributed\.$"):
        Cluster("tcp://127.0.0.1:9")


def test_workers_of_another_version_are_refused(machines: Machines, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(errands, "__version__", "0.0.0")
        with pytest.raises(ClusterError, match=r"segment is 0\.0\.0 here and .* Install the same on all machines\.$"):
            Cluster(machines.address)
    usual = metadata.version
    monkeypatch.setattr(metadata, "version", lambda name: "0.1" if name == "numpy" else usual(name))
    with Cluster(machines.address) as cluster:
        (note,) = cluster.notes
        assert note.startswith(f"numpy is 0.1 here and {np.__version__} on tcp://")


def test_workers_that_join_with_another_version_do_nothing(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("segment.runs.workers.dask_tasks.__version__", "0.0.0")
    with pytest.raises(ClusterError, match="a worker joined that has segment"):
        list(ClusterCrew(rest, cluster).perform(iter("ab")))
    assert idle(cluster)


def test_workers_that_do_not_see_the_files_are_refused(cluster: Cluster, tmp_path: Path) -> None:
    cluster.check_sees(tmp_path)
    with pytest.raises(ClusterError, match=r"nowhere: the worker tcp://.* does not see it\."):
        cluster.check_sees(tmp_path, tmp_path / "nowhere")


def test_a_cluster_that_has_no_worker_is_waited_for_a_while(
    machines: Machines, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "CONNECT", 1.0)
    monkeypatch.setattr(connection, "PATIENCE", 1.0)

    def kill_all() -> Iterator[str]:
        yield "a"
        for worker in machines.workers:
            worker.kill()
            worker.wait()
        yield "b"

    with pytest.raises(ClusterError, match=r"has no worker left\. Start it again"):
        list(ClusterCrew(rest, cluster, at_once=1).perform(kill_all()))
    with pytest.raises(ClusterError, match=r"has no worker\. Start some: dask worker tcp://"):
        Cluster(machines.address)
