"""Operations, and a user to apply them to."""

import copy
from typing import Any

import pytest
from scim_service.scim.errors import ScimError
from scim_service.scim.messages import URN_ENTERPRISE_USER, URN_PATCH_OP, URN_USER
from scim_service.scim.patch.apply import apply_patch
from scim_service.scim.patch.parser import parse_patch
from scim_service.scim.schemas.resource_type import ResourceType

from tests.unit.service.conftest import CUSTOM_URN

WORK = {"type": "work", "value": "work@x", "primary": True}


HOME = {"type": "home", "value": "home@x"}


STORED: dict[str, Any] = {
    "schemas": [URN_USER, URN_ENTERPRISE_USER, CUSTOM_URN],
    "id": "1",
    "userName": "joy",
    "active": True,
    "name": {"familyName": "Young", "givenName": "Joy"},
    "emails": [WORK, HOME],
    "meta": {"resourceType": "User"},
    URN_ENTERPRISE_USER: {"department": "Sales", "manager": {"value": "m", "$ref": "../m"}},
    CUSTOM_URN: {"code": "A", "tags": ["x", "y"]},
}


def op(name: str, path: str | None = None, **value: Any) -> dict[str, Any]:
    return {"op": name, **({} if path is None else {"path": path}), **value}


def message(*operations: Any) -> dict[str, Any]:
    return {"schemas": [URN_PATCH_OP], "Operations": list(operations)}


def patched(user: ResourceType, *operations: Any) -> dict[str, Any]:
    before = copy.deepcopy(STORED)
    parsed = parse_patch(message(*operations), user)
    result = apply_patch(user, STORED, parsed)
    assert before == STORED, "the resource that was given has been changed"
    return result


def refused(user: ResourceType, *operations: Any) -> ScimError:
    with pytest.raises(ScimError) as caught:
        patched(user, *operations)
    return caught.value
