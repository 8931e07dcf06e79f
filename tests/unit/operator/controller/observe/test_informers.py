"""When the watches are opened, and what they are taken for."""

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


class Quiet:
    """An API server where nothing happens, and whose network forgets streams."""

    def __init__(self, forbidden: Kind | None = None) -> None:
        self.forbidden = forbidden
        self.opened = 0

    async def pages(self, *_: object) -> AsyncIterator[tuple[list[Any], str]]:
        """Yield an empty list."""
        yield [], "1"

    @asynccontextmanager
    async def watch(self, kind: Kind, *_: object) -> AsyncIterator[AsyncIterator[Any]]:
        """Open a stream, unless that is forbidden, that is silent until it is given up."""
        self.opened += 1
        if kind is self.forbidden:
            raise ApiError(403, "you may not", reason="Forbidden")
        yield self._silence()

    async def _silence(self) -> AsyncIterator[Any]:
        raise TimeoutError
        yield


async def follow(kube: Quiet, monkeypatch: pytest.MonkeyPatch) -> tuple[Informers, list[float]]:
    """Follow every kind for some rounds; return the pauses between them."""
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


async def test_silence_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kind without events is watched anew at once, however often its stream was given up."""
    watches, pauses = await follow(Quiet(), monkeypatch)
    assert watches.synced.is_set()
    assert max(pauses) <= 0.5


async def test_list_without_watch(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kind that may be listed but not watched stays a fault, and the pauses grow."""
    watches, pauses = await follow(Quiet(forbidden=WATCHED[0]), monkeypatch)
    assert not watches.synced.is_set()
    (fault,) = watches.find_faults("team-a")
    assert (fault.kind, fault.reason, fault.outlook) == (WATCHED[0], "Forbidden", Outlook.STALLED)
    assert max(pauses) > 10


async def test_tenants_that_are_gone() -> None:
    """A list of the tenants forgets those that it does not have, whose end nobody told."""
    settings = Settings()
    cache = Cache()
    news: list[Key] = []
    watches = Informers(Quiet(), cache, settings, enqueue=news.append)  # type: ignore[arg-type]
    cache.put(TENANT, body())
    await watches.list_tenants()
    assert cache.tenants() == []
    assert news == [Tenant.parse(body()).key]
