"""Statuses, each chosen by what it makes the provisioning service do.

Sources: "How to download and analyze the Microsoft Entra provisioning logs" (error codes),
"Application provisioning in quarantine status".
"""

import asyncio
import uuid
from typing import Any

import pytest

from .tenant import CORE, ERROR, GROUP, EntraTenant, add_member, identity, replace


@pytest.mark.parametrize(
    ("collection", "condition"),
    [
        ("/Users", 'userName eq "nobody"'),
        ("/Users", 'externalId eq "nobody"'),
        ("/Users", 'emails[type eq "work"].value eq "nobody"'),
        ("/Users", 'id eq "nobody"'),
        ("/Groups", 'displayName eq "nobody"'),
        ("/Groups", 'id eq "nobody" and members eq "nobody"'),
    ],
)
async def test_nothing_found_is_200_and_empty(
    entra: EntraTenant, collection: str, condition: str
) -> None:
    """A filter without a result is 200: 404 would put the job into quarantine."""
    assert await entra.find(collection, condition) == []


async def test_unknown_id_is_404(entra: EntraTenant) -> None:
    """`InvalidAnchor`: the one place where 404 belongs."""
    for method, path in (
        ("GET", f"/Users/{uuid.uuid4()}"),
        ("GET", f"/Groups/{uuid.uuid4()}?excludedAttributes=members"),
        ("PATCH", f"/Users/{uuid.uuid4()}"),
        ("PATCH", f"/Groups/{uuid.uuid4()}"),
        ("DELETE", f"/Users/{uuid.uuid4()}"),
        ("DELETE", f"/Groups/{uuid.uuid4()}"),
    ):
        body = {"schemas": [], "Operations": [replace("displayName", "x")]}
        answer = await entra.http.request(method, path, json=body if method == "PATCH" else None)
        assert answer.status_code == 404, (method, path)
        assert answer.json()["schemas"] == [ERROR]


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"schemas": [CORE]}, "userName"),
        ({"schemas": [CORE], "userName": ""}, "userName"),
        ({"schemas": [CORE], "userName": 7}, "userName"),
        ({"schemas": [CORE], "userName": "a", "active": "perhaps"}, "active"),
        ({"schemas": [CORE], "userName": "a", "emails": 7}, "emails"),
        ({"schemas": [CORE], "userName": "a", "name": "Joy"}, "name"),
    ],
)
async def test_400_names_the_attribute(entra: EntraTenant, body: Any, named: str) -> None:
    """The administrator reads `detail` in the provisioning log."""
    answer = await entra.post("/Users", body)
    assert answer.status_code == 400, answer.text
    error = answer.json()
    assert error["schemas"] == [ERROR]
    assert error["status"] == "400"
    assert named in error["detail"]


async def test_unauthorized(entra: EntraTenant) -> None:
    """A wrong token is 401, for reads and writes; quarantine, whatever the counts."""
    headers = {"Authorization": "Bearer wrong"}
    user = await entra.user()
    for method, path in (("GET", "/Users"), ("POST", "/Users"), ("DELETE", user)):
        answer = await entra.http.request(method, path, headers=headers)
        assert answer.status_code == 401
        assert "wrong" not in answer.text
    assert (await entra.get(user)).status_code == 200


@pytest.mark.parametrize("name", ["a@b.example", "A@B.Example"])
async def test_duplicate_user_is_409(entra: EntraTenant, name: str) -> None:
    """`EntryConflict`; userName is unique whatever its case."""
    await entra.user("a@b.example")
    answer = await entra.post("/Users", {"schemas": [CORE], "userName": name})
    assert answer.status_code == 409
    error = answer.json()
    assert (error["scimType"], error["status"]) == ("uniqueness", "409")
    assert "userName" in error["detail"]
    assert (await entra.read("/Users"))["totalResults"] == 1


async def test_duplicate_group_is_409(entra: EntraTenant) -> None:
    """The validator's test of a duplicate group."""
    await entra.group("displayName")
    answer = await entra.post("/Groups", {"schemas": [GROUP], "displayName": "displayName"})
    assert answer.status_code == 409
    assert answer.json()["scimType"] == "uniqueness"


async def test_renaming_to_a_taken_name_is_409(entra: EntraTenant) -> None:
    """It is 409 also by PATCH, and nothing of the request is stored."""
    await entra.user("a@b.example")
    user = await entra.user("c@b.example", title="old")
    answer = await entra.patch(user, replace("title", "new"), replace("userName", "A@b.example"))
    assert answer.status_code == 409
    resource = await entra.read(user)
    assert (resource["userName"], resource["title"]) == ("c@b.example", "old")
    group = await entra.group("one")
    await entra.group("two")
    assert (await entra.patch(group, replace("displayName", "two"))).status_code == 409


async def test_changing_the_case_of_ones_own_name(entra: EntraTenant) -> None:
    """A user does not conflict with itself."""
    user = await entra.user("a@b.example")
    changed = await entra.change(user, replace("userName", "A@b.example"))
    assert changed["userName"] == "A@b.example"


