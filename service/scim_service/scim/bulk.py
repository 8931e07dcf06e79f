"""Bulk requests (RFC 7644 section 3.7): shape, order and references between operations."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

from scim_service.scim import errors
from scim_service.scim.errors import shorten
from scim_service.scim.leniencies import NO_LENIENCIES, Leniencies
from scim_service.scim.messages import (
    URN_BULK_REQUEST,
    URN_BULK_RESPONSE,
    read_message,
    read_object,
)

Method: TypeAlias = Literal["POST", "PUT", "PATCH", "DELETE"]

_METHODS = ("POST", "PUT", "PATCH", "DELETE")
_PATH = re.compile(r"(/[A-Za-z]+)(?:/([^/?#]+))?")
# A whole value, or a literal in the filter of a path.
_REFERENCE = re.compile(r'(?:^|(?<="))bulkId:([^\s"]+)(?=$|")')
_MAX_DEPTH = 32


@dataclass(frozen=True, slots=True)
class BulkOperation:
    """One operation; `endpoint` is ``/Users`` or ``/Groups``, `resource_id` None for POST.

    `resource_id` may be ``bulkId:x``, and so may values in `data`; `references` are all bulkIds
    among these, and `size` is the number of values and characters in `data`.
    """

    index: int
    method: Method
    endpoint: str
    resource_id: str | None
    bulk_id: str | None = None
    version: str | None = None
    data: Any = None
    references: frozenset[str] = frozenset()
    size: int = 0


@dataclass(frozen=True, slots=True)
class BulkRequest:
    """A bulk request; `fail_on_errors` is None for no limit."""

    operations: tuple[BulkOperation, ...]
    fail_on_errors: int | None = None


def parse_bulk(
    body: object, *, max_operations: int, leniencies: Leniencies = NO_LENIENCIES
) -> BulkRequest:
    """Return the operations of a BulkRequest message.

    Raises
    ------
    ScimError
        invalidSyntax or invalidValue naming the operation; 413 for too many of them.
    """
    members = read_message(body, URN_BULK_REQUEST, leniencies)
    documents = members.get("operations")
    if not isinstance(documents, list):
        raise errors.invalid_syntax('"Operations" must be a list.')
    if len(documents) > max_operations:
        raise errors.too_large(
            f"The request has {len(documents)} operations; at most {max_operations} are accepted. "
            "Send them in several requests."
        )
    limit = members.get("failonerrors")
    if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int) or limit < 1):
        raise errors.invalid_value("failOnErrors must be an integer above 0.")
    operations = tuple(
        _parse_operation(index, document, leniencies) for index, document in enumerate(documents)
    )
    bulk_ids = [each.bulk_id for each in operations if each.bulk_id is not None]
    if len(bulk_ids) != len(set(bulk_ids)):
        raise errors.invalid_value("Two operations have the same bulkId; each needs its own.")
    return BulkRequest(operations, limit)


def _parse_operation(index: int, document: object, leniencies: Leniencies) -> BulkOperation:
    what = f"Operations[{index}]"
    members = {name.lower(): each for name, each in read_object(document, what).items()}
    method = members.get("method")
    if leniencies.reads_methods_in_any_case and isinstance(method, str):
        method = method.upper()
    if method not in _METHODS:
        raise errors.invalid_syntax(f"{what}.method must be POST, PUT, PATCH or DELETE.")
    path = members.get("path")
    match = _PATH.fullmatch(path) if isinstance(path, str) else None
    if match is None:
        raise errors.invalid_syntax(f"{what}.path must be a path such as /Users or /Users/{{id}}.")
    endpoint, resource_id = match.groups()
    if (method == "POST") is not (resource_id is None):
        example = "/Users" if method == "POST" else "/Users/{id}"
        raise errors.invalid_syntax(f"{what}.path: {method} goes to a path such as {example}.")
    for name in ("bulkid", "version"):
        if members.get(name) is not None and not isinstance(members[name], str):
            raise errors.invalid_value(f"{what}.{name} must be a string.")
    if method == "POST" and not members.get("bulkid"):
        raise errors.invalid_value(f"{what}.bulkId is missing; POST needs it.")
    if method != "DELETE" and members.get("data") is None:
        raise errors.invalid_value(f"{what}.data is missing; {method} needs it.")
    data = members.get("data") if method != "DELETE" else None
    names, size = _survey(data)
    return BulkOperation(
        index=index,
        method=method,
        endpoint=endpoint,
        resource_id=resource_id,
        bulk_id=members.get("bulkid"),
        version=members.get("version"),
        data=data,
        references=frozenset([*names, *_REFERENCE.findall(resource_id or "")]),
        size=size,
    )


def order_operations(operations: Sequence[BulkOperation]) -> list[BulkOperation]:
    """Return the operations in an order where each follows those that it refers to.

    Operations without references keep their order. So do those in a cycle of references, and
    `resolve_references` refuses the one that cannot be resolved.
    """
    by_bulk_id = {each.bulk_id or "": each for each in operations}
    ordered: list[BulkOperation] = []
    seen: set[int] = set()
    for operation in operations:
        # Iterative, as a chain of references may be as long as the request.
        stack = [(operation, _find_referred(operation, by_bulk_id))]
        if operation.index in seen:
            continue
        seen.add(operation.index)
        while stack:
            current, referred = stack[-1]
            following = next((each for each in referred if each.index not in seen), None)
            if following is None:
                ordered.append(current)
                stack.pop()
            else:
                seen.add(following.index)
                stack.append((following, _find_referred(following, by_bulk_id)))
    return ordered


def _find_referred(
    operation: BulkOperation, by_bulk_id: Mapping[str, BulkOperation]
) -> Iterator[BulkOperation]:
    return (by_bulk_id[each] for each in sorted(operation.references) if each in by_bulk_id)


def resolve_references(operation: BulkOperation, ids: Mapping[str, str]) -> BulkOperation:
    """Return the operation with each ``bulkId:x`` replaced by the id of the created resource.

    Raises
    ------
    ScimError
        409 for a reference to an operation that failed, does not exist or refers back.
    """
    missing = sorted(operation.references - ids.keys())
    if missing:
        raise errors.conflict(
            f'The operation refers to bulkId "{shorten(missing[0])}", which was not created: it '
            "failed, is not in the request, or refers back to this operation."
        )
    if not operation.references:
        return operation
    resource_id = operation.resource_id
    return replace(
        operation,
        resource_id=None if resource_id is None else _substitute(resource_id, ids),
        data=_substitute(operation.data, ids),
    )


def build_operation_response(
    operation: BulkOperation,
    status: int,
    *,
    location: str | None = None,
    version: str | None = None,
    response: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the entry for one operation in a BulkResponse."""
    entry: dict[str, Any] = {"method": operation.method}
    optional = {"bulkId": operation.bulk_id, "version": version, "location": location}
    entry.update({name: value for name, value in optional.items() if value is not None})
    entry["status"] = str(status)
    if response is not None:
        entry["response"] = response
    return entry


def build_bulk_response(entries: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return a BulkResponse."""
    return {"schemas": [URN_BULK_RESPONSE], "Operations": list(entries)}


def _survey(data: Any) -> tuple[list[str], int]:
    """Return the bulkIds that `data` refers to, and the number of values and characters in it."""
    names: list[str] = []
    size = 0
    stack = [(data, 0)]
    while stack:
        current, depth = stack.pop()
        if depth > _MAX_DEPTH:
            raise errors.invalid_syntax(f"The data is nested more than {_MAX_DEPTH} levels deep.")
        size += 1
        if isinstance(current, str):
            size += len(current)
            if "bulkId:" in current:
                names += _REFERENCE.findall(current)
        elif isinstance(current, dict):
            stack += [(each, depth + 1) for each in current.values()]
        elif isinstance(current, list):
            stack += [(each, depth + 1) for each in current]
    return names, size


def _substitute(value: Any, ids: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return _REFERENCE.sub(lambda match: ids[match.group(1)], value)
    if isinstance(value, dict):
        return {name: _substitute(each, ids) for name, each in value.items()}
    if isinstance(value, list):
        return [_substitute(each, ids) for each in value]
    return value
