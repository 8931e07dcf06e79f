"""The endpoint of Bulk requests (RFC 7644 section 3.7)."""

import asyncio
from dataclasses import replace
from functools import partial
from time import perf_counter
from typing import Any

import orjson
from fastapi import APIRouter, Request, Response

from scim_service.http.failures import describe_failure
from scim_service.http.messages import (
    ScimResponse,
    format_etag,
    get_context,
    parse_if_match,
    read_json,
)
from scim_service.scim import errors
from scim_service.scim.bulk import (
    BulkOperation,
    BulkRequest,
    build_bulk_response,
    build_operation_response,
    order_operations,
    parse_bulk,
    resolve_references,
)
from scim_service.scim.skipped import Skipped
from scim_service.tenant.context import OPERATIONS, RequestContext
from scim_service.tenant.operations.resource_operations import ResourceOperations
from scim_service.tenant.operations.result import Result
from scim_service.tenant.rules import Rules
from scim_service.tenant.tenant import Tenant


def add_bulk_routes(router: APIRouter, tenant: Tenant) -> None:
    """Add the endpoint of bulk requests."""
    rules = tenant.rules

    @router.post("/Bulk")
    async def bulk(request: Request) -> Response:
        context = get_context(request)
        context.operation = "bulk"
        body = await read_json(request, tenant)
        message, ordered = await tenant.worker.run(context.size, lambda: _parse(body, rules))
        entries: dict[int, dict[str, Any]] = {}
        ids: dict[str, str] = {}
        failures = 0
        for operation in ordered:
            if message.fail_on_errors is not None and failures >= message.fail_on_errors:
                break
            entry = await _perform(tenant, context, operation, ids)
            failures += int(entry["status"]) >= 400
            entries[operation.index] = entry
            # A refused operation awaits nothing, and there may be a thousand of them.
            await asyncio.sleep(0)
        return ScimResponse(
            orjson.dumps(build_bulk_response([entries[n] for n in sorted(entries)]))
        )


def _parse(body: object, rules: Rules) -> tuple[BulkRequest, list[BulkOperation]]:
    message = parse_bulk(
        body, max_operations=rules.limits.bulk_operations, leniencies=rules.dialect.leniencies
    )
    return message, order_operations(message.operations)


async def _perform(
    tenant: Tenant, context: RequestContext, operation: BulkOperation, ids: dict[str, str]
) -> dict[str, Any]:
    """Perform one operation, and return its entry in the answer; add what it creates to `ids`."""
    own = replace(
        context,
        started=perf_counter(),
        operation=OPERATIONS[operation.method],
        resource_type=None,
        resource_id=None,
        size=operation.size,
        skipped=Skipped(),
        dropped=0,
    )
    try:
        resolved = await tenant.worker.run(
            operation.size, partial(resolve_references, operation, ids)
        )
        answer = await _dispatch(tenant, own, resolved)
    except Exception as raised:
        # Earlier operations stay done, so the answer must be complete.
        error = (
            raised if isinstance(raised, errors.ScimError) else describe_failure(raised, context)[0]
        )
        own.note_refusal(error)
        tenant.note_outcome(own, error.status)
        return build_operation_response(operation, error.status, response=error.body())
    tenant.note_outcome(own, answer.status)
    context.skipped.update(own.skipped)
    context.dropped += own.dropped
    if operation.bulk_id is not None and own.resource_id is not None:
        ids[operation.bulk_id] = own.resource_id
    return build_operation_response(
        operation,
        answer.status,
        location=answer.location,
        version=answer.version and format_etag(answer.version),
    )


async def _dispatch(tenant: Tenant, context: RequestContext, operation: BulkOperation) -> Result:
    operations = _find_operations(tenant, operation.endpoint)
    context.resource_type = operations.resource_type.name
    projection = operations.representation.projection("id", None)
    if operation.method == "POST":
        return await operations.create(context, operation.data, projection)
    assert operation.resource_id is not None
    resource_id = operations.identify(context, operation.resource_id)
    expected = parse_if_match(operation.version)
    if operation.method == "DELETE":
        return await operations.delete(context, resource_id, expected)
    act = operations.replace if operation.method == "PUT" else operations.patch
    answer = await act(context, resource_id, operation.data, projection, expected)
    if answer.location is not None:
        return answer
    return replace(answer, location=operations.representation.location(context, resource_id))


def _find_operations(tenant: Tenant, endpoint: str) -> ResourceOperations[Any]:
    for operations in (tenant.users, tenant.groups):
        if endpoint == operations.resource_type.endpoint:
            return operations
    raise errors.not_found(f"There is no endpoint {endpoint} for bulk operations.")
