"""Outcomes that come in any order, reported in the order of the images."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from segment.runs.outcome import Outcome

__all__ = ["report_in_order"]


def report_in_order(decided: Iterable[tuple[int, Outcome | None]]) -> Iterator[Outcome]:
    """Reorder outcomes: each waits until all images before it are decided.

    Parameters
    ----------
    decided : iterable of (int, Outcome or None)
        The number of each image from 0, in any order, with its outcome; None for an image that is left as it is.

    Yields
    ------
    Outcome
        In the order of the numbers, as soon as possible.

    Examples
    --------
    >>> list(report_in_order([(2, "c"), (0, "a"), (3, None), (1, "b"), (4, "e")]))
    ['a', 'b', 'c', 'e']
    """
    waiting: dict[int, Outcome | None] = {}
    following = 0
    for number, outcome in decided:
        waiting[number] = outcome
        while following in waiting:
            ready = waiting.pop(following)
            following += 1
            if ready is not None:
                yield ready
