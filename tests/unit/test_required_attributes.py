"""What the operator lets a tenant require, a user of the service can have."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scim_operator.api.user_schema import COMMON, ENTERPRISE, READ_ONLY, USER
from scim_operator.api.v1alpha1.provisioning import Provisioning
from scim_operator.desired.objects.config_map import content
from scim_operator.desired.validation import required_attributes
from scim_operator.kube.kinds import CONFIG_MAP, DEPLOYMENT
from scim_service.scim.schemas.attribute import COMMON_ATTRIBUTES, Attribute
from scim_service.scim.schemas.registry import Registry
from scim_service.settings import SettingsError
from scim_service.tenant.config import TenantConfig as Configuration
from scim_service.tenant.operations.required_attributes import check_configuration

from tests.unit.operator.sample import applied, make, objects, observed
from tests.unit.required_attributes import CASES, OWN, Case, extension


def starts(provisioning: dict[str, Any]) -> bool:
    """Whether the service starts with what the operator writes into its configuration."""
    planned = make(observed({"provisioning": provisioning}))
    configuration = Configuration.model_validate_json(content(planned.context))
    registry = Registry.load(configuration.provisioning.schema_extensions)
    try:
        check_configuration(configuration.provisioning.required_attributes, registry.user)
    except SettingsError:
        return False
    return True


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_cases(case: Case) -> None:
    """Operator and service agree on each case, and the operator says what was meant."""
    document = {"requiredAttributes": case.required, "schemaExtensions": case.extensions}
    found = required_attributes.find_problem(Provisioning.model_validate(document))
    assert starts(document) is (case.problem is None)
    if case.problem is None:
        assert found is None
    else:
        assert found
        assert case.problem in found
        assert found.startswith("spec.provisioning.requiredAttributes[")


_PARTS = ["value", "display", "plate", "familyName", "$ref", "country", "none"]
_NAMES = [*COMMON, *USER, *ENTERPRISE, "badge", "tags", "rank", "car", "none", "Title"]
_URNS = ["", OWN[0]["id"] + ":", "urn:example:second:", "urn:none:"]
REQUIRED = st.builds(
    lambda urn, name, part: f"{urn}{name}{part}",
    st.sampled_from(_URNS),
    st.sampled_from(_NAMES),
    st.sampled_from(["", *(f".{part}" for part in _PARTS)]),
)
SECOND = extension({"name": "car"}, {"name": "badge", "mutability": "readOnly"}, {"name": "title"})


@given(st.lists(REQUIRED, max_size=2, unique=True), st.booleans(), st.booleans())
def test_one_rule_for_both_programs(required: list[str], first: bool, second: bool) -> None:
    """Of all names the operator tells of exactly those that end the service."""
    own = (OWN if first else []) + ([SECOND | {"id": "urn:example:second"}] if second else [])
    document = {"requiredAttributes": required, "schemaExtensions": own}
    found = required_attributes.find_problem(Provisioning.model_validate(document))
    assert starts(document) is (found is None)


def _shape(attributes: tuple[Attribute, ...]) -> dict[str, set[str]]:
    return {
        each.name: {part.name for part in each.sub_attributes}
        or ({"value"} if each.multi_valued else set())
        for each in attributes
    }


def test_names_are_those_of_the_service() -> None:
    """The operator's list of attributes is what the service publishes."""
    registry = Registry.load()
    (enterprise,) = registry.user.extensions
    for own, theirs in (
        (COMMON, COMMON_ATTRIBUTES),
        (USER, registry.user.schema.attributes),
        (ENTERPRISE, enterprise.attributes),
    ):
        assert {name: set(parts) for name, parts in own.items()} == _shape(theirs)
    fixed = [each for each in registry.user.schema.attributes if each.mutability == "readOnly"]
    assert {each.name for each in fixed} == set(READ_ONLY)


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
            "spec.resources.limits[memory] lots is no quantity",
        ),
        (
            {"resources": {"requests": {"cpu": "-1"}}},
            "QuantityInvalid",
            "spec.resources.requests[cpu] -1 is no quantity",
        ),
    ],
)
def test_pods_stay_as_they_are(spec: dict[str, Any], reason: str, part: str) -> None:
    """What a stored spec has wrong reaches neither configuration nor pods, and is told."""
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
def test_quantities_of_every_form(amount: str | int) -> None:
    """What Kubernetes reads as a quantity is no problem."""
    assert make(observed({"resources": {"limits": {"memory": amount}}})).faults == ()


def test_rate_limit() -> None:
    """A limit reaches the pod, and a tenant without one has the pod that it had."""
    without = make(observed())
    limited = make(observed({"provisioning": {"rateLimit": 50}}))
    assert content(without.context) == content(limited.context)

    def environment(planned: Any) -> dict[str, str]:
        deployment = objects(planned)[DEPLOYMENT.name, "contoso-scim"]
        (container,) = deployment["spec"]["template"]["spec"]["containers"]
        return {each["name"]: each.get("value") for each in container["env"]}

    assert environment(limited) == environment(without) | {"SCIM_RATE_LIMIT": "50"}
    assert "SCIM_RATE_LIMIT" not in environment(without)
