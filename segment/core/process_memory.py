"""Memory of the process of the program: garbage collection and the C library's allocator."""

from __future__ import annotations

import atexit
import ctypes
import gc
import sys
from collections.abc import Callable

__all__ = ["collect_rarely", "keep_freed_memory", "return_freed_memory"]

GC_THRESHOLD = 100_000  # new objects between two collections: about as many as loading all modules makes
# The names of mallopt(3).
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
MAX_KEPT_BYTES, MAX_BLOCK_BYTES = 2**28, 2**25


def collect_rarely() -> None:
    """Let Python look for garbage in cycles rarely, and not at all as the process ends.

    Pixels are in no cycles, so they are freed at once all the same, and all other objects are small. Looking through
    the objects of all modules again and again while they load, and once more at the end, takes longer than cleaning up
    the labels of 12 megapixels.
    """
    gc.set_threshold(GC_THRESHOLD)
    atexit.register(gc.freeze)


def keep_freed_memory() -> None:
    """Let the C library, where it is GNU's, keep freed memory for the next allocations.

    By default much of it goes back to the system and is fetched anew page by page, a fourteenth of the time of a run.
    At most 256 MB are kept, of blocks of up to 32 MB each: a large image needs as much at some moment anyway. All
    threads share them: with arenas of their own, tables made in a thread would take their memory beside what is kept.
    """
    mallopt = _find_function("mallopt")
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, MAX_BLOCK_BYTES)
        mallopt(_M_TRIM_THRESHOLD, MAX_KEPT_BYTES)
        mallopt(_M_ARENA_MAX, 1)


def return_freed_memory() -> None:
    """Let the C library, where it is GNU's, give freed memory back to the system, before much more is needed.

    Large blocks never come from what it keeps, and small ones that are still used divide it.
    """
    malloc_trim = _find_function("malloc_trim")
    if malloc_trim is not None:
        malloc_trim(0)


def _find_function(name: str) -> Callable[..., int] | None:
    """Find a function of GNU's C library; other C libraries have no such functions."""
    return getattr(ctypes.CDLL(None), name, None) if sys.platform == "linux" else None
