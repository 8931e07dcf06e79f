"""Reads what an Ingress needs beside itself, rarely: neither kind is watched.

The class is read only while no controller has given the Ingress an address. The TLS Secret is read
when the Ingress is new and then every few hours, over restarts of the operator too, because status
keeps when the certificate expires.
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

_CLASS_AGE = 30.0
_PROBLEM_AGE = 60.0
_CERTIFICATE_AGE = 6 * 3600.0
"""Seconds for which what was read counts as known."""


class IngressReader:
    """What was read last."""

    def __init__(self, kube: KubeClient) -> None:
        self._kube = kube
        self._classes: dict[str, tuple[float, bool]] = {}
        self._secrets: dict[Key, tuple[float, TLSSecret | None]] = {}

    async def read(self, tenant: Tenant, ingress: Object | None, now: datetime) -> IngressFacts:
        """Return what is known of a tenant's Ingress; nothing if it has none."""
        if ingress is None:
            return NOTHING_READ
        name = read_class(ingress)
        return IngressFacts(
            is_class_missing=name is not None
            and not has_address(ingress)
            and await self._is_class_missing(name),
            tls=await self._tls(tenant, read_tls_secret_name(ingress), now),
        )

    async def _is_class_missing(self, name: str) -> bool:
        until, is_missing = self._classes.get(name, (0.0, False))
        if until <= time.monotonic():
            try:
                is_missing = await self._kube.get(INGRESS_CLASS, None, name) is None
            except ApiError:
                # Without the right to look, the condition says less.
                is_missing = False
            self._classes[name] = time.monotonic() + _CLASS_AGE, is_missing
        return is_missing

    async def _tls(self, tenant: Tenant, name: str | None, now: datetime) -> TLSSecret | None:
        if name is None:
            return None
        # Tenants of a namespace share a Secret more often than not.
        key = Key(tenant.key.namespace, name)
        if key not in self._secrets:
            known = tenant.status.certificate
            if known and known.secret_name == name and known.not_after > now:
                until = time.monotonic() + random.uniform(0, _CERTIFICATE_AGE)  # noqa: S311
                self._secrets[key] = until, TLSSecret(name, not_after=known.not_after)
        until, tls = self._secrets.get(key, (0.0, None))
        if until <= time.monotonic():
            tls = await self._read_tls(key)
            is_well = tls is None or (tls.not_after is not None and tls.not_after > now)
            age = random.uniform(0.5, 1) * _CERTIFICATE_AGE if is_well else _PROBLEM_AGE  # noqa: S311
            self._secrets[key] = time.monotonic() + age, tls
        return tls

    async def _read_tls(self, key: Key) -> TLSSecret | None:
        try:
            return read_tls_secret(key.name, await self._kube.get(SECRET, key.namespace, key.name))
        except ApiError:
            return None
