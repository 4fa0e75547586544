"""Work on several cores at once: the one place where the stages' threads come from.

NumPy, OpenCV and Pillow let other threads run while they compute, so blocks of an image are worked through side by
side. An operation on a block should take some 20 microseconds or more: threads take turns between the operations, and
to change over takes a few.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Protocol, TypeVar

from segment.core.opencv import load_cv2

__all__ = ["Each", "count_threads", "run_in_threads", "start_threads"]

Item = TypeVar("Item")
Result = TypeVar("Result")

_HERE = threading.local()


class Each(Protocol):
    """Does some work for each of several items and returns the results, in the order of the items."""

    def __call__(self, work: Callable[[Item], Result], items: Iterable[Item], /) -> list[Result]: ...


def count_threads() -> int:
    """How many threads a stage may use: as many as OpenCV, so that one call of its limits both.

    One in a thread that :func:`start_threads` started: what it calls is side by side with others already.
    """
    return 1 if getattr(_HERE, "is_one_of_several", False) else max(1, int(load_cv2().getNumThreads()))


@contextmanager
def start_threads(several: bool = True) -> Iterator[Each]:
    """Threads for as long as a block lasts; where `several` is False only the present one.

    Yields
    ------
    callable
        ``each(work, items)`` does the work for all items, several at a time. An exception, of the work or of Ctrl-C,
        is raised once what is under way has ended; the rest is not begun.
    """
    n = count_threads() if several else 1
    if n == 1:
        yield _one_by_one
        return
    with ThreadPoolExecutor(n, initializer=_become_one_of_several) as pool:

        def each(work: Callable[[Item], Result], items: Iterable[Item], /) -> list[Result]:
            return list(pool.map(work, items))

        yield each


def run_in_threads(work: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """The results of the work for each item, in their order, several at a time: :func:`start_threads` for one call."""
    found = list(items)
    if len(found) < 2:
        return _one_by_one(work, found)
    with start_threads() as each:
        return each(work, found)


def _one_by_one(work: Callable[[Item], Result], items: Iterable[Item], /) -> list[Result]:
    return [work(item) for item in items]


def _become_one_of_several() -> None:
    _HERE.is_one_of_several = True
