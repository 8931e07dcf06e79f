"""Which of several operators works: the one that holds the Lease.

The client library's election does not give the Lease back, writes local times, and ends its
process in places; this one is small, and its decision is a pure function.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from scim_operator import metrics
from scim_operator.kube.client import UNREACHABLE, KubeClient
from scim_operator.kube.errors import ApiError
from scim_operator.kube.kinds import LEASE
from scim_operator.kube.watched_namespaces import watches
from scim_operator.settings import Settings

_LOG = logging.getLogger(__name__)

Object = dict[str, Any]


class LeaderElector:
    """Takes, renews and releases the Lease.

    A candidate judges another's silence by its own clock from when it saw the Lease change last,
    so that clocks that differ do no harm.
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
        """Tell whether the Lease was renewed so lately that nobody else can have it."""
        return self._clock() - self._renewed < self._settings.renew_deadline

    async def acquire(self) -> None:
        """Wait until the Lease is held."""
        metrics.LEADER.labels(self._settings.lease_name).set(0)
        _LOG.info("waiting for the Lease as %s", self._settings.holder)
        while not await self._try():  # noqa: ASYNC110 (another process's doing is waited for)
            await asyncio.sleep(self._settings.retry_period)
        _LOG.info("holding the Lease as %s", self._settings.holder)

    async def hold(self) -> None:
        """Renew until that fails for ``renew_deadline`` or somebody else has the Lease."""
        while self.holds():
            await asyncio.sleep(self._settings.retry_period)
            if not await self._try() and not self._is_mine():
                break
        metrics.LEADER.labels(self._settings.lease_name).set(0)
        _LOG.error("the Lease is lost")

    async def release(self) -> None:
        """Give the Lease back, so that the next one need not wait for it to expire."""
        metrics.LEADER.labels(self._settings.lease_name).set(0)
        if not self._is_mine():
            return
        assert self._lease is not None
        # The API server wants a duration of at least one.
        spec = self._lease["spec"] | {"holderIdentity": "", "leaseDurationSeconds": 1}
        try:
            await self._kube.update(LEASE, self._lease | {"spec": spec})
        except (ApiError, *UNREACHABLE) as error:
            _LOG.warning("the Lease could not be released and will expire: %r", error)

    def _is_mine(self) -> bool:
        return (
            self._lease is not None
            and self._lease["spec"].get("holderIdentity") == self._settings.holder
        )

    async def _try(self) -> bool:
        settings = self._settings
        began = self._clock()
        try:
            async with asyncio.timeout(settings.renew_deadline / 2):
                lease = await self._kube.get(LEASE, settings.namespace, settings.lease_name)
                if lease is None:
                    wanted = renewed(None, settings, settings.lease_name, datetime.now(UTC))
                    self._lease = await self._kube.create(LEASE, wanted)
                    self._renewed = began
                    return True
                if self._lease is None or lease["spec"] != self._lease["spec"]:
                    self._lease, self._seen = lease, self._clock()
                if not may_take(lease["spec"], settings.holder, self._clock() - self._seen):
                    return False
                wanted = renewed(lease, settings, settings.lease_name, datetime.now(UTC))
                self._lease = await self._kube.update(LEASE, wanted)
        except (ApiError, *UNREACHABLE) as error:
            _LOG.warning("the Lease cannot be taken or renewed now: %r", error)
            return False
        self._seen, self._renewed = self._clock(), began
        return True


def may_take(spec: Object, holder: str, silence: float) -> bool:
    """Tell whether a candidate may take a Lease that has not changed for so many seconds."""
    current = spec.get("holderIdentity")
    return current in (None, "", holder) or silence > spec.get("leaseDurationSeconds", 0)


def renewed(lease: Object | None, settings: Settings, name: str, now: datetime) -> Object:
    """Return the Lease as its new or old holder writes it."""
    moment = now.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    spec: Object = dict((lease or {}).get("spec", {}))
    if spec.get("holderIdentity") != settings.holder:
        spec["acquireTime"] = moment
        spec["leaseTransitions"] = spec.get("leaseTransitions", -1) + 1
    spec |= {
        "holderIdentity": settings.holder,
        "leaseDurationSeconds": max(1, round(settings.lease_duration)),
        "renewTime": moment,
    }
    metadata = (lease or {}).get("metadata", {"name": name, "namespace": settings.namespace})
    annotations = (metadata.get("annotations") or {}) | watches(settings.watch_namespaces)
    metadata = metadata | {"annotations": annotations}
    return {
        "apiVersion": LEASE.api_version,
        "kind": LEASE.name,
        "metadata": metadata,
        "spec": spec,
    }
