"""What Microsoft requires of a SCIM endpoint.

Source: "Develop and plan provisioning for a SCIM endpoint in Microsoft Entra ID", sections on
requirements and on the requests of the provisioning service.
"""

import uuid
from typing import Any

import httpx
import pytest

from tests.entra import Dialect, Directory, Mapping
from tests.entra.attributes import Target

from .tenant import (
    CORE,
    ENTERPRISE,
    ERROR,
    LIST_RESPONSE,
    MANAGER,
    EntraTenant,
    add_member,
    identity,
    replace,
)

_WORK = 'emails[type eq "work"].value'


@pytest.mark.parametrize(
    ("collection", "attribute"), [("/Users", "userName"), ("/Groups", "displayName")]
)
async def test_connection(entra: EntraTenant, collection: str, attribute: str) -> None:
    """A filter for a random GUID: 200 with an empty ListResponse."""
    answer = await entra.get(collection, filter=f'{attribute} eq "{uuid.uuid4()}"')
    assert answer.status_code == 200
    body = answer.json()
    assert body["schemas"] == [LIST_RESPONSE]
    assert body["totalResults"] == 0
    assert body.get("Resources", []) == []


async def test_patch_for_users_and_groups(entra: EntraTenant) -> None:
    """PATCH updates both kinds of resource."""
    user, group = await entra.user(), await entra.group()
    assert (await entra.change(user, replace("displayName", "J")))["displayName"] == "J"
    assert (await entra.change(group, replace("displayName", "G")))["displayName"] == "G"


async def test_get_by_id(entra: EntraTenant) -> None:
    """A resource is read by the id that its creation returned."""
    user, group = await entra.user(), await entra.group()
    assert (await entra.read(user))["id"] == identity(user)
    assert (await entra.read(group))["id"] == identity(group)


@pytest.mark.parametrize("condition", ['userName eq "a@b.example"', 'externalId eq "a"'])
async def test_query_users_by_user_name_and_external_id(entra: EntraTenant, condition: str) -> None:
    """The attributes that users are matched on."""
    user = await entra.user("a@b.example", externalId="a")
    await entra.user("c@b.example", externalId="c")
    assert [one["id"] for one in await entra.find("/Users", condition)] == [identity(user)]


async def test_query_groups_by_display_name(entra: EntraTenant) -> None:
    """The attribute that groups are matched on."""
    group = await entra.group("one")
    await entra.group("two")
    found = await entra.find("/Groups", 'displayName eq "one"', excludedAttributes="members")
    assert [one["id"] for one in found] == [identity(group)]


async def test_excluded_members(entra: EntraTenant) -> None:
    """`excludedAttributes=members`, by id and by query."""
    group = await entra.group("one", await entra.user())
    assert "members" in await entra.read(group)
    assert "members" not in await entra.read(group, excludedAttributes="members")
    (found,) = await entra.find("/Groups", 'displayName eq "one"', excludedAttributes="members")
    assert "members" not in found


async def test_list_and_paginate_users(entra: EntraTenant) -> None:
    """Every user is on exactly one page."""
    users = {identity(await entra.user(f"u{number}@b.example")) for number in range(7)}
    found: list[str] = []
    for start in (1, 4, 7):
        page = await entra.read("/Users", startIndex=start, count=3)
        assert page["totalResults"] == 7
        assert page["startIndex"] == start
        assert page["itemsPerPage"] == len(page["Resources"])
        found += [one["id"] for one in page["Resources"]]
    assert len(found) == 7
    assert set(found) == users


async def test_disabled_users_stay_visible_and_can_be_restored(entra: EntraTenant) -> None:
    """Only a hard deletion removes a user from the answers."""
    user = await entra.user("a@b.example")
    assert (await entra.change(user, replace("active", "False")))["active"] is False
    (found,) = await entra.find("/Users", 'userName eq "a@b.example"')
    assert found["active"] is False
    assert (await entra.read("/Users"))["totalResults"] == 1
    assert (await entra.change(user, replace("active", "True")))["active"] is True


async def test_the_name_of_a_hard_deleted_user_can_be_used_again(entra: EntraTenant) -> None:
    """After a DELETE the same userName can be created at once."""
    user = await entra.user("a@b.example")
    assert (await entra.delete(user)).status_code == 204
    assert (await entra.get(user)).status_code == 404
    assert await entra.find("/Users", 'userName eq "a@b.example"') == []
    assert await entra.user("a@b.example") != user


