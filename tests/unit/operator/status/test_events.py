"""The events of a tenant: each for one transition, none for an unchanged tenant."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from scim_operator.api.conditions import Finding
from scim_operator.api.v1alpha1.status import UNSEEN, Status
from scim_operator.desired.plan import Plan
from scim_operator.desired.tokens.rotation import Change
from scim_operator.desired.tokens.trusted_secrets import Rejected
from scim_operator.status import events
from scim_operator.status.conditions import summary
from scim_operator.status.events import Event

from tests.unit.operator.sample import NOW, make
from tests.unit.operator.status.sample import build, serving


def plan(*changes: Change, **change: Any) -> Plan:
    """A plan that changes only this."""
    found = make(serving())
    assert found.token
    return replace(found, token=replace(found.token, changes=changes), **change)


def status(*conditions: tuple[str, bool | None, str], **change: Any) -> Status:
    """A status with these conditions, by type, state and reason."""
    findings = {kind: Finding(is_good, reason, "why") for kind, is_good, reason in conditions}
    return Status(
        conditions=summary.to_conditions(findings, (), 1, NOW),
        token_secret_name="contoso-scim-token",
        **change,
    )


def derive(before: Status, after: Status, planned: Plan | None = None) -> list[Event]:
    """The events of a reconcile that repaired nothing."""
    return events.derive(before, after, planned or plan(), [])


def test_an_unchanged_tenant_emits_no_events() -> None:
    """Resyncing an unchanged tenant emits no events."""
    same = build(serving())
    assert derive(same, same) == []


def test_changes_of_objects() -> None:
    """Each repair is a normal event; kept changes and field conflicts are warnings."""
    found = events.derive(UNSEEN, UNSEEN, plan(), ["a"], kept=["b"], conflicts=["c"])
    assert found == [
        Event("DriftRepaired", "a"),
        Event("DriftKept", "b", warning=True),
        Event("FieldConflict", "c", warning=True),
    ]


@pytest.mark.parametrize("change", Change)
def test_changes_of_the_token(change: Change) -> None:
    """Each change of the token has one event with the Secret's name."""
    (found,) = derive(UNSEEN, status(), plan(change, change))
    assert found.reason == change.value
    assert "the Secret contoso-scim-token" in found.message
    assert found.warning is (change is Change.HELD_BACK)


@pytest.mark.parametrize("rejected", Rejected)
def test_rejected_contents(rejected: Rejected) -> None:
    """A token or digest that the operator did not write is a warning."""
    (found,) = derive(UNSEEN, status(), plan(rejected=(rejected,)))
    assert (found.reason, found.warning) == (rejected.value, True)
    assert "{" not in found.message


def test_adopted_objects() -> None:
    """An adopted object is reported once, when the status records it."""
    name = "Service/contoso-scim"
    planned = plan(adopted=(name,))
    recorded = status(objects={name: "1"})
    assert derive(UNSEEN, status(), planned) == []
    (found,) = derive(UNSEEN, recorded, planned)
    assert found.reason == "ObjectAdopted"
    assert name in found.message
    assert derive(recorded, recorded, planned) == []


def test_inherited_objects() -> None:
    """The objects of an earlier tenant are reported in one event, when the status records them."""
    objects = {"Secret/contoso-scim-token": "1", "PersistentVolumeClaim/contoso-scim-data": "2"}
    planned = plan(inherited=tuple(objects))
    (found,) = derive(UNSEEN, status(objects=objects), planned)
    assert found.reason == "DataTakenOver"
    assert all(name in found.message for name in objects)
    assert derive(status(objects=objects), status(objects=objects), planned) == []


def test_a_new_key() -> None:
    """A new key of the operator is a warning; the first key is not."""
    assert derive(status(), status(sealed_by="a")) == []
    (found,) = derive(status(sealed_by="a"), status(sealed_by="b"))
    assert (found.reason, found.warning) == ("SealedAnew", True)


@pytest.mark.parametrize(
    ("kind", "is_good"),
    [
        ("Stalled", True),
        ("Provisioning", False),
        ("Restricted", True),
        ("UnknownAnnotation", True),
    ],
)
def test_warnings(kind: str, is_good: bool) -> None:
    """A condition that becomes abnormal, or is so for another reason, is a warning."""
    good, bad = status((kind, not is_good, "Fine")), status((kind, is_good, "Broken"))
    other = status((kind, is_good, "Other"))
    assert derive(good, bad) == [Event("Broken", "why", warning=True)]
    assert derive(UNSEEN, bad) == [Event("Broken", "why", warning=True)]
    assert derive(bad, other) == [Event("Other", "why", warning=True)]
    assert derive(bad, bad) == []
    assert derive(bad, good) == []


def test_a_weak_token() -> None:
    """A weak token is a warning, although the token is ready."""
    issued = status(("TokenReady", True, "Issued"))
    weak = status(("TokenReady", True, "WeakToken"))
    assert derive(issued, weak) == [Event("WeakToken", "why", warning=True)]
    assert derive(weak, weak) == []


def test_ready() -> None:
    """A tenant that becomes ready emits a normal event."""
    starting, ready = status(("Ready", False, "Starting")), status(("Ready", True, "Ready"))
    assert derive(starting, ready) == [Event("Ready", "why")]
    assert derive(ready, starting) == []
