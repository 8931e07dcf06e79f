"""Derives the address of a tenant from its spec and the operator's defaults."""

from __future__ import annotations

from dataclasses import dataclass

from scim_operator.api import names
from scim_operator.api.tenant import Key, Tenant
from scim_operator.settings import Settings


@dataclass(frozen=True, slots=True)
class Address:
    """Where clients reach a tenant.

    Attributes
    ----------
    host
        Host of the Tenant URL; None if the tenant is exposed and no host is configured.
    path
        Base path, without a trailing slash.
    is_exposed
        Whether the URL is for clients outside the cluster.
    """

    host: str | None
    path: str
    is_exposed: bool

    @property
    def url(self) -> str | None:
        """The Tenant URL; None without a host."""
        if self.host is None:
            return None
        return f"{'https' if self.is_exposed else 'http'}://{self.host}{self.path}"


def fill(template: str, key: Key) -> str:
    """Insert a tenant's namespace and name into one of the operator's defaults."""
    return template.format(namespace=key.namespace, name=key.name)


def derive_address(tenant: Tenant, settings: Settings) -> Address:
    """Derive a tenant's address from its spec and the operator's defaults."""
    exposure = tenant.spec.exposure
    path = exposure.path or fill(settings.default_path, tenant.key)
    routed = exposure.ingress is not None or exposure.gateway is not None
    if routed or exposure.host:
        host = exposure.host or fill(settings.default_host, tenant.key) or None
        return Address(host, path, is_exposed=True)
    service = names.workload(tenant.key.name)
    inside = f"{service}.{tenant.key.namespace}.svc.{settings.cluster_domain}"
    return Address(inside, path, is_exposed=False)
