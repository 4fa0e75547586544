"""Tiles of a raster on a Dask cluster: the file of this machine, also when workers are killed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from dask_cluster import LocalCluster, is_idle
from folder_runs import hash_results
from program_runs import run_main
from raster_files import write

import segment
from segment.core.errors import ClusterError
from segment.runs.rasters.raster_run import RasterStage
from segment.runs.rasters.tile_workers import DaskTiles, Threads, TileWorkers
from segment.runs.rasters.tiles import Window, cut_tiles
from segment.runs.workers.dask_client import Cluster

# Tiles of the size of the blocks in the file: each block is written once, so the file does not depend on caches.
QUICK = {"k": 3, "n_init": 1, "tile": 512, "smooth_radius": 0.002}


def make_scene(depth: str) -> np.ndarray:
    """Soft areas and noise, in six tiles of 512 pixels: the colors of 8 bits have a table, those of 16 are binned."""
    rows, columns = np.mgrid[:600, :1100]
    near = np.stack([rows / 600, columns / 1100, 0.5 + 0.5 * np.sin(rows / 90) * np.cos(columns / 130)], axis=-1)
    pixels = 30 + 190 * near + np.random.default_rng(3).normal(0, 2, near.shape)
    return np.clip(pixels * (1 if depth == "uint8" else 100), 0, 65535).astype(depth)


def measure(window: Window) -> tuple[int, int]:
    return window.row, window.height * window.width


def add(first: tuple[int, int], second: tuple[int, int]) -> tuple[int, int]:
    return max(first[0], second[0]), first[1] + second[1]


@pytest.mark.parametrize("kind", ["threads", "cluster"])
def test_workers_return_the_results_of_tiles_in_order_or_their_sum(cluster: Cluster, tmp_path: Path, kind: str) -> None:
    workers: TileWorkers = Threads() if kind == "threads" else DaskTiles(cluster, tmp_path)
    windows = cut_tiles(70, 50, 20)
    done: list[int] = []
    places = workers.map_tiles(lambda window: (window.row, window.column), windows, lambda: done.append(1))
    assert list(places) == [(window.row, window.column) for window in windows]
    assert len(done) == len(windows)
    total = (0, 0)
    for part in workers.sum_tiles(measure, windows, add, lambda: done.append(1)):
        total = add(total, part)
    assert total == (60, 70 * 50)
    assert len(done) == 2 * len(windows)
    del places, part
    assert is_idle(cluster)


def test_workers_that_do_not_see_the_raster_are_refused(cluster: Cluster, tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match="does not see it"):
        DaskTiles(cluster, tmp_path / "nowhere.tif")


@pytest.mark.parametrize(("depth", "spatial"), [("uint8", "none"), ("uint16", "field")])
def test_a_raster_is_the_file_of_this_machine_though_workers_are_killed(
    tmp_path: Path, cluster: Cluster, local_cluster: LocalCluster, depth: str, spatial: str
) -> None:
    source = write(tmp_path / "a.tif", make_scene(depth))
    first_pass = RasterStage.COUNT_COLORS if spatial == "none" else RasterStage.MAKE_COPY
    local = segment.segment_raster(source, tmp_path / "local.tif", spatial=spatial, **QUICK)
    reported: list[str] = []

    def on_stage(stage: str) -> None:
        reported.append(stage)
        if stage in (f"{first_pass}, tile 2 of 6", f"{RasterStage.LABEL}, tile 2 of 6"):
            local_cluster.replace_worker()

    found = segment.segment_raster(
        source, tmp_path / "out.tif", cluster=cluster, on_stage=on_stage, spatial=spatial, **QUICK
    )
    assert found.path.read_bytes() == local.path.read_bytes()
    assert found.classes == local.classes
    assert found.warnings == local.warnings
    assert [stage for stage in reported if first_pass in stage] == [f"{first_pass}, tile {n} of 6" for n in range(1, 7)]
    assert is_idle(cluster)


def test_a_raster_that_is_damaged_leaves_nothing(
    tmp_path: Path, local_cluster: LocalCluster, cluster: Cluster, capsys: pytest.CaptureFixture[str]
) -> None:
    source = write(tmp_path / "a.tif", make_scene("uint8"))
    with source.open("r+b") as file:
        file.truncate(source.stat().st_size // 2)
    output = tmp_path / "out"
    arguments = ("raster", str(source), "-k", "3", "-o", str(output))
    assert run_main(*arguments) == 1
    local_message = capsys.readouterr().err
    assert run_main(*arguments, "--scheduler", local_cluster.address) == 1
    assert capsys.readouterr().err == local_message
    assert not output.exists()
    assert is_idle(cluster)


def test_a_raster_that_is_interrupted_leaves_nothing(tmp_path: Path, cluster: Cluster) -> None:
    def on_stage(stage: str) -> None:
        if stage == f"{RasterStage.LABEL}, tile 2 of 6":
            raise KeyboardInterrupt

    source = write(tmp_path / "a.tif", make_scene("uint8"))
    with pytest.raises(KeyboardInterrupt):
        segment.segment_raster(source, tmp_path / "out.tif", cluster=cluster, on_stage=on_stage, **QUICK)
    assert is_idle(cluster)
    assert [path.name for path in tmp_path.iterdir()] == ["a.tif"]


def test_a_raster_on_the_command_line(tmp_path: Path, local_cluster: LocalCluster, cluster: Cluster) -> None:
    source = write(tmp_path / "a.tif", make_scene("uint8")[:300, :300])
    for folder, more in (("local", ()), ("out", ("--scheduler", local_cluster.address))):
        assert run_main("raster", str(source), "-k", "2", "--n-init", "1", "-o", str(tmp_path / folder), *more) == 0
    assert hash_results(tmp_path / "out") == hash_results(tmp_path / "local")
