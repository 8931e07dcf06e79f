"""Many clients at once, and several replicas of the service where the database allows them."""

import asyncio
from collections import Counter
from itertools import cycle, islice
from typing import Any

import httpx
import pytest

from tests.service.served import Serve, Served

CLIENTS = 24


@pytest.fixture
async def replicas(serve: Serve) -> list[Served]:
    """Two replicas on PostgreSQL; SQLite has one writer, so it has one."""
    return await _replicas(serve, {})


async def _replicas(serve: Serve, configuration: dict[str, Any]) -> list[Served]:
    first = await serve(configuration)
    if first.tenant.repository.database.backend == "sqlite":
        return [first]
    return [first, await serve(configuration)]


def _each(replicas: list[Served]) -> list[httpx.AsyncClient]:
    """Return the clients in turn."""
    return [replica.http for replica in islice(cycle(replicas), CLIENTS)]


async def _send_all(
    replicas: list[Served], path: str, bodies: list[dict[str, Any]]
) -> Counter[int]:
    answers = await asyncio.gather(
        *(
            client.post(path, json=body)
            for client, body in zip(_each(replicas), bodies, strict=True)
        )
    )
    return Counter(answer.status_code for answer in answers)


async def test_no_member_is_lost(replicas: list[Served]) -> None:
    """Members that are added by simultaneous requests are all in the group."""
    scim = replicas[0].http
    ids = [
        (await scim.post("/Users", json={"userName": f"user-{number}"})).json()["id"]
        for number in range(CLIENTS)
    ]
    group = (await scim.post("/Groups", json={"displayName": "all"})).json()["id"]

    async def patch(client: httpx.AsyncClient, operation: str, member: str) -> int:
        value = [{"value": member}]
        operations = [{"op": operation, "path": "members", "value": value}]
        return (await client.patch(f"/Groups/{group}", json=_patch(operations))).status_code

    pairs = list(zip(_each(replicas), ids, strict=True))
    added = await asyncio.gather(*(patch(client, "Add", each) for client, each in pairs))
    assert set(added) == {204}
    found = (await scim.get(f"/Groups/{group}")).json()
    assert sorted(member["value"] for member in found["members"]) == sorted(ids)

    removed = await asyncio.gather(*(patch(client, "Remove", each) for client, each in pairs[1:]))
    assert set(removed) == {204}
    found = (await scim.get(f"/Groups/{group}")).json()
    assert [member["value"] for member in found["members"]] == ids[:1]


async def test_one_of_many_gets_the_user_name(replicas: list[Served]) -> None:
    """Of simultaneous users whose names differ only in case, one is created."""
    # In each name another letter is in upper case.
    name = "abcdefghijklmnopqrstuvwx@b.example"
    names = [name[:at] + name[at].upper() + name[at + 1 :] for at in range(CLIENTS)]
    statuses = await _send_all(replicas, "/Users", [{"userName": name} for name in names])
    assert statuses == {201: 1, 409: CLIENTS - 1}
    assert (await replicas[0].http.get("/Users")).json()["totalResults"] == 1


async def test_one_of_many_gets_the_group_name(replicas: list[Served]) -> None:
    """Of simultaneous groups with one displayName, one is created."""
    statuses = await _send_all(replicas, "/Groups", [{"displayName": "all"}] * CLIENTS)
    assert statuses == {201: 1, 409: CLIENTS - 1}


async def test_the_licences_are_never_exceeded(serve: Serve) -> None:
    """Simultaneous requests create exactly as many active users as there are licences."""
    replicas = await _replicas(serve, {"provisioning": {"maxUsers": 5}})
    statuses = await _send_all(
        replicas, "/Users", [{"userName": f"user-{number}"} for number in range(CLIENTS)]
    )
    assert statuses == {201: 5, 400: CLIENTS - 5}
    listed = (await replicas[0].http.get("/Users", params={"count": 0})).json()
    assert listed["totalResults"] == 5


async def test_attributes_of_one_user_do_not_overwrite_each_other(replicas: list[Served]) -> None:
    """Each of many simultaneous PATCHes of one user preserves the changes of the others."""
    scim = replicas[0].http
    user = (await scim.post("/Users", json={"userName": "ada"})).json()["id"]
    attributes = ["title", "displayName", "nickName", "userType", "locale", "timezone"]

    async def patch(client: httpx.AsyncClient, attribute: str) -> int:
        operations = [{"op": "Add", "path": attribute, "value": f"new {attribute}"}]
        return (await client.patch(f"/Users/{user}", json=_patch(operations))).status_code

    statuses = await asyncio.gather(*map(patch, _each(replicas)[: len(attributes)], attributes))
    assert set(statuses) == {200}
    found = (await scim.get(f"/Users/{user}")).json()
    assert {name: found[name] for name in attributes} == {
        name: f"new {name}" for name in attributes
    }


async def test_users_are_disabled_while_others_are_enabled(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Requests that disable users and requests that enable others do not deadlock."""
    # One slot, so that all of them write the same two rows.
    monkeypatch.setattr("scim_service.store.counters._SLOTS", {"sqlite": 1, "postgresql": 1})
    replicas = await _replicas(serve, {})
    scim = replicas[0].http
    ids = [
        (await scim.post("/Users", json={"userName": name, "active": number % 2 == 0})).json()["id"]
        for number, name in enumerate(f"user-{number}" for number in range(CLIENTS))
    ]

    async def toggle(client: httpx.AsyncClient, user: str, *, active: bool) -> set[int]:
        statuses = set()
        for _ in range(8):
            active = not active
            operations = [{"op": "Replace", "path": "active", "value": active}]
            answer = await client.patch(f"/Users/{user}", json=_patch(operations))
            statuses.add(answer.status_code)
        return statuses

    found = await asyncio.gather(
        *(
            toggle(client, user, active=number % 2 == 0)
            for number, (client, user) in enumerate(zip(_each(replicas), ids, strict=True))
        )
    )
    assert set().union(*found) == {200}
    active = await scim.get("/Users", params={"filter": "active eq true", "count": 0})
    assert active.json()["totalResults"] == CLIENTS / 2


def _patch(operations: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": operations,
    }
