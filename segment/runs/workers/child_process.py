"""A child process for tasks that must end when their time is over or when they are cancelled.

A thread of Python cannot be stopped from outside: an exception that is raised in it at any moment may leave a lock
locked for ever. A process can be stopped.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from typing import Any, BinaryIO

from segment.core.opencv import load_cv2
from segment.runs.workers.lost_tasks import TaskLost, TaskTimeout
from segment.runs.workers.processes import watch_parent
from segment.runs.workers.time_limit import limit_time

__all__ = ["ChildProcess", "open_null_device", "serve_tasks"]

STOP_SECONDS = 2.0  # that a task gets to end after it was told to

_PROGRAM = "from segment.runs.workers.child_process import serve_tasks; serve_tasks({0}, {1})"


class ChildProcess:
    """A process that does one task after the other.

    It is started as a program of its own: a worker that Dask's nanny has started may not use multiprocessing.

    Parameters
    ----------
    n_threads : int
        Threads that OpenCV and the stages may use in it.
    max_idle : float, seconds
        After so long without a task it ends, because it holds memory.
    """

    def __init__(self, *, n_threads: int = 1, max_idle: float = 60.0) -> None:
        # Modules are found where this process finds them.
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
        self._process = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM.format(n_threads, max_idle)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
        )

    @property
    def is_alive(self) -> bool:
        """Whether the process has not ended."""
        return self._process.poll() is None

    def run(self, call: bytes, seconds: float) -> tuple[Any, BaseException | None]:
        """Do a task.

        Parameters
        ----------
        call : bytes
            A pickled pair of a function and its arguments.
        seconds : float
            The time allowed; 0 is no limit.

        Returns
        -------
        result : Any or TaskLost
            What the function returned; TaskLost if it took too long, or if the process died.
        error : BaseException or None
            What it raised.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        # The call is a message within the message, so that an error in reading it is an error of the task.
        begin = time.monotonic()
        try:
            _write_message(self._process.stdin, pickle.dumps((call, seconds)))
            result, error = pickle.loads(_read_message(self._process.stdout))
        except (OSError, EOFError):
            elapsed = time.monotonic() - begin
            self._process.kill()  # its pipes have ended, and soon it will have
            self._process.wait()
            # A process that does not react to the end of its time is killed, too.
            return TaskLost("timeout" if 0 < seconds <= elapsed else "killed", elapsed), None
        return result, error

    def cancel(self) -> None:
        """Ask the task to end: it is lost, and the process goes on with the next one.

        A process that has no task, or is just sending a result, ends.
        """
        self._process.terminate()

    def kill(self) -> None:
        """End the process at once; whoever waits for its result gets TaskLost."""
        self._process.kill()

    def stop(self, thread: threading.Thread) -> None:
        """Stop the task, and with it the process; kill it if it does not react.

        Parameters
        ----------
        thread : Thread
            Waits for the result of the task, and ends with it.
        """
        # SIGTERM raises TaskTimeout in the task, which then removes what it has written in part.
        self._process.terminate()
        thread.join(STOP_SECONDS)
        self._process.kill()
        thread.join()  # its pipes are at their end now
        self.close()

    def close(self) -> None:
        """End the process and its pipes. No thread may wait for it."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):  # a part of a request may be left in it
                    pipe.close()


def serve_tasks(n_threads: int, max_idle: float) -> None:
    """Do the tasks that come through stdin until there are no more: the program of a child process.

    Parameters
    ----------
    n_threads : int
        Threads that OpenCV and the stages may use.
    max_idle : float, seconds
        It ends after so long without a task.
    """
    # Copies, because what is printed goes to the other end of stdout from now on.
    requests, replies = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints must not come between the replies
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in the terminal of the worker is for the worker
    signal.signal(signal.SIGTERM, _raise_timeout)
    threading.Thread(target=watch_parent, args=(os.getppid(),), daemon=True).start()
    load_cv2().setNumThreads(n_threads)
    while True:
        # A timer, because a read from a pipe has no time limit.
        idle = threading.Timer(max_idle, os.kill, (os.getpid(), signal.SIGTERM))
        idle.daemon = True
        idle.start()
        try:
            request = _read_message(requests)
        # The worker has closed the pipe, or the child was idle for too long.
        except (EOFError, TaskTimeout):
            return
        idle.cancel()
        call, seconds = pickle.loads(request)
        _write_message(replies, _run_call(call, seconds))


def _run_call(call: bytes, seconds: float) -> bytes:
    """Call a function, and pickle the pair of its result and its error."""
    begin = time.monotonic()
    result: Any = None
    error: BaseException | None = None
    try:
        # The functions of a task are found only while it is unpickled: that is a part of the task, too.
        with limit_time(seconds):
            function, arguments = pickle.loads(call)
            result = function(*arguments)
    except TaskTimeout:
        result = TaskLost("timeout", time.monotonic() - begin)
    except BaseException as raised:
        error = raised
    try:
        return pickle.dumps((result, error))
    except Exception as failure:  # some errors of other libraries cannot be pickled
        return pickle.dumps((None, RuntimeError(f"{type(error or failure).__name__}: {error or failure}")))


def _raise_timeout(*_: Any) -> None:
    """End the task: a handler of SIGTERM."""
    raise TaskTimeout


def _write_message(pipe: Any, message: bytes) -> None:
    """Write a message with its length before it."""
    # A pipe has no borders between messages.
    pipe.write(len(message).to_bytes(8, "big") + message)
    pipe.flush()


def _read_message(pipe: Any) -> bytes:
    """Read a message; EOFError if the other side has ended."""
    size = _read_exactly(pipe, 8)
    return _read_exactly(pipe, int.from_bytes(size, "big"))


def _read_exactly(pipe: BinaryIO, size: int) -> bytes:
    """Read so many bytes."""
    data = pipe.read(size)
    if len(data) < size:
        raise EOFError
    return data


def open_null_device(number: int) -> None:
    """Open the null device in place of a standard stream that is closed, for child processes too.

    Parameters
    ----------
    number : {0, 1, 2}
        The descriptor of the stream. One that is open stays as it is.
    """
    try:
        os.fstat(number)
    except OSError:
        null = os.open(os.devnull, os.O_RDWR)
        os.dup2(null, number)
        if null != number:
            os.close(null)
        os.set_inheritable(number, True)
