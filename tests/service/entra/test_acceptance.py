"""Microsoft's own acceptance tests, re-enacted.

The first part are the direct SCIM tests of the app gallery's Logic App (AzureAD/SCIMReferenceCode,
`SCIM-Validation-Test-Overview.md`), the second those of the SCIM validator ("Tutorial: Validate a
SCIM endpoint").
"""

from typing import Any

import pytest

from tests.entra import Dialect, Directory, Mapping
from tests.entra.attributes import Target

from .tenant import (
    ENTERPRISE,
    MANAGER,
    EntraTenant,
    Json,
    add_member,
    enterprise,
    identity,
    references,
    replace,
)

_USER = "urn:ietf:params:scim:schemas:core:2.0:User"
_OPTIONAL = [
    row.target.text
    for row in Mapping().users
    if row.target.text not in ("userName", "active", MANAGER)
]


# Gallery Logic App


async def test_schema_discoverability(entra: EntraTenant) -> None:
    """Every mapped attribute is found when /Schemas is flattened as the Logic App does it."""
    found: set[str] = set()
    for schema in (await entra.read("/Schemas"))["Resources"]:
        prefix = "" if ":core:2.0:" in schema["id"] else f"{schema['id']}:"
        for attribute in schema["attributes"]:
            found |= {f"{prefix}{name}".lower() for name in _flatten(attribute)}
    mapped = [*Mapping().users, *Mapping().groups]
    assert {row.target.text.lower() for row in mapped} <= found


def _flatten(attribute: Json) -> list[str]:
    """A multi-valued attribute is typed only where `type` publishes its canonical values."""
    name, subs = attribute["name"], attribute.get("subAttributes", [])
    if not subs or name in ("manager", "members"):
        return [name]
    if not attribute["multiValued"]:
        return [f"{name}.{sub['name']}" for sub in subs]
    types: list[str] = next(
        (sub.get("canonicalValues", []) for sub in subs if sub["name"] == "type"), []
    )
    keys = [f'type eq "{one}"' for one in types] or ['primary eq "True"']
    return [f"{name}[{key}].{sub['name']}" for key in keys for sub in subs]


async def test_group_schema_is_published(entra: EntraTenant) -> None:
    """The Logic App fails without it."""
    ids = {schema["id"] for schema in (await entra.read("/Schemas"))["Resources"]}
    assert {_USER, ENTERPRISE, "urn:ietf:params:scim:schemas:core:2.0:Group"} <= ids


@pytest.mark.parametrize("nothing", ["", None])
@pytest.mark.parametrize("target", _OPTIONAL)
async def test_scim_null_update(entra: EntraTenant, target: str, nothing: str | None) -> None:
    """SCIM_Null_Update: replaced with nothing, an optional attribute is absent, null or empty."""
    user = await entra.user()
    changed = await entra.change(user, {"op": "Add", "path": target, "value": "value"})
    assert Target.parse(target).read(changed) == "value"
    changed = await entra.change(user, replace(target, nothing))
    assert not Target.parse(target).read(changed)
    assert (await entra.find("/Users", 'userName eq "jyoung@testuser.com"')) == [changed]


@pytest.mark.parametrize("nothing", ["", None])
async def test_scim_null_update_of_an_absent_attribute(
    entra: EntraTenant, nothing: str | None
) -> None:
    """Replacing an absent attribute with null creates no empty element."""
    user = await entra.user()
    before = await entra.read(user)
    changed = await entra.change(user, *(replace(target, nothing) for target in _OPTIONAL))
    assert {key for key in changed if key != "meta"} == {key for key in before if key != "meta"}


async def test_scim_update_manager(entra: EntraTenant) -> None:
    """SCIM_Update_Manager: added, replaced, replaced with nothing."""
    first, second = await entra.user("first"), await entra.user("second")
    user = await entra.user("user")
    changed = await entra.change(user, {"op": "Add", "path": MANAGER, "value": identity(first)})
    assert enterprise(changed)["manager"]["value"] == identity(first)
    changed = await entra.change(user, replace(MANAGER, identity(second)))
    assert enterprise(changed)["manager"]["value"] == identity(second)
    changed = await entra.change(user, replace(MANAGER, ""))
    assert "manager" not in enterprise(changed)


