"""Assigns, merges and removes the value of one attribute (RFC 7644 sections 3.5.2.1 to 3.5.2.3)."""

from collections.abc import Mapping
from typing import Any

from scim_service.scim import errors
from scim_service.scim.patch.operation import Op
from scim_service.scim.resource.canonical import check_number_of_values
from scim_service.scim.schemas.attribute import Attribute


def apply_to_whole(holder: dict[str, Any], attribute: Attribute, op: Op, value: Any) -> None:
    """Apply an operation to a whole attribute of an object."""
    if op != "remove":
        assign(holder, attribute, op, value)
    elif value is None:
        _reject_immutable(attribute, holder.get(attribute.name), None)
        holder.pop(attribute.name, None)
    else:
        kept = [
            each
            for each in holder.get(attribute.name, [])
            if not any(_is_named_by(removed, each) for removed in value)
        ]
        put(holder, attribute.name, kept)


def _is_named_by(named: Any, element: Any) -> bool:
    """Whether a value of a remove means this element: by its ``value``, else by all its parts."""
    if not isinstance(named, dict):
        return bool(named == element)
    if "value" in named:
        return bool(named["value"] == element.get("value"))
    return all(element.get(name) == each for name, each in named.items())


def assign(holder: dict[str, Any], attribute: Attribute, op: Op, value: Any) -> None:
    """Add or replace a whole attribute, sections 3.5.2.1 and 3.5.2.3."""
    current = holder.get(attribute.name)
    new = value
    if attribute.multi_valued:
        if op == "add":
            new = current if value is None else _add_values(attribute, current or [], value)
    elif attribute.type == "complex" and value is not None:
        new = merge(attribute, current or {}, value, op)
    _reject_immutable(attribute, current, new)
    put(holder, attribute.name, new)


def merge(
    attribute: Attribute, current: Mapping[str, Any], value: Mapping[str, Any], op: Op
) -> dict[str, Any]:
    """Return a complex value with new sub-attributes; all other sub-attributes stay."""
    part = dict(current)
    for name, each in value.items():
        sub = attribute.sub_attribute(name)
        assert sub is not None
        assign(part, sub, op, each)
    drop_stale_reference(part, current)
    return part


def drop_stale_reference(part: dict[str, Any], before: Mapping[str, Any]) -> None:
    """Remove a ``$ref`` that belongs to the previous ``value``."""
    stale = part.get("value") != before.get("value") and part.get("$ref") == before.get("$ref")
    if stale and "$ref" in part:
        del part["$ref"]


def _add_values(attribute: Attribute, current: list[Any], added: list[Any]) -> list[Any]:
    """Return the values with the added ones; a value that exists already is not added again."""
    if attribute.type != "complex":
        values = list(dict.fromkeys([*current, *added]))
        check_number_of_values(attribute, values)
        return values
    values = list(current)
    positions: dict[frozenset[tuple[str, Any]], int] = {}
    for index, each in enumerate(values):
        # Of elements that became equal, the first one stands for all.
        positions.setdefault(_identify(each), index)
    for each in added:
        position = positions.setdefault(_identify(each), len(values))
        if position == len(values):
            values.append(each)
        elif "primary" in each:
            values[position] = {**values[position], "primary": each["primary"]}
    check_number_of_values(attribute, values)
    chosen = next((each for each in added if each.get("primary") is True), None)
    if chosen is None:
        return values
    return clear_other_primaries(values, {positions[_identify(chosen)]})


def _identify(element: Mapping[str, Any]) -> frozenset[tuple[str, Any]]:
    """Return the parts that identify an element: all but ``primary``."""
    return frozenset(
        (name, tuple(each) if isinstance(each, list) else each)
        for name, each in element.items()
        if name != "primary"
    )


def clear_other_primaries(values: list[Any], chosen: set[int]) -> list[Any]:
    """Return the values with no primary but the chosen one (section 3.5.2)."""
    return [
        {**each, "primary": False} if index not in chosen and is_primary(each) else each
        for index, each in enumerate(values)
    ]


def is_primary(element: Any) -> bool:
    """Whether an element is marked as the primary one."""
    return isinstance(element, dict) and element.get("primary") is True


def _reject_immutable(attribute: Attribute, current: Any, value: Any) -> None:
    if attribute.mutability == "immutable" and current is not None and current != value:
        raise errors.mutability(f"{attribute.name} is immutable and has a value already.")


def put(holder: dict[str, Any], name: str, value: Any) -> None:
    """Set a value; remove the attribute if the value is empty."""
    if value in (None, [], {}):
        holder.pop(name, None)
    else:
        holder[name] = value
