"""How a segmentation came about: the seconds of its stages."""

from __future__ import annotations

import pytest

from segment.core.stages import Stage
from segment.pipeline.provenance import Provenance, Stopwatch


def test_every_stage_is_passed_on_and_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([10.0, 13.0, 14.0])
    monkeypatch.setattr("segment.pipeline.provenance.time.perf_counter", lambda: next(times))
    heard: list[str] = []
    clock = Stopwatch(heard.append)
    clock(Stage.READ)
    clock(Stage.FIT)
    assert heard == ["reading", "fitting the mixture"]
    assert clock.seconds == ((Stage.READ, 3.0), (Stage.FIT, 1.0))


def test_seconds_of_stages_that_did_not_occur_are_none() -> None:
    provenance = Provenance(seconds=((Stage.FIT, 2.0), (Stage.LABEL, 1.0)))
    assert provenance.sum_seconds(Stage.FIT, Stage.LABEL) == 3
    assert provenance.sum_seconds(Stage.CLEAN_UP) == 0
