"""A message names each field of a stored ScimTenant that this version cannot read."""

from __future__ import annotations

from typing import Any

import pytest
from scim_operator.api.tenant import Tenant, UnreadableTenantError
from scim_operator.api.v1alpha1.status import UNSEEN

from tests.unit.operator.sample import body

READY = {
    "type": "Ready",
    "status": "True",
    "reason": "Ready",
    "message": "",
    "lastTransitionTime": "2026-11-25T08:00:00Z",
}
ROLLOUT = {"state": "paused", "template": "x", "specGeneration": 1, "deploymentGeneration": 1}


@pytest.mark.parametrize(
    ("spec", "status", "sentence"),
    [
        (
            {"provisioning": {"profile": "okta"}},
            None,
            "spec.provisioning.profile is \"okta\" (input should be 'entra' or 'strict')",
        ),
        ({"deletionPolicy": "Archive"}, None, 'spec.deletionPolicy is "Archive"'),
        ({"replicas": "two"}, None, 'spec.replicas is "two"'),
        ({"database": ["sqlite"]}, None, "spec.database (input should be"),
        (
            {"tolerations": [{"effect": "NoSchedule"}, {"effect": "Later"}]},
            None,
            'spec.tolerations[1].effect is "Later"',
        ),
        ({}, {"conditions": [READY | {"status": "Maybe"}]}, 'status.conditions[0].status is "Mayb'),
        ({}, {"users": "many"}, 'status.users is "many"'),
    ],
)
def test_unreadable(spec: dict[str, Any], status: dict[str, Any] | None, sentence: str) -> None:
    """The error names the path of an unknown value; the rest of the tenant is still readable."""
    stored = body(spec=spec, status=status)
    with pytest.raises(UnreadableTenantError) as caught:
        Tenant.parse(stored)
    assert str(caught.value).startswith(sentence)
    shown = Tenant.parse_readable(stored)
    assert shown.unreadable == str(caught.value)
    assert shown.key == ("team-a", "contoso")


def test_many_and_long_values() -> None:
    """The message stays short, however many values are unknown and however long they are."""
    extensions = [
        {
            "id": f"urn:example:{number}",
            "name": "x",
            "attributes": [{"name": "a", "type": "y" * 999}],
        }
        for number in range(8)
    ]
    with pytest.raises(UnreadableTenantError) as caught:
        Tenant.parse(body(spec={"provisioning": {"schemaExtensions": extensions}}))
    assert str(caught.value).endswith("and 5 more")
    assert len(str(caught.value)) < 1000


def test_readable_parts_are_kept() -> None:
    """An unreadable field does not hide the readable fields beside it."""
    spec = {"displayName": "Contoso", "deletionPolicy": "Archive"}
    status = {"users": "many", "groups": 3, "conditions": [READY]}
    shown = Tenant.parse_readable(body(spec=spec, status=status))
    assert shown.spec.display_name == "Contoso"
    assert shown.spec.deletion_policy == "Retain"
    assert (shown.status.users, shown.status.groups) == (None, 3)
    assert shown.status.is_true("Ready")


def test_both_parsers_agree_on_a_readable_tenant() -> None:
    """Parsing the readable parts of a tenant of this version leaves nothing out."""
    stored = body()
    assert Tenant.parse_readable(stored) == Tenant.parse(stored)
    assert Tenant.parse(stored).status == UNSEEN


def test_record_of_another_version() -> None:
    """An invalid rollout record is ignored; the operator writes a new one."""
    assert Tenant.parse(body(status={"users": 1, "rollout": ROLLOUT})).status.rollout is None
    known = Tenant.parse(body(status={"users": 1, "rollout": ROLLOUT | {"state": "failed"}}))
    assert known.status.rollout
