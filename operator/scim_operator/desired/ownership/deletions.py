"""Finds objects of a tenant that are being deleted: they exist, but cannot be used."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from scim_operator.api import names
from scim_operator.api.conditions import Outlook
from scim_operator.api.tenant import Tenant
from scim_operator.desired.faults import Fault
from scim_operator.kube.kinds import SECRET, Identity, Kind, Object

REASON = "BeingDeleted"


def is_being_deleted(live: Object) -> bool:
    """Tell whether an object is deleted except for its finalizers."""
    return "deletionTimestamp" in live["metadata"]


def find_faults(
    tenant: Tenant,
    children: Mapping[Identity, Object],
    needed: Collection[Identity],
) -> tuple[Fault, ...]:
    """Return a fault for each needed object that is being deleted."""
    return tuple(
        _explain(tenant, kind, live)
        for (kind, name), live in children.items()
        if (kind, name) in needed and is_being_deleted(live)
    )


def _explain(tenant: Tenant, kind: Kind, live: Object) -> Fault:
    metadata = live["metadata"]
    name = metadata["name"]
    held_by = ", ".join(metadata.get("finalizers") or ()) or "the deletion of its dependents"
    message = (
        f"the {kind.name} {name} is being deleted, waits for {held_by}, and is created again after "
        "that: if that persists, find out why the controller behind it does not finish"
    )
    if kind is not SECRET or name == names.access_secret(tenant.key.name):
        return Fault(kind, REASON, message, Outlook.PROGRESSING)
    return Fault(
        kind,
        REASON,
        f"{message}. The operator restores the same token only if it runs at that time: until then "
        f"keep a copy, kubectl get secret -n {tenant.key.namespace} {name} -o yaml",
    )
