"""Reads the events of pods whose nodes do not create their containers, of which nothing else tells.

A tenant whose pods run, or start as fast as pods do, costs no request.
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

_SHORTEST_AGE, _LONGEST_AGE = 30.0, 300.0
"""Seconds for which what was read counts as known: the longer, the longer the pod has waited."""

_MOST = 100


class _Known(NamedTuple):
    uid: str
    until: float
    events: Sequence[Object]


class PodEvents:
    """The events that were read last, by tenant."""

    def __init__(self, kube: KubeClient) -> None:
        self._kube = kube
        self._known: dict[Key, _Known] = {}

    async def of(self, key: Key, live: Sequence[Object], now: datetime) -> Sequence[Object]:
        """Return the events of the one of a tenant's pods that waits for its node; else none."""
        pod = nodes.find_uncreated([each for each in live if pod_owners.is_own(key, each)], now)
        if pod is None:
            self.forget(key)
            return ()
        uid = pod["metadata"]["uid"]
        known = self._known.get(key)
        if known and known.uid == uid and known.until > time.monotonic():
            return known.events
        waited = (now - nodes.read_scheduled_time(pod)).total_seconds()
        until = time.monotonic() + min(_LONGEST_AGE, max(_SHORTEST_AGE, waited / 2))
        self._known[key] = _Known(uid, until, await self._read(key, uid))
        return self._known[key].events

    def pause(self, key: Key) -> float | None:
        """Return after how many seconds to read them again; None if nothing waits."""
        known = self._known.get(key)
        return max(1.0, known.until - time.monotonic()) if known else None

    def forget(self, key: Key) -> None:
        """Forget a tenant none of whose pods waits."""
        self._known.pop(key, None)

    async def _read(self, key: Key, uid: str) -> Sequence[Object]:
        selector = f"involvedObject.uid={uid}"
        params = {"fieldSelector": selector, "limit": str(_MOST)}
        try:
            answer = await self._kube.request("GET", EVENT.path(key.namespace), params=params)
        except ApiError:
            # Without the right to look, the condition says less.
            return ()
        events: list[Object] = answer["items"]
        return events
