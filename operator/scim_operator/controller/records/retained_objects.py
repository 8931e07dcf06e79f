"""Looks now and then at what tenants that are gone have left: counts it, and keeps it safe."""

from __future__ import annotations

import logging
from collections import Counter

from scim_operator.api import names
from scim_operator.api.tenant import Key
from scim_operator.controller.observe.cache import Cache
from scim_operator.desired.ownership.seals import Seals
from scim_operator.kube.client import KubeClient
from scim_operator.kube.errors import ApiError
from scim_operator.kube.kinds import Kind, Object
from scim_operator.kube.transport import UNREACHABLE
from scim_operator.status import retained_objects, tenant_metrics
from scim_operator.status.retained_objects import RetainedObject

_LOG = logging.getLogger(__name__)


class RetainedObjects:
    """Everything that has the tenant label and no tenant, from the watched copies."""

    def __init__(self, kube: KubeClient, cache: Cache, seals: Seals) -> None:
        self._kube = kube
        self._cache = cache
        self._seals = seals

    async def look(self) -> None:
        """Count it for the metrics; take off a label by which a tool would prune it."""
        found: list[RetainedObject] = []
        for kind in retained_objects.KINDS:
            bodies = self._cache.without_tenant(kind)
            found += retained_objects.find(kind, bodies, ())
            for body in bodies:
                await self._free(kind, body)
        tenant_metrics.set_retained(
            Counter(each.kind.name for each in found),
            min((each.created for each in found), default=None),
        )

    async def _free(self, kind: Kind, body: Object) -> None:
        metadata = body["metadata"]
        tenant = metadata["labels"][names.TENANT_LABEL]
        key = Key(metadata["namespace"], tenant)
        is_own = self._seals.is_sealed(kind, key, body)
        if not is_own or metadata["labels"].get(names.INSTANCE_LABEL) != tenant:
            return
        try:
            change = {"metadata": {"labels": {names.INSTANCE_LABEL: None}}}
            self._cache.put(kind, await self._kube.merge(kind, body, change))
        except (ApiError, *UNREACHABLE) as error:
            _LOG.warning("the %s %s keeps a label: %r", kind.name, metadata["name"], error)
