"""Counts the objects that deleted tenants have left, and protects them from pruning."""

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


class Retention:
    """The objects in the cache that have the tenant label and no tenant."""

    def __init__(self, kube: KubeClient, cache: Cache, seals: Seals) -> None:
        self._kube = kube
        self._cache = cache
        self._seals = seals

    async def check(self) -> None:
        """Count them for the metrics; remove a label that would make a GitOps tool prune them."""
        found: list[RetainedObject] = []
        for kind in retained_objects.KINDS:
            bodies = self._cache.without_tenant(kind)
            found += retained_objects.find(kind, bodies, ())
            for body in bodies:
                await self._remove_instance_label(kind, body)
        tenant_metrics.set_retained(
            Counter(each.kind.name for each in found),
            min((each.created for each in found), default=None),
        )

    async def _remove_instance_label(self, kind: Kind, body: Object) -> None:
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
            _LOG.warning(
                "the label of the %s %s cannot be removed: %r", kind.name, metadata["name"], error
            )
