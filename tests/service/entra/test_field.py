"""What other implementers report of Entra's traffic beyond the documents.

Each test names the report it comes from.
"""

import asyncio

import pytest

from .tenant import ENTERPRISE, EntraTenant, Json, add_member, enterprise, identity


async def test_bare_manager_in_a_create(entra: EntraTenant) -> None:
    """apache/directory-scimple#1242, Captain-P-Goldfish/SCIM-SDK#686: the id alone."""
    boss = identity(await entra.user("boss"))
    extension: Json = {ENTERPRISE: {"manager": boss, "department": "D"}}
    user = await entra.user("user", **extension)
    found = enterprise(await entra.read(user))
    assert (found["manager"]["value"], found["department"]) == (boss, "D")


async def test_manager_is_answered_as_an_object(entra: EntraTenant) -> None:
    """Budibase#15369: a client fails on a manager that is a plain string."""
    boss = await entra.user("boss")
    extension: Json = {ENTERPRISE: {"manager": {"value": identity(boss)}}}
    user = await entra.user("user", **extension)
    manager = enterprise(await entra.read(user))["manager"]
    assert manager["value"] == identity(boss)
    (found,) = await entra.find("/Users", f'manager eq "{identity(boss)}"')
    assert found["id"] == identity(user)


@pytest.mark.parametrize("literal", ["true", '"True"', '"true"', "True"])
async def test_filter_on_the_primary_mail(entra: EntraTenant, literal: str) -> None:
    """SCIM-SDK 1.19.0: `emails[primary eq true].value eq "x"`."""
    user = await entra.user("a", emails=[{"type": "work", "value": "x", "primary": True}])
    await entra.user("b", emails=[{"type": "work", "value": "x", "primary": False}])
    found = await entra.find("/Users", f'emails[primary eq {literal}].value eq "x"')
    assert [one["id"] for one in found] == [identity(user)]


@pytest.mark.parametrize("op", ["Replace", "replace", "Add"])
async def test_value_path_without_match_creates(entra: EntraTenant, op: str) -> None:
    """sourcegraph#49119 and #49200: RFC 7644's `noTarget` would lose the attribute."""
    user = await entra.user(emails=[{"type": "home", "value": "h"}])
    path = 'emails[type eq "work"].value'
    changed = await entra.change(user, {"op": op, "path": path, "value": "w"})
    assert {one["type"]: one["value"] for one in changed["emails"]} == {"home": "h", "work": "w"}
    changed = await entra.change(
        user,
        {"op": op, "path": 'addresses[type eq "work"].locality', "value": "Köln"},
        {"op": op, "path": 'addresses[type eq "work"].country', "value": "DE"},
    )
    assert changed["addresses"] == [{"type": "work", "locality": "Köln", "country": "DE"}]


async def test_removing_a_value_path_without_match(entra: EntraTenant) -> None:
    """Removing a value that is absent is no error."""
    user = await entra.user()
    changed = await entra.change(user, {"op": "Remove", "path": 'emails[type eq "work"].value'})
    assert "emails" not in changed


async def test_concurrent_member_requests_lose_nothing(entra: EntraTenant) -> None:
    """scimmy#79, Infisical#6471, FusionAuth#2869: one group, one member a request, in parallel."""
    users = [await entra.user(f"u{number}") for number in range(30)]
    group = await entra.group("group", *users[:10])
    requests = [entra.patch(group, add_member(user)) for user in users[10:]]
    requests += [
        entra.patch(group, {"op": "remove", "path": f'members[value eq "{identity(user)}"]'})
        for user in users[:10]
    ]
    answers = await asyncio.gather(*requests)
    assert {answer.status_code for answer in answers} == {204}
    assert await entra.members(group) == set(users[10:])


async def test_concurrent_updates_of_one_user_lose_nothing(entra: EntraTenant) -> None:
    """The same for attributes of one user."""
    user = await entra.user()
    paths = [f'phoneNumbers[type eq "{kind}"].value' for kind in ("work", "mobile", "fax", "home")]
    paths += ["title", "nickName", "name.givenName", f"{ENTERPRISE}:department"]
    answers = await asyncio.gather(
        *(entra.patch(user, {"op": "Add", "path": path, "value": "v"}) for path in paths)
    )
    assert all(answer.is_success for answer in answers)
    changed = await entra.read(user)
    assert len(changed["phoneNumbers"]) == 4
    assert (changed["title"], changed["nickName"]) == ("v", "v")
    assert (changed["name"], enterprise(changed)) == ({"givenName": "v"}, {"department": "v"})


async def test_no_user_agent(entra: EntraTenant) -> None:
    """kortix-ai/suna#7297: Entra sends none, and must not be refused."""
    del entra.http.headers["User-Agent"]
    assert (await entra.get("/Users")).status_code == 200
