"""A resource, and filters of any form."""

from typing import Any

import pytest
from hypothesis import strategies as st
from scim_service.scim.attribute_path import AttributePath, parse_attribute_path
from scim_service.scim.errors import ScimError
from scim_service.scim.filter.evaluator import matches
from scim_service.scim.filter.parser import parse_filter
from scim_service.scim.filter.resolver import resolve_filter
from scim_service.scim.filter.tree import And, Compare, Filter, Not, Or, Present, ValuePath
from scim_service.scim.messages import URN_ENTERPRISE_USER, URN_USER
from scim_service.scim.schemas.resource_type import ResourceType

from tests.unit.service.conftest import CUSTOM_URN

RESOURCE: dict[str, Any] = {
    "schemas": [URN_USER],
    "id": "54D382A4",
    "externalId": "jyoung",
    "userName": "JYoung@testuser.com",
    "name": {"familyName": "Employee", "givenName": "Joy"},
    "active": True,
    "emails": [
        {"value": "joy@example.com", "type": "work", "primary": True},
        {"value": "joy@home.example", "type": "home"},
    ],
    "roles": [{"value": "Admin", "primary": True}],
    "meta": {"created": "2026-01-31T09:00:00.5Z"},
    URN_ENTERPRISE_USER: {"department": "Sales", "manager": {"value": "2819c223"}},
    CUSTOM_URN: {
        "badge": 7,
        "height": 1.75,
        "hired": "2025-06-01T00:00:00+02:00",
        "tags": ["Red", "blue"],
    },
}


def path(text: str) -> AttributePath:
    return parse_attribute_path(text)


def holds(text: str, user: ResourceType) -> bool:
    resolved = resolve_filter(parse_filter(text, user.leniencies), user)
    return matches(resolved, RESOURCE)


def refusal(text: str, user: ResourceType) -> str:
    with pytest.raises(ScimError) as caught:
        resolve_filter(parse_filter(text, user.leniencies), user)
    assert (caught.value.status, caught.value.scim_type) == (400, "invalidFilter")
    return caught.value.detail


NAMES = st.sampled_from(["userName", "title", "name.familyName", "emails", "emails.value", "x-Y_1"])


PATHS = st.one_of(
    NAMES,
    st.sampled_from([f"{URN_ENTERPRISE_USER}:department", f"{URN_USER}:name.givenName"]),
).map(parse_attribute_path)


LITERALS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(min_value=-(10**18), max_value=10**18),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(exclude_categories=["Cs"])),
)


CONDITIONS: st.SearchStrategy[Filter] = st.one_of(
    st.builds(Present, PATHS),
    st.builds(
        Compare, PATHS, st.sampled_from(["eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"]),
        LITERALS,
    ),
)  # fmt: skip


def combined(operands: st.SearchStrategy[Filter]) -> st.SearchStrategy[Filter]:
    return st.one_of(
        st.builds(And, operands, operands),
        st.builds(Or, operands, operands),
        st.builds(Not, operands),
    )


WITHIN = st.recursive(CONDITIONS, combined, max_leaves=4)


VALUE_PATHS: st.SearchStrategy[Filter] = st.builds(
    ValuePath, st.sampled_from([path("emails"), path(f"{CUSTOM_URN}:tags")]), WITHIN
)


FILTERS = st.recursive(CONDITIONS | VALUE_PATHS, combined, max_leaves=8)
