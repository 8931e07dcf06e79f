"""What events and conditions say of objects that others change. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from scim_operator.api import names
from scim_operator.desired.drift.admission_changes import list_fields
from scim_operator.desired.drift.desired_object import DesiredObject
from scim_operator.desired.drift.differences import Difference
from scim_operator.desired.drift.repairs import Conflict
from scim_operator.kube.kinds import DEPLOYMENT


def describe_repair(repaired: Sequence[Difference]) -> str:
    """Name the fields that were put right."""
    changed = [str(each) for each in repaired if not each.added]
    added = [str(each) for each in repaired if each.added]
    return (f" in {list_fields(changed)}" if changed else "") + (
        f", without {list_fields(added)}" if added else ""
    )


def describe_conflict(wanted: DesiredObject, found: Conflict) -> str:
    """Say who sets a field again and again, and what to do."""
    remedy = (
        "scale the ScimTenant, and let an autoscaler's scaleTargetRef name that"
        if found.field == "spec.replicas" and wanted.kind is DEPLOYMENT
        else "have it leave the field alone, or set it by the ScimTenant or the operator's settings"
    )
    return (
        f"{found.manager or 'a client without a name'} sets {found.field} of the "
        f"{wanted.kind.name} {wanted.name} again and again, and the operator puts it right ever "
        f"more rarely: {remedy}"
    )


def describe_repeated_deletion(wanted: DesiredObject) -> str:
    """Say that an object goes again and again, and what to do; who does it is not to be seen."""
    return (
        f"another client deletes the {wanted.kind.name} {wanted.name}, or takes the label "
        f"{names.TENANT_LABEL} from it, again and again, and the operator makes it again ever more "
        "rarely: have that client leave it alone (the API server's audit log names it)"
    )


def describe_repeated_scaling(name: str) -> str:
    """Say that others scale a Deployment that must not have pods again and again."""
    return (
        f"another client sets spec.replicas of the Deployment {name} again and again, whose pods "
        "would run on what is not the tenant's, and the operator sets 0 each time: have that "
        "client leave it alone, and see the condition Stalled"
    )
