"""Workers of a server: their order, their limits, and their ends."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable

import pytest
from dask_work import return_task, work_endlessly

from segment.web.worker_pool import BusyError, LostError, WorkerPool


def run_in_pool(
    work: Callable[[WorkerPool], Awaitable[None]], *, n_workers: int = 1, max_waiting: int = 4, timeout: float = 60.0
) -> None:
    async def run() -> None:
        pool = WorkerPool(n_workers=n_workers, max_waiting=max_waiting, timeout=timeout)
        try:
            await work(pool)
        finally:
            pool.close()

    asyncio.run(run())


def test_results_errors_and_an_ended_worker() -> None:
    async def work(pool: WorkerPool) -> None:
        number = await pool.run("a", os.getpid)
        # The same worker goes on after an error of a request.
        with pytest.raises(ValueError, match="invalid literal"):
            await pool.run("a", int, "no number")
        assert await pool.run("a", os.getpid) == number
        # A worker that dies takes nothing with it.
        with pytest.raises(LostError, match=r"^the request: ended its worker process"):
            await pool.run("a", os.kill, number, signal.SIGKILL)
        assert await pool.run("a", os.getpid) != number

    run_in_pool(work)


def test_a_canceled_request_stops_and_its_worker_goes_on() -> None:
    async def work(pool: WorkerPool) -> None:
        number = await pool.run("a", os.getpid)
        task = asyncio.create_task(pool.run("a", work_endlessly, "busy"))
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await pool.run("a", os.getpid) == number

    run_in_pool(work)


def test_a_request_has_its_time() -> None:
    async def work(pool: WorkerPool) -> None:
        with pytest.raises(LostError, match=r"^the request: at most 0\.2 s; it took longer\."):
            await pool.run("a", work_endlessly, "busy")

    run_in_pool(work, timeout=0.2)


def test_too_many_requests_are_refused() -> None:
    async def work(pool: WorkerPool) -> None:
        tasks = [asyncio.create_task(pool.run("a", return_task, "a")) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(BusyError, match="as many requests as it can queue"):
            await pool.run("b", return_task, "b")
        assert await asyncio.gather(*tasks) == ["a", "a"]
        assert await pool.run("b", return_task, "b") == "b"

    run_in_pool(work, max_waiting=1)


def test_a_worker_that_knows_an_image_is_preferred_and_a_free_one_to_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    async def work(pool: WorkerPool) -> None:
        a, b = await asyncio.gather(pool.run("a", os.getpid), pool.run("b", os.getpid))
        assert a != b
        assert await pool.run("b", os.getpid) == b
        assert await pool.run("a", os.getpid) == a
        busy = asyncio.create_task(pool.run("a", work_endlessly, "busy"))
        await asyncio.sleep(0.05)
        assert await pool.run("a", os.getpid) == b
        busy.cancel()
        # The worker that ends a canceled request is worth a short wait, here of any length.
        monkeypatch.setattr("segment.web.worker_pool.PATIENCE_SECONDS", 30.0)
        busy = asyncio.create_task(pool.run("b", work_endlessly, "busy"))
        await asyncio.sleep(0.05)
        busy.cancel()
        assert await pool.run("b", os.getpid) == b

    run_in_pool(work, n_workers=2)
