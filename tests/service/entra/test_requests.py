"""The requests of a provisioning cycle, as documented, in both dialects.

Sources: "Develop and plan provisioning for a SCIM endpoint in Microsoft Entra ID" (UTG), "Known
issues and resolutions with SCIM 2.0 protocol compliance" (COMPAT), "Customize user provisioning
attribute-mappings" (CUST). Both dialects reach one tenant: provisioning on demand does not know
the flag.
"""

import json
from typing import Any

import pytest

from tests.service.served import Serve

from .tenant import (
    ADSCIM,
    CORE,
    ENTERPRISE,
    GROUP,
    MANAGER,
    EntraTenant,
    Json,
    enterprise,
    identity,
    references,
    replace,
)

_WORK = 'emails[type eq "work"].value'
_NUMBER = f"{ENTERPRISE}:employeeNumber"


# Queries


async def test_query_with_unquoted_literal(entra: EntraTenant) -> None:
    """UTG, Example 1: `externalId eq jyoung`."""
    user = await entra.user(externalId="jyoung")
    found = await entra.find("/Users", "externalId eq jyoung")
    assert [one["id"] for one in found] == [identity(user)]


async def test_query_by_id_and_manager(entra: EntraTenant) -> None:
    """UTG, Example 4: does a reference have a certain value? Only the id is asked for."""
    boss, user = await entra.user("boss"), await entra.user("user")
    await entra.change(user, replace(MANAGER, identity(boss)))
    for literal in ("{}", '"{}"'):
        hit = " and ".join(
            f"{name} eq {literal.format(identity(path))}"
            for name, path in (("id", user), ("manager", boss))
        )
        (found,) = await entra.find("/Users", hit, attributes="id")
        assert found["id"] == identity(user)
        assert "userName" not in found
        miss = f'id eq "{identity(boss)}" and manager eq "{identity(boss)}"'
        assert await entra.find("/Users", miss, attributes="id") == []


@pytest.mark.parametrize("attribute", ["members", "members.value"])
async def test_query_by_id_and_member(entra: EntraTenant, attribute: str) -> None:
    """UTG: requests about a reference attribute of a group are about its members."""
    user, other = await entra.user("user"), await entra.user("other")
    group = await entra.group("group", user)
    for member, count in ((user, 1), (other, 0)):
        condition = f'id eq "{identity(group)}" and {attribute} eq "{identity(member)}"'
        found = await entra.find("/Groups", condition, excludedAttributes="members")
        assert len(found) == count


@pytest.mark.parametrize("flag", ["aadOptscim062020", "AzureAdScimPatch2017", "x=y"])
async def test_flags_in_the_tenant_url_are_ignored(entra: EntraTenant, flag: str) -> None:
    """The flag is typed into the Tenant URL, so it may come with every request."""
    created = await entra.post(f"/Users?{flag}", {"schemas": [CORE], "userName": "a"})
    assert created.status_code == 201
    path = f"/Users/{created.json()['id']}"
    assert (await entra.get(f"{path}?{flag}")).status_code == 200
    assert (await entra.get(f"/Users?filter=userName+eq+%22a%22&{flag}")).json()[
        "totalResults"
    ] == 1
    assert (await entra.patch(f"{path}?{flag}", replace("title", "t"))).status_code in (200, 204)
    assert (await entra.delete(f"{path}?{flag}")).status_code == 204


async def test_tenant_url_with_a_slash_at_its_end(entra: EntraTenant) -> None:
    """`https://host/scim/?aadOptscim062020` is how the portal's example ends."""
    user = await entra.user("a")
    answer = await entra.get("/Users/", filter='userName eq "a"')
    assert answer.status_code == 200
    assert answer.json()["Resources"][0]["id"] == identity(user)


# Users


