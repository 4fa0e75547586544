"""Outcomes in the order of the images."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from segment.runs.batch.outcome_order import report_in_order
from segment.runs.job import Job
from segment.runs.outcome import Outcome


def make_outcome(number: int) -> Outcome:
    return Outcome(Job(Path(f"{number}.png"), Path(), str(number)))


@given(st.permutations(range(7)), st.sets(st.integers(0, 6)))
def test_every_outcome_is_reported_once_in_order(order: list[int], kept: set[int]) -> None:
    decided = [(number, None if number in kept else make_outcome(number)) for number in order]
    stems = [int(outcome.job.stem) for outcome in report_in_order(decided)]
    assert stems == sorted(set(order) - kept)


def test_an_outcome_is_reported_as_soon_as_all_before_it_are_decided() -> None:
    taken = []

    def decide() -> Iterator[tuple[int, Outcome | None]]:
        for number in (1, 0, 3, 2):
            taken.append(number)
            yield number, make_outcome(number)

    outcomes = report_in_order(decide())
    assert next(outcomes).job.stem == "0"
    assert taken == [1, 0]
    assert next(outcomes).job.stem == "1"
    assert taken == [1, 0]
    assert next(outcomes).job.stem == "2"
    assert taken == [1, 0, 3, 2]
