"""Entra's habits in operations of a PATCH.

Each test names the chapter of Microsoft's behaviour that it belongs to: 1.2 what a server must do,
1.3 requests of a cycle, 1.8 Microsoft's acceptance tests, 1.9 reports from the field; `collection`
stands for Microsoft's Postman collection.
"""

import json
from typing import Any

import pytest
from scim_service.scim.errors import ScimError
from scim_service.scim.messages import URN_ENTERPRISE_USER, URN_USER
from scim_service.scim.patch.members import Member, MemberChange, split_member_values
from scim_service.scim.schemas.resource_type import ResourceType

from tests.unit.service.entra.requests import STORED, created, member_changes, patched

MANAGER = f"{URN_ENTERPRISE_USER}:manager"


def test_1_2_operations_are_capitalised(user: ResourceType) -> None:
    """op is Add, Replace or Remove."""
    result = patched(
        user,
        {"op": "Add", "path": "nickName", "value": "Babs"},
        {"op": "Replace", "path": "displayName", "value": "Joy"},
        {"op": "Remove", "path": "name.givenName"},
    )
    assert (result["nickName"], result["displayName"]) == ("Babs", "Joy")
    assert result["name"] == {"familyName": "Young"}


def test_1_2_default_mapping_with_capital_sub_attributes(user: ResourceType) -> None:
    """The default mappings write ``.Value`` and ``.Formatted``."""
    result = patched(
        user,
        {"op": "Add", "path": 'emails[type eq "other"].Value', "value": "smtp:joy"},
        {"op": "Add", "path": 'addresses[type eq "other"].Formatted', "value": "Room 1"},
    )
    assert result["emails"][1] == {"type": "other", "value": "smtp:joy"}
    assert result["addresses"] == [{"type": "other", "formatted": "Room 1"}]


def test_1_3_update_in_the_default_dialect(user: ResourceType) -> None:
    """Each attribute has an operation; paths have brackets, dots and URNs."""
    result = patched(
        user,
        {"op": "Replace", "path": "displayName", "value": "Pvlo"},
        {"op": "Replace", "path": 'emails[type eq "work"].value', "value": "T@test"},
        {"op": "Replace", "path": "name.givenName", "value": "Gtfd"},
        {"op": "Replace", "path": "externalId", "value": "Eqpj"},
        {"op": "Replace", "path": f"{URN_ENTERPRISE_USER}:employeeNumber", "value": "7"},
    )
    assert result == {
        **STORED,
        "displayName": "Pvlo",
        "externalId": "Eqpj",
        "name": {"familyName": "Young", "givenName": "Gtfd"},
        "emails": [{"type": "work", "value": "T@test", "primary": True}],
        URN_ENTERPRISE_USER: {"manager": {"value": "m"}, "employeeNumber": "7"},
    }


def test_1_3_update_in_the_flag_dialect(user: ResourceType) -> None:
    """One operation has no path; its keys have dots and URNs, or lack their URN."""
    result = patched(
        user,
        {"op": "replace", "path": 'emails[type eq "work"].value', "value": "T@test"},
        {
            "op": "replace",
            "value": {
                "displayName": "Bjfe",
                "name.givenName": "Kkom",
                "name.familyName": "Unua",
                f"{URN_ENTERPRISE_USER}:employeeNumber": "7",
                "department": "Sales",
                'phoneNumbers[type eq "work"].value': "123",
                "unknown": "x",
                "unknown.too": "x",
            },
        },
    )
    assert result == {
        **STORED,
        "displayName": "Bjfe",
        "name": {"familyName": "Unua", "givenName": "Kkom"},
        "emails": [{"type": "work", "value": "T@test", "primary": True}],
        "phoneNumbers": [{"type": "work", "value": "123"}],
        URN_ENTERPRISE_USER: {
            "manager": {"value": "m"},
            "employeeNumber": "7",
            "department": "Sales",
        },
    }


@pytest.mark.parametrize("op", ["Replace", "Add", "replace"])
@pytest.mark.parametrize("value", ["False", "false", False])
def test_1_3_disable(user: ResourceType, op: str, value: object) -> None:
    """A user is disabled by a boolean or by its text, with Replace or Add."""
    assert patched(user, {"op": op, "path": "active", "value": value})["active"] is False
    assert patched(user, {"op": op, "value": {"active": value}})["active"] is False


@pytest.mark.parametrize("path", ["manager", MANAGER, MANAGER.upper()])
@pytest.mark.parametrize(
    "value",
    ["m2", {"value": "m2"}, [{"$ref": "http://x/scim/Users/m2", "value": "m2"}], [{"value": "m2"}]],
)
def test_1_3_manager_as_text_or_list(user: ResourceType, path: str, value: Any) -> None:
    """The manager is an id, an object or a list, by its short name or its URN."""
    result = patched(user, {"op": "Add", "path": path, "value": value})
    assert result[URN_ENTERPRISE_USER]["manager"]["value"] == "m2"


