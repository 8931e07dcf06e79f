"""Request bodies: their size, their form, and the number of large ones at a time."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from scim_service.http import messages
from scim_service.scim.messages import URN_GROUP, URN_PATCH_OP, URN_USER
from scim_service.store.resources import size_limit
from scim_service.tenant.limits import Limits
from scim_service.worker import MemoryLimit

from tests.service.served import Serve
from tests.service.worst import prepare

MARK = b"\xef\xbb\xbf"
MEMBERS = 8000


def user(name: str, **values: Any) -> dict[str, Any]:
    """Return a user as it is sent."""
    return {"schemas": [URN_USER], "userName": name, **values}


def member(user_id: str, number: int) -> dict[str, str]:
    """Return a member of a typical length."""
    return {
        "value": user_id,
        "$ref": f"https://scim.apps.customer.example/namespace/tenant-with-a-name/scim/Users/{user_id}",
        "display": f"Maximiliane von Hohenlohe-Langenburg {number} (Sales, Berlin)",
        "type": "User",
    }


@pytest.mark.parametrize("profile", ["entra", "strict"])
async def test_a_group_of_8000_is_sent_at_once(serve: Serve, profile: str) -> None:
    """A PUT, a POST and a PATCH with all members and their names are accepted."""
    served = await serve({"provisioning": {"profile": profile}})
    prepared = await prepare(served, members=MEMBERS)
    members = [member(each, number) for number, each in enumerate(prepared.members)]
    body = {"schemas": [URN_GROUP], "displayName": "all", "members": members}
    assert len(json.dumps(body)) > 1 << 20
    answer = await served.http.post("/Groups", json=body)
    assert answer.status_code == 201, answer.text[:500]
    assert len(answer.json()["members"]) == MEMBERS
    path = f"/Groups/{answer.json()['id']}"
    answer = await served.http.put(path, json={**body, "displayName": "All"})
    assert len(answer.json()["members"]) == MEMBERS
    operation = {"op": "replace", "path": "members", "value": members}
    patch = {"schemas": [URN_PATCH_OP], "Operations": [operation]}
    assert (await served.http.patch(path, json=patch)).status_code == 204


async def test_over_the_limits_is_413(serve: Serve) -> None:
    """Too many bytes, brackets or values are refused with the number, however they are sent."""
    scim = (await serve()).http
    size = (await scim.get("/ServiceProviderConfig")).json()["bulk"]["maxPayloadSize"]
    assert size == Limits().body_bytes == 4 << 20

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(5):
            yield b" " * (1 << 20)

    long = json.dumps(user("ann", title="x" * size)).encode()
    keys = json.dumps(user("ann", **{f"k{n}": 1 for n in range(messages.MAX_COMMAS)})).encode()
    for content, named in (
        (long, str(size)),
        (chunks(), str(size)),
        (
            json.dumps(user("ann", x=[{}] * (messages.MAX_OPENINGS + 1))).encode(),
            "objects and lists",
        ),
        (keys, str(messages.MAX_COMMAS)),
    ):
        answer = await scim.post("/Users", content=content)
        assert answer.status_code == 413
        assert named in answer.json()["detail"]
    assert (await scim.post("/Users", json=user("ann"))).status_code == 201


async def test_large_bodies_share_a_limit_of_memory(serve: Serve) -> None:
    """A large body is answered 429 while others use the memory up; all of it is given back."""
    memory = MemoryLimit(150_000)
    served = await serve(body_memory=memory)
    arrived, go_on = asyncio.Event(), asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield json.dumps(user("slow", title="x" * 100_000)).encode()
        arrived.set()
        await go_on.wait()

    first = asyncio.create_task(served.http.post("/Users", content=slow()))
    await arrived.wait()
    large = json.dumps(user("large", title="x" * 100_000)).encode()
    refused = await served.http.post("/Users", content=large)
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "5")
    assert (await served.http.post("/Users", json=user("small"))).status_code == 201
    go_on.set()
    assert (await first).status_code == 201
    assert (await served.http.post("/Users", content=large)).status_code == 201
    assert (await served.http.post("/Users", content=large[:-1])).status_code == 400
    assert memory._left == 150_000


@pytest.mark.parametrize("profile", ["entra", "strict"])
async def test_a_byte_order_mark_is_accepted(serve: Serve, profile: str) -> None:
    """Some clients write one before JSON; RFC 8259 allows a reader to ignore it."""
    scim = (await serve({"provisioning": {"profile": profile}})).http
    assert (
        await scim.post("/Users", content=MARK + json.dumps(user("ann")).encode())
    ).status_code == 201
    for content in (MARK, MARK + MARK + b"{}", json.dumps(user("bob")).encode("utf-16")):
        answer = await scim.post("/Users", content=content)
        assert (answer.status_code, answer.json()["scimType"]) == (400, "invalidSyntax")


@pytest.mark.parametrize("coding", ["gzip", "GZIP", "deflate", "br", "identity, gzip"])
async def test_a_compressed_body_is_415_with_the_reason(serve: Serve, coding: str) -> None:
    """The error says that bodies must not be compressed; identity is accepted."""
    scim = (await serve()).http
    content = gzip.compress(json.dumps(user("ann")).encode())
    for method, path in (("POST", "/Users"), ("PATCH", "/Users/x"), ("POST", "/.search")):
        answer = await scim.request(
            method, path, content=content, headers={"Content-Encoding": coding}
        )
        if answer.status_code == 404:
            continue
        assert answer.status_code == 415, path
        assert "compressed" in answer.json()["detail"]
    plain = await scim.post("/Users", json=user("ann"), headers={"Content-Encoding": "identity"})
    assert plain.status_code == 201


@pytest.mark.parametrize("profile", ["entra", "strict"])
@pytest.mark.parametrize("letter", ["x", "ß"])
async def test_no_length_keeps_a_user_active(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, profile: str, letter: str
) -> None:
    """A user at or above the size limit can be disabled and enabled, but not become longer."""
    scim = (await serve({"provisioning": {"profile": profile}})).http
    limit = size_limit.RESOURCE_BYTES
    stored: list[str] = []
    with monkeypatch.context() as earlier:
        earlier.setattr(size_limit, "RESOURCE_BYTES", 1 << 20)
        for number, values in enumerate(({"active": True}, {})):
            body = user(f"long{number}", title=letter * (limit + 100), **values)
            stored.append((await scim.post("/Users", json=body)).json()["id"])
    full = user("full", title="")
    room = limit - len(json.dumps(full, separators=(",", ":"), ensure_ascii=False).encode())
    full["title"] = "x" * room
    stored.append((await scim.post("/Users", json=full)).json()["id"])
    for user_id in stored:
        for active in (False, True, False):
            operation = {"op": "replace", "path": "active", "value": active}
            answer = await change(scim, user_id, operation)
            assert answer.status_code == 200, answer.text[-300:]
            assert answer.json()["active"] is active
        longer = {"op": "add", "path": "nickName", "value": "y" * 20}
        enable = {"op": "replace", "path": "active", "value": True}
        assert (await change(scim, user_id, longer)).status_code == 413
        assert (await change(scim, user_id, enable, longer)).status_code == 413


async def change(scim: httpx.AsyncClient, user_id: str, *operations: Any) -> httpx.Response:
    """Send a PATCH."""
    body = {"schemas": [URN_PATCH_OP], "Operations": operations}
    return await scim.patch(f"/Users/{user_id}", json=body)
