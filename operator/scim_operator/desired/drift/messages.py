"""Sentences for events and conditions about objects that other clients change."""

from __future__ import annotations

from collections.abc import Sequence

from scim_operator.api import names
from scim_operator.desired.drift.admission_changes import list_fields
from scim_operator.desired.drift.desired_object import DesiredObject
from scim_operator.desired.drift.differences import Difference
from scim_operator.desired.drift.repairs import Conflict
from scim_operator.kube.kinds import DEPLOYMENT


def describe_repair(repaired: Sequence[Difference]) -> str:
    """List the fields that were repaired."""
    changed = [str(each) for each in repaired if not each.is_added]
    added = [str(each) for each in repaired if each.is_added]
    return (f" in {list_fields(changed)}" if changed else "") + (
        f", without {list_fields(added)}" if added else ""
    )


def describe_conflict(desired: DesiredObject, found: Conflict) -> str:
    """Say which client sets a field repeatedly, and what to do."""
    remedy = (
        "scale the ScimTenant, and let an autoscaler's scaleTargetRef name that"
        if found.field == "spec.replicas" and desired.kind is DEPLOYMENT
        else "have it leave the field alone, or set it by the ScimTenant or the operator's settings"
    )
    return (
        f"{found.manager or 'a client without a name'} sets {found.field} of the "
        f"{desired.kind.name} {desired.name} repeatedly, and the operator waits longer before each "
        f"repair: {remedy}"
    )


def describe_repeated_deletion(desired: DesiredObject) -> str:
    """Say that an unknown client deletes an object repeatedly, and what to do."""
    return (
        f"another client repeatedly deletes the {desired.kind.name} {desired.name}, or removes its "
        f"label {names.TENANT_LABEL}, and the operator waits longer before it creates the object "
        "each time: have that client leave it alone (the API server's audit log names it)"
    )


def describe_repeated_scaling(name: str) -> str:
    """Say that an unknown client repeatedly scales a Deployment that must have no pods."""
    return (
        f"another client repeatedly sets spec.replicas of the Deployment {name}, whose pods would "
        "run on a volume or digests that are not the tenant's, and the operator sets 0 each time: "
        "have that client leave it alone, and see the condition Stalled"
    )