@pytest.mark.parametrize("collection", ["Users", "Groups"])
async def test_pagination(entra: EntraTenant, collection: str) -> None:
    """SCIM_User_Pagination, SCIM_Group_Pagination: 11 resources, five to a page."""
    make = entra.user if collection == "Users" else entra.group
    made = {identity(await make(f"name {number}")) for number in range(11)}
    found: list[str] = []
    for page in range(3):
        body = await entra.read(f"/{collection}", startIndex=page * 5 + 1, count=5)
        assert body["startIndex"] == page * 5 + 1
        assert body["totalResults"] == 11
        assert len(body["Resources"]) == (5, 5, 1)[page]
        found += [one["id"] for one in body["Resources"]]
    assert len(found) == 11
    assert set(found) == made


async def test_validate_credentials(entra: EntraTenant) -> None:
    """Validate_Credentials ends with a page of one user."""
    for number in range(2):
        await entra.user(f"u{number}")
    body = await entra.read("/Users", startIndex=1, count=1)
    assert (body["totalResults"], len(body["Resources"])) == (2, 1)


async def test_restore_user(entra: EntraTenant) -> None:
    """Restore_User: by active=true, or by a create after the hard deletion."""
    user = await entra.user("a@b.example")
    await entra.change(user, replace("active", "False"))
    assert (await entra.change(user, replace("active", "True")))["active"] is True
    await entra.delete(user)
    assert await entra.find("/Users", 'userName eq "a@b.example"') == []
    again = await entra.user("a@b.example")
    assert (await entra.read(again))["active"] is True


async def test_round_trip(entra: EntraTenant) -> None:
    """Create_User and Update_User: what is read back equals what was sent."""
    first, second = Directory.generate(5, users=2, groups=0).users.values()
    values = Mapping().user_values(first)
    answer = await entra.post("/Users", Dialect().create_user(values))
    path = f"/Users/{answer.json()['id']}"
    assert _held(await entra.read(path), values) == values
    values = Mapping().user_values(second)
    changed = await entra.change(path, *(replace(name, values[name]) for name in values))
    assert _held(changed, values) == values


async def test_restore_group(entra: EntraTenant) -> None:
    """Restore_Group: a deleted group's name can be used again at once."""
    group = await entra.group("displayName", await entra.user())
    await entra.delete(group)
    again = await entra.group("displayName")
    assert again != group
    assert await entra.members(again) == set()


def _held(resource: Json, values: Json) -> dict[str, Any]:
    return {target: Target.parse(target).read(resource) for target in values}


# SCIM validator, users


@pytest.mark.parametrize("name", ["joy@b.example", "JOY@b.example", "joy@B.EXAMPLE"])
async def test_filter_existing_user(entra: EntraTenant, name: str) -> None:
    """Filter for an existing user, with a different case too."""
    user = await entra.user("Joy@b.example")
    (found,) = await entra.find("/Users", f'userName eq "{name}"')
    assert (found["id"], found["userName"]) == (identity(user), "Joy@b.example")


@pytest.mark.parametrize("op", ["Add", "Replace", "add", "replace"])
async def test_patch_user_attributes_verbose(entra: EntraTenant, op: str) -> None:
    """Add and replace attributes, verbose request: an operation for every attribute."""
    sent = {
        "active": True,
        "displayName": "d",
        "title": "t",
        "preferredLanguage": "en-US",
        "name.givenName": "g",
        "name.familyName": "f",
        "name.formatted": "g f",
        "name.middleName": "m",
        "name.honorificPrefix": "Dr",
        "name.honorificSuffix": "III",
        "externalId": "e",
        "nickName": "n",
        "userType": "Employee",
        "locale": "en-GB",
        "timezone": "Europe/Berlin",
        "profileUrl": "https://b.example/joy",
        f"{ENTERPRISE}:employeeNumber": "1",
        f"{ENTERPRISE}:department": "d",
        f"{ENTERPRISE}:costCenter": "c",
        f"{ENTERPRISE}:organization": "o",
        f"{ENTERPRISE}:division": "v",
        'emails[type eq "work"].value': "w@b.example",
        'emails[type eq "home"].value': "h@b.example",
        'phoneNumbers[type eq "work"].value': "1",
        'phoneNumbers[type eq "mobile"].value': "2",
        'phoneNumbers[type eq "fax"].value': "3",
        'addresses[type eq "work"].formatted': "f",
        'addresses[type eq "work"].streetAddress': "s",
        'addresses[type eq "work"].locality': "l",
        'addresses[type eq "work"].region': "r",
        'addresses[type eq "work"].postalCode': "p",
        'addresses[type eq "work"].country': "DE",
        'roles[primary eq "True"].display': "rd",
        'roles[primary eq "True"].value': "rv",
        'roles[primary eq "True"].type': "rt",
    }
    boss, user = await entra.user("boss"), await entra.user("user")
    operations = [{"op": op, "path": path, "value": value} for path, value in sent.items()]
    operations.append({"op": op, "path": MANAGER, "value": identity(boss)})
    changed = await entra.change(user, *operations)
    assert _held(changed, sent) == sent
    assert enterprise(changed)["manager"]["value"] == identity(boss)
    assert len(changed["addresses"]) == len(changed["roles"]) == 1


