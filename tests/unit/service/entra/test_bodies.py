"""Entra's habits in bodies of POST and PUT.

Each test names the chapter of Microsoft's behaviour that it belongs to: 1.2 what a server must do,
1.3 requests of a cycle, 1.8 Microsoft's acceptance tests, 1.9 reports from the field; `collection`
stands for Microsoft's Postman collection.
"""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scim_service import entra
from scim_service.scim.errors import ScimError
from scim_service.scim.messages import URN_ENTERPRISE_USER, URN_GROUP, URN_USER
from scim_service.scim.patch.apply import apply_patch
from scim_service.scim.patch.members import split_members
from scim_service.scim.patch.parser import parse_patch
from scim_service.scim.resource.canonical import validate
from scim_service.scim.resource.changes import replace_resource
from scim_service.scim.schemas.resource_type import ResourceType

from tests.unit.service.entra.requests import STORED, created, parsed

MANAGER = f"{URN_ENTERPRISE_USER}:manager"


def test_1_2_values_are_stored_as_sent(user: ResourceType) -> None:
    """Telephone numbers and addresses are not reformatted."""
    phones = [{"type": "mobile", "value": " +1 (312) 320-1707"}]
    emails = [{"type": "work", "value": "Joy.Young@CONTOSO.com"}]
    resource = created(user, {"userName": "Joy@X", "phoneNumbers": phones, "emails": emails})
    assert (resource["userName"], resource["phoneNumbers"]) == ("Joy@X", phones)
    assert resource["emails"] == emails


def test_1_3_create_user_example(user: ResourceType) -> None:
    """The tutorial's request creates a user; an empty list of roles is no roles."""
    resource = created(
        user,
        {
            "schemas": [URN_USER, URN_ENTERPRISE_USER],
            "externalId": "0a21f0f2",
            "userName": "Test_User",
            "active": True,
            "emails": [{"primary": True, "type": "work", "value": "t@testuser.com"}],
            "meta": {"resourceType": "User"},
            "name": {"formatted": "g f", "familyName": "f", "givenName": "g"},
            "roles": [],
        },
    )
    assert resource.keys() == {"schemas", "externalId", "userName", "active", "emails", "name"}


def test_1_3_explicit_nulls_core_level_and_misspelled_urn(user: ResourceType) -> None:
    """The tutorial's second example has nulls, ``manager`` in the core, and a URN with a typo."""
    resource = created(
        user,
        {
            "schemas": [URN_USER, "urn:ietf:params:scim:schemas:extension:enterprise:2.0User"],
            "userName": "jyoung@testuser.com",
            "addresses": None,
            "phoneNumbers": None,
            "title": None,
            "department": None,
            "manager": None,
        },
    )
    assert resource == {"schemas": [URN_USER], "userName": "jyoung@testuser.com"}


def test_1_3_core_level_extension_attributes(user: ResourceType) -> None:
    """department and manager without a URN belong to the enterprise extension."""
    resource = created(
        user,
        {
            "userName": "joy",
            "Department": "Sales",
            "manager": "m",
            URN_ENTERPRISE_USER.lower(): {"division": "D", "department": "Tech"},
        },
    )
    assert resource[URN_ENTERPRISE_USER] == {
        "department": "Tech",
        "manager": {"value": "m"},
        "division": "D",
    }


def test_1_3_create_group_with_adscim_urn(group: ResourceType) -> None:
    """A group may name a schema that SCIM does not define."""
    resource = created(
        group,
        {
            "schemas": [
                URN_GROUP,
                "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group",
            ],
            "externalId": "8aa1a0c0",
            "displayName": "displayName",
            "meta": {"resourceType": "Group"},
        },
    )
    assert resource["schemas"] == [URN_GROUP]


def test_1_8_primary_as_text(user: ResourceType) -> None:
    """The validator creates users with ``"primary": "True"`` in roles."""
    resource = created(user, {"userName": "j", "roles": [{"primary": "True", "value": "Admin"}]})
    assert resource["roles"] == [{"primary": True, "value": "Admin"}]


