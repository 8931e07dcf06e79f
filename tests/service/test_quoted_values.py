"""Typographic and single quotes in filters and paths of requests."""

import json
from typing import Any

import httpx
import pytest
from scim_service.scim.messages import URN_GROUP, URN_PATCH_OP, URN_SEARCH_REQUEST, URN_USER

from tests.service.served import Serve

IRISH = "o'neil ann"
PAIRS = ["''", "‘’", "“”", "``", "„“", "«»"]


async def fill(scim: httpx.AsyncClient) -> tuple[list[str], str]:
    """Create two users and their group; return the ids."""
    ids: list[str] = []
    for name in (IRISH, "bob"):
        emails = [{"type": "work", "value": f"{name}@example.com"}]
        body = {"schemas": [URN_USER], "userName": name, "emails": emails}
        ids.append((await scim.post("/Users", json=body)).json()["id"])
    members = [{"value": each} for each in ids]
    group = {"schemas": [URN_GROUP], "displayName": "Red Group", "members": members}
    return ids, (await scim.post("/Groups", json=group)).json()["id"]


async def patch(scim: httpx.AsyncClient, path: str, operation: dict[str, Any]) -> httpx.Response:
    """Send a PATCH."""
    return await scim.patch(path, json={"schemas": [URN_PATCH_OP], "Operations": [operation]})


@pytest.mark.parametrize("pair", PAIRS)
async def test_the_entra_profile_understands_them(serve: Serve, pair: str) -> None:
    """A query finds its user, so no second one is created, and a remove removes its member."""
    scim = (await serve()).http
    (one, two), group = await fill(scim)

    def quoted(value: str) -> str:
        return f"{pair[0]}{value}{pair[1]}"

    for endpoint, text, wanted in (
        ("/Users", f"userName eq {quoted(IRISH)}", one),
        ("/Users", f"emails[type eq {quoted('work')}].value eq {quoted('bob@example.com')}", two),
        ("/", f"userName eq {quoted('bob')} and id eq {quoted(two)}", two),
        ("/Groups", f"displayName eq {quoted('red group')} and members eq {quoted(two)}", group),
    ):
        found = (await scim.get(endpoint, params={"filter": text})).json()
        assert [each["id"] for each in found["Resources"]] == [wanted], text
        by_body = await scim.post(f"{endpoint.rstrip('/')}/.search", json={"filter": text})
        assert by_body.json() == found
    mail = {
        "op": "replace",
        "path": f"emails[type eq {quoted('work')}].value",
        "value": "x@example",
    }
    changed = (await patch(scim, f"/Users/{one}", mail)).json()
    assert changed["emails"] == [{"type": "work", "value": "x@example"}]
    path = f"members[value eq {quoted(one)}]"
    assert (
        await patch(scim, f"/Groups/{group}", {"op": "Remove", "path": path})
    ).status_code == 204
    left = (await scim.get(f"/Groups/{group}")).json()["members"]
    assert [each["value"] for each in left] == [two]


@pytest.mark.parametrize("pair", PAIRS)
async def test_the_strict_profile_refuses_them(serve: Serve, pair: str) -> None:
    """The error says that a value needs double quotes, and nothing is changed."""
    scim = (await serve({"provisioning": {"profile": "strict"}})).http
    (one, _), group = await fill(scim)
    text = f"userName eq {pair[0]}bob{pair[1]}"
    path = f"members[value eq {pair[0]}{one}{pair[1]}]"
    for answer in (
        await scim.get("/Users", params={"filter": text}),
        await scim.post("/.search", json={"schemas": [URN_SEARCH_REQUEST], "filter": text}),
        await patch(scim, f"/Groups/{group}", {"op": "remove", "path": path}),
    ):
        assert answer.status_code == 400
        assert answer.json()["scimType"] in {"invalidFilter", "invalidPath"}
        assert "double quotes" in json.dumps(answer.json())
    assert len((await scim.get(f"/Groups/{group}")).json()["members"]) == 2
