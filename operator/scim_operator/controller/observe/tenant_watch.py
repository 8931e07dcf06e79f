"""Watches the ScimTenants with kopf: each event updates the cache and enqueues the tenant.

This is the only module that uses kopf. What kopf does here, and what it does not, is explained in
docs/decisions/0028-own-client-and-informers-beside-kopf.md.
"""

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

_WORKER_IDLE_SECONDS = 0.5
_REFUSED_SECONDS = 5.0
"""How long a refused request is held; kopf adds pauses of its own."""


async def watch_tenants(
    kube: KubeClient,
    cache: Cache,
    settings: Settings,
    *,
    enqueue: Callable[[Key], None],
    set_signal_handlers: Callable[[], None],
) -> None:
    """Watch until cancelled; kopf then cancels every task that was started after this call.

    Parameters
    ----------
    enqueue
        Called with every tenant that an event changes.
    set_signal_handlers
        Called after kopf has set its own signal handlers, to replace them: kopf would complete its
        work before it stops.
    """
    namespaces = settings.watch_namespaces
    scope: dict[str, Any] = {"namespaces": namespaces} if namespaces else {"clusterwide": True}
    # Without an identity kopf looks up the name of the user, and the user of a pod has none.
    scope["identity"] = settings.holder
    older = asyncio.all_tasks()
    tasks = await kopf.spawn_tasks(
        registry=_create_registry(kube, cache, enqueue),
        settings=_create_settings(settings),
        **scope,
    )
    # kopf sets its signal handlers last: the event loop has not run since, so no signal is lost.
    set_signal_handlers()
    await kopf.run_tasks(tasks, ignored=older)


def _create_registry(
    kube: KubeClient, cache: Cache, enqueue: Callable[[Key], None]
) -> kopf.OperatorRegistry:
    """Register the handlers; none of them waits, or runs in a thread of kopf."""
    registry = kopf.OperatorRegistry()
    resource = (names.GROUP, names.VERSION, names.PLURAL)

    @kopf.on.login(registry=registry)
    async def login(**_: Any) -> kopf.AiohttpSession:
        session = kube.session(_hold_refusals)
        return kopf.AiohttpSession(server=kube.server, aiohttp_session=session)

    # Not as an index as well: kopf would hold events back until it knows all tenants, and then
    # check every waiting tenant for every indexed one, two minutes of work for 5,000 tenants.
    @kopf.on.event(*resource, registry=registry)
    async def update(type: str | None, body: kopf.Body, **_: Any) -> None:  # noqa: A002 (kopf's name)
        change = cache.remove if type == "DELETED" else cache.put
        for key in change(TENANT, dict(body)):
            enqueue(key)

    return registry


def _create_settings(settings: Settings) -> kopf.OperatorSettings:
    """Translate the settings for kopf.

    Its change-detecting handlers, finalizers, annotations, events and peering stay off: only this
    operator's own applies write to the cluster.
    """
    chosen = kopf.OperatorSettings()
    chosen.posting.enabled = False
    chosen.peering.standalone = True
    chosen.scanning.disabled = True
    chosen.watching.inactivity_timeout = settings.watch_timeout
    chosen.networking.request_timeout = settings.request_timeout
    # kopf starts a worker task for each tenant; it ends soon after the tenant's event.
    chosen.queueing.idle_timeout = _WORKER_IDLE_SECONDS
    chosen.persistence.diffbase_storage = _NoStorage()
    return chosen


class _NoStorage(kopf.DiffBaseStorage):
    """Stores no earlier state of an object; by default kopf copies every event for a comparison."""

    def build(self, **_: Any) -> kopf.BodyEssence:
        return kopf.BodyEssence()

    def fetch(self, **_: Any) -> None:
        return None

    def store(self, **_: Any) -> None:
        return None


async def _hold_refusals(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """Treat a refusal (403) in a namespace as a lost connection.

    kopf ends at a lasting refusal, and with it the watches of all other namespaces.
    """
    response = await handler(request)
    if response.status != 403 or "/namespaces/" not in request.url.path:
        return response
    response.close()
    await asyncio.sleep(_REFUSED_SECONDS)
    raise aiohttp.ClientConnectionError(f"{request.url.path} is refused")
