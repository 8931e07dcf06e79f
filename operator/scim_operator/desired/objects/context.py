"""What the builders of a tenant's objects are given, and what all of the objects share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from scim_operator.api import names
from scim_operator.api.tenant import Tenant
from scim_operator.desired.urls.address import Address
from scim_operator.kube.kinds import Kind, Object
from scim_operator.settings import Settings


@dataclass(frozen=True, slots=True)
class ObjectContext:
    """A tenant, and everything beside its spec that its objects depend on.

    Attributes
    ----------
    address
        Where it is reached.
    is_routed
        Whether it has its URL: there is a host, and the claim on it is the tenant's.
    database_version
        Version of the Secret with the PostgreSQL URL; a new one restarts the pods.
    claim
        The volume claim as it is in the cluster; parts of it cannot be changed.
    rebinds
        The PersistentVolume that the claim to be made is for; None if it may be any.
    """

    tenant: Tenant
    settings: Settings
    address: Address
    is_routed: bool
    database_version: str | None = None
    claim: Object | None = None
    rebinds: str | None = None

    def metadata(self, name: str, *, owned: bool = True, **more: Any) -> Object:
        """Return the metadata of an object; one that is not owned outlives the tenant."""
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
        """The Tenant URL to show; None while it may lead to another tenant."""
        return self.address.url if self.is_routed else None

    @property
    def keeps_data(self) -> bool:
        """Whether volume and tokens stay when the tenant is deleted."""
        return self.tenant.spec.deletion_policy == "Retain"


def head(kind: Kind) -> Object:
    """Return the fields that say of which kind an object is."""
    return {"apiVersion": kind.api_version, "kind": kind.name}
