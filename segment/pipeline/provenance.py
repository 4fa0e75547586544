"""How a segmentation came about: its source, the command that makes the same, and the seconds of each stage."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from segment.loader.loader import LoadedFile

__all__ = ["Provenance", "Stopwatch"]


@dataclass(frozen=True)
class Provenance:
    """How a segmentation came about.

    Attributes
    ----------
    source : str
        What messages call the image: its path, or "image" for an array.
    command : tuple of str
        The words of the command line that makes the same, without the settings: ``("run", "landscape.jpg")``. Empty
        where none does: for an array, or with a model that is in no file.
    seconds : tuple of (str, float)
        How long each stage took, in the order of their beginnings; a name is a :class:`segment.core.stages.Stage`
        unless the caller named another stage.
    """

    source: str = "image"
    command: tuple[str, ...] = ()
    seconds: tuple[tuple[str, float], ...] = ()

    def sum_seconds(self, *stages: str) -> float:
        """Add up the seconds of some stages.

        Parameters
        ----------
        *stages : Stage
            A stage that did not occur counts 0.

        Examples
        --------
        >>> from segment.core.stages import Stage
        >>> Provenance(seconds=((Stage.READ, 0.5), (Stage.FIT, 2.0))).sum_seconds(Stage.FIT, Stage.LABEL)
        2.0
        """
        return float(sum(seconds for stage, seconds in self.seconds if stage in stages))


class Stopwatch:
    """Receive each stage as it begins, pass it on, and measure its time.

    Parameters
    ----------
    on_stage : callable
        Called with every stage.
    source : object
        What is segmented. If it was loaded before, the first stage began with its loading.
    """

    def __init__(self, on_stage: Callable[[str], None], source: object = None) -> None:
        self._on_stage = on_stage
        self._loading_began = source.begin if isinstance(source, LoadedFile) else None
        self._begun: list[tuple[str, float]] = []

    def __call__(self, stage: str) -> None:
        now = time.perf_counter() if self._loading_began is None else self._loading_began
        self._loading_began = None
        self._begun.append((stage, now))
        self._on_stage(stage)

    @property
    def seconds(self) -> tuple[tuple[str, float], ...]:
        """How long each stage took, in the order of their beginnings; the last one until now."""
        # A stage ends where the next one begins.
        ends = [begin for _, begin in self._begun[1:]] + [time.perf_counter()]
        return tuple((stage, end - begin) for (stage, begin), end in zip(self._begun, ends, strict=True))
