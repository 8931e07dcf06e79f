"""The search form of a resource."""

from typing import Any

import pytest
from scim_service.scim.errors import ScimError
from scim_service.scim.schemas.resource_type import ResourceType
from scim_service.store.search.search_form import KEY_CHARACTERS, build_converter, read_key

from tests.unit.service.conftest import CUSTOM_URN


@pytest.mark.parametrize(
    ("attribute", "value", "converted"),
    [
        ("userName", "Straße@Example.com", "strasse@example.com"),
        ("externalId", "Ada", "Ada"),
        ("active", True, True),
        ("emails", [{"value": "Ada@x", "primary": True}], [{"value": "ada@x", "primary": True}]),
        ("emails", {"value": "Ada@x"}, {"value": "ada@x"}),
        (CUSTOM_URN, {"code": "Ab", "tags": ["Ab"]}, {"code": "Ab", "tags": ["ab"]}),
        (CUSTOM_URN, {"hired": "1970-01-01T00:00:01+00:00"}, {"hired": 1_000_000}),
        (CUSTOM_URN, {"hired": "some day"}, {"hired": None}),
        (CUSTOM_URN, {"desk": {"room": "B"}}, {"desk": {"room": "b"}}),
    ],
)
def test_values_become_what_they_are_compared_as(
    attribute: str, value: Any, converted: Any, user: ResourceType
) -> None:
    """Texts without regard to case are case-folded, times are numbers, the rest stays."""
    assert build_converter(user)({attribute: value}) == {attribute: converted}


def test_attributes_outside_of_the_schema_have_no_search_form(user: ResourceType) -> None:
    """A document of an earlier schema may have them; no filter can name them."""
    assert build_converter(user)({"userName": "ADA", "former": 1}) == {"userName": "ada"}


def test_a_key_that_no_index_can_hold_is_refused() -> None:
    """The error names the attribute by its path."""
    assert read_key({}, "value") is None
    assert read_key({"value": "x" * KEY_CHARACTERS}, "value") == "x" * KEY_CHARACTERS
    with pytest.raises(ScimError, match=r"emails\.value has 601 characters") as refused:
        read_key({"value": "x" * (KEY_CHARACTERS + 1)}, "value", "emails.")
    assert refused.value.scim_type == "invalidValue"
