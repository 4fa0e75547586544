"""What a Dask worker does with tasks, and what it answers."""

from __future__ import annotations

import os
import platform
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("distributed", reason="a cluster needs Dask: pip install distributed")

from dask_work import return_task, work_endlessly
from folder_runs import kill_worker

from segment.core.errors import ClusterError, ImageError
from segment.core.version import __version__
from segment.runs.workers import child_process, dask_worker
from segment.runs.workers.dask_worker import (
    collect_versions,
    count_leftovers,
    has_path,
    return_unchanged,
    run_stoppable_task,
    run_task,
)
from segment.runs.workers.lost_tasks import TaskLost


@pytest.fixture
def states(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """The states of the tasks of a worker, which does the task ``key``."""
    states: dict[str, Any] = {"key": SimpleNamespace(state="executing")}
    worker = SimpleNamespace(state=SimpleNamespace(tasks=states), get_current_task=lambda: "key")
    monkeypatch.setattr("distributed.get_worker", lambda: worker)
    monkeypatch.setattr(dask_worker, "POLL_SECONDS", 0.02)
    yield states
    while dask_worker._IDLE_CHILDREN:
        dask_worker._IDLE_CHILDREN.pop().close()


def run(function: Any, *arguments: Any, seconds: float = 0.0) -> Any:
    return run_stoppable_task(function, *arguments, run="a run", version=__version__, seconds=seconds)


def test_a_task_returns_what_its_function_returns() -> None:
    assert run_task(max, 3, 5, version=__version__) == 5
    with pytest.raises(ValueError, match="empty"):
        run_task(max, [], version=__version__)


def test_errors_that_users_meet_travel_without_their_causes() -> None:
    def fail() -> None:
        raise ImageError("a.png: damaged") from ValueError("of a kind that cannot be pickled")

    with pytest.raises(ImageError, match=r"a\.png: damaged") as found:
        run_task(fail, version=__version__)
    assert found.value.__cause__ is None


@pytest.mark.parametrize("options", [{}, {"run": "a run", "seconds": 0.0}])
def test_another_version_of_the_program_is_refused(options: dict[str, Any]) -> None:
    function: Any = run_stoppable_task if options else run_task
    with pytest.raises(ClusterError, match=rf"a worker joined that has segment {__version__}, not 0\.0\.0"):
        function(max, 3, 5, version="0.0.0", **options)


def test_tasks_that_can_be_stopped_run_in_one_child_after_the_other(states: dict[str, Any]) -> None:
    first, second = run(os.getpid), run(os.getpid)
    assert first == second != os.getpid()
    with pytest.raises(ValueError, match="empty"):
        run(max, [])
    assert run(return_unchanged, b"x" * 10**6) == b"x" * 10**6


def test_a_task_is_stopped_when_its_time_is_over(states: dict[str, Any]) -> None:
    lost = run(work_endlessly, "busy", seconds=0.2)
    assert isinstance(lost, TaskLost)
    assert lost.reason == "timeout"
    assert 0.2 <= lost.seconds < 50
    assert run(return_task, "a") == "a"


@pytest.mark.parametrize("task", ["busy", "unresponsive"])
def test_a_task_is_stopped_when_nobody_waits_for_it(
    states: dict[str, Any], monkeypatch: pytest.MonkeyPatch, task: str
) -> None:
    monkeypatch.setattr(child_process, "STOP_SECONDS", 0.5)
    run(return_task, "a")
    (child,) = dask_worker._IDLE_CHILDREN
    threading.Timer(0.3, lambda: setattr(states["key"], "state", "cancelled")).start()
    begin = time.monotonic()
    assert isinstance(run(work_endlessly, task), TaskLost)
    assert time.monotonic() - begin < 50
    assert not child.is_alive
    assert dask_worker._IDLE_CHILDREN == []


def test_a_task_whose_process_dies_is_lost(states: dict[str, Any]) -> None:
    lost = run(kill_worker, "killed")
    assert isinstance(lost, TaskLost)
    assert lost.reason == "killed"
    assert run(return_task, "a") == "a"


def test_a_child_that_died_is_not_used_again(states: dict[str, Any]) -> None:
    number = run(os.getpid)
    os.kill(number, signal.SIGKILL)
    dask_worker._IDLE_CHILDREN[0]._process.wait()
    assert run(os.getpid) != number


def test_leftovers_are_the_tasks_of_the_run() -> None:
    worker = SimpleNamespace(state=SimpleNamespace(tasks={"run-1-7": None, "run-2-1": None}))
    assert count_leftovers("run-1", worker) == 1
    assert count_leftovers("run-", worker) == 2


def test_a_task_counts_as_a_leftover_until_it_has_stopped(states: dict[str, Any]) -> None:
    worker = SimpleNamespace(state=SimpleNamespace(tasks={}))

    def cancel_when_counted() -> None:
        while count_leftovers("a run", worker) != 1:
            time.sleep(0.01)
        states["key"].state = "cancelled"

    threading.Thread(target=cancel_when_counted, daemon=True).start()
    assert isinstance(run(work_endlessly, "busy"), TaskLost)
    assert count_leftovers("a run", worker) == 0


def test_answers_about_a_worker(tmp_path: Path) -> None:
    assert has_path(str(tmp_path))
    assert not has_path(str(tmp_path / "nothing"))
    assert return_unchanged("a") == "a"
    versions = collect_versions()
    assert versions["segment"] == __version__
    assert platform.python_version().startswith(versions["Python"])


def test_a_worker_without_memory_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("distributed.get_worker", lambda: SimpleNamespace(address="tcp://a:1"))

    def need_memory() -> None:
        raise MemoryError

    with pytest.raises(ClusterError, match="the worker tcp://a:1: not enough memory for a task"):
        dask_worker.run_task(need_memory, version=__version__)
