"""The input of the builders of a tenant's objects, and the parts that all objects share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from scim_operator.api import names
from scim_operator.api.tenant import Tenant
from scim_operator.desired.urls.address import Address
from scim_operator.kube.kinds import Identity, Kind, Object
from scim_operator.settings import Settings


@dataclass(frozen=True, slots=True)
class ObjectContext:
    """A tenant, and everything else that its objects depend on.

    Attributes
    ----------
    address
        Where clients reach it.
    is_routed
        Whether it has its URL: a host is known, and the claim on the URL is the tenant's.
    database_version
        Version of the Secret with the PostgreSQL URL; a new version restarts the pods.
    claim
        The volume claim in the cluster; parts of it cannot be changed.
    rebind_volume
        The PersistentVolume that a new claim must bind to; None if it may bind to any.
    """

    tenant: Tenant
    settings: Settings
    address: Address
    is_routed: bool
    database_version: str | None = None
    claim: Object | None = None
    rebind_volume: str | None = None

    def build_metadata(self, name: str, *, owned: bool = True, **more: Any) -> Object:
        """Return the metadata of an object; an object that is not owned outlives the tenant."""
        tenant = self.tenant
        metadata: Object = {
            "name": name,
            "namespace": tenant.key.namespace,
            "labels": names.labels(tenant.key.name),
        }
        if owned:
            metadata["ownerReferences"] = [tenant.owner_reference]
        return metadata | more

    @property
    def url(self) -> str | None:
        """The Tenant URL; None while it may lead to another tenant."""
        return self.address.url if self.is_routed else None

    @property
    def keeps_data(self) -> bool:
        """Whether volume and tokens outlive the tenant."""
        return self.tenant.spec.deletion_policy == "Retain"


def build_head(kind: Kind) -> Object:
    """Return the fields that name the kind of an object."""
    return {"apiVersion": kind.api_version, "kind": kind.name}


class Builder(NamedTuple):
    """Declares an object that a tenant has at most once.

    Attributes
    ----------
    name
        Returns the name of the object of a tenant with a name.
    build
        Returns the desired object; None if the tenant needs none, so that an existing one is
        removed.
    """

    kind: Kind
    name: Callable[[str], str]
    build: Callable[[ObjectContext], Object | None]

    def identify(self, tenant: str) -> Identity:
        """Return kind and name of the object of a tenant."""
        return self.kind, self.name(tenant)
