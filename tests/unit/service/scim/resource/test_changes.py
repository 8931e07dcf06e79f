"""Replaced and changed resources."""

import copy
from typing import Any

import pytest
from scim_service.scim.errors import ScimError
from scim_service.scim.messages import URN_USER
from scim_service.scim.resource.canonical import validate
from scim_service.scim.resource.changes import list_changed_attributes, replace_resource
from scim_service.scim.schemas.resource_type import ResourceType

from tests.unit.service.conftest import CUSTOM_URN


def body(**attributes: Any) -> dict[str, Any]:
    return {"schemas": [URN_USER], "userName": "joy", **attributes}


STORED = {
    "schemas": [URN_USER, CUSTOM_URN],
    "id": "1",
    "userName": "joy",
    "title": "Engineer",
    "password": "hash",
    "meta": {"created": "2026-01-31T09:00:00Z"},
    CUSTOM_URN: {"code": "A", "badge": 1},
}


def test_replace(user: ResourceType) -> None:
    """PUT removes all attributes that are not sent, except for those that clients cannot remove."""
    before = copy.deepcopy(STORED)
    assert replace_resource(
        user, STORED, validate(user, body(userName="ryan", displayName="Ryan", id="other"))
    ) == {
        "schemas": [URN_USER, CUSTOM_URN],
        "id": "1",
        "userName": "ryan",
        "displayName": "Ryan",
        "password": "hash",
        "meta": {"created": "2026-01-31T09:00:00Z"},
        CUSTOM_URN: {"code": "A"},
    }
    assert before == STORED


def test_replace_of_an_immutable_value(user: ResourceType) -> None:
    """An immutable value may be sent without a change only."""
    same = replace_resource(user, STORED, validate(user, body(**{CUSTOM_URN: {"code": "A"}})))
    assert same[CUSTOM_URN] == {"code": "A"}
    with pytest.raises(ScimError, match=f"{CUSTOM_URN}:code is immutable") as caught:
        replace_resource(user, STORED, validate(user, body(**{CUSTOM_URN: {"code": "B"}})))
    assert caught.value.scim_type == "mutability"


def test_changed_attributes() -> None:
    """Changes have the names of the attributes, with the URN of an extension; meta is left out."""
    after = {
        "schemas": [URN_USER],
        "id": "1",
        "userName": "ryan",
        "password": "hash",
        "meta": {},
        CUSTOM_URN: {"code": "A", "tags": ["x"]},
    }
    assert list_changed_attributes(STORED, after) == (
        "title",
        f"{CUSTOM_URN}:badge",
        f"{CUSTOM_URN}:tags",
        "userName",
    )
    assert list_changed_attributes(STORED, STORED) == ()
