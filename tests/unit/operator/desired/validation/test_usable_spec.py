"""An unusable spec is reported, and running pods keep their configuration."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from scim_operator.kube.kinds import CONFIG_MAP, DEPLOYMENT

from tests.unit.agreement.schema_extension_cases import CASES
from tests.unit.operator.sample import applied, make, objects, observed


@pytest.mark.parametrize(
    ("spec", "reason", "part"),
    [
        (
            {"provisioning": {"requiredAttributes": ["email"]}},
            "RequiredAttributeUnknown",
            "did you mean emails?",
        ),
        (
            {"resources": {"limits": {"memory": "lots"}}},
            "QuantityInvalid",
            "spec.resources.limits[memory] lots is not a quantity",
        ),
        (
            {"resources": {"requests": {"cpu": "-1"}}},
            "QuantityInvalid",
            "spec.resources.requests[cpu] -1 is not a quantity",
        ),
    ],
)
def test_unusable_spec_keeps_the_pods(spec: dict[str, Any], reason: str, part: str) -> None:
    """An unusable stored spec is reported and changes neither the configuration nor the pods."""
    planned = make(observed(spec))
    assert not objects(planned).keys() & {
        (CONFIG_MAP.name, "contoso-scim-config"),
        (DEPLOYMENT.name, "contoso-scim"),
    }
    (fault,) = planned.faults
    assert (fault.reason, part in fault.message) == (reason, True)
    running = applied(observed(), make(observed()))
    assert make(replace(running, tenant=observed(spec).tenant)).removals == ()
    assert make(observed(spec | {"suspended": True})).faults == ()


@pytest.mark.parametrize("amount", ["1e9", "1.5Gi", "100m", "2E9", ".5", 1])
def test_every_form_of_a_quantity_is_usable(amount: str | int) -> None:
    """Every form of a Kubernetes quantity is usable."""
    assert make(observed({"resources": {"limits": {"memory": amount}}})).faults == ()


@pytest.mark.finding(33)
def test_invalid_extension_keeps_the_pods() -> None:
    """An invalid extension is reported and changes neither the configuration nor the pods."""
    bad = {"provisioning": {"schemaExtensions": CASES["a part's name in two cases"].extensions}}
    planned = make(observed(bad))
    assert not objects(planned).keys() & {
        (CONFIG_MAP.name, "contoso-scim-config"),
        (DEPLOYMENT.name, "contoso-scim"),
    }
    assert [fault.reason for fault in planned.faults] == ["SchemaExtensionInvalid"]
    # Existing objects are not removed.
    running = applied(observed(), make(observed()))
    changed = observed(bad)
    kept = make(replace(running, tenant=changed.tenant))
    assert kept.removals == ()


@pytest.mark.finding(33)
def test_invalid_extension_allows_suspension() -> None:
    """A tenant with an invalid extension can be suspended."""
    bad = {"schemaExtensions": CASES["a URN of one part"].extensions}
    planned = make(observed({"suspended": True, "provisioning": bad}))
    assert planned.deployment
    assert planned.deployment.object["spec"]["replicas"] == 0
    assert planned.faults == ()
