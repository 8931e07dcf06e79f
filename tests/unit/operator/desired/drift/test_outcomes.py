"""The outcomes of a reconcile, combined for a tenant's status."""

from __future__ import annotations

from scim_operator.desired.drift.outcomes import Outcome, list_conflicts, merge_admitted
from scim_operator.desired.faults import Fault
from scim_operator.kube.kinds import SERVICE

FAULT = Fault(SERVICE, "Forbidden", "no")


def test_conflicts_are_listed_once_in_order() -> None:
    """Conflicts have an order that does not depend on that of the objects."""
    first, second = Outcome("a", conflicts=("y", "x")), Outcome("b", conflicts=("x",))
    assert list_conflicts([first, second]) == list_conflicts([second, first]) == ("x", "y")


def test_accepted_changes_follow_the_writes() -> None:
    """An object without accepted changes has no entry; an object with a fault keeps its entry."""
    before = {"Service/a": "old", "Ingress/a": "old", "Deployment/a": "old"}
    outcomes = [
        Outcome("Service/a", fault=FAULT),
        Outcome("Ingress/a"),
        Outcome("ConfigMap/a", admitted="new"),
    ]
    assert merge_admitted(before, outcomes) == {
        "ConfigMap/a": "new",
        "Deployment/a": "old",
        "Service/a": "old",
    }
    assert merge_admitted(None, []) == {}
