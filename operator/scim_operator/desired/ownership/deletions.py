"""Objects of a tenant that are being deleted: they are there, and do not count as there. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from scim_operator.api import names
from scim_operator.api.conditions import Outlook
from scim_operator.api.tenant import Tenant
from scim_operator.desired.faults import Fault
from scim_operator.kube.kinds import SECRET, Kind, Object

REASON = "BeingDeleted"


def is_being_deleted(live: Object) -> bool:
    """Tell whether an object only waits for its finalizers."""
    return "deletionTimestamp" in live["metadata"]


def find_faults(
    tenant: Tenant,
    children: Mapping[tuple[Kind, str], Object],
    wanted: Collection[tuple[Kind, str]],
) -> tuple[Fault, ...]:
    """Return a fault for each wanted object that is being deleted."""
    return tuple(
        _explain(tenant, kind, live)
        for (kind, name), live in children.items()
        if (kind, name) in wanted and is_being_deleted(live)
    )


def _explain(tenant: Tenant, kind: Kind, live: Object) -> Fault:
    metadata = live["metadata"]
    name = metadata["name"]
    held_by = ", ".join(metadata.get("finalizers") or ()) or "its own objects to be removed"
    message = (
        f"the {kind.name} {name} is being deleted, waits for {held_by}, and is made again when it "
        "is gone: if that lasts, find out why the controller behind it does not let it go"
    )
    if kind is not SECRET or name == names.access_secret(tenant.key.name):
        return Fault(kind, REASON, message, Outlook.PROGRESSING)
    return Fault(
        kind,
        REASON,
        f"{message}. The operator puts the same token back only if it runs at that moment: until "
        f"then keep a copy, kubectl get secret -n {tenant.key.namespace} {name} -o yaml",
    )