async def test_create_user(entra: EntraTenant) -> None:
    """UTG, "Create User"."""
    body = {
        "schemas": [CORE, ENTERPRISE],
        "externalId": "0a21f0f2-8d2a-4f8e-bf98-7363c4aed4ef",
        "userName": "Test_User_00aa00aa-bb11-cc22-dd33-44ee44ee44ee",
        "active": True,
        "emails": [
            {"primary": True, "type": "work", "value": "Test_User_11bb11bb@testuser.com"},
        ],
        "meta": {"resourceType": "User"},
        "name": {
            "formatted": "givenName familyName",
            "familyName": "familyName",
            "givenName": "givenName",
        },
        "roles": [],
    }
    answer = await entra.post("/Users", body)
    assert answer.status_code == 201
    created = answer.json()
    for name in ("externalId", "userName", "active", "emails", "name"):
        assert created[name] == body[name]
    assert created["meta"]["resourceType"] == "User"
    assert created["meta"]["location"] == answer.headers["Location"]
    assert answer.headers["Location"].endswith(f"/Users/{created['id']}")
    assert {"created", "lastModified"} <= created["meta"].keys()


async def test_create_user_with_nulls_and_misspelled_schema(entra: EntraTenant) -> None:
    """UTG, Example 2: nulls, core-level department and manager, `enterprise:2.0User`."""
    answer = await entra.post(
        "/Users",
        {
            "schemas": [CORE, "urn:ietf:params:scim:schemas:extension:enterprise:2.0User"],
            "externalId": "jyoung",
            "userName": "jyoung@testuser.com",
            "active": True,
            "addresses": None,
            "displayName": "Joy Young",
            "emails": [{"type": "work", "value": "jyoung@Contoso.com", "primary": True}],
            "meta": {"resourceType": "User"},
            "name": {"familyName": "Young", "givenName": "Joy"},
            "phoneNumbers": None,
            "preferredLanguage": None,
            "title": None,
            "department": None,
            "manager": None,
        },
    )
    assert answer.status_code == 201, answer.text
    created = answer.json()
    assert created["displayName"] == "Joy Young"
    assert None not in created.values()
    assert not {"addresses", "phoneNumbers", "department", "manager"} & created.keys()


async def test_create_without_the_extension_in_schemas(entra: EntraTenant) -> None:
    """CUST: the schema of an extension is not always sent along."""
    answer = await entra.post(
        "/Users", {"schemas": [CORE], "userName": "a", ENTERPRISE: {"department": "D"}}
    )
    assert answer.status_code == 201
    created = answer.json()
    assert enterprise(created) == {"department": "D"}
    assert ENTERPRISE in created["schemas"]


async def test_update_in_the_default_dialect(entra: EntraTenant) -> None:
    """COMPAT, "Requests to replace multiple attributes", without the flag."""
    user = await entra.user(emails=[{"type": "work", "value": "old"}], externalId="old")
    changed = await entra.change(
        user,
        replace("displayName", "Pvlo"),
        replace(_WORK, "TestBcwqnm@test.microsoft.com"),
        replace("name.givenName", "Gtfd"),
        replace("name.familyName", "Pkqf"),
        replace("externalId", "Eqpj"),
        replace(_NUMBER, "Eqpj"),
    )
    assert changed["displayName"] == "Pvlo"
    assert changed["emails"] == [{"type": "work", "value": "TestBcwqnm@test.microsoft.com"}]
    assert changed["name"] == {"givenName": "Gtfd", "familyName": "Pkqf"}
    assert changed["externalId"] == "Eqpj"
    assert enterprise(changed) == {"employeeNumber": "Eqpj"}


