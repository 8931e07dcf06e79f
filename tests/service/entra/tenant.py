"""Short calls over the HTTP client, for tests of Entra's traffic."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

CORE = "urn:ietf:params:scim:schemas:core:2.0:User"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
ADSCIM = "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"
PATCH_OP = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
LIST_RESPONSE = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
ERROR = "urn:ietf:params:scim:api:messages:2.0:Error"
MANAGER = f"{ENTERPRISE}:manager"

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class EntraTenant:
    """A client whose base URL is the Tenant URL, and whose requests carry the token."""

    http: httpx.AsyncClient

    async def get(self, path: str, **query: str | int) -> httpx.Response:
        """GET with a query."""
        return await self.http.get(path, params=query)

    async def post(self, path: str, body: Any) -> httpx.Response:
        """POST any body."""
        return await self.http.post(path, json=body)

    async def patch(self, path: str, *operations: Json) -> httpx.Response:
        """PATCH with operations."""
        return await self.http.patch(
            path, json={"schemas": [PATCH_OP], "Operations": list(operations)}
        )

    async def put(self, path: str, body: Json) -> httpx.Response:
        """PUT a body."""
        return await self.http.put(path, json=body)

    async def delete(self, path: str) -> httpx.Response:
        """DELETE."""
        return await self.http.delete(path)

    async def user(self, user_name: str = "jyoung@testuser.com", /, **attributes: Any) -> str:
        """Create a user and return its path."""
        body = {"schemas": [CORE, ENTERPRISE], "userName": user_name, "active": True, **attributes}
        return f"/Users/{_id(await self.post('/Users', body))}"

    async def group(self, name: str = "displayName", *members: str, **attributes: Any) -> str:
        """Create a group, add members by their paths, and return the group's path."""
        body = {"schemas": [GROUP, ADSCIM], "displayName": name, **attributes}
        path = f"/Groups/{_id(await self.post('/Groups', body))}"
        for member in members:
            await self.change(path, add_member(member))
        return path

    async def change(self, path: str, *operations: Json) -> Json:
        """Send a PATCH that must be accepted, and return the changed resource."""
        answer = await self.patch(path, *operations)
        assert answer.status_code in (200, 204), answer.text
        return await self.read(path)

    async def read(self, path: str, **query: str | int) -> Json:
        """Return a resource that must exist."""
        answer = await self.get(path, **query)
        assert answer.status_code == 200, answer.text
        body: Json = answer.json()
        return body

    async def find(self, path: str, condition: str, **query: str | int) -> list[Json]:
        """Return the resources that a filter finds; the answer must be a ListResponse."""
        body = await self.read(path, filter=condition, **query)
        assert body["schemas"] == [LIST_RESPONSE]
        resources: list[Json] = body.get("Resources", [])
        assert body["totalResults"] == len(resources)
        return resources

    async def members(self, path: str) -> set[str]:
        """Return the paths of a group's members."""
        listed = [f"/Users/{one['value']}" for one in (await self.read(path)).get("members", [])]
        assert len(listed) == len(set(listed))
        return set(listed)


def identity(path: str) -> str:
    """Return the id in a resource's path."""
    return path.rpartition("/")[2]


def add_member(*paths: str) -> Json:
    """Entra's operation that adds members."""
    return {"op": "Add", "path": "members", "value": references(*paths)}


def references(*paths: str) -> list[Json]:
    """Members as Entra writes them."""
    return [{"$ref": None, "value": identity(path)} for path in paths]


def replace(path: str, value: Any) -> Json:
    """Entra's operation that replaces one attribute."""
    return {"op": "Replace", "path": path, "value": value}


def enterprise(resource: Mapping[str, Any]) -> Json:
    """Return a user's enterprise extension."""
    found: Json = resource.get(ENTERPRISE, {})
    return found


def _id(answer: httpx.Response) -> str:
    assert answer.status_code == 201, answer.text
    identifier: str = answer.json()["id"]
    return identifier
