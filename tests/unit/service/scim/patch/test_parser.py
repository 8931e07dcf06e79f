"""PatchOp messages that are refused."""

from typing import Any

import pytest
from scim_service.scim.errors import ScimError
from scim_service.scim.messages import URN_PATCH_OP
from scim_service.scim.patch.parser import parse_patch
from scim_service.scim.schemas.resource_type import ResourceType

from tests.unit.service.scim.patch.operations import HOME, message, op, refused


def test_unknown_attribute_in_the_strict_profile(user: ResourceType) -> None:
    """The error names the attribute and the number of the operation."""
    error = refused(user, op("remove", "title"), op("add", "nothing", value=1))
    assert error.scim_type == "invalidPath"
    assert error.detail.startswith('Operation 2 of 2: User has no attribute "nothing"')


def test_remove_with_values_in_the_strict_profile(user: ResourceType) -> None:
    """The RFC gives values of a remove no meaning, and to remove all would lose data."""
    error = refused(user, op("remove", "emails", value=[HOME]))
    assert error.scim_type == "invalidValue"


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ([], "must be a JSON object"),
        ({"Operations": [op("remove", "title")]}, '"schemas" of the body must contain'),
        ({"schemas": [URN_PATCH_OP]}, '"Operations" must be a list'),
        (message(), "at least one operation"),
    ],
)
def test_malformed_message(user: ResourceType, body: Any, detail: str) -> None:
    """Without leniencies, the body must be a PatchOp message with operations."""
    with pytest.raises(ScimError, match=detail) as caught:
        parse_patch(body, user)
    assert caught.value.scim_type == "invalidSyntax"


def test_number_of_operations_is_limited(user: ResourceType) -> None:
    """Too many operations are 413, and the detail says how many are accepted."""
    with pytest.raises(ScimError, match="at most 1000") as caught:
        parse_patch(message(*[op("remove", "title")] * 1001), user)
    assert caught.value.status == 413
