"""Unusable values that an earlier CRD admitted."""

from __future__ import annotations

import json
from typing import Any

import pytest
from scim_operator.api import names

from tests.cluster import ControlPlane
from tests.operator.definition import lax
from tests.operator.install import Installation
from tests.operator.world import Namespace, Object, eventually


def condition(namespace: Namespace, reason: str) -> Object:
    """Wait until the tenant is stalled with a reason; return the condition."""

    def look() -> Object:
        found = namespace.condition("contoso", "Stalled")
        return found if (found.get("status"), found.get("reason")) == ("True", reason) else {}

    return eventually(look, 20)


@pytest.mark.parametrize(
    ("field", "wrong", "right", "reason", "part"),
    [
        (
            "resources",
            {"limits": {"memory": "lots"}},
            {"limits": {"memory": "300Mi"}},
            "QuantityInvalid",
            "spec.resources.limits[memory] lots is not a quantity",
        ),
        (
            "provisioning",
            {"requiredAttributes": ["email"]},
            {"requiredAttributes": ["emails"]},
            "RequiredAttributeUnknown",
            "did you mean emails?",
        ),
    ],
)
def test_stored_before(
    installation: Installation,
    fragile: ControlPlane,
    unserved: Namespace,
    field: str,
    wrong: Any,
    right: Any,
    reason: str,
    part: str,
) -> None:
    """The condition names field and remedy; the pods stay, and other fields can be changed."""
    with installation.operator("wrong", watch_namespaces=unserved.name) as (operator, _):
        unserved.apply("contoso")
        unserved.settled("contoso")
        before = unserved.get("deployment", "contoso-scim")["spec"]
        with lax(fragile, field):
            eventually(lambda: unserved.refusal("contoso", {field: wrong}) == "")
            unserved.apply("contoso", {field: wrong})
        assert part in condition(unserved, reason)["message"]
        events = json.loads(unserved.kubectl("get", "events", "-o", "json"))["items"]
        assert [event["type"] for event in events if event["reason"] == reason] == ["Warning"]
        assert unserved.condition("contoso", "Ready")["status"] == "False"
        status = unserved.get("scimtenant", "contoso")["status"]
        assert status["observedGeneration"] == 2
        unserved.kubectl("annotate", "scimtenant", "contoso", f"{names.ROTATE_ANNOTATION}=1")
        eventually(lambda: len(unserved.digests("contoso")) == 2)
        assert unserved.get("deployment", "contoso-scim")["spec"] == before
        unserved.apply("contoso", {field: right})
        eventually(lambda: unserved.get("deployment", "contoso-scim")["spec"] != before)
        eventually(lambda: unserved.condition("contoso", "Stalled")["reason"] != reason)
        assert operator.stop() == 0


def test_rate_limit(namespace: Namespace) -> None:
    """A rate limit sets a variable of the pod; without the field the variable is removed."""

    def limit() -> str | None:
        pod = namespace.get("deployment", "contoso-scim")["spec"]["template"]["spec"]
        variables = {each["name"]: each.get("value") for each in pod["containers"][0]["env"]}
        return variables.get("SCIM_RATE_LIMIT")

    namespace.apply("contoso", {"provisioning": {"rateLimit": 40}})
    namespace.settled("contoso")
    assert limit() == "40"
    namespace.apply("contoso", {})
    eventually(lambda: limit() is None)
