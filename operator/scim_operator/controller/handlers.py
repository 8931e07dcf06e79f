"""The framework's part: events of ScimTenants. They only keep the cache and wake the tenant."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import aiohttp
import kopf

from scim_operator.api import names
from scim_operator.api.tenant import Key
from scim_operator.controller.observe.cache import Cache
from scim_operator.kube.client import KubeClient
from scim_operator.kube.kinds import TENANT
from scim_operator.settings import Settings

_WORKER_IDLE = 0.5
_REFUSED_PAUSE = 5.0
"""Seconds that a refused request is held; the framework adds pauses of its own."""


class _NoMemory(kopf.DiffBaseStorage):
    """Keeps no earlier state of an object; by default every event is copied for a comparison."""

    def build(self, **_: Any) -> kopf.BodyEssence:
        return kopf.BodyEssence()

    def fetch(self, **_: Any) -> None:
        return None

    def store(self, **_: Any) -> None:
        return None


async def _outlast(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """Take a namespace that refuses for one that cannot be reached now.

    The framework ends at a refusal that lasts, and so would the watches of all other namespaces.
    """
    response = await handler(request)
    if response.status != 403 or "/namespaces/" not in request.url.path:
        return response
    response.close()
    await asyncio.sleep(_REFUSED_PAUSE)
    raise aiohttp.ClientConnectionError(f"{request.url.path} is refused")


def make_registry(
    kube: KubeClient, cache: Cache, enqueue: Callable[[Key], None]
) -> kopf.OperatorRegistry:
    """Register the handlers; none of them waits, or runs in a thread of the framework.

    Parameters
    ----------
    wake
        Called with every tenant that an event is news for.
    """
    registry = kopf.OperatorRegistry()
    resource = (names.GROUP, names.VERSION, names.PLURAL)

    @kopf.on.login(registry=registry)
    async def login(**_: Any) -> kopf.AiohttpSession:
        return kopf.AiohttpSession(server=kube.server, aiohttp_session=kube.session(_outlast))

    # Not as an index as well, which would hold events back until all tenants are known: that wakes
    # every waiting tenant for every indexed one, two minutes of work where there are 5,000.
    @kopf.on.event(*resource, registry=registry)
    async def look(type: str | None, body: kopf.Body, **_: Any) -> None:  # noqa: A002 (their name)
        change = cache.remove if type == "DELETED" else cache.put
        for key in change(TENANT, dict(body)):
            enqueue(key)

    return registry


def make_settings(settings: Settings) -> kopf.OperatorSettings:
    """Translate the settings for the framework.

    Its change-detecting handlers, its finalizer and its annotations are not used: nothing but
    this operator's own applies is ever written.
    """
    framework = kopf.OperatorSettings()
    framework.posting.enabled = False
    framework.peering.standalone = True
    framework.scanning.disabled = True
    framework.watching.inactivity_timeout = settings.watch_timeout
    framework.networking.request_timeout = settings.request_timeout
    # One worker task for every tenant at the start; they end soon after their event.
    framework.queueing.idle_timeout = _WORKER_IDLE
    framework.persistence.diffbase_storage = _NoMemory()
    return framework