async def test_update_user_name(entra: EntraTenant) -> None:
    """Found by the new name, and no longer by the old one."""
    user = await entra.user("old@b.example")
    changed = await entra.change(user, replace("userName", "new@b.example"))
    assert changed["userName"] == "new@b.example"
    assert await entra.find("/Users", 'userName eq "old@b.example"') == []
    (found,) = await entra.find("/Users", 'userName eq "new@b.example"')
    assert found["id"] == identity(user)


@pytest.mark.parametrize("collection", ["Users", "Groups"])
async def test_delete_twice(entra: EntraTenant, collection: str) -> None:
    """Preview: 204, then 404; and 404 for an id that never existed."""
    path = await (entra.user() if collection == "Users" else entra.group())
    assert (await entra.delete(path)).status_code == 204
    assert (await entra.delete(path)).status_code == 404
    assert (await entra.delete(f"/{collection}/never")).status_code == 404


async def test_operations_on_different_attributes(entra: EntraTenant) -> None:
    """Preview: one request adds, replaces and removes."""
    user = await entra.user(displayName="d", title="t", nickName="n")
    changed = await entra.change(
        user,
        {"op": "Remove", "path": "title"},
        {"op": "Add", "path": "userType", "value": "Employee"},
        replace("displayName", "D"),
    )
    assert "title" not in changed
    assert (changed["userType"], changed["displayName"]) == ("Employee", "D")


async def test_operations_on_the_same_attribute(entra: EntraTenant) -> None:
    """Preview: in the order of the request."""
    user = await entra.user()
    changed = await entra.change(
        user,
        {"op": "Remove", "path": "displayName"},
        {"op": "Add", "path": "displayName", "value": "one"},
        replace("displayName", "two"),
        {"op": "Remove", "path": 'emails[type eq "work"].value'},
        {"op": "Add", "path": 'emails[type eq "work"].value', "value": "one"},
        replace('emails[type eq "work"].value', "two"),
    )
    assert changed["displayName"] == "two"
    assert [one["value"] for one in changed["emails"]] == ["two"]


async def test_no_operations(entra: EntraTenant) -> None:
    """A known bug of the validator: an empty `Operations` is accepted and changes nothing."""
    user = await entra.user(title="t")
    assert (await entra.change(user))["title"] == "t"


# SCIM validator, groups


@pytest.mark.parametrize("name", ["Group one", "group ONE"])
@pytest.mark.parametrize("excluded", [{}, {"excludedAttributes": "members"}])
async def test_filter_existing_group(
    entra: EntraTenant, name: str, excluded: dict[str, str]
) -> None:
    """Filter for an existing group, without its members, and with a different case."""
    group = await entra.group("Group one")
    (found,) = await entra.find("/Groups", f'displayName eq "{name}"', **excluded)
    assert found["id"] == identity(group)


async def test_patch_group_attributes(entra: EntraTenant) -> None:
    """Replace attributes, the external id among them."""
    group = await entra.group("one", externalId="e1")
    changed = await entra.change(group, replace("displayName", "two"), replace("externalId", "e2"))
    assert (changed["displayName"], changed["externalId"]) == ("two", "e2")
    (found,) = await entra.find("/Groups", 'externalId eq "e2"')
    assert found["id"] == identity(group)


async def test_group_operations_in_one_request(entra: EntraTenant) -> None:
    """Preview: add members, remove one, rename."""
    users = [await entra.user(f"u{number}") for number in range(3)]
    group = await entra.group("one", users[0])
    answer = await entra.patch(
        group,
        add_member(*users[1:]),
        {"op": "Remove", "path": "members", "value": references(users[0])},
        replace("displayName", "two"),
    )
    assert answer.status_code == 204
    assert await entra.members(group) == set(users[1:])
    assert (await entra.read(group))["displayName"] == "two"
