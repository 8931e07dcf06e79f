"""Operator and service agree on the attributes that a tenant can require."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scim_operator.api.user_schema import COMMON, ENTERPRISE, READ_ONLY, USER
from scim_operator.api.v1alpha1.provisioning import Provisioning
from scim_operator.desired.objects.config_map import render_config
from scim_operator.desired.validation import required_attributes
from scim_service.scim.schemas.attribute import COMMON_ATTRIBUTES, Attribute
from scim_service.scim.schemas.registry import Registry
from scim_service.settings import SettingsError
from scim_service.tenant.config import TenantConfig as Configuration
from scim_service.tenant.operations.required_attributes import check_configuration

from tests.unit.agreement.required_attribute_cases import CASES, OWN, Case, extension
from tests.unit.operator.sample import make, observed


def starts(provisioning: dict[str, Any]) -> bool:
    """Tell whether the service starts with the configuration that the operator writes."""
    planned = make(observed({"provisioning": provisioning}))
    configuration = Configuration.model_validate_json(render_config(planned.context))
    registry = configuration.provisioning.load_registry()
    try:
        check_configuration(configuration.provisioning.required_attributes, registry.user)
    except SettingsError:
        return False
    return True


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_cases(case: Case) -> None:
    """Operator and service agree on each case, and the operator suggests the attribute."""
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
    """The operator reports exactly the names with which the service would exit."""
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


def test_attribute_names_equal_those_of_the_service() -> None:
    """The operator's list of attributes equals the service's published schemas."""
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
