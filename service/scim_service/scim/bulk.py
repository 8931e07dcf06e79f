"""Bulk requests (RFC 7644 section 3.7): shape, order and references between operations."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

Method: TypeAlias = Literal["POST", "PUT", "PATCH", "DELETE"]


@dataclass(frozen=True, slots=True)
class BulkOperation:
    """One operation; `endpoint` is ``/Users`` or ``/Groups``, `resource_id` None for POST.

    `resource_id` may be ``bulkId:x``, and so may values in `data`.
    """

    index: int
    method: Method
    endpoint: str
    resource_id: str | None
    bulk_id: str | None = None
    version: str | None = None
    data: Any = None


@dataclass(frozen=True, slots=True)
class BulkRequest:
    """A bulk request; `fail_on_errors` is None for no limit."""

    operations: tuple[BulkOperation, ...]
    fail_on_errors: int | None = None


def parse_bulk(body: object, *, max_operations: int, lenient: bool = False) -> BulkRequest:
    """Return the operations of a BulkRequest message.

    Raises
    ------
    ScimError
        invalidSyntax or invalidValue naming the operation; 413 for too many of them.
    """
    raise NotImplementedError


def order(operations: Sequence[BulkOperation]) -> list[BulkOperation]:
    """Return the operations so that each comes after those it refers to.

    Operations that refer to nothing keep their order; those in a cycle of references come in
    their order too, and `resolve` refuses the one that cannot be resolved.
    """
    raise NotImplementedError


def references(operation: BulkOperation) -> frozenset[str]:
    """Return the bulkIds that an operation refers to."""
    raise NotImplementedError


def resolve(operation: BulkOperation, ids: Mapping[str, str]) -> BulkOperation:
    """Return the operation with every ``bulkId:x`` replaced by the id it got.

    Raises
    ------
    ScimError
        409 for a reference to an operation that failed, does not exist or refers back.
    """
    raise NotImplementedError


def operation_response(
    operation: BulkOperation,
    status: int,
    *,
    location: str | None = None,
    version: str | None = None,
    response: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the entry for one operation in a BulkResponse."""
    raise NotImplementedError
