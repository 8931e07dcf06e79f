"""kopf beside the operator's own tasks: signals, identity, and the end of the watch."""

from __future__ import annotations

import asyncio
import getpass
import os
import signal
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager, suppress
from typing import Any

import aiohttp
import kopf
import pytest
from scim_operator.controller.observe.cache import Cache
from scim_operator.controller.observe.tenant_watch import watch_tenants
from scim_operator.settings import Settings

UNREACHABLE = "http://127.0.0.1:9"


class _Kube:
    """A client of an API server that does not answer."""

    server = UNREACHABLE

    def session(self, *_: object) -> aiohttp.ClientSession:
        return aiohttp.ClientSession()


class _Watch:
    """The watch as a task, and the signals that reach the operator."""

    def __init__(self) -> None:
        self.stopped = asyncio.Event()
        self.handlers_set = 0

    def set_signal_handlers(self) -> None:
        self.handlers_set += 1
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.stopped.set)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[asyncio.Task[None]]:
        """Run the watch as the operator does: with its own signal handlers in place before."""
        self.set_signal_handlers()
        task = asyncio.create_task(
            watch_tenants(
                _Kube(),  # type: ignore[arg-type]
                Cache(),
                Settings(identity="operator-0"),
                enqueue=lambda _: None,
                set_signal_handlers=self.set_signal_handlers,
            )
        )
        try:
            yield task
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            loop = asyncio.get_running_loop()
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)


def _send_stop() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


async def _turn(times: int) -> None:
    for _ in range(times):
        await asyncio.sleep(0)


@pytest.mark.parametrize("turns", [*range(8), 20, 200])
async def test_signal_during_the_start(turns: int) -> None:
    """SIGTERM reaches the operator and not kopf, after any number of turns of the event loop."""
    watch = _Watch()
    async with watch.running() as task:
        await _turn(turns)
        _send_stop()
        await asyncio.wait_for(watch.stopped.wait(), 5)
        await _turn(20)
        assert not task.done()


@pytest.mark.parametrize("instant", ["before", "after"])
async def test_signal_beside_kopfs_handlers(monkeypatch: pytest.MonkeyPatch, instant: str) -> None:
    """SIGTERM just before, or just after, kopf sets its own handlers reaches the operator."""
    spawn: Callable[..., Any] = kopf.spawn_tasks

    async def spawn_and_signal(**options: Any) -> Collection[asyncio.Task[Any]]:
        if instant == "before":
            loop = asyncio.get_running_loop()
            monkeypatch.setattr(loop, "add_signal_handler", _signal_first(loop.add_signal_handler))
        tasks: Collection[asyncio.Task[Any]] = await spawn(**options)
        if instant == "after":
            _send_stop()
        return tasks

    monkeypatch.setattr(kopf, "spawn_tasks", spawn_and_signal)
    watch = _Watch()
    async with watch.running() as task:
        await asyncio.wait_for(watch.stopped.wait(), 5)
        await _turn(20)
        assert not task.done()
        assert watch.handlers_set == 2
        monkeypatch.undo()


def _signal_first(add: Callable[..., None]) -> Callable[..., None]:
    def add_after_signal(*arguments: Any) -> None:
        _send_stop()
        add(*arguments)

    return add_after_signal


async def test_user_without_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """The watch runs as a user that the system does not know, as the user of a pod."""

    def fail() -> str:
        raise KeyError("getpwuid(): uid not found: 65532")

    monkeypatch.setattr(getpass, "getuser", fail)
    monkeypatch.delenv("POD_ID", raising=False)
    watch = _Watch()
    async with watch.running() as task:
        await _turn(200)
        assert not task.done()


async def test_cancel_is_fast() -> None:
    """A cancelled watch ends within a second, and leaves no task behind."""
    before = asyncio.all_tasks()
    watch = _Watch()
    async with watch.running() as task:
        await asyncio.sleep(0.2)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.wait_for(task, 1)
    assert asyncio.all_tasks() == before
