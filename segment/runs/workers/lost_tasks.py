"""Tasks that were given to a worker and have no result: why, and the exception that ends them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["TaskLost", "TaskTimeout"]


class TaskTimeout(BaseException):
    """Raised inside a task whose time is over, or whose result nobody waits for any more.

    Not an `Exception`: a decoder that catches every `Exception` would take it for a damaged file.
    """


@dataclass(frozen=True)
class TaskLost:
    """Returned in place of the result of a task that has none.

    Attributes
    ----------
    reason : {"timeout", "killed"}
        ``"timeout"``: the task was stopped after the time allowed. ``"killed"``: its worker process died, and died
        again when it did this task alone.
    seconds : float
        How long the last attempt took; 0 where nobody measured it.
    worker : str
        Address of the worker of a cluster that died last; empty without a cluster.
    """

    reason: Literal["timeout", "killed"]
    seconds: float = 0.0
    worker: str = ""
