"""How the process of the program deals with memory."""

from __future__ import annotations

import atexit
import ctypes
import gc
import sys

__all__ = ["collect_rarely", "keep_freed_memory"]

_MANY = 100_000  # objects more than at the last look: about as many as loading all modules makes
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # the names of mallopt(3)
_KEPT, _LARGEST = 2**28, 2**25  # bytes


def collect_rarely() -> None:
    """Let Python look for garbage in cycles rarely, and not at all as the process ends.

    Pixels are in no cycles, so they are given back at once all the same; what else there is stays small. To look
    through the objects of all modules again and again while they load, and once more at the end, takes longer than
    to clean up the labels of 12 megapixels.
    """
    gc.set_threshold(_MANY)
    atexit.register(gc.freeze)


def keep_freed_memory() -> None:
    """Have the C library, where it is GNU's, keep freed memory for what is asked for next.

    By default much of it goes back to the system and is fetched anew page by page, a fourteenth of the time of a run.
    At most 256 MB are kept, of blocks of up to 32 MB each: a large image needs as much at some moment anyway.
    """
    if sys.platform == "linux":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
        if mallopt is not None:
            mallopt(_MMAP_THRESHOLD, _LARGEST)
            mallopt(_TRIM_THRESHOLD, _KEPT)