async def test_simultaneous_creates_leave_one_user(entra: EntraTenant) -> None:
    """Never two results for one filter: `DuplicateTargetEntries` cannot be fixed in Entra."""
    body = {"schemas": [CORE], "userName": "a@b.example"}
    answers = await asyncio.gather(*(entra.post("/Users", body) for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 7
    assert len(await entra.find("/Users", 'userName eq "a@b.example"')) == 1


async def test_repeated_create_is_409_and_the_user_can_be_found(entra: EntraTenant) -> None:
    """A timed-out POST is sent again: the conflict is solved by the filter at the next cycle."""
    user = await entra.user("a@b.example")
    assert (
        await entra.post("/Users", {"schemas": [CORE], "userName": "a@b.example"})
    ).status_code == 409
    (found,) = await entra.find("/Users", 'userName eq "a@b.example"')
    assert found["id"] == identity(user)


async def test_25_requests_a_second_are_not_too_many(entra: EntraTenant) -> None:
    """No 429 for what Microsoft demands of an endpoint, nor for a burst of twice that."""
    answers = [await entra.get("/Users", filter='userName eq "a"') for _ in range(50)]
    assert {answer.status_code for answer in answers} == {200}


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b'"text"',
        b"17",
        b"\xff\xfe",
        b'{"schemas": 7}',
        b'{"Operations": 7}',
        b'{"Operations": [7]}',
        b'{"Operations": [{}]}',
        b'{"Operations": [{"op": 7}]}',
        b'{"Operations": [{"op": "explode", "path": "title"}]}',
        b'{"Operations": [{"op": "Add", "path": "emails[type eq"}]}',
        b'{"Operations": [{"op": "Add", "path": "emails[type eq \\"work\\"].value.x"}]}',
        b'{"Operations": [{"op": "Replace", "path": 7, "value": 7}]}',
        b'{"Operations": [{"op": "Replace", "value": "text"}]}',
        b'{"Operations": [{"op": "Remove"}]}',
        b'{"Operations": [{"op": "Replace", "path": "userName", "value": {}}]}',
        b'{"Operations": [{"op": "Replace", "path": "userName", "value": ""}]}',
        b'{"Operations": [{"op": "Replace", "path": "members", "value": 7}]}',
        b'{"Operations": [{"op": "Add", "path": "members", "value": [{"value": {}}]}]}',
        b'{"Operations": [{"op": "Add", "path": "members", "value": [[]]}]}',
        b'{"Operations": [{"op": "Replace", "path": "emails", "value": "x"}]}',
        b'{"userName": {}}',
        b'{"userName": "a", "emails": [7]}',
        b'{"userName": "a", "emails": [{"value": {}}]}',
        b'{"displayName": ["a"]}',
        b'{"displayName": "a", "members": 7}',
        b'{"userName": "\\ud800"}',
        b'{"userName": "a\\u0000b"}',
        b"[" * 10_000,
        b'{"a":' * 10_000,
        b'{"userName": "a", "x": 1e999}',
    ],
)
async def test_garbage_is_4xx(entra: EntraTenant, method: str, content: bytes) -> None:
    """Entra repeats a request after 500 forever, so no input may cause it."""
    for resource in (await entra.user(), await entra.group()):
        path = resource.rpartition("/")[0] if method == "POST" else resource
        answer = await entra.http.request(
            method, path, content=content, headers={"Content-Type": "application/scim+json"}
        )
        assert answer.status_code < 500, answer.text
        if answer.is_error:
            error = answer.json()
            assert error["schemas"] == [ERROR]
            assert error["detail"]
        assert (await entra.get(resource)).status_code == 200


@pytest.mark.parametrize(
    "condition",
    [
        "",
        "userName",
        "userName eq",
        'userName eq "',
        'userName zz "a"',
        "(" * 5_000,
        "not " * 5_000,
        'userName eq "a" and',
        'emails[type eq "work"',
        'unknown eq "a"',
        'userName eq "\\ud800"',
        "\x00",
        'active eq "perhaps"',
        "userName gt 7",
        'meta.created gt "yesterday"',
    ],
)
async def test_bad_filter_is_never_404_or_500(entra: EntraTenant, condition: str) -> None:
    """It is 400 `invalidFilter`, or a list without results."""
    await entra.user()
    for collection in ("/Users", "/Groups"):
        answer = await entra.get(collection, filter=condition)
        assert answer.status_code in (200, 400), answer.text
        if answer.status_code == 400:
            assert answer.json()["scimType"] == "invalidFilter"


async def test_body_over_the_limit_is_413(entra: EntraTenant) -> None:
    """It is a SCIM error, and the connection can be used again."""
    body = {"schemas": [CORE], "userName": "a", "displayName": "x" * (1 << 20)}
    answer = await entra.post("/Users", body)
    assert answer.status_code == 413
    assert answer.json()["schemas"] == [ERROR]
    assert (await entra.get("/Users")).status_code == 200


async def test_refused_patch_changes_nothing(entra: EntraTenant) -> None:
    """A refused PATCH leaves the object in escrow unchanged."""
    user = await entra.user(title="old")
    answer = await entra.patch(user, replace("title", "new"), replace("active", "perhaps"))
    assert answer.status_code == 400
    assert (await entra.read(user))["title"] == "old"


async def test_member_request_on_a_deleted_group_is_404(entra: EntraTenant) -> None:
    """`InvalidAnchor` for a reference too."""
    group, user = await entra.group(), await entra.user()
    await entra.delete(group)
    assert (await entra.patch(group, add_member(user))).status_code == 404
