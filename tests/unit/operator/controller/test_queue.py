"""Wishes for one tenant fold into one pass, and a failed pass comes back later and later."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from scim_operator.api.tenant import Key
from scim_operator.controller import queue
from scim_operator.controller.queue import Queue

pytestmark = pytest.mark.looptime

A = Key("team-a", "contoso")
B = Key("team-b", "fabrikam")


@asynccontextmanager
async def running(
    work: Callable[[Key], Awaitable[float | None]], workers: int = 4
) -> AsyncIterator[Queue]:
    """A queue with workers."""
    made = Queue(workers)
    task = asyncio.create_task(made.run(work))
    try:
        yield made
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


class Passes:
    """Work that takes a second and remembers when it began."""

    def __init__(self, *answers: float | Exception | None) -> None:
        self.begun: list[tuple[Key, float]] = []
        self._answers = list(answers)

    async def __call__(self, key: Key) -> float | None:
        self.begun.append((key, asyncio.get_running_loop().time()))
        await asyncio.sleep(1)
        answer = self._answers.pop(0) if self._answers else None
        if isinstance(answer, Exception):
            raise answer
        return answer


async def test_wishes_fold() -> None:
    """Many wishes before a pass are one pass."""
    passes = Passes()
    async with running(passes) as made:
        for _ in range(10):
            made.enqueue(A)
        await asyncio.sleep(10)
    assert len(passes.begun) == 1


async def test_wishes_during_a_pass_are_one_more() -> None:
    """Many wishes while a tenant is worked on are one pass afterwards, never one beside it."""
    passes = Passes()
    async with running(passes) as made:
        made.enqueue(A)
        await asyncio.sleep(0.5)
        for _ in range(10):
            made.enqueue(A)
        await asyncio.sleep(10)
    assert [moment - passes.begun[0][1] for _, moment in passes.begun] == pytest.approx([0, 1])


async def test_the_earliest_moment_counts() -> None:
    """A later wish does not put off an earlier one."""
    passes = Passes()
    async with running(passes) as made:
        start = asyncio.get_running_loop().time()
        made.enqueue(A, 5)
        made.enqueue(A, 2)
        made.enqueue(A, 9)
        await asyncio.sleep(20)
    assert [moment - start for _, moment in passes.begun] == pytest.approx([2])


async def test_tenants_side_by_side() -> None:
    """One tenant does not wait for another while a worker is free."""
    passes = Passes()
    async with running(passes) as made:
        made.enqueue(A)
        made.enqueue(B)
        await asyncio.sleep(0.5)
        assert [key for key, _ in passes.begun] == [A, B]


async def test_due_by_time() -> None:
    """A pass may ask for the next one."""
    passes = Passes(30.0)
    async with running(passes) as made:
        made.enqueue(A)
        await asyncio.sleep(60)
    assert passes.begun[1][1] - passes.begun[0][1] == pytest.approx(31)


async def test_back_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pause doubles with each failure; a success forgets them."""
    monkeypatch.setattr(random, "uniform", lambda _low, high: high)
    passes = Passes(OSError(), OSError(), OSError(), 7.0, OSError())
    async with running(passes) as made:
        made.enqueue(A)
        await asyncio.sleep(30)
    moments = [moment for _, moment in passes.begun]
    pauses = [later - earlier - 1 for earlier, later in itertools.pairwise(moments)]
    assert pauses == pytest.approx([0.5, 1, 2, 7, 0.5])


def test_pauses_are_bounded_and_spread() -> None:
    """No pause is longer than a minute, and not all are the same."""
    pauses = {queue._pause(1000) for _ in range(50)}
    assert len(pauses) > 1
    assert all(queue.LONGEST_PAUSE / 2 <= pause <= queue.LONGEST_PAUSE for pause in pauses)