@pytest.mark.parametrize("op", ["replace", "add"])
async def test_update_in_the_flagged_dialect(entra: EntraTenant, op: str) -> None:
    """COMPAT, "Requests to replace multiple attributes", with the flag: dotted and URN keys."""
    user = await entra.user(
        emails=[{"type": "work", "value": "old"}], name={"formatted": "stays", "givenName": "old"}
    )
    changed = await entra.change(
        user,
        {"op": op, "path": _WORK, "value": "TestMhvaes@test.microsoft.com"},
        {
            "op": op,
            "value": {
                "displayName": "Bjfe",
                "name.givenName": "Kkom",
                "name.familyName": "Unua",
                _NUMBER: "Aklq",
            },
        },
    )
    assert changed["displayName"] == "Bjfe"
    assert changed["emails"] == [{"type": "work", "value": "TestMhvaes@test.microsoft.com"}]
    assert changed["name"] == {"formatted": "stays", "givenName": "Kkom", "familyName": "Unua"}
    assert enterprise(changed) == {"employeeNumber": "Aklq"}
    assert "name.givenName" not in changed
    assert _NUMBER not in changed


async def test_both_dialects_reach_one_user(entra: EntraTenant) -> None:
    """One dialect can change what the other has written."""
    user = await entra.user()
    await entra.change(user, {"op": "Add", "path": "name.givenName", "value": "one"})
    changed = await entra.change(
        user, {"op": "replace", "value": {"name.givenName": "two", "title": "t"}}
    )
    assert changed["name"] == {"givenName": "two"}
    changed = await entra.change(user, replace("name.givenName", "three"))
    assert (changed["name"], changed["title"]) == ({"givenName": "three"}, "t")


@pytest.mark.parametrize("op", ["Replace", "replace", "Add", "add"])
@pytest.mark.parametrize("value", ["False", "false", False])
async def test_disable(entra: EntraTenant, op: str, value: str | bool) -> None:
    """COMPAT and UTG; `Add` and the lower-case string are seen in the field."""
    user = await entra.user()
    changed = await entra.change(user, {"op": op, "path": "active", "value": value})
    assert changed["active"] is False
    (found,) = await entra.find("/Users", "active eq false")
    assert found["id"] == identity(user)


@pytest.mark.parametrize("value", ["True", "true", True])
async def test_restore(entra: EntraTenant, value: str | bool) -> None:
    """A disabled user is enabled again."""
    user = await entra.user(active=False)
    assert (await entra.change(user, replace("active", value)))["active"] is True


@pytest.mark.parametrize("value", ["False", "True"])
async def test_create_with_a_string_for_active(entra: EntraTenant, value: str) -> None:
    """A boolean is answered, whatever was sent."""
    user = await entra.user(active=value)
    assert (await entra.read(user))["active"] is (value == "True")


@pytest.mark.parametrize("op", ["Add", "add"])
async def test_add_a_single_value(entra: EntraTenant, op: str) -> None:
    """COMPAT, "Requests made to add a single-value string attribute"."""
    user = await entra.user()
    changed = await entra.change(user, {"op": op, "path": "nickName", "value": "Babs"})
    assert changed["nickName"] == "Babs"


@pytest.mark.parametrize("path", ["manager", MANAGER])
@pytest.mark.parametrize("op", ["Add", "Replace", "add", "replace"])
@pytest.mark.parametrize("shape", ["array", "object", "string"])
async def test_set_manager(entra: EntraTenant, path: str, op: str, shape: str) -> None:
    """UTG, Example 5 (an array at the short path), and the bare id of the gallery's tests."""
    boss, user = await entra.user("boss"), await entra.user("user")
    reference = {"$ref": f"http://h/scim{boss}", "value": identity(boss)}
    value = {"array": [reference], "object": reference, "string": identity(boss)}[shape]
    changed = await entra.change(user, {"op": op, "path": path, "value": value})
    assert enterprise(changed)["manager"]["value"] == identity(boss)
    assert "manager" not in changed


@pytest.mark.parametrize(
    "operation",
    [
        replace(MANAGER, ""),
        replace(MANAGER, None),
        replace("manager", ""),
        {"op": "replace", "path": MANAGER, "value": ""},
        {"op": "Remove", "path": MANAGER},
        {"op": "Remove", "path": "manager"},
        {"op": "remove", "path": MANAGER, "value": ""},
    ],
)
async def test_clear_manager(entra: EntraTenant, operation: Json) -> None:
    """A replacement with null, or a removal."""
    boss, user = await entra.user("boss"), await entra.user("user")
    await entra.change(user, {"op": "Add", "path": MANAGER, "value": identity(boss)})
    assert "manager" not in enterprise(await entra.change(user, operation))


