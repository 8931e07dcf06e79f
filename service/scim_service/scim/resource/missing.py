"""Finds the required attributes and sub-attributes that a resource has no value for."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from scim_service.scim.attribute_path import parse_attribute_path, resolve_configured_path
from scim_service.scim.resource.canonical import join_path
from scim_service.scim.schemas.attribute import Attribute
from scim_service.scim.schemas.resource_type import ResourceType


def find_missing_attributes(
    resource_type: ResourceType, resource: Mapping[str, Any], names: Iterable[str]
) -> tuple[str, ...]:
    """Return those of `names` that the resource has no value for.

    The short name of an extension attribute is enough.
    """
    return tuple(name for name in names if not _has_value(resource_type, resource, name))


def find_missing_parts(resource_type: ResourceType, resource: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the paths of the required sub-attributes without a value, once for each place.

    The attributes of an extension are sub-attributes of its URN; without any of them, none is
    required (RFC 7643 section 6: the extension itself is optional).
    """
    return tuple(
        path
        for attribute in resource_type.with_required_parts
        for path in _find_parts(attribute, resource.get(attribute.name), attribute.name)
    )


def _find_parts(attribute: Attribute, value: Any, where: str) -> Iterator[str]:
    elements = value if isinstance(value, list) else [value]
    for each in (element for element in elements if isinstance(element, Mapping)):
        for sub in attribute.sub_attributes:
            path = join_path(attribute, where, sub.name)
            if sub.required and each.get(sub.name) in (None, "", []):
                yield path
            elif sub.type == "complex":
                yield from _find_parts(sub, each.get(sub.name), path)


def _has_value(resource_type: ResourceType, resource: Mapping[str, Any], name: str) -> bool:
    path = resolve_configured_path(parse_attribute_path(name), resource_type)
    if path is None:
        return False
    holder = resource if path.schema is None else resource.get(path.schema, {})
    value = holder.get(path.name) if path.name else holder
    if path.sub is None:
        return value not in (None, "", [], {})
    elements = value if isinstance(value, list) else [value or {}]
    return any(
        isinstance(each, Mapping) and each.get(path.sub) not in (None, "") for each in elements
    )
