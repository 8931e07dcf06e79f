"""All conditions of a tenant: their order, the optional ones, and when time changes them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from scim_operator.api.conditions import Finding
from scim_operator.api.service_status import Problem, ServiceStatus
from scim_operator.desired.faults import Fault
from scim_operator.desired.urls.claims import Hold
from scim_operator.kube.kinds import DEPLOYMENT, INGRESS, SECRET
from scim_operator.status import tenant_conditions

from tests.unit.operator.sample import NOW, applied, make, observed
from tests.unit.operator.status.sample import build, find, serving

HOST = {"exposure": {"host": "scim.example.com"}}
KNOWN = ServiceStatus(users=3, active_users=2, groups=1, last_request=NOW)


def test_all_conditions() -> None:
    """Every tenant has the same conditions in the same order."""
    assert [condition.type for condition in build(serving()).conditions] == [
        *("Ready", "Reconciling", "Stalled", "TokenReady", "Available", "Exposed", "Provisioning")
    ]


def test_optional_conditions() -> None:
    """These conditions exist only while something is wrong."""
    seen = observed(None, **{"scim-operator.io/rotatetoken": "1"})
    found = build(replace(seen, conflicts=["a sets b", "c sets d"]))
    assert find(found, "UnknownAnnotation").status == "True"
    assert find(found, "FieldConflict").message == "a sets b; c sets d"
    assert found.condition("Restricted") is None


def test_starting() -> None:
    """A tenant without a pod is reconciling."""
    found = build(applied(observed(), make(observed())))
    assert find(found, "Ready").status == "False"
    assert find(found, "Reconciling").status == "True"
    assert find(found, "Stalled").status == "False"


@pytest.mark.parametrize(
    ("kind", "condition"),
    [(DEPLOYMENT, "Available"), (SECRET, "TokenReady"), (INGRESS, "Exposed")],
    ids=lambda each: getattr(each, "name", each),
)
def test_a_fault_reaches_ready(kind: object, condition: str) -> None:
    """A fault of an object is reported by the condition of its kind, and by Ready."""
    fault = Fault(kind, "QuotaExceeded", "no room")  # type: ignore[arg-type]
    found = build(serving(HOST), fault)
    assert find(found, condition).reason == find(found, "Ready").reason == "QuotaExceeded"


def test_the_url_of_another_tenant() -> None:
    """A tenant that does not hold its URL reports the holder, and shows no URL."""
    conflict = Finding.stalled("URLConflict", "belongs to team-b/other")
    found = build(replace(serving(HOST), hold=Hold(is_routed=False, finding=conflict)))
    assert find(found, "Exposed").reason == "URLConflict"
    assert "team-b/other" in find(found, "Exposed").message
    assert find(found, "Stalled").status == "True"
    assert found.tenant_url is None


def test_a_url_from_before_a_rule() -> None:
    """A tenant keeps a URL that a newer rule would refuse, and the message quotes the rule."""
    found = build(replace(serving(HOST), hold=Hold(is_routed=True, note="it is reserved")))
    assert find(found, "Exposed").status == "True"
    assert "a new tenant could not have this URL: it is reserved" in (
        find(found, "Exposed").message
    )


def test_provisioning() -> None:
    """Suspension precedes a problem of the service status, and that the service status itself."""
    seen = replace(serving(), service_status=KNOWN)
    assert find(build(seen), "Provisioning").reason == "Active"
    unread = replace(seen, status_problem=Problem("Unreachable", "no answer"))
    assert find(build(unread), "Provisioning").reason == "Unreachable"
    suspended = replace(
        unread, tenant=replace(unread.tenant, spec=observed({"suspended": True}).tenant.spec)
    )
    assert find(build(suspended), "Provisioning").reason == "Suspended"


def test_provisioning_before_the_first_service_status() -> None:
    """Until the service status is read, Provisioning keeps its state; a new tenant has none."""
    assert find(build(serving()), "Provisioning").reason == "NotReported"
    before = build(replace(serving(), service_status=KNOWN))
    seen = replace(serving(), tenant=replace(serving().tenant, status=before))
    assert find(build(seen), "Provisioning") == find(before, "Provisioning")


def test_next_change() -> None:
    """The earliest time at which a condition changes by itself is Entra's silence here."""
    seen = replace(serving(), service_status=KNOWN)
    assert tenant_conditions.next_change(seen, NOW) == NOW + timedelta(minutes=80)
    assert tenant_conditions.next_change(serving(), NOW) is None
