"""The endpoints of searches over all types, and ``/Me`` (RFC 7644 sections 3.4.2.1 and 3.11)."""

from fastapi import APIRouter, Request, Response

from scim_service.http.messages import ScimResponse, get_context, read_json
from scim_service.http.resources import search_request
from scim_service.scim import errors
from scim_service.scim.messages import parse_search_request
from scim_service.tenant.tenant import Tenant


def add_search_routes(router: APIRouter, tenant: Tenant) -> None:
    """Add the endpoints at the root."""

    @router.get("/")
    async def find(request: Request) -> Response:
        query = search_request(request)
        return ScimResponse(await tenant.search_all.find(get_context(request), query))

    @router.post("/.search")
    async def search(request: Request) -> Response:
        body = await read_json(request, tenant)
        query = parse_search_request(body, tenant.rules.dialect.leniencies)
        return ScimResponse(await tenant.search_all.find(get_context(request), query))

    methods = ["GET", "POST", "PUT", "PATCH", "DELETE"]

    @router.api_route("/Me", methods=methods, include_in_schema=False)
    async def me(_: Request) -> Response:
        raise errors.not_implemented(
            "A token here stands for a provisioning service, not for a user; use /Users."
        )
