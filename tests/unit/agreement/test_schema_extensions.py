"""Operator and service agree on the schema extensions that the service can use."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from scim_operator.api.v1alpha1.provisioning import CORE_SCHEMAS, Provisioning
from scim_operator.desired.objects.config_map import render_config
from scim_operator.desired.validation import schema_extensions
from scim_service.scim.schemas.parser import SchemaError
from scim_service.tenant.config import TenantConfig as Configuration

from tests.unit.agreement.schema_extension_cases import CASES, Case
from tests.unit.operator.sample import make, observed

pytestmark = pytest.mark.finding(33)


def starts(documents: list[dict[str, Any]]) -> bool:
    """Tell whether the service starts with the configuration that the operator writes."""
    planned = make(observed({"provisioning": {"schemaExtensions": documents}}))
    configuration = Configuration.model_validate_json(render_config(planned.context))
    try:
        configuration.provisioning.load_registry()
    except SchemaError:
        return False
    return True


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_cases(case: Case) -> None:
    """Operator and service agree on each case; the operator names the field and the rule."""
    read = Provisioning.model_validate({"schemaExtensions": case.extensions})
    found = schema_extensions.find_problem(read.schema_extensions)
    assert starts(case.extensions) is (case.problem is None)
    if case.problem is None:
        assert found is None
    else:
        assert found
        assert case.problem in found
        assert case.extensions[-1]["id"] in found


NAMES = st.text("aAbB1$-_", min_size=1, max_size=3)
TYPES = st.sampled_from(["string", "complex", "boolean"])
PARTS = st.lists(st.fixed_dictionaries({"name": NAMES}), max_size=3)
ATTRIBUTES = st.lists(
    st.fixed_dictionaries({"name": NAMES, "type": TYPES}, optional={"subAttributes": PARTS}),
    min_size=1,
    max_size=3,
)
URNS = st.one_of(
    st.text("aA1:.-_", max_size=8).map(lambda text: f"urn:{text}"), st.sampled_from(CORE_SCHEMAS)
)
EXTENSIONS = st.lists(
    st.fixed_dictionaries({"id": URNS, "name": st.just("x"), "attributes": ATTRIBUTES}),
    max_size=2,
)


@given(EXTENSIONS)
def test_one_rule_for_both_programs(documents: list[dict[str, Any]]) -> None:
    """The operator reports exactly the readable extensions with which the service would exit."""
    try:
        read = Provisioning.model_validate({"schemaExtensions": documents})
    except ValidationError:
        return
    assert starts(documents) is (schema_extensions.find_problem(read.schema_extensions) is None)
