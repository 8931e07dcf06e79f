"""Reads the events of a pod whose node does not create its containers; only they give the reason.

A tenant whose pods run, or start in the usual time, causes no request.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from scim_operator.api.tenant import Key
from scim_operator.kube import pod_owners
from scim_operator.kube.client import KubeClient
from scim_operator.kube.errors import ApiError
from scim_operator.kube.kinds import EVENT, Object
from scim_operator.status.problems import nodes

_SHORTEST_SECONDS, _LONGEST_SECONDS = 30.0, 300.0
"""How long events count as known: half of the time for which the pod has waited."""

_MAX_EVENTS = 100


class _Known(NamedTuple):
    uid: str
    until: float
    events: Sequence[Object]


class PodEvents:
    """The events that were read last, by tenant."""

    def __init__(self, kube: KubeClient) -> None:
        self._kube = kube
        self._known: dict[Key, _Known] = {}

    async def read(self, key: Key, live: Sequence[Object], now: datetime) -> Sequence[Object]:
        """Return the events of the tenant's pod that waits for its node; none if none waits."""
        pod = nodes.find_uncreated([each for each in live if pod_owners.is_own(key, each)], now)
        if pod is None:
            self.forget(key)
            return ()
        uid = pod["metadata"]["uid"]
        known = self._known.get(key)
        if known and known.uid == uid and known.until > time.monotonic():
            return known.events
        waited = (now - nodes.read_scheduled_time(pod)).total_seconds()
        until = time.monotonic() + min(_LONGEST_SECONDS, max(_SHORTEST_SECONDS, waited / 2))
        self._known[key] = _Known(uid, until, await self._request(key, uid))
        return self._known[key].events

    def seconds_until_read(self, key: Key) -> float | None:
        """Return after how many seconds to read the events again; None if no pod waits."""
        known = self._known.get(key)
        return max(1.0, known.until - time.monotonic()) if known else None

    def forget(self, key: Key) -> None:
        """Forget a tenant without a waiting pod."""
        self._known.pop(key, None)

    async def _request(self, key: Key, uid: str) -> Sequence[Object]:
        selector = f"involvedObject.uid={uid}"
        params = {"fieldSelector": selector, "limit": str(_MAX_EVENTS)}
        try:
            answer = await self._kube.request("GET", EVENT.path(key.namespace), params=params)
        except ApiError:
            # Without the right to read events the condition says less.
            return ()
        events: list[Object] = answer["items"]
        return events