@pytest.mark.parametrize("op", ["Add", "Replace", "add", "replace"])
@pytest.mark.parametrize("pathless", [False, True])
async def test_attribute_of_a_tenants_own_extension(serve: Serve, op: str, pathless: bool) -> None:
    """CUST, "Custom extensions": by URN, without the schema in `schemas`, in either dialect."""
    schema = "urn:ietf:params:scim:schemas:extension:Contoso:2.0:User"
    extension = {"id": schema, "name": "Contoso", "attributes": [{"name": "tag"}]}
    served = await serve({"provisioning": {"schemaExtensions": [extension]}})
    entra = EntraTenant(served.http)
    values: Json = {schema: {"tag": "one"}}
    user = await entra.user("user", **values)
    assert (await entra.read(user))[schema] == {"tag": "one"}
    path = f"{schema}:tag"
    operation = (
        {"op": op, "value": {path: "two", "title": "t"}}
        if pathless
        else {"op": op, "path": path, "value": "two"}
    )
    changed = await entra.change(user, operation)
    assert changed[schema] == {"tag": "two"}
    (found,) = await entra.find("/Users", f'{path} eq "two"')
    assert found["id"] == identity(user)


# Roles


@pytest.mark.parametrize("primary", [True, "True"])
async def test_create_with_a_role(entra: EntraTenant, primary: str | bool) -> None:
    """CUST, SingleAppRoleAssignment; the SCIM validator sends "True" as a string."""
    role = {"primary": primary, "type": "WindowsAzureActiveDirectoryRole", "value": "Admin"}
    user = await entra.user(roles=[role])
    assert (await entra.read(user))["roles"] == [{**role, "primary": True}]


async def test_role_of_the_primary_element(entra: EntraTenant) -> None:
    """CUST: `roles[primary eq "True"].value` creates the element, and finds it the next time."""
    user = await entra.user()
    changed = await entra.change(
        user,
        *(
            {"op": "Add", "path": f'roles[primary eq "True"].{name}', "value": value}
            for name, value in (("display", "A"), ("value", "a"), ("type", "t"))
        ),
    )
    assert changed["roles"] == [{"primary": True, "display": "A", "value": "a", "type": "t"}]
    changed = await entra.change(user, replace('roles[primary eq "True"].value', "b"))
    assert changed["roles"] == [{"primary": True, "display": "A", "value": "b", "type": "t"}]


async def test_roles_as_json_text(entra: EntraTenant) -> None:
    """CUST, AppRoleAssignments: the value is JSON in a string, and stays as it is."""
    text = json.dumps({"id": "bc7b", "value": "25", "displayName": "Role 100"})
    user = await entra.user()
    changed = await entra.change(user, {"op": "Add", "path": "roles", "value": [{"value": text}]})
    assert changed["roles"] == [{"value": text}]


async def test_roles_as_objects(entra: EntraTenant) -> None:
    """CUST, AppRoleAssignmentsComplex adds; the assertive form replaces them all."""
    one = {"primary": False, "value": "one", "display": "One"}
    two = {"primary": False, "value": "two", "display": "Two"}
    user = await entra.user(roles=[one])
    changed = await entra.change(user, {"op": "Add", "path": "roles", "value": [two]})
    assert changed["roles"] == [one, two]
    changed = await entra.change(user, {"op": "Add", "path": "roles", "value": [two]})
    assert changed["roles"] == [one, two]
    changed = await entra.change(user, {"op": "replace", "path": "roles", "value": [two]})
    assert changed["roles"] == [two]


# Groups


