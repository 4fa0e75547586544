"""What a worker answers, and how it stops tasks."""

from __future__ import annotations

import platform
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("distributed", reason="a cluster needs Dask: pip install distributed")

from segment.core.errors import ClusterError, ImageError
from segment.core.version import __version__
from segment.runs.workers import dask_worker
from segment.runs.workers.dask_worker import collect_versions, count_leftovers, has_path, return_unchanged, run_task
from segment.runs.workers.lost_tasks import TaskLost


@pytest.fixture
def states(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The states of the tasks of a worker, which does the task ``key``."""
    states: dict[str, Any] = {"key": SimpleNamespace(state="executing")}
    worker = SimpleNamespace(state=SimpleNamespace(tasks=states), get_current_task=lambda: "key")
    monkeypatch.setattr("distributed.get_worker", lambda: worker)
    monkeypatch.setattr(dask_worker, "POLL_SECONDS", 0.01)
    return states


def run(function: Any, *arguments: Any, seconds: float = 0.0) -> Any:
    return run_task(function, *arguments, run="a run", version=__version__, seconds=seconds)


def run_until_stopped(ended: list[str]) -> None:
    try:
        while True:
            pass
    finally:
        ended.append("ended")


def test_a_task_returns_what_its_function_returns(states: dict[str, Any]) -> None:
    assert run(max, 3, 5) == 5
    with pytest.raises(ValueError, match="empty"):
        run(max, [])


def test_a_task_is_stopped_when_its_time_is_over(states: dict[str, Any]) -> None:
    ended: list[str] = []
    lost = run(run_until_stopped, ended, seconds=0.1)
    assert isinstance(lost, TaskLost)
    assert lost.reason == "timeout"
    assert lost.seconds >= 0.1
    assert ended == ["ended"]


def test_a_task_is_stopped_when_nobody_waits_for_it(states: dict[str, Any]) -> None:
    ended: list[str] = []

    def cancel_and_run() -> None:
        states["key"].state = "cancelled"
        run_until_stopped(ended)

    assert isinstance(run(cancel_and_run), TaskLost)
    assert ended == ["ended"]


def test_errors_that_users_meet_travel_without_their_causes(states: dict[str, Any]) -> None:
    def fail() -> None:
        raise ImageError("a.png: damaged") from ValueError("of a kind that cannot be pickled")

    with pytest.raises(ImageError, match=r"a\.png: damaged") as found:
        run(fail)
    assert found.value.__cause__ is None


def test_another_version_of_the_program_is_refused(states: dict[str, Any]) -> None:
    with pytest.raises(ClusterError, match=rf"a worker joined that has segment {__version__}, not 0\.0\.0"):
        run_task(max, 3, 5, run="a run", version="0.0.0", seconds=0.0)


def test_leftovers_are_tasks_and_threads_of_the_run(states: dict[str, Any]) -> None:
    worker = SimpleNamespace(state=SimpleNamespace(tasks={"run-1-7": None, "run-2-1": None}))
    assert count_leftovers("run-1", worker) == 1
    assert count_leftovers("run-", worker) == 2
    counts = []
    run(lambda: counts.append(count_leftovers("a run", worker)))
    assert counts == [1]
    assert count_leftovers("a run", worker) == 0


def test_answers_about_a_worker(tmp_path: Path) -> None:
    assert has_path(str(tmp_path))
    assert not has_path(str(tmp_path / "nothing"))
    assert return_unchanged("a") == "a"
    versions = collect_versions()
    assert versions["segment"] == __version__
    assert platform.python_version().startswith(versions["Python"])
