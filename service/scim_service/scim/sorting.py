"""``sortBy`` and ``sortOrder`` (RFC 7644 section 3.4.2.3)."""

from dataclasses import dataclass, replace

from scim_service.scim import errors
from scim_service.scim.attribute_path import AttributePath, parse_attribute_path, resolve_path
from scim_service.scim.errors import shorten
from scim_service.scim.schemas.resource_type import ResourceType


@dataclass(frozen=True, slots=True)
class Sort:
    """An order by the attribute that a resolved path names.

    Of a multi-valued attribute the primary value counts, or the first where none is primary.
    Resources without a value come last in ascending and first in descending order.
    """

    path: AttributePath
    descending: bool = False


def parse_sort(
    resource_type: ResourceType,
    sort_by: str | None,
    sort_order: str | None = None,
) -> Sort | None:
    """Return the order that a client asked for, None where it asked for none.

    Raises
    ------
    ScimError
        invalidPath for an attribute that is unknown or has no order, invalidValue for an order
        other than ascending and descending.
    """
    order = (sort_order or "ascending").lower()
    if order not in {"ascending", "descending"}:
        raise errors.invalid_value("sortOrder must be ascending or descending.")
    if not sort_by:
        return None
    path = resolve_path(parse_attribute_path(sort_by), resource_type)
    if path is None:
        raise errors.invalid_path(
            f'sortBy names "{shorten(sort_by)}", which {resource_type.name} does not have.'
        )
    if path.leaf.type == "complex":
        value = path.leaf.sub_attribute("value")
        if value is None:
            raise errors.invalid_path(
                f"sortBy names {path}, which is complex; name one of its sub-attributes."
            )
        path = replace(path, sub=value.name, sub_attribute=value)
    if path.leaf.returned == "never" or path.leaf.type == "binary":
        raise errors.invalid_path(f"sortBy names {path}, which has no order.")
    return Sort(path, descending=order == "descending")
