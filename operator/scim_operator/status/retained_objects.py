"""Volume claims and token Secrets of deleted tenants, which nothing deletes automatically.

They hold the users of a customer, and a token that may be in use again: a person who must erase
them must be able to find them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import NamedTuple

from scim_operator.api import names
from scim_operator.api.tenant import Key
from scim_operator.kube.kinds import SECRET, VOLUME_CLAIM, Kind, Object
from scim_operator.timestamps import parse_timestamp

KINDS = (VOLUME_CLAIM, SECRET)
"""Kinds of objects that outlive their tenant."""


class RetainedObject(NamedTuple):
    """An object of a deleted tenant.

    Attributes
    ----------
    created
        When the object was created; the time of the tenant's deletion is unknown.
    size
        Capacity of a volume, as a Kubernetes quantity.
    """

    tenant: Key
    kind: Kind
    name: str
    created: datetime
    size: str | None = None
    volume: str | None = None


def find(kind: Kind, bodies: Iterable[Object], tenants: Collection[Key]) -> list[RetainedObject]:
    """Return the objects with the tenant label that belong to no existing tenant.

    A Secret that its owner created belongs to its owner, even with the label.
    """
    found = []
    for body in bodies:
        metadata = body["metadata"]
        labels = metadata.get("labels") or {}
        tenant = Key(metadata["namespace"], labels.get(names.TENANT_LABEL, ""))
        # Kubernetes deletes an object together with its owner, after a short delay.
        is_retained = not metadata.get("ownerReferences") and tenant not in tenants
        if not is_retained or labels.get(names.MANAGED_BY_LABEL) != names.MANAGER:
            continue
        spec, status = body.get("spec", {}), body.get("status", {})
        requested = spec.get("resources", {}).get("requests", {}).get("storage")
        found.append(
            RetainedObject(
                tenant,
                kind,
                metadata["name"],
                parse_timestamp(metadata["creationTimestamp"]),
                status.get("capacity", {}).get("storage", requested),
                spec.get("volumeName"),
            )
        )
    return found
