"""Requests for one tenant coalesce, and failures are retried after growing pauses."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from scim_operator.api.tenant import Key
from scim_operator.controller.queue import Queue

pytestmark = pytest.mark.looptime

A = Key("team-a", "contoso")
B = Key("team-b", "fabrikam")


@asynccontextmanager
async def running(
    reconcile: Callable[[Key], Awaitable[float | None]], workers: int = 4
) -> AsyncIterator[Queue]:
    """A queue with workers."""
    made = Queue(workers)
    task = asyncio.create_task(made.run(reconcile))
    try:
        yield made
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


class Reconciler:
    """Reconciles for a second, and records the start times."""

    def __init__(self, *answers: float | Exception | None) -> None:
        self.started: list[tuple[Key, float]] = []
        self._answers = list(answers)

    async def __call__(self, key: Key) -> float | None:
        self.started.append((key, asyncio.get_running_loop().time()))
        await asyncio.sleep(1)
        answer = self._answers.pop(0) if self._answers else None
        if isinstance(answer, Exception):
            raise answer
        return answer


async def test_coalescing() -> None:
    """Many requests before a reconcile cause one reconcile."""
    reconciler = Reconciler()
    async with running(reconciler) as made:
        for _ in range(10):
            made.enqueue(A)
        await asyncio.sleep(10)
    assert len(reconciler.started) == 1


async def test_requests_during_a_reconcile() -> None:
    """Many requests during a reconcile cause one more afterwards, never one in parallel."""
    reconciler = Reconciler()
    async with running(reconciler) as made:
        made.enqueue(A)
        await asyncio.sleep(0.5)
        for _ in range(10):
            made.enqueue(A)
        await asyncio.sleep(10)
    assert [time - reconciler.started[0][1] for _, time in reconciler.started] == pytest.approx(
        [0, 1]
    )


async def test_earliest_time_counts() -> None:
    """A later request does not delay an earlier one."""
    reconciler = Reconciler()
    async with running(reconciler) as made:
        start = asyncio.get_running_loop().time()
        made.enqueue(A, 5)
        made.enqueue(A, 2)
        made.enqueue(A, 9)
        await asyncio.sleep(20)
    assert [time - start for _, time in reconciler.started] == pytest.approx([2])


async def test_tenants_in_parallel() -> None:
    """One tenant does not wait for another while a worker is free."""
    reconciler = Reconciler()
    async with running(reconciler) as made:
        made.enqueue(A)
        made.enqueue(B)
        await asyncio.sleep(0.5)
        assert [key for key, _ in reconciler.started] == [A, B]


async def test_due_by_time() -> None:
    """A reconcile can request the next one."""
    reconciler = Reconciler(30.0)
    async with running(reconciler) as made:
        made.enqueue(A)
        await asyncio.sleep(60)
    assert reconciler.started[1][1] - reconciler.started[0][1] == pytest.approx(31)


async def test_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pause doubles with each failure; a success resets it."""
    monkeypatch.setattr(random, "uniform", lambda _low, high: high)
    reconciler = Reconciler(OSError(), OSError(), OSError(), 7.0, OSError())
    async with running(reconciler) as made:
        made.enqueue(A)
        await asyncio.sleep(30)
    times = [time for _, time in reconciler.started]
    pauses = [later - earlier - 1 for earlier, later in itertools.pairwise(times)]
    assert pauses == pytest.approx([0.5, 1, 2, 7, 0.5])
