"""Evaluates a resolved filter on one resource."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from scim_service.scim.attribute_path import AttributePath
from scim_service.scim.filter.tree import And, Compare, Filter, Not, Or, Present, ValuePath
from scim_service.scim.schemas.attribute import Attribute
from scim_service.scim.values import fold_case, is_case_exact, parse_datetime


def matches(filter: Filter, resource: Mapping[str, Any]) -> bool:  # noqa: A002
    """Evaluate a resolved filter on a resource in canonical form.

    ``ne`` also matches an attribute without a value; with several values, it matches if any of
    them differs.
    """
    match filter:
        case Compare():
            return _compare(filter, resource)
        case Present(path):
            return any(value not in ("", [], {}) for value in find_values(path, resource))
        case And(left, right):
            return matches(left, resource) and matches(right, resource)
        case Or(left, right):
            return matches(left, resource) or matches(right, resource)
        case Not(operand):
            return not matches(operand, resource)
        case ValuePath(path, inner):
            return any(matches(inner, wrap_element(each)) for each in find_values(path, resource))


def wrap_element(element: Any) -> Mapping[str, Any]:
    """Return an element in the form that value filters are evaluated on."""
    return element if isinstance(element, Mapping) else {"value": element}


def find_values(path: AttributePath, resource: Mapping[str, Any]) -> Iterator[Any]:
    """Return the values that a resource has at a resolved path."""
    holder = resource if path.schema is None else resource.get(path.schema)
    if holder is None:
        return
    value = holder.get(path.name) if path.name else holder
    for each in value if isinstance(value, list) else (value,):
        leaf = wrap_element(each).get(path.sub) if path.sub is not None else each
        if leaf is not None:
            yield leaf


def _compare(compare: Compare, resource: Mapping[str, Any]) -> bool:
    leaf = compare.path.leaf
    expected = _to_comparable(compare.value, leaf)
    values = [_to_comparable(value, leaf) for value in find_values(compare.path, resource)]
    if compare.op == "ne":
        return not values or any(value != expected for value in values)
    holds = _COMPARISONS[compare.op]
    return any(holds(value, expected) for value in values)


def _to_comparable(value: Any, leaf: Attribute) -> Any:
    if not isinstance(value, str):
        return value
    if leaf.type == "dateTime":
        return parse_datetime(value)
    return value if is_case_exact(leaf) else fold_case(value)


_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "eq": lambda value, expected: bool(value == expected),
    "co": lambda value, expected: expected in value,
    "sw": lambda value, expected: bool(value.startswith(expected)),
    "ew": lambda value, expected: bool(value.endswith(expected)),
    "gt": lambda value, expected: bool(value > expected),
    "ge": lambda value, expected: bool(value >= expected),
    "lt": lambda value, expected: bool(value < expected),
    "le": lambda value, expected: bool(value <= expected),
}
