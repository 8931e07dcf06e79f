"""Entity tags (RFC 7644 section 3.14): 304 only without a change; If-Match on writes."""

from typing import Any

import httpx
import pytest
from scim_service.scim.messages import URN_GROUP, URN_PATCH_OP, URN_USER

from tests.service.served import Serve


async def make(scim: httpx.AsyncClient, endpoint: str, **values: Any) -> str:
    """Create a resource and return its path."""
    urn = URN_USER if endpoint == "Users" else URN_GROUP
    answer = await scim.post(f"/{endpoint}", json={"schemas": [urn], **values})
    assert answer.status_code == 201, answer.text
    return f"/{endpoint}/{answer.json()['id']}"


async def patch(scim: httpx.AsyncClient, path: str, *operations: Any, **headers: str) -> int:
    """Send a PATCH and return its status."""
    body = {"schemas": [URN_PATCH_OP], "Operations": list(operations)}
    return (await scim.patch(path, json=body, headers=headers)).status_code


def identity(path: str) -> str:
    """Return the id in a path."""
    return path.rpartition("/")[2]


@pytest.mark.parametrize("profile", ["entra", "strict"])
async def test_a_304_hides_no_change_of_memberships(serve: Serve, profile: str) -> None:
    """Joining, leaving, renaming or deleting a group changes the entity tag of its members."""
    scim = (await serve({"provisioning": {"profile": profile}})).http
    user = await make(scim, "Users", userName="ann")
    group = await make(scim, "Groups", displayName="Red")
    changes = (
        ("PATCH", {"op": "add", "path": "members", "value": [{"value": identity(user)}]}, "Red"),
        ("PATCH", {"op": "replace", "path": "displayName", "value": "Blue"}, "Blue"),
        ("PATCH", {"op": "remove", "path": f'members[value eq "{identity(user)}"]'}, None),
        ("PATCH", {"op": "add", "path": "members", "value": [{"value": identity(user)}]}, "Blue"),
        ("DELETE", None, None),
    )
    for method, operation, name in changes:
        before = await scim.get(user)
        assert before.headers["etag"] == before.json()["meta"]["version"]
        known = {"If-None-Match": before.headers["etag"]}
        assert (await scim.get(user, headers=known)).status_code == 304
        if method == "PATCH":
            assert await patch(scim, group, operation) == 204
        else:
            assert (await scim.delete(group)).status_code == 204
        after = await scim.get(user, headers=known)
        assert after.status_code == 200, operation
        assert [each["display"] for each in after.json().get("groups", [])] == [name] * bool(name)


async def test_a_user_without_groups_in_the_answer_has_the_tag_of_its_own(serve: Serve) -> None:
    """An answer without groups keeps its entity tag when memberships change."""
    scim = (await serve()).http
    user = await make(scim, "Users", userName="ann")
    apart = {"excludedAttributes": "groups"}
    tag = (await scim.get(user, params=apart)).headers["etag"]
    await make(scim, "Groups", displayName="Red", members=[{"value": identity(user)}])
    answer = await scim.get(user, params=apart, headers={"If-None-Match": tag})
    assert answer.status_code == 304
    assert (await scim.get(user, headers={"If-None-Match": tag})).status_code == 200


async def test_if_match_ignores_memberships(serve: Serve) -> None:
    """A tag allows a write while the user itself is unchanged, even if memberships change."""
    scim = (await serve()).http
    user = await make(scim, "Users", userName="ann")
    group = await make(scim, "Groups", displayName="Red", members=[{"value": identity(user)}])
    tag = (await scim.get(user)).headers["etag"]
    assert await patch(scim, group, {"op": "remove", "path": "members"}) == 204
    title = {"op": "replace", "path": "title", "value": "Boss"}
    assert await patch(scim, user, title, **{"If-Match": tag}) == 200
    again = {"op": "replace", "path": "title", "value": "Chief"}
    assert await patch(scim, user, again, **{"If-Match": tag}) == 412
    assert await patch(scim, user, again, **{"If-Match": 'W/"2"'}) == 200


async def test_lists_and_answers_of_writes_have_the_tag_of_a_get(serve: Serve) -> None:
    """meta.version is the entity tag wherever the user is answered."""
    scim = (await serve()).http
    user = await make(scim, "Users", userName="ann")
    await make(scim, "Groups", displayName="Red", members=[{"value": identity(user)}])
    operation = {"op": "replace", "path": "title", "value": "Boss"}
    changed = await scim.patch(user, json={"schemas": [URN_PATCH_OP], "Operations": [operation]})
    listed = (await scim.get("/Users")).json()["Resources"][0]["meta"]["version"]
    got = await scim.get(user)
    assert got.headers["etag"] == listed == changed.headers["etag"]
    assert changed.json()["meta"]["version"] == listed
