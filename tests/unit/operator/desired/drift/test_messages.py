"""Sentences about objects that other clients change."""

from __future__ import annotations

from scim_operator.desired.drift.desired_object import DesiredObject
from scim_operator.desired.drift.differences import Difference
from scim_operator.desired.drift.messages import (
    describe_conflict,
    describe_repair,
    describe_repeated_deletion,
)
from scim_operator.desired.drift.repairs import Conflict
from scim_operator.kube.kinds import DEPLOYMENT, SERVICE, Kind


def desired(kind: Kind) -> DesiredObject:
    """Return a desired object of a kind."""
    return DesiredObject(kind, {"metadata": {"name": "contoso-scim"}}, None)


def test_a_repair_lists_changed_and_added_fields() -> None:
    """Changed fields are listed first, then the added ones that were removed."""
    changed = Difference(("spec", "type"), "NodePort")
    added = Difference(("spec", "externalName"), "x", is_added=True)
    assert describe_repair([added, changed]) == " in spec.type, without spec.externalName"
    assert describe_repair([]) == ""


def test_a_conflict_about_replicas_names_the_remedy() -> None:
    """A client that scales the Deployment is told to scale the ScimTenant."""
    replicas = Conflict("spec.replicas", "horizontal-pod-autoscaler")
    scaled = describe_conflict(desired(DEPLOYMENT), replicas)
    assert scaled.startswith("horizontal-pod-autoscaler sets spec.replicas of the Deployment ")
    assert "scale the ScimTenant" in scaled
    other = describe_conflict(desired(SERVICE), Conflict("spec.type", None))
    assert other.startswith("a client without a name sets spec.type of the Service contoso-scim ")
    assert "leave the field alone" in other


def test_a_repeated_deletion_names_the_object() -> None:
    """The client is unknown, so the message names the object and the audit log."""
    said = describe_repeated_deletion(desired(SERVICE))
    assert "the Service contoso-scim" in said
    assert "audit log" in said