@pytest.mark.parametrize("authorization", [None, "Bearer wrong", "Basic d3Jvbmc6d3Jvbmc="])
async def test_single_bearer_token(entra: EntraTenant, authorization: str | None) -> None:
    """Every endpoint requires the token; a refusal is a SCIM error."""
    headers = {"Authorization": authorization} if authorization else {}
    if authorization is None:
        del entra.http.headers["Authorization"]
    for path in ("/Users", "/Groups", f"/Users/{uuid.uuid4()}"):
        answer = await entra.http.get(path, headers=headers)
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        assert answer.json()["schemas"] == [ERROR]


async def test_every_filter_answer_is_a_list_response(entra: EntraTenant) -> None:
    """The answer is a ListResponse for no, one and several results."""
    for number in range(3):
        await entra.user(f"u{number}@b.example", title="Engineer")
    for condition, count in (
        ('title eq "none"', 0),
        ('userName eq "u1@b.example"', 1),
        ('title eq "Engineer"', 3),
    ):
        assert len(await entra.find("/Users", condition)) == count


async def test_operators_eq_and_and(entra: EntraTenant) -> None:
    """The operators that Entra sends."""
    user = await entra.user("a@b.example", title="Engineer", externalId="a")
    await entra.user("c@b.example", title="Engineer", externalId="c")
    found = await entra.find("/Users", 'title eq "Engineer" and externalId eq "a"')
    assert [one["id"] for one in found] == [identity(user)]


async def test_every_mapped_attribute_is_filterable(entra: EntraTenant) -> None:
    """Any attribute can be chosen as the matching one."""
    directory = Directory.generate(4, users=8, groups=0)
    for user in directory.users.values():
        values = Mapping().user_values(user)
        answer = await entra.post("/Users", Dialect().create_user(values))
        assert answer.status_code == 201, answer.text
        created = answer.json()["id"]
        for target, value in values.items():
            if isinstance(value, str):
                found = await entra.find("/Users", Dialect().filter(target, value))
                assert created in [one["id"] for one in found], target


async def test_filter_on_work_mail(entra: EntraTenant) -> None:
    """`emails[type eq "work"].value` looks at the work address only."""
    user = await entra.user("a@b.example", emails=[{"type": "work", "value": "user@contoso.com"}])
    await entra.user("c@b.example", emails=[{"type": "home", "value": "user@contoso.com"}])
    found = await entra.find("/Users", f'{_WORK} eq "user@contoso.com"')
    assert [one["id"] for one in found] == [identity(user)]


@pytest.mark.parametrize("op", ["Replace", "replace", "REPLACE", "rePlace"])
@pytest.mark.parametrize("path", ["displayName", "DisplayName", "DISPLAYNAME"])
async def test_structural_elements_in_any_case(entra: EntraTenant, op: str, path: str) -> None:
    """Neither `op` nor an attribute's name is compared with regard to case."""
    user = await entra.user()
    changed = await entra.change(user, {"op": op, "path": path, "value": "Joy"})
    assert changed["displayName"] == "Joy"


async def test_attribute_names_of_a_create_in_any_case(entra: EntraTenant) -> None:
    """Names in a body are compared without regard to case and answered in their own."""
    answer = await entra.post(
        "/Users",
        {
            "Schemas": [CORE],
            "USERNAME": "a@b.example",
            "Emails": [{"Type": "work", "Value": "m@b.example"}],
            "NAME": {"GIVENNAME": "Joy"},
        },
    )
    assert answer.status_code == 201, answer.text
    body = answer.json()
    assert body["userName"] == "a@b.example"
    assert body["emails"] == [{"type": "work", "value": "m@b.example"}]
    assert body["name"] == {"givenName": "Joy"}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ('phoneNumbers[type eq "work"].value', "+49 (0)221 / 12-34 ext. 5"),
        ('phoneNumbers[type eq "mobile"].value', "001-0800 CALL"),
        (_WORK, "Mixed.Case+Tag@Contoso.EXAMPLE"),
        ("userName", "Mixed.Case@Contoso.EXAMPLE"),
        ("displayName", "  Ünïcödé 王 \u202eאורי  "),
        (f"{ENTERPRISE}:employeeNumber", "000123"),
    ],
)
async def test_values_are_stored_as_sent(entra: EntraTenant, path: str, value: str) -> None:
    """No normalisation, neither by PATCH nor by POST."""
    changed = await entra.change(
        await entra.user("b@b.example"), {"op": "Add", "path": path, "value": value}
    )
    assert Target.parse(path).read(changed) == value
    body = Dialect().create_user({"userName": "c@b.example", path: f"{value} "})
    created = await entra.post("/Users", body)
    assert Target.parse(path).read(created.json()) == f"{value} "


