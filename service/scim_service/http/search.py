"""Queries over users and groups at once, and ``/Me`` (RFC 7644 sections 3.4.2.1 and 3.11)."""

from typing import Any

import orjson
from fastapi import APIRouter, Request, Response

from scim_service.http.messages import ScimResponse, context_of, read_json
from scim_service.http.resources import search_request
from scim_service.scim import errors
from scim_service.scim.messages import SearchRequest, build_list_response, parse_search_request
from scim_service.scim.paging import parse_page
from scim_service.store.page_starts import Position
from scim_service.tenant.context import RequestContext
from scim_service.tenant.operations import Listed
from scim_service.tenant.tenant import Tenant
from scim_service.tenant.walks import Step


def add_search_routes(router: APIRouter, tenant: Tenant) -> None:
    """Add the endpoints at the root."""
    rules = tenant.rules

    @router.get("/", summary="Find users and groups")
    async def find(request: Request) -> Response:
        return ScimResponse(await _search(tenant, context_of(request), search_request(request)))

    @router.post("/.search", summary="Find users and groups by a query in the body")
    async def search(request: Request) -> Response:
        query = parse_search_request(await read_json(request, rules.limits), lenient=rules.lenient)
        return ScimResponse(await _search(tenant, context_of(request), query))

    methods = ["GET", "POST", "PUT", "PATCH", "DELETE"]

    @router.api_route("/Me", methods=methods, include_in_schema=False)
    async def me(_: Request) -> Response:
        raise errors.not_implemented(
            "A token here stands for a provisioning service, not for a user; use /Users."
        )


async def _search(tenant: Tenant, context: RequestContext, request: SearchRequest) -> bytes:
    """Return a page over both types: the users come first."""
    if request.sort_by or request.cursor is not None:
        raise errors.invalid_value(
            "sortBy and cursor are for one type of resources; use /Users/.search or"
            " /Groups/.search."
        )
    limits = tenant.limits
    page = parse_page(
        request.start_index,
        request.count,
        default=limits.page_default,
        maximum=limits.page_maximum,
    )
    step = await tenant.walks.step("", request, page)
    found = await _page_of_both(tenant, context, request, step)
    kept, total = await tenant.walks.settle(
        context, step, found.positions, more=found.more, total=found.total
    )
    return orjson.dumps(
        build_list_response(found.resources[:kept], total=total, start_index=page.start_index)
    )


async def _page_of_both(
    tenant: Tenant, context: RequestContext, request: SearchRequest, step: Step
) -> Listed:
    """Return a page over both types; the sort keys begin with the name of the type."""
    page, after = step.page, step.after
    resources: list[dict[str, Any]] = []
    positions: list[Position] = []
    total, more = 0, False
    both = (tenant.users, tenant.groups)
    among = [operations.resource_type for operations in both]
    for operations in both:
        kind = operations.resource_type.name
        is_past = after is not None and after[0] == "Group" and kind == "User"
        # Where the page has ended before its last user, no group may follow.
        wanted = 0 if more or is_past else page.count - len(resources)
        found = await operations.page(
            context,
            request,
            offset=max(page.offset - total, 0) if after is None else 0,
            count=wanted,
            after=after[1:] if after is not None and after[0] == kind else None,
            among=among,
        )
        resources += found.resources
        positions += [(kind, *position) for position in found.positions]
        total += found.total
        more = more or found.more or (wanted == 0 and not is_past and found.total > 0)
    return Listed(resources, positions, total, more)
