"""The time limit of a task: what takes too long is stopped, and what does not react is killed."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import pytest

from segment.runs.workers.lost_tasks import TaskTimeout
from segment.runs.workers.time_limit import limit_time


def test_a_block_that_takes_too_long_is_stopped_and_the_handler_is_restored() -> None:
    before = signal.getsignal(signal.SIGALRM)
    began = time.monotonic()
    with pytest.raises(TaskTimeout), limit_time(0.05):
        time.sleep(30)
    assert time.monotonic() - began < 25
    assert signal.getsignal(signal.SIGALRM) is before
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0


@pytest.mark.parametrize("seconds", [0, 30])
def test_a_block_within_its_time_is_left_alone(seconds: float) -> None:
    with limit_time(seconds):
        value = 1
    assert value == 1


def test_a_process_that_does_not_react_is_killed() -> None:
    script = (
        "import segment.runs.workers.time_limit as time_limit\n"
        "time_limit.KILL_SECONDS = 0.2\n"
        "with time_limit.limit_time(0.1):\n"
        "    while True:\n"
        "        try:\n"
        "            while True: pass\n"
        "        except BaseException: pass\n"
    )
    done = subprocess.run([sys.executable, "-c", script], timeout=30, check=False)
    assert done.returncode != 0
