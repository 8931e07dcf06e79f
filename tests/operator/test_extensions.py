"""Unusable schema extensions in tenants that were stored before the CRD rejected them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.cluster import ControlPlane
from tests.operator.definition import lax
from tests.operator.install import Installation
from tests.operator.world import Namespace, eventually
from tests.unit.agreement.schema_extension_cases import CASES

pytestmark = pytest.mark.finding(33)


def spec(name: str) -> dict[str, Any]:
    """Build the spec of a tenant with a case's extensions."""
    return {"provisioning": {"schemaExtensions": CASES[name].extensions}}


def wait_for_problem(namespace: Namespace, tenant: str) -> dict[str, Any]:
    """Wait for the condition that reports unusable extensions; return it."""

    def look() -> dict[str, Any]:
        found = namespace.condition(tenant, "Stalled")
        return found if found.get("reason") == "SchemaExtensionInvalid" else {}

    return eventually(look)


def test_stored_before_they_were_refused(
    installation: Installation, fragile: ControlPlane, unserved: Namespace
) -> None:
    """A tenant from before the rule gets a condition instead of a pod that restarts repeatedly."""
    bad = spec("a URN of one part")
    with lax(fragile, "provisioning"):
        eventually(lambda: unserved.refusal("contoso", bad) == "")
        unserved.apply("contoso", bad)
    eventually(lambda: unserved.refusal("other", bad))
    with installation.operator("extensions", watch_namespaces=unserved.name) as (operator, _):
        assert "urn:example is not a URN" in wait_for_problem(unserved, "contoso")["message"]
        assert unserved.get("deployment", "contoso-scim") == {}
        # Other objects of the tenant are created.
        assert unserved.token("contoso")
        unserved.apply("contoso", spec("one attribute"))
        eventually(lambda: unserved.get("deployment", "contoso-scim"))
        assert operator.stop() == 0


def test_a_running_tenant_keeps_its_pods(namespace: Namespace) -> None:
    """An unusable spec changes neither the configuration nor the pods until it is corrected."""
    namespace.apply("contoso", spec("one attribute"))
    namespace.settled("contoso")

    def running() -> list[Any]:
        objects = namespace.objects("contoso")
        return [
            objects["ConfigMap/contoso-scim-config"]["data"],
            objects["Deployment/contoso-scim"]["spec"],
        ]

    before = running()
    namespace.apply("contoso", spec("a part's name in two cases"))
    assert "make" in wait_for_problem(namespace, "contoso")["message"].lower()
    namespace.repair("contoso")
    assert running() == before
    namespace.apply("contoso", spec("a complex attribute"))
    eventually(lambda: running() != before)
    eventually(lambda: namespace.condition("contoso", "Stalled")["status"] == "False")