@pytest.mark.parametrize("value", ["", None, [], {"value": ""}, [{"value": ""}]])
def test_1_3_manager_is_cleared(user: ResourceType, value: Any) -> None:
    """A Replace of the manager with "" removes the manager."""
    result = patched(user, {"op": "Replace", "path": MANAGER, "value": value})
    assert URN_ENTERPRISE_USER not in result
    assert result["schemas"] == [URN_USER]


def test_1_3_add_member(group: ResourceType) -> None:
    """A member is added by a list of values, with a null reference."""
    operation = {"op": "Add", "path": "members", "value": [{"$ref": None, "value": "u"}]}
    assert member_changes(group, operation) == [MemberChange("add", (Member("u"),))]


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "Remove", "path": "members", "value": [{"$ref": None, "value": "u"}]},
        {"op": "remove", "path": 'members[value eq "u"]'},
        {"op": "Remove", "path": "members", "value": "u"},
        {"op": "Remove", "path": "members", "value": ["u"]},
        {"op": "Remove", "path": "members", "value": {"value": "u"}},
    ],
)
def test_1_3_remove_member_in_both_dialects(group: ResourceType, operation: dict[str, Any]) -> None:
    """A remove with a list of values removes only these members."""
    assert member_changes(group, operation) == [MemberChange("remove", (Member("u"),))]


@pytest.mark.parametrize("value", [[], [None], [{}], [{"value": None}], {}])
def test_1_3_remove_of_no_member_removes_none(group: ResourceType, value: Any) -> None:
    """A remove with an empty list of values removes no member."""
    operation = {"op": "Remove", "path": "members", "value": value}
    assert member_changes(group, operation) == [MemberChange("remove", ())]


@pytest.mark.parametrize("value", ["", [""], [{"value": ""}]])
def test_1_3_remove_of_an_empty_id_is_refused(group: ResourceType, value: Any) -> None:
    """An empty id in a remove does not clear the members."""
    with pytest.raises(ScimError, match='must have a "value"'):
        member_changes(group, {"op": "Remove", "path": "members", "value": value})


def test_1_3_remove_without_values_removes_all(group: ResourceType) -> None:
    """Only a remove without a list of values removes all members, as the RFC says."""
    operation = {"op": "Remove", "path": "members"}
    assert member_changes(group, operation) == [MemberChange("replace", ())]


def test_1_3_remove_values_of_a_user(user: ResourceType) -> None:
    """A list of values also removes values of other attributes, by their ``value``."""
    stored = STORED | {
        "roles": [{"value": "a", "display": "A"}, {"value": "b"}],
        "addresses": [{"type": "work", "locality": "Oslo"}, {"type": "home", "locality": "Oslo"}],
    }
    result = patched(
        user,
        {"op": "Remove", "path": "roles", "value": [{"value": "a"}]},
        {"op": "Remove", "path": "addresses", "value": [{"type": "work", "locality": "Oslo"}]},
        {"op": "Remove", "path": "emails", "value": []},
        {"op": "Remove", "path": "active", "value": "True"},
        stored=stored,
    )
    assert result["roles"] == [{"value": "b"}]
    assert result["addresses"] == [{"type": "home", "locality": "Oslo"}]
    assert result["emails"] == STORED["emails"]
    assert "active" not in result


def test_1_3_single_app_role_assignment(user: ResourceType) -> None:
    """``roles[primary eq "True"].value`` creates the role, then changes it."""
    path = 'roles[primary eq "True"].'
    result = patched(
        user,
        {"op": "Add", "path": f"{path}value", "value": "Admin"},
        {"op": "Add", "path": f"{path}display", "value": "Administrator"},
        {"op": "Add", "path": f"{path}type", "value": "WindowsAzureActiveDirectoryRole"},
    )
    role = {
        "primary": True,
        "value": "Admin",
        "display": "Administrator",
        "type": "WindowsAzureActiveDirectoryRole",
    }
    assert result["roles"] == [role]
    changed = patched(
        user, {"op": "Replace", "path": f"{path}value", "value": "User"}, stored=result
    )
    assert changed["roles"] == [role | {"value": "User"}]


def test_1_3_app_role_assignments_are_json_text(user: ResourceType) -> None:
    """A role with a JSON value is stored as it was sent, and added only once."""
    value = json.dumps({"id": "1", "value": "25", "displayName": "Role"})
    operation = {"op": "Add", "path": "roles", "value": [{"value": value}]}
    assert patched(user, operation, operation)["roles"] == [{"value": value}]


