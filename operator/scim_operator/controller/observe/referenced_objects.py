"""Reads objects that specs name and that the operator does not watch, such as an owner's Secret."""

from __future__ import annotations

import time

from scim_operator.controller.observe.cache import Cache
from scim_operator.kube.client import KubeClient
from scim_operator.kube.kinds import Kind, Object

REFERENCE_SECONDS = 30.0
"""How long an object that was read counts as known."""


class References:
    """The referenced objects that were read last."""

    def __init__(self, kube: KubeClient, cache: Cache) -> None:
        self._kube = kube
        self._cache = cache
        self._known: dict[tuple[Kind, str | None, str], tuple[float, Object | None]] = {}

    async def get(self, kind: Kind, namespace: str | None, name: str) -> Object | None:
        """Return an object; None if it does not exist. The cache has it if it has the label."""
        if namespace is not None and (watched := self._cache.get(kind, namespace, name)):
            return watched
        until, body = self._known.get((kind, namespace, name), (0.0, None))
        if until <= time.monotonic():
            body = await self._kube.get(kind, namespace, name)
            self._known[kind, namespace, name] = (time.monotonic() + REFERENCE_SECONDS, body)
        return body
