"""What tenants that are gone have left: volumes and token Secrets that nobody deletes by itself.

Pure. They hold users of a customer and a token that may be in use again, so whoever has to erase
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
    """An object of a tenant that is gone.

    Attributes
    ----------
    created
        When it was made; when its tenant went is not known.
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
    """Return which of the objects with the tenant label have no tenant.

    An owner's Secret that has the label as well is its owner's.
    """
    found = []
    for body in bodies:
        metadata = body["metadata"]
        labels = metadata.get("labels") or {}
        tenant = Key(metadata["namespace"], labels.get(names.TENANT_LABEL, ""))
        # One with an owner goes with it, and is only on its way.
        is_kept = not metadata.get("ownerReferences") and tenant not in tenants
        if not is_kept or labels.get(names.MANAGED_BY_LABEL) != names.MANAGER:
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
