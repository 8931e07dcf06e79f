"""Microsoft Entra ID's habits in bodies, paths and filters.

Each test names the habit, and the chapter of Microsoft's behaviour that it belongs to: 1.2 what a
server must do, 1.3 requests of a cycle, 1.8 Microsoft's acceptance tests, 1.9 reports from the
field; after these, requests of Microsoft's Postman collection.
"""

import contextlib
import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scim_service import entra
from scim_service.scim.errors import ScimError
from scim_service.scim.filter.evaluator import matches
from scim_service.scim.filter.parser import parse_filter
from scim_service.scim.filter.resolver import resolve_filter
from scim_service.scim.messages import URN_ENTERPRISE_USER, URN_GROUP, URN_PATCH_OP, URN_USER
from scim_service.scim.patch.apply import apply_patch
from scim_service.scim.patch.members import Member, MemberChange, split_member_values, split_members
from scim_service.scim.patch.parser import parse_patch
from scim_service.scim.resource.canonical import validate
from scim_service.scim.resource.changes import replace_resource
from scim_service.scim.schemas.resource_type import ResourceType

MANAGER = f"{URN_ENTERPRISE_USER}:manager"
STORED: dict[str, Any] = {
    "schemas": [URN_USER, URN_ENTERPRISE_USER],
    "id": "1",
    "userName": "joy",
    "active": True,
    "name": {"familyName": "Young", "givenName": "Joy"},
    "emails": [{"type": "work", "value": "joy@contoso.com", "primary": True}],
    URN_ENTERPRISE_USER: {"manager": {"value": "m"}},
}


def created(resource_type: ResourceType, body: dict[str, Any]) -> dict[str, Any]:
    before = copy.deepcopy(body)
    resource = validate(resource_type, entra.normalise_resource(resource_type, body))
    assert body == before, "the body has been changed"
    return resource


def parsed(resource_type: ResourceType, *operations: dict[str, Any]) -> list[Any]:
    body = {"schemas": [URN_PATCH_OP], "Operations": list(operations)}
    before = copy.deepcopy(body)
    normal = entra.normalise_patch(resource_type, body)
    assert body == before, "the body has been changed"
    return parse_patch(normal, resource_type)


def patched(
    user: ResourceType, *operations: dict[str, Any], stored: dict[str, Any] = STORED
) -> dict[str, Any]:
    return apply_patch(user, stored, parsed(user, *operations))


def member_changes(group: ResourceType, *operations: dict[str, Any]) -> list[MemberChange]:
    changes, others = split_members(parsed(group, *operations))
    assert others == []
    return changes


def found(user: ResourceType, text: str) -> bool:
    tree = resolve_filter(parse_filter(text, user.leniencies), user)
    return matches(tree, STORED | {"externalId": "jyoung"})


# 1.2 Requirements


def test_1_2_filter_on_a_matching_attribute(user: ResourceType) -> None:
    """Every attribute set as matching can be filtered by, in the bracket form too."""
    assert found(user, 'emails[type eq "work"].value eq "JOY@contoso.com"')
    assert not found(user, 'emails[type eq "home"].value eq "joy@contoso.com"')


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


def test_1_2_values_are_stored_as_sent(user: ResourceType) -> None:
    """A telephone number or an address is not put into another form."""
    phones = [{"type": "mobile", "value": " +1 (312) 320-1707"}]
    emails = [{"type": "work", "value": "Joy.Young@CONTOSO.com"}]
    resource = created(user, {"userName": "Joy@X", "phoneNumbers": phones, "emails": emails})
    assert (resource["userName"], resource["phoneNumbers"]) == ("Joy@X", phones)
    assert resource["emails"] == emails


def test_1_2_default_mapping_with_capital_sub_attributes(user: ResourceType) -> None:
    """The default mappings write ``.Value`` and ``.Formatted``."""
    result = patched(
        user,
        {"op": "Add", "path": 'emails[type eq "other"].Value', "value": "smtp:joy"},
        {"op": "Add", "path": 'addresses[type eq "other"].Formatted', "value": "Room 1"},
    )
    assert result["emails"][1] == {"type": "other", "value": "smtp:joy"}
    assert result["addresses"] == [{"type": "other", "formatted": "Room 1"}]


# 1.3 Requests


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("externalId eq jyoung", True),
        ("externalId eq JYoung", False),
        ("id eq 1 and manager eq m", True),
        ("id eq 1 and manager eq other", False),
        ('id eq "1" and manager.value eq "m"', True),
    ],
)
def test_1_3_filter_without_quotes(user: ResourceType, text: str, outcome: bool) -> None:
    """The tutorial's examples of queries have literals without quotes and short names."""
    assert found(user, text) is outcome


def test_1_3_filter_on_members(group: ResourceType) -> None:
    """Whether a group has a member is asked by ``id eq "g" and members eq "u"``."""
    tree = resolve_filter(parse_filter('id eq "g" and members eq "u"'), group)
    assert matches(tree, {"id": "g", "members": [{"value": "t"}, {"value": "u"}]})
    assert not matches(tree, {"id": "g", "members": [{"value": "t"}]})


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
    """department and manager in the core are those of the enterprise extension."""
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


