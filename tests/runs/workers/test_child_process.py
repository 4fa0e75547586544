"""Child processes of Dask workers."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest
from dask_work import return_task, set_kill_seconds, work_endlessly

from segment.runs.workers.child_process import ChildProcess
from segment.runs.workers.lost_tasks import TaskLost


@pytest.fixture
def child() -> Iterator[ChildProcess]:
    child = ChildProcess()
    yield child
    child.close()


def run(child: ChildProcess, function: Any, *arguments: Any, seconds: float = 0.0) -> tuple[Any, BaseException | None]:
    return child.run(pickle.dumps((function, arguments)), seconds)


def test_a_child_does_one_task_after_the_other(child: ChildProcess) -> None:
    assert run(child, return_task, "a") == ("a", None)
    result, error = run(child, int, "no number")
    assert result is None
    assert isinstance(error, ValueError)
    assert run(child, return_task, "b") == ("b", None)


def test_what_a_task_prints_does_not_come_between_the_results(child: ChildProcess) -> None:
    assert run(child, print, "hello") == (None, None)
    assert run(child, os.system, "echo hello") == (0, None)
    assert run(child, return_task, "a") == ("a", None)


def test_an_interrupt_in_the_terminal_of_the_worker_is_ignored(child: ChildProcess) -> None:
    run(child, return_task, "a")
    child._process.send_signal(signal.SIGINT)
    assert run(child, return_task, "b") == ("b", None)


def test_an_error_that_cannot_be_pickled_is_described(child: ChildProcess) -> None:
    result, error = run(child, os.stat, b"\0")
    assert isinstance(error, ValueError)
    result, error = run(child, eval, "(_ for _ in ())")  # a generator cannot be pickled
    assert result is None
    assert "generator" in str(error)


def test_a_child_that_does_not_react_to_the_end_of_its_time_is_killed(child: ChildProcess) -> None:
    assert run(child, set_kill_seconds, 0.2) == (None, None)
    (lost, error) = run(child, work_endlessly, "unresponsive", seconds=0.1)
    assert error is None
    assert isinstance(lost, TaskLost)
    assert lost.reason == "timeout"
    assert not child.is_alive


PARENT = """
import os, pickle
from dask_work import return_task
from segment.runs.workers.child_process import ChildProcess
child = ChildProcess()
child.run(pickle.dumps((return_task, ("a",))), 0.0)
print(child._process.pid, flush=True)
os.kill(os.getpid(), 9)
"""


def test_a_child_ends_with_its_parent() -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True, check=False, env=environment
    )
    number = int(done.stdout)
    end = time.monotonic() + 30
    while is_alive(number) and time.monotonic() < end:
        time.sleep(0.02)
    assert not is_alive(number)


def is_alive(number: int) -> bool:
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    return True