async def test_create_group(entra: EntraTenant) -> None:
    """UTG, "Create Group": with the ADSCIM schema."""
    body = {
        "schemas": [GROUP, ADSCIM],
        "externalId": "8aa1a0c0-c4c3-4bc0-b4a5-2ef676900159",
        "displayName": "displayName",
        "meta": {"resourceType": "Group"},
    }
    answer = await entra.post("/Groups", body)
    assert answer.status_code == 201
    created = answer.json()
    assert (created["displayName"], created["externalId"]) == ("displayName", body["externalId"])
    assert GROUP in created["schemas"]
    assert answer.headers["Location"].endswith(f"/Groups/{created['id']}")


@pytest.mark.parametrize("op", ["Add", "add"])
@pytest.mark.parametrize("count", [1, 3])
async def test_add_members(entra: EntraTenant, op: str, count: int) -> None:
    """One or several in a request; a second time changes nothing."""
    users = [await entra.user(f"u{number}") for number in range(count)]
    group = await entra.group()
    for _ in range(2):
        operation = {"op": op, "path": "members", "value": references(*users)}
        assert (await entra.patch(group, operation)).status_code == 204
        assert await entra.members(group) == set(users)


async def test_remove_a_member_in_the_default_dialect(entra: EntraTenant) -> None:
    """`Remove members` with a value removes that one, never all of them."""
    users = [await entra.user(f"u{number}") for number in range(3)]
    group = await entra.group("group", *users)
    operation = {"op": "Remove", "path": "members", "value": references(users[0])}
    for _ in range(2):
        assert (await entra.patch(group, operation)).status_code == 204
        assert await entra.members(group) == set(users[1:])


async def test_remove_several_members_in_the_default_dialect(entra: EntraTenant) -> None:
    """The value is an array."""
    users = [await entra.user(f"u{number}") for number in range(4)]
    group = await entra.group("group", *users)
    operation = {"op": "Remove", "path": "members", "value": references(*users[:2])}
    assert (await entra.patch(group, operation)).status_code == 204
    assert await entra.members(group) == set(users[2:])


async def test_remove_a_member_in_the_flagged_dialect(entra: EntraTenant) -> None:
    """`members[value eq "id"]`."""
    users = [await entra.user(f"u{number}") for number in range(3)]
    group = await entra.group("group", *users)
    operation = {"op": "remove", "path": f'members[value eq "{identity(users[0])}"]'}
    assert (await entra.patch(group, operation)).status_code == 204
    assert await entra.members(group) == set(users[1:])


@pytest.mark.parametrize("value", [{}, {"value": []}])
async def test_remove_without_members_named(entra: EntraTenant, value: dict[str, Any]) -> None:
    """RFC 7644 section 3.5.2.2 removes all of them; an empty array removes none."""
    users = [await entra.user(f"u{number}") for number in range(2)]
    group = await entra.group("group", *users)
    assert (await entra.patch(group, {"op": "Remove", "path": "members", **value})).is_success
    assert await entra.members(group) == (set(users) if value else set())


async def test_rename_group(entra: EntraTenant) -> None:
    """UTG, "Update Group [Non-member attributes]": 204, and the members stay."""
    user = await entra.user()
    group = await entra.group("displayName", user)
    answer = await entra.patch(group, replace("displayName", "updatedDisplayName"))
    assert (answer.status_code, answer.content) == (204, b"")
    assert (await entra.read(group))["displayName"] == "updatedDisplayName"
    assert await entra.members(group) == {user}


async def test_delete_group_and_user(entra: EntraTenant) -> None:
    """204 for both; a deleted user is in no group."""
    user, other = await entra.user("user"), await entra.user("other")
    group = await entra.group("group", user, other)
    assert (await entra.delete(user)).status_code == 204
    assert await entra.members(group) == {other}
    assert (await entra.delete(group)).status_code == 204
    assert (await entra.get(group)).status_code == 404
    assert (await entra.get(other)).status_code == 200
