"""Writes the status and the events of a tenant."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable

from scim_operator.api.tenant import Tenant
from scim_operator.api.v1alpha1.status import Status
from scim_operator.controller.observe.cache import Cache
from scim_operator.kube.client import KubeClient
from scim_operator.kube.errors import ApiError
from scim_operator.kube.kinds import TENANT
from scim_operator.kube.transport import UNREACHABLE
from scim_operator.status.events import Event

_LOG = logging.getLogger(__name__)


class StatusWriter:
    """Writes a status only if it differs from the stored one."""

    def __init__(self, kube: KubeClient, cache: Cache) -> None:
        self._kube = kube
        self._cache = cache

    async def write(self, tenant: Tenant, status: Status) -> Tenant:
        """Write a status; return the tenant with it."""
        if status == tenant.status:
            return tenant
        body = {
            "metadata": {
                "name": tenant.key.name,
                "namespace": tenant.key.namespace,
                # A later tenant of the same name must not get this status.
                "uid": tenant.uid,
            },
            "status": status.model_dump(mode="json", by_alias=True, exclude_none=True),
        }
        try:
            answer = await self._kube.apply(TENANT, body, force=True, subresource="status")
        except ApiError as error:
            if error.code in (404, 409):
                return tenant
            raise
        self._cache.put(TENANT, answer)
        return Tenant.parse(answer)

    async def post_events(self, tenant: Tenant, events: Iterable[Event]) -> None:
        """Create events; the status has the same facts, so a failure is only logged."""
        await asyncio.gather(*(self._post_event(tenant, event) for event in events))

    async def _post_event(self, tenant: Tenant, event: Event) -> None:
        try:
            await self._kube.post_event(
                tenant.key, tenant.uid, event.reason, event.message, warning=event.warning
            )
        except (ApiError, *UNREACHABLE) as error:
            _LOG.debug("the event %s cannot be created: %r", event.reason, error)
