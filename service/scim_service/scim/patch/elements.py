"""Applies an operation to the elements that a value filter selects."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from scim_service.scim import errors
from scim_service.scim.attribute_path import AttributePath
from scim_service.scim.filter.evaluator import matches, wrap_element
from scim_service.scim.filter.tree import And, Compare, Filter
from scim_service.scim.leniencies import Leniencies
from scim_service.scim.patch.assignment import (
    apply_to_whole,
    clear_other_primaries,
    drop_stale_reference,
    is_primary,
    merge,
    put,
)
from scim_service.scim.patch.operation import Op
from scim_service.scim.patch.path import PatchPath
from scim_service.scim.resource.canonical import LABELS, check_number_of_values
from scim_service.scim.schemas.attribute import Attribute
from scim_service.scim.values import format_datetime


def apply_to_elements(
    holder: dict[str, Any],
    attribute: Attribute,
    op: Op,
    path: PatchPath,
    value: Any,
    leniencies: Leniencies,
) -> None:
    """Apply an operation to the elements that a value filter selects, or to all of them."""
    values: list[Any] = list(holder.get(attribute.name, []))
    selected = {
        index
        for index, each in enumerate(values)
        if path.filter is None or matches(path.filter, wrap_element(each))
    }
    if not selected:
        if not leniencies.creates_described_elements:
            raise errors.no_target(f"{path} selects no value of the resource.")
        if op == "remove" or value is None:
            return
        values.append(describe_element(path))
        selected = {len(values) - 1}
        check_number_of_values(attribute, values)
    changed = {
        index: _change_element(attribute, values[index], op, path, value, leniencies)
        for index in selected
    }
    values = [changed.get(index, each) for index, each in enumerate(values)]
    primaries = {index for index in selected if is_primary(values[index])}
    if len(primaries) > 1:
        raise errors.invalid_value(f"{path} selects several values; only one can be primary.")
    if primaries:
        values = clear_other_primaries(values, primaries)
    put(holder, attribute.name, [each for each in values if each not in (None, {})])


def _change_element(
    attribute: Attribute, element: Any, op: Op, path: PatchPath, value: Any, leniencies: Leniencies
) -> Any:
    """Return an element after the operation, None if the operation removes it."""
    name = path.sub or path.path.sub
    if name is not None:
        sub = attribute.sub_attribute(name)
        assert sub is not None
        part = dict(element)
        apply_to_whole(part, sub, op, value)
        drop_stale_reference(part, element)
        if leniencies.removes_elements_without_value and name not in part and part.keys() <= LABELS:
            return None
        return part
    if op == "remove" or value is None:
        return None
    if attribute.type != "complex":
        return value
    if op == "replace":
        parts = dict(value)
        if leniencies.keeps_described_parts and path.filter is not None:
            parts = {**dict(_read_described_members(path.filter)), **value}
        return {name: each for name, each in parts.items() if each is not None}
    return merge(attribute, element, value, op)


def describe_element(path: PatchPath) -> dict[str, Any]:
    """Return the element that a value filter describes: ``type eq "work"`` gives the type.

    Raises
    ------
    ScimError
        noTarget: the filter describes none.
    """
    if path.filter is None:
        return {}
    described = dict(_read_described_members(path.filter))
    if not described:
        raise errors.no_target(
            f"{path} selects no value of the resource, and the filter does not describe one "
            "that could be added."
        )
    return described


def _read_described_members(filter: Filter) -> Iterator[tuple[str, Any]]:  # noqa: A002
    """Return the parts that each selected element has.

    There are none if the filter asks for more than equality.
    """
    match filter:
        case And(left, right):
            parts = [list(_read_described_members(each)) for each in (left, right)]
            yield from [*parts[0], *parts[1]] if all(parts) else ()
        case Compare(AttributePath(name=name), "eq", value):
            yield name, format_datetime(value) if isinstance(value, datetime) else value
