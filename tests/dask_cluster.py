"""A Dask scheduler and its workers on this machine, for the tests that use and kill them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from folder_runs import write_hook

from segment.runs.workers.dask_client import Cluster

START_SECONDS = 60  # until a process that does not start is taken to be broken


class LocalCluster:
    """A scheduler and its workers, each a process of its own that does one task at a time."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "scheduler.json"
        # Workers import the tasks of the tests.
        path = os.pathsep.join([write_hook(folder), str(Path(__file__).parent), *sys.path])
        self.environment = {**os.environ, "PYTHONPATH": path}
        self._log = (folder / "log").open("w")
        self._scheduler = self._start("scheduler", "--host", "127.0.0.1", "--port", "0")
        self.workers: list[subprocess.Popen[bytes]] = []
        self.keep_workers(2)
        end = time.monotonic() + START_SECONDS
        # The scheduler makes the file a moment before it writes to it.
        while not (self._file.exists() and self._file.stat().st_size) and time.monotonic() < end:
            time.sleep(0.05)
        self.address = str(json.loads(self._file.read_text())["address"])

    def keep_workers(self, number: int) -> None:
        """Start workers until so many are alive."""
        self.workers = [worker for worker in self.workers if worker.poll() is None]
        while len(self.workers) < number:
            self.workers.append(self._start("worker", "--nthreads", "1", "--no-nanny"))

    def wait_for_workers(self, cluster: Cluster, number: int) -> None:
        """Wait until so many workers are there. One that was still about to die when it was counted is replaced."""
        end = time.monotonic() + START_SECONDS
        while True:
            try:
                return cluster.client.wait_for_workers(number, timeout=2)
            except TimeoutError:
                if time.monotonic() > end:
                    raise
                self.keep_workers(number)

    def replace_worker(self) -> None:
        """Kill a worker, as the kernel does when memory runs out, and start another."""
        self.workers[0].kill()
        self.workers[0].wait()
        self.keep_workers(2)

    def kill_workers(self) -> None:
        for worker in self.workers:
            worker.kill()
            worker.wait()

    def stop(self) -> None:
        self.kill_workers()
        self._scheduler.kill()
        self._scheduler.wait()
        self._log.close()

    def _start(self, *arguments: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "dask", *arguments, "--no-dashboard", "--scheduler-file", str(self._file)]
        return subprocess.Popen(
            command, stdout=self._log, stderr=self._log, env=self.environment, start_new_session=True
        )


def is_idle(cluster: Cluster) -> bool:
    """Wait until no worker has anything left of any run: tasks, results and threads; false after half a minute."""
    end = time.monotonic() + 30
    while cluster.count_leftovers("segment-") and time.monotonic() < end:
        time.sleep(0.02)
    return cluster.count_leftovers("segment-") == 0
