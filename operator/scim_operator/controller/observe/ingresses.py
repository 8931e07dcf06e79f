"""Reads the IngressClass and the TLS Secret of an Ingress, rarely: neither kind is watched.

The class is read only while the Ingress has no address. The TLS Secret is read when the Ingress is
new and then every few hours, also across restarts of the operator, because the status stores when
the certificate expires.
"""

from __future__ import annotations

import random
import time
from datetime import datetime

from scim_operator.api.tenant import Key, Tenant
from scim_operator.kube.client import KubeClient
from scim_operator.kube.errors import ApiError
from scim_operator.kube.ingress_facts import (
    NOTHING_READ,
    IngressFacts,
    TLSSecret,
    has_address,
    read_class,
    read_tls_secret,
    read_tls_secret_name,
)
from scim_operator.kube.kinds import INGRESS_CLASS, SECRET, Object

_CLASS_SECONDS = 30.0
_PROBLEM_SECONDS = 60.0
_CERTIFICATE_SECONDS = 6 * 3600.0
"""How long an answer counts as known."""


class IngressReader:
    """The classes and Secrets that were read last."""

    def __init__(self, kube: KubeClient) -> None:
        self._kube = kube
        self._classes: dict[str, tuple[float, bool]] = {}
        self._secrets: dict[Key, tuple[float, TLSSecret | None]] = {}

    async def read(self, tenant: Tenant, ingress: Object | None, now: datetime) -> IngressFacts:
        """Return the facts about a tenant's Ingress; none if there is no Ingress."""
        if ingress is None:
            return NOTHING_READ
        name = read_class(ingress)
        return IngressFacts(
            is_class_missing=name is not None
            and not has_address(ingress)
            and await self._is_class_missing(name),
            tls=await self._get_tls_secret(tenant, read_tls_secret_name(ingress), now),
        )

    async def _is_class_missing(self, name: str) -> bool:
        until, is_missing = self._classes.get(name, (0.0, False))
        if until <= time.monotonic():
            try:
                is_missing = await self._kube.get(INGRESS_CLASS, None, name) is None
            except ApiError:
                # Without the right to read classes the condition says less.
                is_missing = False
            self._classes[name] = time.monotonic() + _CLASS_SECONDS, is_missing
        return is_missing

    async def _get_tls_secret(
        self, tenant: Tenant, name: str | None, now: datetime
    ) -> TLSSecret | None:
        if name is None:
            return None
        # The tenants of a namespace often share a Secret.
        key = Key(tenant.key.namespace, name)
        if key not in self._secrets:
            known = tenant.status.certificate
            if known and known.secret_name == name and known.not_after > now:
                until = time.monotonic() + random.uniform(0, _CERTIFICATE_SECONDS)  # noqa: S311
                self._secrets[key] = until, TLSSecret(name, not_after=known.not_after)
        until, tls = self._secrets.get(key, (0.0, None))
        if until <= time.monotonic():
            tls = await self._request_tls_secret(key)
            is_valid = tls is None or (tls.not_after is not None and tls.not_after > now)
            age = random.uniform(0.5, 1) * _CERTIFICATE_SECONDS if is_valid else _PROBLEM_SECONDS  # noqa: S311
            self._secrets[key] = time.monotonic() + age, tls
        return tls

    async def _request_tls_secret(self, key: Key) -> TLSSecret | None:
        try:
            return read_tls_secret(key.name, await self._kube.get(SECRET, key.namespace, key.name))
        except ApiError:
            return None
