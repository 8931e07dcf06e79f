"""Filling a server with users and groups through SCIM, so that every peer can be filled alike."""

import asyncio
from collections.abc import Callable
from typing import Any

import aiohttp

from tests.benchmarks.wrk import Users

_PARALLEL = 16
_MEMBERS_A_REQUEST = 1000

Advance = Callable[[int], None]


class FillError(Exception):
    """A server refuses what it is to be filled with."""


async def fill_users(
    url: str, token: str, users: Users, *, count: int, path: str = "/Users", advance: Advance
) -> None:
    """Create users until there are `count`, and add them to the files.

    Raises
    ------
    FillError
        A user is refused.
    """
    have = len(users.names.read_text().splitlines()) if users.names.exists() else 0
    numbers = iter(range(have, count))

    async with _session(token) as session:
        with users.names.open("a") as names, users.ids.open("a") as ids:

            async def create() -> None:
                for number in numbers:
                    body = user(number)
                    created = await _send(session, "POST", f"{url}{path}", body)
                    names.write(f"{body['userName']}\n")
                    ids.write(f"{created['id']}\n")
                    advance(1)

            await asyncio.gather(*(create() for _ in range(_PARALLEL)))


async def fill_group(url: str, token: str, name: str, ids: list[str], *, advance: Advance) -> str:
    """Create a group with members, and return its id.

    Raises
    ------
    FillError
        The group or a member is refused.
    """
    schemas = ["urn:ietf:params:scim:schemas:core:2.0:Group"]
    async with _session(token) as session:
        body: dict[str, Any] = {"schemas": schemas, "displayName": name}
        group: str = (await _send(session, "POST", f"{url}/Groups", body))["id"]
        for start in range(0, len(ids), _MEMBERS_A_REQUEST):
            members = [{"value": each} for each in ids[start : start + _MEMBERS_A_REQUEST]]
            body = {
                "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
                "Operations": [{"op": "add", "path": "members", "value": members}],
            }
            await _send(session, "PATCH", f"{url}/Groups/{group}", body)
            advance(len(members))
    return group


def user(number: int) -> dict[str, Any]:
    """Return a user with what Entra maps by default."""
    name = f"user-{number}@contoso.example"
    return {
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "externalId": f"user-{number}",
        "userName": name,
        "active": True,
        "displayName": f"Ada {number}",
        "title": "Countess",
        "name": {"givenName": "Ada", "familyName": f"Lovelace {number}"},
        "emails": [{"type": "work", "value": name, "primary": True}],
    }


def _session(token: str) -> aiohttp.ClientSession:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/scim+json"}
    return aiohttp.ClientSession(headers=headers)


async def _send(session: aiohttp.ClientSession, method: str, url: str, body: Any) -> Any:
    async with session.request(method, url, json=body) as response:
        if response.status >= 300:
            raise FillError(f"{method} {url}: {response.status} {await response.text()}")
        return await response.json(content_type=None) if response.status != 204 else None
