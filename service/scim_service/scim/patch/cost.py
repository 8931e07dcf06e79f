"""Estimates how many comparisons an operation takes, before it is applied."""

from collections.abc import Mapping
from typing import Any

from scim_service.scim.filter.shape import count_comparisons
from scim_service.scim.patch.operation import Operation


def estimate_cost(operation: Operation, resource: Mapping[str, Any]) -> int:
    """Return an upper bound of the values that an operation compares or copies."""
    value = operation.value
    if operation.path is None:
        return sum(
            _count_values(resource.get(name)) + _count_values(each) for name, each in value.items()
        )
    path, holder = operation.path.path, resource
    if path.schema is not None:
        holder = resource.get(path.schema, {})
    current = holder.get(path.name) if path.name else holder
    if operation.path.filter is not None or operation.path.sub is not None or path.sub is not None:
        written = 1 + (len(value) if isinstance(value, (dict, list)) else 0)
        conditions = count_comparisons(operation.path.filter)
        return _count_values(current) * (conditions + written) + conditions * (
            _count_characters(current) >> 6
        )
    if operation.op == "remove" and value is not None:
        return _count_values(current) * (1 + len(value))
    return _count_values(current) + _count_values(value)


def _count_values(value: Any) -> int:
    """Return the number of values in a value, without those of sub-attributes in a list."""
    if isinstance(value, list):
        return 1 + len(value)
    return 1 + sum(map(_count_values, value.values())) if isinstance(value, dict) else 1


def _count_characters(elements: Any) -> int:
    """Return the number of characters in the elements of a multi-valued attribute."""
    return sum(
        len(text)
        for each in (elements if isinstance(elements, list) else ())
        for text in (each.values() if isinstance(each, dict) else (each,))
        if isinstance(text, str)
    )