@pytest.mark.parametrize("manager", ["m", {"value": "m"}, [{"value": "m"}]])
def test_1_9_manager_as_text_in_a_post(user: ResourceType, manager: Any) -> None:
    """A bare id is accepted in a POST and a PUT, and stored as an object."""
    resource = created(user, {"userName": "joy", URN_ENTERPRISE_USER: {"manager": manager}})
    assert resource[URN_ENTERPRISE_USER] == {"manager": {"value": "m"}}


def test_collection_user_with_capitals(user: ResourceType) -> None:
    """Sub-attributes and extension attributes in capitals are stored in canonical case."""
    resource = created(
        user,
        {
            "userName": "UserName222",
            "emails": [{"Primary": True, "type": "work", "value": "testing@bob2.com"}],
            URN_ENTERPRISE_USER: {"Department": "bob", "Manager": {"Value": "SuzzyQ"}},
        },
    )
    assert resource["emails"] == [{"primary": True, "type": "work", "value": "testing@bob2.com"}]
    assert resource[URN_ENTERPRISE_USER] == {"department": "bob", "manager": {"value": "SuzzyQ"}}


def test_collection_active_as_text(user: ResourceType) -> None:
    """A user is created with ``"active": "True"``."""
    assert created(user, {"userName": "emp1", "active": "True"})["active"] is True


def test_collection_misspelled_attribute_in_a_put(user: ResourceType) -> None:
    """A PUT skips an attribute that does not exist."""
    body = entra.normalise_resource(user, {"userName": "joy", "displayNam": "x", "title": "t"})
    replaced = replace_resource(user, STORED, validate(user, body))
    assert replaced == {"schemas": [URN_USER], "id": "1", "userName": "joy", "title": "t"}


def test_collection_address_with_nulls(user: ResourceType) -> None:
    """Parts of an address that are null are left out."""
    resource = created(
        user,
        {
            "userName": "joy",
            "addresses": [
                {"country": None, "formatted": "18522 Lisa Unions\nEast Gregory", "type": "other"},
                {"country": None, "type": "home"},
            ],
        },
    )
    assert resource["addresses"] == [
        {"formatted": "18522 Lisa Unions\nEast Gregory", "type": "other"}
    ]


@pytest.mark.parametrize("body", [None, [], "x", {"Operations": 5}, {"Operations": ["x"]}])
def test_malformed_body_is_left_alone(user: ResourceType, body: Any) -> None:
    """The protocol core refuses a malformed body."""
    assert entra.normalise_patch(user, body) == body
    with pytest.raises(ScimError):
        parse_patch(entra.normalise_patch(user, body), user)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["", "True", "x"]),
    lambda children: (
        st.lists(children, max_size=2)
        | st.dictionaries(
            st.sampled_from(
                ["op", "path", "value", "Value", "members", "manager", "active", "emails", "name",
                 "name.x", "primary", "department", URN_ENTERPRISE_USER, MANAGER, "displayName"]
            ),
            children,
            max_size=3,
        )
    ),
    max_leaves=10,
)  # fmt: skip


@given(JSON, st.sampled_from(["Add", "Replace", "Remove"]), st.booleans())
def test_any_body_is_accepted_or_refused(
    user: ResourceType, group: ResourceType, body: Any, op: str, of_group: bool
) -> None:
    """Whatever the body, the outcome is canonical or a ScimError."""
    resource_type = group if of_group else user
    operation = {"op": op, **body} if isinstance(body, dict) else {"op": op, "value": body}
    before = json.dumps(body)
    stored = {"id": "1", "userName": "joy", "displayName": "g"}
    with contextlib.suppress(ScimError):
        created(resource_type, body)
    with contextlib.suppress(ScimError):
        others = split_members(parsed(resource_type, operation))[1]
        apply_patch(resource_type, stored, others)
    assert json.dumps(body) == before