def test_1_3_update_in_the_default_dialect(user: ResourceType) -> None:
    """One operation an attribute, paths with brackets, dots and URNs."""
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
    """One operation without path, its keys with dots and URNs, or without the URN they need."""
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
    """A Replace of the manager with "" takes it away."""
    result = patched(user, {"op": "Replace", "path": MANAGER, "value": value})
    assert URN_ENTERPRISE_USER not in result
    assert result["schemas"] == [URN_USER]


def test_1_3_create_group_with_adscim_urn(group: ResourceType) -> None:
    """A group names a schema that is not one of SCIM."""
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
    """A remove with a list of values removes these, never all members."""
    assert member_changes(group, operation) == [MemberChange("remove", (Member("u"),))]


@pytest.mark.parametrize("value", [[], [None], [{}], [{"value": None}], {}])
def test_1_3_remove_of_no_member_removes_none(group: ResourceType, value: Any) -> None:
    """A list that turns out empty is not the absence of a list."""
    operation = {"op": "Remove", "path": "members", "value": value}
    assert member_changes(group, operation) == [MemberChange("remove", ())]


@pytest.mark.parametrize("value", ["", [""], [{"value": ""}]])
def test_1_3_remove_of_an_empty_id_is_refused(group: ResourceType, value: Any) -> None:
    """An empty id in a remove does not clear the members."""
    with pytest.raises(ScimError, match='must have a "value"'):
        member_changes(group, {"op": "Remove", "path": "members", "value": value})


def test_1_3_remove_without_values_removes_all(group: ResourceType) -> None:
    """Only a remove that names no values at all means all members, as the RFC says."""
    operation = {"op": "Remove", "path": "members"}
    assert member_changes(group, operation) == [MemberChange("replace", ())]


def test_1_3_remove_values_of_a_user(user: ResourceType) -> None:
    """The same form removes values of any other attribute, by their ``value``."""
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
    """A role whose value is JSON is kept as it was sent, and added once only."""
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
    """The header of a custom schema is not sent; the attribute is taken all the same."""
    urn = "urn:example:contoso:2.0:User"
    resource = created(user, {"schemas": [URN_USER], "userName": "joy", urn: {"badge": 7}})
    assert resource["schemas"] == [URN_USER, urn]
    result = patched(user, {"op": "Add", "path": f"{urn}:badge", "value": 8})
    assert result[urn] == {"badge": 8}


# 1.8 Acceptance tests


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


def test_1_8_primary_as_text(user: ResourceType) -> None:
    """The validator creates users with ``"primary": "True"`` in roles."""
    resource = created(user, {"userName": "j", "roles": [{"primary": "True", "value": "Admin"}]})
    assert resource["roles"] == [{"primary": True, "value": "Admin"}]


def test_1_8_no_operations(user: ResourceType) -> None:
    """A PATCH with an empty list of operations changes nothing."""
    assert patched(user) == STORED


def test_1_8_filter_in_another_case(user: ResourceType) -> None:
    """A user is found by userName in any case."""
    assert found(user, 'userName eq "JOY"')
    assert found(user, 'USERNAME EQ "Joy"')


# 1.9 Reports from the field


@pytest.mark.parametrize("manager", ["m", {"value": "m"}, [{"value": "m"}]])
def test_1_9_manager_as_text_in_a_post(user: ResourceType, manager: Any) -> None:
    """A bare id is accepted in a POST and a PUT, and stored as an object."""
    resource = created(user, {"userName": "joy", URN_ENTERPRISE_USER: {"manager": manager}})
    assert resource[URN_ENTERPRISE_USER] == {"manager": {"value": "m"}}


@pytest.mark.parametrize("primary", ["true", '"True"', '"true"', "True"])
def test_1_9_filter_on_primary(user: ResourceType, primary: str) -> None:
    """``emails[primary eq true].value`` is filtered by, the boolean as text too."""
    assert found(user, f'emails[primary eq {primary}].value eq "joy@contoso.com"')
    assert not found(user, f'emails[primary eq {primary}].value eq "other"')


@pytest.mark.parametrize("op", ["Add", "Replace"])
def test_1_9_brackets_without_a_match_create(user: ResourceType, op: str) -> None:
    """A value filter that selects nothing creates what it describes."""
    path = 'phoneNumbers[type eq "work"].value'
    result = patched(user, {"op": op, "path": path, "value": "123"})
    assert result["phoneNumbers"] == [{"type": "work", "value": "123"}]


# Microsoft's Postman collection


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
    """A PUT with an attribute that does not exist is done without it."""
    body = entra.normalise_resource(user, {"userName": "joy", "displayNam": "x", "title": "t"})
    replaced = replace_resource(user, STORED, validate(user, body))
    assert replaced == {"schemas": [URN_USER], "id": "1", "userName": "joy", "title": "t"}


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


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("name.FamilyName eq Young and (emails.Value co contoso.com or emails.Value co x)", True),
        ("name.FamilyName eq Employee and (emails.Value co contoso.com)", False),
        ("userName sw J", True),
        ('DisplayName eq "BobIsAmazing"', False),
    ],
)
def test_collection_filters(user: ResourceType, text: str, outcome: bool) -> None:
    """Filters have names in capitals and literals without quotes."""
    assert found(user, text) is outcome


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


# What is no habit of Entra goes on to the protocol core as it is.


@pytest.mark.parametrize("body", [None, [], "x", {"Operations": 5}, {"Operations": ["x"]}])
def test_malformed_body_is_left_alone(user: ResourceType, body: Any) -> None:
    """The protocol core says what is wrong with it."""
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
