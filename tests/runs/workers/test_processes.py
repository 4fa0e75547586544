"""Worker processes: tasks that kill them, tasks that take too long, and signals."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from folder_runs import kill_worker, ring_if_slow

from segment.core.errors import SettingsError
from segment.core.threads import can_start_threads
from segment.runs.workers.lost_tasks import TaskLost
from segment.runs.workers.processes import ProcessWorkers, count_cores, hold_signals


def test_a_task_that_kills_its_worker_is_lost_and_no_other(tmp_path: Path) -> None:
    workers: ProcessWorkers[str, str] = ProcessWorkers(kill_worker, n_workers=2)
    # Apart, because a task that dies only once may be in progress when the other dies, and die when it is alone.
    for deadly in ("killed", f"once:{tmp_path}/mark"):
        tasks = ["a", "b", deadly, *"cdefgh"]
        found = dict(workers.run(iter(tasks)))
        if deadly == "killed":
            lost = found.pop(deadly)
            assert isinstance(lost, TaskLost)
            assert lost.reason == "killed"
            tasks.remove(deadly)
        assert found == {task: task for task in tasks}
    assert workers.in_progress == {}


def test_a_task_that_takes_too_long_is_lost_and_no_other(tmp_path: Path) -> None:
    found = dict(ProcessWorkers(ring_if_slow, n_workers=2, timeout=60).run(iter(["a", "slow", "b"])))
    lost = found.pop("slow")
    assert isinstance(lost, TaskLost)
    assert lost.reason == "timeout"
    assert found == {"a": "a", "b": "b"}


def test_a_second_attempt_gets_the_task_that_was_prepared_for_it(tmp_path: Path) -> None:
    workers: ProcessWorkers[str, str] = ProcessWorkers(kill_worker, n_workers=1, prepare_retry=lambda _: "again")
    assert list(workers.run(iter(["killed"]))) == [("killed", "again")]


def test_no_workers_are_refused() -> None:
    with pytest.raises(SettingsError, match="a whole number of at least 1; got 0"):
        ProcessWorkers(ring_if_slow, n_workers=0)
    assert count_cores() >= 1


def test_signals_wait_for_the_end_of_a_block() -> None:
    steps = []
    with pytest.raises(KeyboardInterrupt):  # noqa: PT012  # where it is raised is the point
        with hold_signals():
            signal.raise_signal(signal.SIGINT)
            steps.append("the block goes on")
        steps.append("too late")
    assert steps == ["the block goes on"]


def test_workers_never_get_ctrl_c() -> None:
    # In a process of its own: workers that an earlier test has started would be used again.
    code = (
        "import functools, signal\n"
        "from segment.runs.workers.processes import ProcessWorkers\n"
        "mask = functools.partial(signal.pthread_sigmask, signal.SIG_BLOCK)\n"
        "print([signal.SIGINT in held for _, held in ProcessWorkers(mask, n_workers=2).run(iter([(), ()]))])\n"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert found.stdout == "[True, True]\n"


def test_without_semaphores_this_process_does_the_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("joblib._multiprocessing_helpers.mp", None)
    workers: ProcessWorkers[str, int] = ProcessWorkers(lambda _: os.getpid(), n_workers=2)
    assert list(workers.run(iter("ab"))) == [("a", os.getpid()), ("b", os.getpid())]
    assert workers.obstacle.endswith(
        "there are no POSIX semaphores. Make /dev/shm writable to process several at once."
    )


def test_with_few_open_files_this_process_does_the_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("segment.runs.workers.processes.OWN_FILES", 10**6)
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(limits[0], 256), limits[1]))
    try:
        workers: ProcessWorkers[str, int] = ProcessWorkers(lambda _: os.getpid(), n_workers=2)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert list(workers.run(iter("a"))) == [("a", os.getpid())]
    assert "Raise the limit (ulimit -n) or lower --jobs" in workers.obstacle


def test_at_the_limit_of_processes_this_process_does_the_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    start, most = threading.Thread.start, threading.active_count() + 6

    def start_within_limit(thread: threading.Thread) -> None:
        if threading.active_count() >= most:
            raise RuntimeError("can't start new thread")
        start(thread)

    def refuse_process(*_: object) -> int:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    # The system counts threads as processes.
    monkeypatch.setattr(threading.Thread, "start", start_within_limit)
    monkeypatch.setattr("_posixsubprocess.fork_exec", refuse_process)
    monkeypatch.setattr("segment.runs.workers.processes.can_start_threads", can_start_threads.__wrapped__)
    # Many, so that workers which earlier tests have started are too few.
    workers: ProcessWorkers[str, int] = ProcessWorkers(lambda _: os.getpid(), n_workers=9)
    assert list(workers.run(iter("ab"))) == [("a", os.getpid()), ("b", os.getpid())]
    assert "Raise the limit (ulimit -u or -v) or lower --jobs" in workers.obstacle
    assert threading.active_count() == most - 6
