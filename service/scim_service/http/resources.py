"""The endpoints of users and groups: one router each, with the same shape."""

from fastapi import APIRouter, Request, Response

from scim_service.http.exchange import (
    Call,
    ScimResponse,
    call_of,
    etag,
    expected_version,
    header,
    parse_etags,
    read_json,
)
from scim_service.http.operations import Answer, Operations, Rules
from scim_service.scim.messages import SearchRequest, parse_search_request
from scim_service.scim.projection import Projection


def add_resource_routes(router: APIRouter, operations: Operations, rules: Rules) -> None:
    """Add the endpoints of one type of resource."""
    name = operations.resource_type.name
    all_of_them = operations.resource_type.endpoint
    one = f"{all_of_them}/{{id}}"

    @router.get(all_of_them, summary=f"Find {name}s")
    async def find(request: Request) -> Response:
        call = _begin(request, name)
        return ScimResponse(await operations.search(call, search_request(request)))

    @router.post(f"{all_of_them}/.search", summary=f"Find {name}s by a query in the body")
    async def search(request: Request) -> Response:
        call = _begin(request, name)
        query = parse_search_request(await read_json(request, rules.limits), lenient=rules.lenient)
        return ScimResponse(await operations.search(call, query))

    @router.post(all_of_them, summary=f"Create a {name}", status_code=201)
    async def create(request: Request) -> Response:
        call = _begin(request, name)
        body = await read_json(request, rules.limits)
        return respond(await operations.create(call, body, _projection(operations, request)))

    @router.get(one, summary=f"Get a {name}")
    async def get(request: Request) -> Response:
        call = _begin(request, name)
        answer = await operations.get(call, _id(request, call), _projection(operations, request))
        known = header(request.scope, b"if-none-match")
        if known is not None and _is_known(known, answer):
            return Response(status_code=304, headers={"ETag": answer.version or ""})
        return respond(answer)

    @router.put(one, summary=f"Replace a {name}")
    async def replace(request: Request) -> Response:
        call = _begin(request, name)
        resource_id = _id(request, call)
        body = await read_json(request, rules.limits)
        projection = _projection(operations, request)
        return respond(
            await operations.replace(
                call,
                resource_id,
                body,
                projection,
                expected_version(header(request.scope, b"if-match")),
            )
        )

    @router.patch(one, summary=f"Change a {name}")
    async def patch(request: Request) -> Response:
        call = _begin(request, name)
        resource_id = _id(request, call)
        body = await read_json(request, rules.limits)
        projection = _projection(operations, request)
        return respond(
            await operations.patch(
                call,
                resource_id,
                body,
                projection,
                expected_version(header(request.scope, b"if-match")),
            )
        )

    @router.delete(one, summary=f"Delete a {name}", status_code=204)
    async def delete(request: Request) -> Response:
        call = _begin(request, name)
        return respond(
            await operations.delete(
                call, _id(request, call), expected_version(header(request.scope, b"if-match"))
            )
        )


def respond(answer: Answer) -> Response:
    """Return an answer as a response."""
    headers: dict[str, str] = {}
    if answer.version is not None:
        headers["ETag"] = answer.version
    if answer.status == 201 and answer.location is not None:
        headers["Location"] = answer.location
    if answer.body is None:
        return Response(status_code=answer.status, headers=headers)
    return ScimResponse(answer.body, answer.status, headers)


def search_request(request: Request) -> SearchRequest:
    """Return the query in a query string; keys that SCIM does not know are ignored.

    Entra appends ``aadOptscim062020`` to the Tenant URL, for example.
    """
    query = _query(request)
    attributes = query.get("attributes")
    excluded = query.get("excludedattributes")
    return SearchRequest(
        filter=query.get("filter"),
        attributes=(attributes,) if attributes else (),
        excluded_attributes=(excluded,) if excluded else (),
        sort_by=query.get("sortby"),
        sort_order=query.get("sortorder"),
        start_index=query.get("startindex"),
        count=query.get("count"),
        cursor=query.get("cursor"),
    )


def _projection(operations: Operations, request: Request) -> Projection:
    query = _query(request)
    return operations.projection(query.get("attributes"), query.get("excludedattributes"))


def _query(request: Request) -> dict[str, str]:
    # The framework has parsed the query string already.
    return {name.lower(): value for name, value in request.query_params.multi_items()}


def _begin(request: Request, resource_type: str) -> Call:
    call = call_of(request)
    call.resource_type = resource_type
    return call


def _id(request: Request, call: Call) -> str:
    call.resource_id = request.path_params["id"]
    return call.resource_id


def _is_known(text: str, answer: Answer) -> bool:
    versions = parse_etags(text)
    return versions is None or answer.version in {etag(version) for version in versions}
