"""How often the program looks for garbage in cycles."""

from __future__ import annotations

import atexit
import gc

__all__ = ["collect_rarely"]

_MANY = 100_000  # objects more than at the last look: about as many as loading all modules makes


def collect_rarely() -> None:
    """Let Python look for garbage in cycles rarely, and not at all as the process ends.

    Pixels are in no cycles, so they are given back at once all the same; what else there is stays small. To look
    through the objects of all modules again and again while they load, and once more at the end, takes longer than
    to clean up the labels of 12 megapixels.
    """
    gc.set_threshold(_MANY)
    atexit.register(gc.freeze)
