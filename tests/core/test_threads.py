"""Threads: the order of results, errors, and no more threads than allowed."""

from __future__ import annotations

import sys
import threading
import time
from types import ModuleType

import pytest
from fake_libraries import FakeLibraries, make_recorder

from segment.core.opencv import load_cv2
from segment.core.threads import (
    ThreadTeam,
    _find_libraries,
    can_start_threads,
    count_threads,
    limit_library_threads,
    run_in_threads,
    start_threads,
)


@pytest.fixture
def three_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load_cv2(), "getNumThreads", lambda: 3)


@pytest.mark.usefixtures("three_threads")
def test_results_come_in_the_order_of_the_items() -> None:
    def work(item: int) -> int:
        time.sleep(0.01 * (5 - item))
        return item * item

    assert run_in_threads(work, range(5)) == [0, 1, 4, 9, 16]
    assert run_in_threads(work, []) == []
    with start_threads() as run_each:
        assert run_each(work, (4, 3)) == [16, 9]
        assert run_each(str, [7]) == ["7"]


@pytest.mark.usefixtures("three_threads")
def test_several_items_are_processed_at_the_same_time() -> None:
    barrier = threading.Barrier(3, timeout=60)
    assert sorted(run_in_threads(lambda _: barrier.wait(), range(3))) == [0, 1, 2]


@pytest.mark.usefixtures("three_threads")
def test_threads_start_no_further_threads() -> None:
    def inner(_: int) -> str:
        return threading.current_thread().name

    def outer(_: int) -> tuple[int, bool]:
        return count_threads(), set(run_in_threads(inner, range(4))) == {threading.current_thread().name}

    assert run_in_threads(outer, range(4)) == [(1, True)] * 4
    assert count_threads() == 3


def test_one_thread_is_the_present_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load_cv2(), "getNumThreads", lambda: 1)
    assert run_in_threads(lambda _: threading.current_thread(), range(3)) == [threading.current_thread()] * 3


@pytest.mark.usefixtures("three_threads")
def test_without_threads_the_present_one_does_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    monkeypatch.setattr("segment.core.threads.can_start_threads", can_start_threads.__wrapped__)
    assert run_in_threads(lambda _: threading.current_thread(), range(3)) == [threading.current_thread()] * 3


@pytest.mark.usefixtures("three_threads")
def test_error_is_raised_and_waiting_items_are_not_started() -> None:
    started = []

    def work(item: int) -> None:
        started.append(item)
        time.sleep(0.01)
        raise KeyboardInterrupt if item == 1 else ZeroDivisionError(item)

    with pytest.raises(ZeroDivisionError, match="0"):
        run_in_threads(work, range(1000))
    assert len(started) < 1000


def test_the_main_thread_takes_no_lock_that_an_interrupt_could_leave_locked(monkeypatch: pytest.MonkeyPatch) -> None:
    enter, entered = threading.Condition.__enter__, []

    def record(condition: threading.Condition) -> bool:
        entered.append(threading.current_thread())
        return enter(condition)

    with ThreadTeam(2) as team:
        monkeypatch.setattr(threading.Condition, "__enter__", record)
        answers = [team.send(abs, -number) for number in range(100)]
        assert [answer.wait() for answer in answers] == list(range(100))
    assert entered == []


@pytest.mark.usefixtures("three_threads")
def test_work_too_small_to_share_stays_in_the_present_thread() -> None:
    with start_threads(several=False) as run_each:
        assert set(run_each(lambda _: threading.current_thread(), range(4))) == {threading.current_thread()}


def test_the_limit_of_libraries_lasts_until_the_last_block_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    libraries = FakeLibraries.install(monkeypatch)
    first, second = limit_library_threads(), limit_library_threads()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert libraries.n_threads == 1
    second.__exit__(None, None, None)
    assert libraries.n_threads == 2


@pytest.mark.usefixtures("three_threads")
def test_threads_do_not_start_those_of_libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    libraries, found = FakeLibraries.install(monkeypatch), set[int]()
    assert run_in_threads(make_recorder(libraries, abs, found), [-1, -2, -3]) == [1, 2, 3]
    assert found == {1}


def test_libraries_that_are_loaded_later_are_limited_too(monkeypatch: pytest.MonkeyPatch) -> None:
    before = _find_libraries(len(sys.modules))
    assert _find_libraries(len(sys.modules)) is before
    monkeypatch.setitem(sys.modules, "a module more", ModuleType("a module more"))
    assert _find_libraries(len(sys.modules)) is not before
