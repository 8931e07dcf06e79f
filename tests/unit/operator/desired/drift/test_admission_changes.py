"""Changes of admission rules, which are not repaired."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import pytest
from scim_operator.api.tenant import Tenant
from scim_operator.desired.drift.admission_changes import AdmissionChanges, list_fields
from scim_operator.desired.drift.desired_object import DesiredObject
from scim_operator.desired.objects import applied_digest
from scim_operator.desired.ownership.seals import Seals
from scim_operator.kube.kinds import SERVICE

from tests.unit.operator.sample import body, make, objects, observed

SEALS = Seals(b"k" * 32)
NAME = "Service/contoso-scim"


def _tenant(admitted: dict[str, str] | None = None, seen: Tenant | None = None) -> Tenant:
    tenant = seen or observed().tenant
    return replace(tenant, status=tenant.status.model_copy(update={"admitted": admitted}))


def _written(**spec: Any) -> DesiredObject:
    """The Service as an admission rule has changed it."""
    found = objects(make(observed()))
    wanted = applied_digest.add_digest(
        next(each for (kind, _), each in found.items() if kind == "Service")
    )
    live = copy.deepcopy(wanted)
    live["metadata"] |= {"uid": "1", "resourceVersion": "7"}
    live["spec"] |= spec
    return DesiredObject(SERVICE, wanted, live)


def _note(admitted: AdmissionChanges, tenant: Tenant, wanted: DesiredObject) -> tuple[str, bool]:
    assert wanted.live is not None
    return admitted.note(tenant, wanted, wanted.live, wanted.differences)


RULED = {"trafficDistribution": "PreferClose", "type": "LoadBalancer"}


def test_left_until_it_changes() -> None:
    """The differences in the response are accepted; another value, field or object is not."""
    admitted = AdmissionChanges(SEALS)
    tenant = _tenant()
    assert admitted.accepts(tenant, _written(**RULED)) is None
    entry, is_news = _note(admitted, tenant, _written(**RULED))
    assert is_news
    assert entry.startswith("spec.trafficDistribution, spec.type ")
    assert admitted.accepts(tenant, _written(**RULED)) == entry
    assert admitted.accepts(tenant, _written()) is None
    assert admitted.accepts(tenant, _written(**RULED | {"type": "NodePort"})) is None
    assert admitted.accepts(tenant, _written(**RULED, externalIPs=["192.0.2.1"])) is None


def test_after_a_restart() -> None:
    """The next process reads accepted changes from the status, and emits no event again."""
    entry, _ = _note(AdmissionChanges(SEALS), _tenant(), _written(**RULED))
    tenant = _tenant({NAME: entry})
    following = AdmissionChanges(SEALS)
    assert following.accepts(tenant, _written(**RULED)) == entry
    assert _note(following, tenant, _written(**RULED | {"type": "NodePort"}))[1] is False
    assert _note(following, tenant, _written(type="NodePort"))[1] is True


@pytest.mark.finding(26)
def test_only_the_operator_can_accept() -> None:
    """An entry of another tenant, object or key accepts nothing."""
    for tenant, seals in (
        (Tenant.parse(body("other")), SEALS),
        (observed().tenant, Seals(b"l" * 32)),
    ):
        entry, _ = _note(AdmissionChanges(seals), _tenant(seen=tenant), _written(**RULED))
        claimed = _tenant({NAME: entry})
        assert AdmissionChanges(SEALS).accepts(claimed, _written(**RULED)) is None


def test_listed() -> None:
    """A message names some fields, and counts the rest."""
    assert list_fields(("b", "a")) == "a, b"
    assert list_fields(map(str, range(10))) == "0, 1, 2, 3, 4, 5, 6, 7, 2 more"
