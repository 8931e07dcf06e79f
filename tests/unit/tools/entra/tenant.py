"""A SCIM server in memory for tests of the client: obliging, and misbehaving when told to."""

import asyncio
import json
import re
import uuid
from collections.abc import Callable
from typing import Any

from aiohttp import web

from tests.entra.attributes import Resource, Target, lookup

_LIST = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
_FILTER = re.compile(r'(\w+) eq "(.*)"')
_MEMBER = re.compile(r'members\[value eq "(.*)"\]')

Misbehaviour = Callable[[web.Request], web.StreamResponse | None]


class Tenant:
    """Users and groups by id; `misbehave` may answer a request in the tenant's place."""

    def __init__(self) -> None:
        self.held: dict[str, dict[str, Resource]] = {"Users": {}, "Groups": {}}
        self.misbehave: Misbehaviour | None = None
        self.requests: list[str] = []
        self.delay = 0.0
        """How long the next POST is answered after it was stored."""
        self.app = web.Application()
        self.app.router.add_route("*", "/scim/{collection}", self._handle)
        self.app.router.add_route("*", "/scim/{collection}/{id}", self._handle)

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(f"{request.method} {request.path_qs}")
        if self.misbehave and (other := self.misbehave(request)):
            return other
        collection = self.held[request.match_info["collection"]]
        anchor = request.match_info.get("id")
        if anchor is None:
            if request.method == "POST":
                answer = self._create(collection, json.loads(await request.text()))
                delay, self.delay = self.delay, 0.0
                await asyncio.sleep(delay)
                return answer
            return self._list(collection, request)
        if anchor not in collection:
            return error(404, "no such resource")
        if request.method == "DELETE":
            del collection[anchor]
            for group in self.held["Groups"].values():
                group["members"] = [one for one in group["members"] if one["value"] != anchor]
            return web.Response(status=204)
        if request.method == "PATCH":
            for operation in json.loads(await request.text())["Operations"]:
                _apply(collection[anchor], operation)
            return web.Response(status=204)
        return reply(_shown(collection[anchor], request))

    def _create(self, collection: dict[str, Resource], body: Resource) -> web.Response:
        for held in collection.values():
            if "userName" in body and held["userName"].lower() == body["userName"].lower():
                return error(409, "userName is taken")
        resource = {key: value for key, value in body.items() if value is not None}
        resource["id"] = uuid.uuid4().hex
        if "userName" not in body:
            resource["members"] = []
        collection[resource["id"]] = resource
        return reply(resource, 201)

    def _list(self, collection: dict[str, Resource], request: web.Request) -> web.Response:
        found = list(collection.values())
        if "filter" in request.query:
            parsed = _FILTER.fullmatch(request.query["filter"])
            assert parsed is not None
            name, value = parsed.groups()
            wanted = json.loads(f'"{value}"').lower()
            found = [one for one in found if str(lookup(one, name)).lower() == wanted]
        start = int(request.query.get("startIndex", "1"))
        page = found[start - 1 :][: int(request.query.get("count", "100"))]
        return reply(
            {
                "schemas": [_LIST],
                "totalResults": len(found),
                "startIndex": start,
                "itemsPerPage": len(page),
                "Resources": [_shown(one, request) for one in page],
            }
        )


def reply(body: Any, status: int = 200) -> web.Response:
    """Answer with SCIM's media type."""
    return web.Response(text=json.dumps(body), status=status, content_type="application/scim+json")


def error(status: int, detail: str) -> web.Response:
    """Answer with a SCIM error."""
    schema = "urn:ietf:params:scim:api:messages:2.0:Error"
    return reply({"schemas": [schema], "status": str(status), "detail": detail}, status)


def _shown(resource: Resource, request: web.Request) -> Resource:
    excluded = request.query.get("excludedAttributes")
    return {key: value for key, value in resource.items() if key != excluded}


def _apply(resource: Resource, operation: dict[str, Any]) -> None:
    verb, path = operation["op"].lower(), operation.get("path")
    value: Any = operation.get("value")
    if path is None:
        for target, one in value.items():
            Target.parse(target).write(resource, one)
    elif path == "members" or _MEMBER.fullmatch(path):
        named = _MEMBER.fullmatch(path)
        values = {named.group(1)} if named else {one["value"] for one in value}
        kept = [one for one in resource["members"] if one["value"] not in values]
        resource["members"] = kept + ([{"value": one} for one in values] if verb == "add" else [])
    elif path.endswith(":manager"):
        Target.parse(path).write(resource, {"value": value} if value else None)
    else:
        Target.parse(path).write(resource, {"True": True, "False": False}.get(value, value))
