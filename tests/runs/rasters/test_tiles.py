"""Tiles of a raster, and work on them in their order."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from segment.core.threads import can_start_threads
from segment.runs.rasters.tiles import Window, cut_tiles, map_in_order


def test_windows_cover_a_raster_once() -> None:
    seen = np.zeros((10, 23), dtype=int)
    for window in cut_tiles(10, 23, 7):
        seen[window.slices] += 1
        outer = window.expand(3, 10, 23)
        numbers = np.arange(230).reshape(10, 23)
        np.testing.assert_array_equal(numbers[outer.slices][window.shift_to(outer).slices], numbers[window.slices])
    assert (seen == 1).all()


def test_results_come_in_the_order_of_the_items() -> None:
    def wait_at_first(item: int) -> int:
        time.sleep(0.02 / (item + 1))
        return item

    assert list(map_in_order(wait_at_first, range(9), threads=3)) == list(range(9))


def test_without_threads_the_present_one_does_the_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    monkeypatch.setattr("segment.runs.rasters.tiles.can_start_threads", can_start_threads.__wrapped__)
    found = map_in_order(lambda _: threading.current_thread(), range(3), threads=2)
    assert list(found) == [threading.current_thread()] * 3


def test_a_window_expands_as_far_as_the_raster_reaches() -> None:
    assert Window(0, 5, 4, 5).expand(2, height=10, width=11) == Window(0, 3, 6, 8)
    assert Window(2, 2, 3, 3).expand(0, height=9, width=9) == Window(2, 2, 3, 3)


def test_few_items_are_taken_ahead_of_the_results() -> None:
    taken = []

    def take(n: int) -> range:
        for item in range(n):
            taken.append(item)
            yield item

    results = map_in_order(str, take(100), threads=2)
    assert next(results) == "0"
    assert len(taken) <= 4
    results.close()


def test_an_error_of_one_item_ends_the_results() -> None:
    stopped = threading.Event()

    def fail_at_three(item: int) -> int:
        if item == 3:
            stopped.set()
            raise ValueError("no more")
        return item

    results = map_in_order(fail_at_three, range(100), threads=2)
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ValueError, match="no more"):
        next(results)
    assert stopped.is_set()
