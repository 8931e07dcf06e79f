"""Elects the leader among several operators: the operator that holds the Lease leads.

The election of the client library does not release the Lease, writes local times, and ends its
process in places. This one is small, and its decision is a pure function.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable
from datetime import UTC, datetime

from scim_operator import metrics
from scim_operator.kube.client import KubeClient
from scim_operator.kube.errors import ApiError
from scim_operator.kube.kinds import LEASE, Object
from scim_operator.kube.transport import UNREACHABLE
from scim_operator.kube.watched_namespaces import annotate
from scim_operator.settings import Settings

_LOG = logging.getLogger(__name__)


class LeaderElector:
    """Acquires, renews and releases the Lease.

    A candidate measures by its own clock for how long the Lease has not changed, so the clocks of
    the candidates may differ.
    """

    def __init__(
        self, kube: KubeClient, settings: Settings, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._kube = kube
        self._settings = settings
        self._clock = clock
        self._lease: Object | None = None
        self._seen = clock()
        self._renewed = -math.inf

    def holds(self) -> bool:
        """Tell whether the last renewal is so recent that no other operator can hold the Lease."""
        return self._clock() - self._renewed < self._settings.renew_deadline

    async def acquire(self) -> None:
        """Wait until this operator holds the Lease."""
        metrics.LEADER.labels(self._settings.lease_name).set(0)
        _LOG.info("waiting for the Lease as %s", self._settings.holder)
        while not await self._acquire_or_renew():  # noqa: ASYNC110 (another process changes it)
            await asyncio.sleep(self._settings.retry_period)
        _LOG.info("holding the Lease as %s", self._settings.holder)

    async def keep_renewing(self) -> None:
        """Renew until renewals fail for ``renew_deadline`` or another operator holds the Lease."""
        while self.holds():
            await asyncio.sleep(self._settings.retry_period)
            if not await self._acquire_or_renew() and not self._is_own():
                break
        metrics.LEADER.labels(self._settings.lease_name).set(0)
        _LOG.error("the Lease is lost")

    async def release(self) -> None:
        """Release the Lease, so that the next leader need not wait until it expires."""
        metrics.LEADER.labels(self._settings.lease_name).set(0)
        if not self._is_own():
            return
        assert self._lease is not None
        # The API server requires a duration of at least one second.
        spec = self._lease["spec"] | {"holderIdentity": "", "leaseDurationSeconds": 1}
        try:
            await self._kube.update(LEASE, self._lease | {"spec": spec})
        except (ApiError, *UNREACHABLE) as error:
            _LOG.warning("the Lease cannot be released and will expire: %r", error)

    def _is_own(self) -> bool:
        return (
            self._lease is not None
            and self._lease["spec"].get("holderIdentity") == self._settings.holder
        )

    async def _acquire_or_renew(self) -> bool:
        """Acquire or renew once; return whether this operator holds the Lease now."""
        settings = self._settings
        began = self._clock()
        try:
            async with asyncio.timeout(settings.renew_deadline / 2):
                lease = await self._kube.get(LEASE, settings.namespace, settings.lease_name)
                if lease is None:
                    desired = build(None, settings, datetime.now(UTC))
                    self._lease = await self._kube.create(LEASE, desired)
                    self._renewed = began
                    return True
                if self._lease is None or lease["spec"] != self._lease["spec"]:
                    self._lease, self._seen = lease, self._clock()
                if not may_take(lease["spec"], settings.holder, self._clock() - self._seen):
                    return False
                desired = build(lease, settings, datetime.now(UTC))
                self._lease = await self._kube.update(LEASE, desired)
        except (ApiError, *UNREACHABLE) as error:
            _LOG.warning("the Lease cannot be acquired or renewed now: %r", error)
            return False
        self._seen, self._renewed = self._clock(), began
        return True


def may_take(spec: Object, holder: str, silence: float) -> bool:
    """Tell whether a candidate may take a Lease that has not changed for ``silence`` seconds."""
    current = spec.get("holderIdentity")
    return current in (None, "", holder) or silence > spec.get("leaseDurationSeconds", 0)


def build(lease: Object | None, settings: Settings, now: datetime) -> Object:
    """Return the Lease as this operator writes it; ``lease`` is the existing one."""
    time_text = now.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    spec: Object = dict((lease or {}).get("spec", {}))
    if spec.get("holderIdentity") != settings.holder:
        spec["acquireTime"] = time_text
        spec["leaseTransitions"] = spec.get("leaseTransitions", -1) + 1
    spec |= {
        "holderIdentity": settings.holder,
        "leaseDurationSeconds": max(1, round(settings.lease_duration)),
        "renewTime": time_text,
    }
    new = {"name": settings.lease_name, "namespace": settings.namespace}
    metadata = (lease or {}).get("metadata", new)
    annotations = (metadata.get("annotations") or {}) | annotate(settings.watch_namespaces)
    metadata = metadata | {"annotations": annotations}
    return {
        "apiVersion": LEASE.api_version,
        "kind": LEASE.name,
        "metadata": metadata,
        "spec": spec,
    }
