"""Clusters that cannot do the work are refused."""

from __future__ import annotations

import errno
import sys
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
from dask_cluster import LocalCluster

from segment.core.errors import ClusterError, DependencyError, SettingsError
from segment.runs.workers import dask_client, dask_worker
from segment.runs.workers.dask_client import Cluster


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:9", "nonsense://x"])
def test_a_scheduler_that_does_not_answer_is_an_error(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    pytest.importorskip("distributed")
    monkeypatch.setattr(dask_client, "CONNECT_SECONDS", 0.3)
    rule = f"{address}: no scheduler answers there. Start one with 'dask scheduler', and give the address that it"
    with pytest.raises(ClusterError, match=rule):
        Cluster(address)


def test_what_is_no_address_is_refused() -> None:
    pytest.importorskip("distributed")
    with pytest.raises(SettingsError, match=r"an address such as tcp://10\.0\.0\.1:8786; got nonsense\."):
        Cluster("nonsense")


def test_without_dask_the_message_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(DependencyError, match=r"needs Dask, .* Run: pip install 'gmm-segment\[dask\]'\.$"):
        Cluster("tcp://127.0.0.1:9")


def test_limits_of_this_process_are_no_fault_of_the_scheduler(monkeypatch: pytest.MonkeyPatch) -> None:
    distributed = pytest.importorskip("distributed")

    def fail_to_connect(*_: object, **__: object) -> None:
        try:
            raise OSError(errno.EMFILE, "Too many open files")
        finally:
            raise TimeoutError

    monkeypatch.setattr(distributed.Client, "__init__", fail_to_connect)
    with pytest.raises(ClusterError, match=r"9: too many open files\. Raise the limit of open files \(ulimit -n\)\.$"):
        Cluster("tcp://127.0.0.1:9")
    monkeypatch.setattr(dask_client, "can_start_threads", lambda _: False)
    with pytest.raises(ClusterError, match=r"9: no more threads can be started\. Raise the limit of processes"):
        Cluster("tcp://127.0.0.1:9")


def test_workers_with_another_version_of_the_program_are_refused(
    local_cluster: LocalCluster, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dask_worker, "__version__", "0.0.0")
    with pytest.raises(ClusterError, match=r"segment is 0\.0\.0 here and .* Install the same on all machines\.$"):
        Cluster(local_cluster.address)


def test_workers_with_another_version_of_a_library_are_noted(
    local_cluster: LocalCluster, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = metadata.version
    monkeypatch.setattr(metadata, "version", lambda name: "0.1" if name == "numpy" else usual(name))
    with Cluster(local_cluster.address) as other:
        (note,) = other.notes
        assert note.startswith(f"numpy is 0.1 here and {np.__version__} on tcp://")


def test_workers_that_do_not_see_the_files_are_refused(cluster: Cluster, tmp_path: Path) -> None:
    cluster.check_paths(tmp_path)
    with pytest.raises(ClusterError, match=r"nowhere: the worker tcp://.* does not see it\."):
        cluster.check_paths(tmp_path, tmp_path / "nowhere")


def test_a_cluster_without_workers_is_refused(
    local_cluster: LocalCluster, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    local_cluster.kill_workers()
    monkeypatch.setattr(dask_client, "CONNECT_SECONDS", 0.5)
    with pytest.raises(ClusterError, match=r"has no worker\. Start some: dask worker tcp://"):
        Cluster(local_cluster.address)
