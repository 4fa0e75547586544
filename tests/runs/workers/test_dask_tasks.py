"""Groups of tasks on a cluster: results, limits, and what is left at the end."""

from __future__ import annotations

import operator
import subprocess
import sys

import pytest
from dask_cluster import LocalCluster, is_idle
from dask_work import return_task, set_allowed_failures, work_endlessly
from folder_runs import kill_worker

from segment.core.errors import ClusterError
from segment.runs.workers import dask_client
from segment.runs.workers.dask_client import Cluster
from segment.runs.workers.dask_tasks import TaskGroup
from segment.runs.workers.lost_tasks import TaskLost


def test_tasks_use_shared_values_and_results_of_each_other(cluster: Cluster) -> None:
    with TaskGroup(cluster) as group:
        ten = group.send_shared(10)
        first = group.send(operator.add, ten, 1)
        second = group.send(operator.mul, first, ten, urgent=True)
        ended = {group.wait_for_next(), group.wait_for_next()}
        assert ended == {first, second}
        assert not group
        assert group.require_result(second) == 110
    del ten, first, second, ended
    assert is_idle(cluster)


def test_a_group_is_full_at_its_limit(cluster: Cluster) -> None:
    with TaskGroup(cluster, max_tasks=2) as group:
        group.send(return_task, "a")
        assert not group.is_full
        group.send(return_task, "b")
        assert group.is_full
        group.wait_for_next()
        assert not group.is_full
    with TaskGroup(cluster) as group:
        assert group.max_tasks == 2 * cluster.count_threads()


def test_an_error_ends_the_group_and_its_tasks(cluster: Cluster) -> None:
    with pytest.raises(ZeroDivisionError), TaskGroup(cluster, can_stop=True) as group:  # noqa: PT012  another task goes on
        group.send(work_endlessly, "busy")
        group.send(operator.truediv, 1, 0)
        group.require_result(group.wait_for_next())
    assert is_idle(cluster)


def test_a_task_that_kills_every_worker_is_lost(local_cluster: LocalCluster, cluster: Cluster) -> None:
    usual = cluster.client.run_on_scheduler(set_allowed_failures, 0)
    try:
        with TaskGroup(cluster) as group:
            group.send(kill_worker, "killed")
            task = group.wait_for_next()
            lost = group.get_result(task)
            assert lost == TaskLost("killed", worker=lost.worker)
            with pytest.raises(ClusterError, match=r"killed several times, the last (tcp|inproc)://\S+, most often"):
                group.require_result(task)
    finally:
        cluster.client.run_on_scheduler(set_allowed_failures, usual)


def test_a_group_waits_a_while_for_a_worker(
    local_cluster: LocalCluster, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dask_client, "MAX_SECONDS_WITHOUT_WORKER", 0.5)
    local_cluster.kill_workers()
    with TaskGroup(cluster) as group:
        group.send(return_task, "a")
        with pytest.raises(ClusterError, match=r"has no worker left\. Start it again"):
            group.wait_for_next()
    with monkeypatch.context() as patched:
        patched.setattr(dask_client, "MAX_SECONDS_WITHOUT_WORKER", 60)
        with TaskGroup(cluster) as group:
            task = group.send(return_task, "a")
            local_cluster.keep_workers(2)
            assert group.get_result(group.wait_for_next()) == "a"
            del task


ENDLESS = """
import sys
from dask_work import work_endlessly
from segment.runs.batch.folder_workers import DaskWorkers
from segment.runs.workers.dask_client import Cluster
with Cluster(sys.argv[1]) as cluster:
    for task, _ in DaskWorkers(work_endlessly, cluster).run(iter(["a", "busy", "busy", "busy"])):
        print(task, flush=True)
"""


@pytest.mark.parametrize("number", [2, 9], ids=["SIGINT", "SIGKILL"])
def test_a_program_that_is_stopped_leaves_no_task_and_no_thread(
    cluster: Cluster, local_cluster: LocalCluster, number: int
) -> None:
    from folder_runs import restore_interrupts

    process = subprocess.Popen(
        [sys.executable, "-c", ENDLESS, local_cluster.address],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=local_cluster.environment,
        preexec_fn=restore_interrupts,  # noqa: PLW1509  # it takes no lock that a thread may hold
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"a\n"
    process.send_signal(number)
    process.communicate(timeout=30)
    assert is_idle(cluster)


def test_workers_that_join_later_with_another_version_do_nothing(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("segment.runs.workers.dask_tasks.__version__", "0.0.0")
    message = "a worker joined that has segment"
    with pytest.raises(ClusterError, match=message), TaskGroup(cluster) as group:  # noqa: PT012  it ends the group
        group.send(return_task, "a")
        group.require_result(group.wait_for_next())
    assert is_idle(cluster)