@pytest.mark.parametrize("op", ["Add", "Replace"])
async def test_types_stay_unique(entra: EntraTenant, op: str) -> None:
    """A second value for one type replaces the first."""
    user = await entra.user(emails=[{"type": "work", "value": "old@b.example", "primary": True}])
    changed = await entra.change(user, {"op": op, "path": _WORK, "value": "new@b.example"})
    assert changed["emails"] == [{"type": "work", "value": "new@b.example", "primary": True}]


@pytest.mark.parametrize("name", ["displayName", "DISPLAYNAME"])
async def test_group_display_name_is_unique(entra: EntraTenant, name: str) -> None:
    """Groups are matched by it, so a second one is a conflict."""
    await entra.group("displayName")
    answer = await entra.post("/Groups", {"schemas": [], "displayName": name})
    assert answer.status_code == 409
    assert answer.json()["scimType"] == "uniqueness"


async def test_groups_are_created_without_members(entra: EntraTenant) -> None:
    """A create has no member list, and the group none."""
    assert (await entra.read(await entra.group())).get("members", []) == []


async def test_group_patch_answers_204_without_body(entra: EntraTenant) -> None:
    """The members are not sent back."""
    group, user = await entra.group(), await entra.user()
    answer = await entra.patch(group, add_member(user))
    assert (answer.status_code, answer.content) == (204, b"")


async def test_content_type(entra: EntraTenant) -> None:
    """`application/scim+json`, for errors too."""
    user = await entra.user()
    answers: list[httpx.Response] = [
        await entra.get(user),
        await entra.get("/Users"),
        await entra.get("/Schemas"),
        await entra.get("/ResourceTypes"),
        await entra.get("/ServiceProviderConfig"),
        await entra.get("/Users/none"),
        await entra.get("/Users", filter="nonsense"),
        await entra.get("/Nothing"),
        await entra.post("/Users", {}),
        await entra.http.put("/Users", json={}),
    ]
    types = {answer.headers["Content-Type"].partition(";")[0] for answer in answers}
    assert types == {"application/scim+json"}


async def test_schemas(entra: EntraTenant) -> None:
    """A list response without nulls, its property values in camel case."""
    body = await entra.read("/Schemas")
    assert body["schemas"] == [LIST_RESPONSE]
    assert body["totalResults"] == len(body["Resources"])
    values: dict[str, set[Any]] = {}

    def walk(node: Any) -> None:
        assert node is not None
        if isinstance(node, list):
            for one in node:
                walk(one)
        if isinstance(node, dict):
            for key, value in node.items():
                if isinstance(value, str):
                    values.setdefault(key, set()).add(value)
                walk(value)

    walk(body)
    assert values["mutability"] <= {"readWrite", "readOnly", "immutable", "writeOnly"}
    assert values["returned"] <= {"always", "never", "default", "request"}
    assert values["uniqueness"] <= {"none", "server", "global"}


async def test_the_default_mapping(entra: EntraTenant) -> None:
    """Every attribute of the default mapping is created, read back, changed and read back."""
    first, second = list(Directory.generate(9, users=2, groups=0).users.values())
    mapping = Mapping().with_user("mail", 'emails[type eq "home"].value')
    values = {**mapping.user_values(first), 'emails[type eq "other"].Value': "x@b.example"}
    created = await entra.post("/Users", Dialect().create_user(values))
    assert created.status_code == 201, created.text
    resource = await entra.read(f"/Users/{created.json()['id']}")
    for target, value in values.items():
        assert Target.parse(target).read(resource) == value, target
    changed = {**mapping.user_values(second), 'addresses[type eq "other"].Formatted': "O"}
    resource = await entra.change(
        f"/Users/{resource['id']}",
        *({"op": "Add", "path": target, "value": value} for target, value in changed.items()),
    )
    for target, value in changed.items():
        assert Target.parse(target).read(resource) == value, target
    assert MANAGER not in resource
