"""Marks tenants that have served users, so that a restored tenant is known to have had data.

Backups of a cluster keep annotations and omit status; see `desired.ownership.data_loss`.
"""

from __future__ import annotations

import logging
import math
import time

from scim_operator.api import names
from scim_operator.api.tenant import Key, Tenant
from scim_operator.api.v1alpha1.status import Status
from scim_operator.controller.observe.cache import Cache
from scim_operator.kube.client import KubeClient
from scim_operator.kube.errors import ApiError
from scim_operator.kube.kinds import TENANT
from scim_operator.kube.transport import UNREACHABLE

_LOG = logging.getLogger(__name__)

REFUSED_SECONDS = 600.0
"""Pause after a refused mark: the operator's role may get the right later."""


class ServedMark:
    """Writes the annotation `names.SERVED_ANNOTATION`, once for each tenant."""

    def __init__(self, kube: KubeClient, cache: Cache) -> None:
        self._kube = kube
        self._cache = cache
        self._refused: dict[Key, float] = {}

    async def write(self, tenant: Tenant, result: Status) -> None:
        """Mark a tenant whose service has reported its users; a mark of the owner stays."""
        is_marked = names.SERVED_ANNOTATION in tenant.annotations
        # Not 0 by default: the clock begins at the start of the node, which may be a minute ago.
        refused_at = self._refused.get(tenant.key, -math.inf)
        is_refused = time.monotonic() < refused_at + REFUSED_SECONDS
        if is_marked or result.users is None or is_refused:
            return
        identity = {"namespace": tenant.key.namespace, "name": tenant.key.name, "uid": tenant.uid}
        change = {"metadata": {"annotations": {names.SERVED_ANNOTATION: "true"}}}
        try:
            answer = await self._kube.merge(TENANT, {"metadata": identity}, change)
        except (ApiError, *UNREACHABLE) as error:
            # The mark is not essential: neither a role of an earlier version nor an admission rule
            # may fail the reconcile.
            if isinstance(error, ApiError) and error.code in (403, 422):
                self._refused[tenant.key] = time.monotonic()
            _LOG.info("the ScimTenant %s cannot be marked as served: %r", tenant.key, error)
            return
        self._refused.pop(tenant.key, None)
        self._cache.put(TENANT, answer)