def test_1_3_app_role_assignments_complex(user: ResourceType) -> None:
    """Roles are added with ``primary: false``; the assertive form replaces them all."""
    first = {"id": 1, "value": "a", "display": "A", "primary": False}
    result = patched(user, {"op": "Add", "path": "roles", "value": [first]})
    assert result["roles"] == [{"value": "a", "display": "A", "primary": False}]
    result = patched(
        user, {"op": "replace", "path": "roles", "value": [{"value": "b"}]}, stored=result
    )
    assert result["roles"] == [{"value": "b"}]


def test_1_3_custom_extension_without_its_urn_in_schemas(user: ResourceType) -> None:
    """An extension attribute is accepted although ``schemas`` lacks its URN."""
    urn = "urn:example:contoso:2.0:User"
    resource = created(user, {"schemas": [URN_USER], "userName": "joy", urn: {"badge": 7}})
    assert resource["schemas"] == [URN_USER, urn]
    result = patched(user, {"op": "Add", "path": f"{urn}:badge", "value": 8})
    assert result[urn] == {"badge": 8}


@pytest.mark.parametrize("empty", ["", None])
@pytest.mark.parametrize(
    ("path", "gone"),
    [
        ("title", "title"),
        ("name.givenName", None),
        ('emails[type eq "work"].value', "emails"),
        ('phoneNumbers[type eq "mobile"].value', "phoneNumbers"),
        ('addresses[type eq "work"].formatted', "addresses"),
        ('roles[primary eq "True"].value', "roles"),
        ("emails", "emails"),
        ("externalId", "externalId"),
        (f"{URN_ENTERPRISE_USER}:department", None),
        (MANAGER, URN_ENTERPRISE_USER),
        ("unmapped", "unmapped"),
    ],
)
def test_1_8_null_update(user: ResourceType, path: str, gone: str | None, empty: Any) -> None:
    """SCIM_Null_Update: a replace with "" or null clears the attribute, set or not."""
    result = patched(user, {"op": "replace", "path": path, "value": empty}, stored=STORED)
    assert gone not in result
    assert result["name"]["familyName"] == "Young"


def test_1_8_null_update_keeps_an_element_with_more_in_it(user: ResourceType) -> None:
    """Clearing one part of an address leaves the others."""
    stored = STORED | {"addresses": [{"type": "work", "formatted": "a", "locality": "Oslo"}]}
    operation = {"op": "replace", "path": 'addresses[type eq "work"].formatted', "value": ""}
    result = patched(user, operation, stored=stored)
    assert result["addresses"] == [{"type": "work", "locality": "Oslo"}]


def test_1_8_null_update_of_a_required_attribute(user: ResourceType) -> None:
    """userName cannot be cleared."""
    with pytest.raises(ScimError, match="userName is required"):
        patched(user, {"op": "replace", "path": "userName", "value": ""})


def test_1_8_update_manager(user: ResourceType) -> None:
    """SCIM_Update_Manager: add a bare id, replace it, clear it."""
    stored = patched(user, {"op": "Add", "path": MANAGER, "value": "a"})
    assert stored[URN_ENTERPRISE_USER] == {"manager": {"value": "a"}}
    stored = patched(user, {"op": "Replace", "path": MANAGER, "value": "b"}, stored=stored)
    assert stored[URN_ENTERPRISE_USER] == {"manager": {"value": "b"}}
    stored = patched(user, {"op": "Replace", "path": MANAGER, "value": ""}, stored=stored)
    assert URN_ENTERPRISE_USER not in stored


def test_1_8_no_operations(user: ResourceType) -> None:
    """A PATCH with an empty list of operations changes nothing."""
    assert patched(user) == STORED


@pytest.mark.parametrize("op", ["Add", "Replace"])
def test_1_9_brackets_without_a_match_create(user: ResourceType, op: str) -> None:
    """A value filter that selects nothing creates the element that it describes."""
    path = 'phoneNumbers[type eq "work"].value'
    result = patched(user, {"op": op, "path": path, "value": "123"})
    assert result["phoneNumbers"] == [{"type": "work", "value": "123"}]


@pytest.mark.parametrize("value", ["string id 1", ["string id 1"]])
def test_collection_member_as_text(group: ResourceType, value: Any) -> None:
    """A member is added by a bare text."""
    operation = {"op": "add", "path": "members", "value": value}
    assert member_changes(group, operation) == [MemberChange("add", (Member("string id 1"),))]


def test_collection_display_name_of_a_member(group: ResourceType) -> None:
    """displayName of a member is its display."""
    value = [{"displayName": "new User", "value": "u"}]
    operation = {"name": "addMember", "op": "add", "path": "members", "value": value}
    member = Member("u", display="new User")
    assert member_changes(group, operation) == [MemberChange("add", (member,))]
    body = created(group, {"displayName": "g", "members": value})
    assert split_member_values(body)[1] == (member,)
