"""Ctrl-C and SIGTERM: how they end the program, and with which exit code."""

from __future__ import annotations

import contextlib
import math
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType

__all__ = ["Terminated", "exit_on_signals", "get_exit_code", "interrupt_on_signals"]


CLEANUP_SECONDS = 5.0  # after a first signal, in which others are ignored


class Terminated(KeyboardInterrupt):
    """The process was asked to end (SIGTERM)."""


def get_exit_code(stop: BaseException) -> int:
    """Get the exit code of an interrupted program: 128 and the number of the signal, as shells have it.

    Parameters
    ----------
    stop : BaseException
        What interrupted it.

    Examples
    --------
    >>> get_exit_code(KeyboardInterrupt()), get_exit_code(Terminated())
    (130, 143)
    """
    return 128 + (signal.SIGTERM if isinstance(stop, Terminated) else signal.SIGINT)


@contextlib.contextmanager
def exit_on_signals() -> Iterator[None]:
    """End the process at once and without a traceback on Ctrl-C and SIGTERM in the block, where no work has begun."""

    def exit_now(number: int, _: FrameType | None) -> None:
        # No buffers, no handlers: modules may be half loaded.
        os.write(2, b"Interrupted.\n")
        os._exit(128 + number)

    with _handle_signals(exit_now):
        yield


@contextlib.contextmanager
def interrupt_on_signals(*, ends_process: bool = False) -> Iterator[None]:
    """Interrupt the block on Ctrl-C and SIGTERM, so that it cleans up; others that come shortly after are ignored.

    Parameters
    ----------
    ends_process : bool
        Whether the process ends after the block. Then Ctrl-C is ignored from there on: all is written, and while
        Python waits for threads it would print a traceback.
    """
    # Only the main thread may set handlers.
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    latest = -math.inf

    def interrupt(number: int, _frame: FrameType | None) -> None:
        # The first request cleans up; a second one must not stop that half way.
        nonlocal latest
        if time.monotonic() - latest > CLEANUP_SECONDS:
            latest = time.monotonic()
            raise Terminated if number == signal.SIGTERM else KeyboardInterrupt

    with _handle_signals(interrupt, ends_process=ends_process):
        yield


@contextlib.contextmanager
def _handle_signals(handler: Callable[[int, FrameType | None], None], *, ends_process: bool = False) -> Iterator[None]:
    """Handle Ctrl-C and SIGTERM in the block; where the process ends after it, Ctrl-C is ignored from there on."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number, usual in before.items():
        # A shell starts background processes with SIGINT ignored; that stays so.
        if usual is not signal.SIG_IGN:
            signal.signal(number, handler)
    try:
        yield
    finally:
        if ends_process:
            before[signal.SIGINT] = signal.SIG_IGN
        for number, usual in before.items():
            signal.signal(number, usual)
