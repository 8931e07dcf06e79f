"""``sortBy`` and ``sortOrder`` (RFC 7644 section 3.4.2.3)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scim_service.scim.filter import AttributePath
from scim_service.scim.schema import ResourceType


@dataclass(frozen=True, slots=True)
class Sort:
    """An order; `path` is resolved, and the multi-valued attribute's primary or first counts."""

    path: AttributePath
    descending: bool = False


def parse_sort(
    resource_type: ResourceType,
    sort_by: str | None,
    sort_order: str | None = None,
    *,
    lenient: bool = False,
) -> Sort | None:
    """Return the order that a client asked for, None where it asked for none.

    Raises
    ------
    ScimError
        invalidPath for an attribute that is unknown or has no order, invalidValue for an order
        other than ascending and descending.
    """
    raise NotImplementedError


def sort_resources(sort: Sort, resources: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Sort plainly: the meaning that the store's SQL is held against.

    Resources without a value come last in ascending and first in descending order.
    """
    raise NotImplementedError
