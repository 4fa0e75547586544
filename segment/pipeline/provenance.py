"""How a segmentation comes about: of what, by which command, and how long each stage takes."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["Origin", "Stopwatch"]


@dataclass(frozen=True)
class Origin:
    """How a segmentation came about.

    Attributes
    ----------
    source : str
        What messages call the image: its path, or "image" for an array.
    command : tuple of str
        The words of the command line that makes the same, without the settings: ``("run", "landscape.jpg")``. Empty
        where none does: for an array, or with a model that is in no file.
    seconds : tuple of (str, float)
        What each stage took.
    """

    source: str = "image"
    command: tuple[str, ...] = ()
    seconds: tuple[tuple[str, float], ...] = ()


class Stopwatch:
    """Hears the name of each stage as it begins, passes it on, and keeps the time.

    Parameters
    ----------
    tell : callable
        Called with every name.
    begin : float, optional
        When the first stage began, by :func:`time.perf_counter`, if that was before it is named here.
    """

    def __init__(self, on_stage: Callable[[str], None], begin: float | None = None) -> None:
        self._tell = on_stage
        self._begin = begin
        self._begun: list[tuple[str, float]] = []

    def __call__(self, stage: str) -> None:
        begin, self._begin = self._begin, None
        self._begun.append((stage, time.perf_counter() if begin is None else begin))
        self._tell(stage)

    @property
    def seconds(self) -> tuple[tuple[str, float], ...]:
        """What each stage took, in the order of their beginnings; the last one until now."""
        ends = [begin for _, begin in self._begun[1:]] + [time.perf_counter()]
        return tuple((stage, end - begin) for (stage, begin), end in zip(self._begun, ends, strict=True))
