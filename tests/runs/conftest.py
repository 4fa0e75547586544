"""Folders of images, a small disk, and a Dask cluster that the tests of runs share."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from dask_cluster import LocalCluster
from folder_runs import write_images

from segment.runs.workers.dask_client import Cluster


@pytest.fixture(scope="session")
def local_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCluster]:
    """Two workers and their scheduler."""
    pytest.importorskip("distributed", reason="a cluster needs Dask: pip install distributed")
    local_cluster = LocalCluster(tmp_path_factory.mktemp("cluster"))
    yield local_cluster
    local_cluster.stop()


@pytest.fixture
def cluster(local_cluster: LocalCluster) -> Iterator[Cluster]:
    """A connection to it; workers that a test has killed are replaced."""
    local_cluster.keep_workers(2)
    with Cluster(local_cluster.address) as cluster:
        local_cluster.wait_for_workers(cluster, 2)
        yield cluster


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with twelve small images in ``in``."""
    monkeypatch.chdir(tmp_path)
    write_images()
    return tmp_path


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 KB."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", place], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.decode().strip()}")
    yield place
    subprocess.run(["umount", "-l", place], check=True)
