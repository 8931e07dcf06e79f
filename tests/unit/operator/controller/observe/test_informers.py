"""Watches: when they are opened again, and which faults they report."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from scim_operator.api.conditions import Outlook
from scim_operator.api.tenant import Key, Tenant
from scim_operator.controller.observe.cache import Cache
from scim_operator.controller.observe.informers import Informers
from scim_operator.kube.errors import ApiError
from scim_operator.kube.kinds import TENANT, WATCHED, Kind
from scim_operator.settings import Settings

from tests.unit.operator.sample import body

ROUNDS = 20


class _QuietServer:
    """An API server without events, whose streams time out."""

    def __init__(self, forbidden: Kind | None = None) -> None:
        self.forbidden = forbidden
        self.opened = 0

    async def pages(self, *_: object) -> AsyncIterator[tuple[list[Any], str]]:
        """Yield an empty list."""
        yield [], "1"

    @asynccontextmanager
    async def watch(self, kind: Kind, *_: object) -> AsyncIterator[AsyncIterator[Any]]:
        """Open a stream that times out, unless the kind is forbidden."""
        self.opened += 1
        if kind is self.forbidden:
            raise ApiError(403, "you may not", reason="Forbidden")
        yield self._silence()

    async def _silence(self) -> AsyncIterator[Any]:
        raise TimeoutError
        yield


async def follow(
    kube: _QuietServer, monkeypatch: pytest.MonkeyPatch
) -> tuple[Informers, list[float]]:
    """Watch every kind for some rounds; return the pauses between the rounds."""
    settings = Settings()
    watches = Informers(kube, Cache(), settings, enqueue=lambda _: None)  # type: ignore[arg-type]
    pauses: list[float] = []
    over = asyncio.Event()
    turn = asyncio.sleep

    async def pause(seconds: float) -> None:
        pauses.append(seconds)
        if kube.opened >= ROUNDS * len(WATCHED):
            over.set()
        await turn(0)

    monkeypatch.setattr(asyncio, "sleep", pause)
    running = asyncio.create_task(watches.run())
    await over.wait()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    return watches, pauses


async def test_timeout_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream that times out is opened again at once, however often."""
    watches, pauses = await follow(_QuietServer(), monkeypatch)
    assert watches.synced.is_set()
    assert max(pauses) <= 0.5


async def test_list_without_watch(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kind that may be listed but not watched is a fault, and the pauses grow."""
    watches, pauses = await follow(_QuietServer(forbidden=WATCHED[0]), monkeypatch)
    assert not watches.synced.is_set()
    (fault,) = watches.find_faults("team-a")
    assert (fault.kind, fault.reason, fault.outlook) == (WATCHED[0], "Forbidden", Outlook.STALLED)
    assert max(pauses) > 10


async def test_missed_deletion() -> None:
    """A list removes the tenants whose deletion event was missed."""
    settings = Settings()
    cache = Cache()
    enqueued: list[Key] = []
    watches = Informers(_QuietServer(), cache, settings, enqueue=enqueued.append)  # type: ignore[arg-type]
    cache.put(TENANT, body())
    await watches.list_tenants()
    assert cache.tenants() == []
    assert enqueued == [Tenant.parse(body()).key]
