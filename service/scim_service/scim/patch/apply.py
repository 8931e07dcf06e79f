"""PATCH (RFC 7644 section 3.5.2): operations parsed once, then applied to a resource.

`parse_patch` checks everything that does not depend on the resource, so that a bad request fails
before anything is read; `apply_patch` works on canonical values only. It changes no list and no
object of the resource but makes new ones, so what it was given stays as it was.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal, TypeAlias, cast

from scim_service.scim import errors
from scim_service.scim.budget import Budget
from scim_service.scim.filter.tree import (
    And,
    AttributePath,
    Compare,
    Filter,
    Not,
    Or,
    Present,
    count_comparisons,
    matches,
    shorten,
    wrap_element,
)
from scim_service.scim.messages import URN_PATCH_OP, read_message, read_object
from scim_service.scim.patch.path import PatchPath, find_path
from scim_service.scim.resource import (
    LABELS,
    canonicalise_element,
    canonicalise_object,
    canonicalise_value,
    check_number_of_values,
    check_required,
    set_schemas,
)
from scim_service.scim.schema import Attribute, ResourceType
from scim_service.scim.skipped import Skipped
from scim_service.scim.values import format_datetime

Op: TypeAlias = Literal["add", "replace", "remove"]

MAX_OPERATIONS = 1000
_OPS = ("add", "replace", "remove")


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation; its path is resolved and its value in canonical form.

    `path` is None for an operation on the resource itself; `value` then is an object whose
    members may be None for unassigned. Otherwise `value` is None for unassigned, and for a remove
    without values. A remove with a list of values removes these only, and so none if it is empty;
    members are removed that are named as well as selected by a value filter in `path`.
    """

    op: Op
    path: PatchPath | None
    value: Any = None


@dataclass(frozen=True, slots=True)
class Member:
    """A member of a group."""

    value: str
    type: str | None = None
    display: str | None = None


@dataclass(frozen=True, slots=True)
class MemberChange:
    """A change of a group's member rows.

    ``add`` adds the members that are not there, ``remove`` removes those that are (only `value`
    counts), ``replace`` makes `members` all there are, so with none of them it removes all.

    Parameters
    ----------
    filter
        With ``remove``: only those go that it selects, of `members`, or of all where there are
        none.
    """

    op: Op
    members: tuple[Member, ...]
    filter: Filter | None = None


def parse_patch(
    body: object,
    resource_type: ResourceType,
    *,
    lenient: bool = False,
    budget: Budget | None = None,
    skipped: Skipped | None = None,
) -> list[Operation]:
    """Return the operations of a PatchOp message.

    Parameters
    ----------
    lenient
        Skip operations on unknown attributes instead of refusing them, accept no operations at
        all, and accept values in a remove.
    budget
        Pays for the conditions of the value filters; by default, one for this message.
    skipped
        Is told the names of what is skipped.

    Raises
    ------
    ScimError
        invalidSyntax, invalidPath, invalidFilter, invalidValue, noTarget, mutability, tooMany for
        too many conditions, or 413 for too many operations; the detail names the operation.
    """
    budget = budget or Budget()
    skipped = (Skipped() if skipped is None else skipped) if lenient else None
    operations = read_message(body, URN_PATCH_OP, lenient=lenient).get("operations")
    if not isinstance(operations, list) or not (operations or lenient):
        raise errors.invalid_syntax('"Operations" must be a list of at least one operation.')
    if len(operations) > MAX_OPERATIONS:
        raise errors.too_large(
            f"The request has {len(operations)} operations; at most {MAX_OPERATIONS} are accepted. "
            "Send them in several requests."
        )
    parsed: list[Operation] = []
    for index, each in enumerate(operations):
        try:
            operation = _parse_operation(each, resource_type, skipped)
            if operation is not None and operation.path is not None:
                budget.spend(count_comparisons(operation.path.filter))
        except errors.ScimError as error:
            where = f"Operation {index + 1} of {len(operations)}"
            raise errors.ScimError(
                error.status,
                f"{where}: {error.detail}",
                error.scim_type,
                reason=f"{where}: {error.reason}",
            ) from None
        if operation is not None:
            parsed.append(operation)
    return parsed


def _parse_operation(
    document: object, resource_type: ResourceType, skipped: Skipped | None
) -> Operation | None:
    """Return the operation, or None where there is nothing to do.

    Without `skipped`, nothing is skipped.
    """
    members = {name.lower(): each for name, each in read_object(document, "It").items()}
    op = members.get("op")
    if op not in _OPS:
        raise errors.invalid_syntax('"op" must be add, replace or remove.')
    text = members.get("path")
    if op != "remove" and "value" not in members:
        raise errors.invalid_value(f'"value" is missing; {op} needs it.')
    value = members.get("value")
    if text is None:
        if op == "remove":
            raise errors.no_target('"path" is missing; remove needs it.')
        attributes = read_object(value, 'Without "path", "value"')
        return Operation(
            op,
            None,
            canonicalise_object(resource_type, attributes, "", skipped=skipped, keep_null=True),
        )
    if not isinstance(text, str):
        raise errors.invalid_path('"path" must be a string.')
    path = find_path(text, resource_type, lenient=skipped is not None)
    if path is None:
        if skipped is not None:
            skipped.add("unknown", text)
            return None
        raise errors.invalid_path(
            f'{resource_type.name} has no attribute "{shorten(text)}"; correct the path '
            "(/Schemas lists the attributes)."
        )
    if path.path.name == "schemas":
        return None  # computed from what the resource has, whatever a client says
    if path.is_read_only:
        raise errors.mutability(f"{path} is read-only; leave it out.")
    if op == "remove":
        return Operation("remove", path, _parse_removed_values(path, value, skipped))
    return Operation(op, path, _parse_new_value(path, value, skipped))


def _parse_new_value(path: PatchPath, value: Any, skipped: Skipped | None) -> Any:
    leaf = path.leaf
    where = str(path)
    if value is None:
        return None
    if path.filter is not None and path.sub is None:
        return canonicalise_element(leaf, value, where, skipped=skipped, keep_null=True)
    if leaf.multi_valued and not isinstance(value, list):
        value = [value]
    return canonicalise_value(leaf, value, where, skipped=skipped, keep_null=True)


def _parse_removed_values(path: PatchPath, value: Any, skipped: Skipped | None) -> list[Any] | None:
    if value is None:
        return None
    if skipped is None:
        raise errors.invalid_value(
            '"value" is not for remove; name the values to remove by a value filter in "path".'
        )
    is_selected = path.filter is not None
    if (is_selected and path.leaf.name != "members") or not path.leaf.multi_valued:
        return None
    values = value if isinstance(value, list) else [value]
    check_number_of_values(path.leaf, values)
    named = [
        canonicalise_element(path.leaf, each, f"{path}[{index}]", skipped=skipped)
        for index, each in enumerate(values)
        if each is not None
    ]
    named = [each for each in named if each is not None]
    # A value filter says by itself who goes, so there need be no values beside it.
    return None if is_selected and all(each == {"value": ""} for each in named) else named


def apply_patch(
    resource_type: ResourceType,
    resource: Mapping[str, Any],
    operations: Sequence[Operation],
    *,
    lenient: bool = False,
    budget: Budget | None = None,
) -> dict[str, Any]:
    """Return what the operations make of the resource; `resource` itself is not changed.

    Parameters
    ----------
    lenient
        A value filter that selects nothing creates the element it describes instead of failing
        with noTarget, an element that is replaced keeps what the filter says of it, so that the
        next operation finds it again, and an element whose value is cleared goes away as a whole.
    budget
        Pays for each operation before it is applied; by default, one for these operations.

    Raises
    ------
    ScimError
        noTarget, mutability, invalidValue, or tooMany. Nothing has been changed then.
    """
    budget = budget or Budget()
    result = dict(resource)
    for operation in operations:
        budget.spend(estimate_cost(operation, result))
        if operation.path is None:
            _apply_to_resource(resource_type, result, operation)
        else:
            _apply_to_path(result, operation.op, operation.path, operation.value, lenient)
    result = set_schemas(resource_type, result)
    try:
        check_required(resource_type, result)
    except errors.ScimError as error:
        raise errors.mutability(error.detail) from None
    return result


def estimate_cost(operation: Operation, resource: Mapping[str, Any]) -> int:
    """Return how many values an operation compares or copies, at most."""
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
    """Return how many values there are in a value, those of sub-attributes not counted."""
    if isinstance(value, list):
        return 1 + len(value)
    return 1 + sum(map(_count_values, value.values())) if isinstance(value, dict) else 1


def _count_characters(elements: Any) -> int:
    """Return how much text the elements of a multi-valued attribute have."""
    return sum(
        len(text)
        for each in (elements if isinstance(elements, list) else ())
        for text in (each.values() if isinstance(each, dict) else (each,))
        if isinstance(text, str)
    )


def _apply_to_resource(
    resource_type: ResourceType, result: dict[str, Any], operation: Operation
) -> None:
    for name, value in operation.value.items():
        attribute = resource_type.attribute(name)
        assert attribute is not None
        assign(result, attribute, operation.op, value)


def _apply_to_path(
    result: dict[str, Any], op: Op, path: PatchPath, value: Any, lenient: bool
) -> None:
    schema, attribute = path.path.schema, path.path.attribute
    assert attribute is not None
    if schema is None or not path.path.name:
        _apply_to_attribute(result, attribute, op, path, value, lenient)
        return
    extension = dict(result.get(schema, {}))
    _apply_to_attribute(extension, attribute, op, path, value, lenient)
    put(result, schema, extension)


def _apply_to_attribute(
    holder: dict[str, Any],
    attribute: Attribute,
    op: Op,
    path: PatchPath,
    value: Any,
    lenient: bool,
) -> None:
    """Apply an operation to the object that has the attribute."""
    sub = path.path.sub_attribute
    if path.filter is not None or (sub is not None and attribute.multi_valued):
        apply_to_elements(holder, attribute, op, path, value, lenient)
    elif sub is None:
        apply_to_whole(holder, attribute, op, value)
    else:
        part = dict(holder.get(attribute.name, {}))
        apply_to_whole(part, sub, op, value)
        drop_stale_reference(part, holder.get(attribute.name, {}))
        put(holder, attribute.name, part)


def apply_to_whole(holder: dict[str, Any], attribute: Attribute, op: Op, value: Any) -> None:
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
    """Whether a value of a remove means this element: by its ``value``, else by what it has."""
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
    """Return a complex value with sub-attributes set; those that are not named stay."""
    part = dict(current)
    for name, each in value.items():
        sub = attribute.sub_attribute(name)
        assert sub is not None
        assign(part, sub, op, each)
    drop_stale_reference(part, current)
    return part


def drop_stale_reference(part: dict[str, Any], before: Mapping[str, Any]) -> None:
    """Drop a ``$ref`` that belongs to what ``value`` named before."""
    stale = part.get("value") != before.get("value") and part.get("$ref") == before.get("$ref")
    if stale and "$ref" in part:
        del part["$ref"]


def _add_values(attribute: Attribute, current: list[Any], added: list[Any]) -> list[Any]:
    """Return the values with those added that are not there yet."""
    if attribute.type != "complex":
        values = list(dict.fromkeys([*current, *added]))
        check_number_of_values(attribute, values)
        return values
    values = list(current)
    places: dict[frozenset[tuple[str, Any]], int] = {}
    for index, each in enumerate(values):
        # Of elements that have become the same, the first one stands for all.
        places.setdefault(_identify(each), index)
    for each in added:
        place = places.setdefault(_identify(each), len(values))
        if place == len(values):
            values.append(each)
        elif "primary" in each:
            values[place] = {**values[place], "primary": each["primary"]}
    check_number_of_values(attribute, values)
    chosen = next((each for each in added if each.get("primary") is True), None)
    if chosen is None:
        return values
    return clear_other_primaries(values, {places[_identify(chosen)]})


def _identify(element: Mapping[str, Any]) -> frozenset[tuple[str, Any]]:
    """Return what makes an element the same as another: everything but ``primary``."""
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


def apply_to_elements(
    holder: dict[str, Any],
    attribute: Attribute,
    op: Op,
    path: PatchPath,
    value: Any,
    lenient: bool,
) -> None:
    """Apply an operation to the elements that a value filter selects, or to all of them."""
    values: list[Any] = list(holder.get(attribute.name, []))
    selected = {
        index
        for index, each in enumerate(values)
        if path.filter is None or matches(path.filter, wrap_element(each))
    }
    if not selected:
        clears = op == "remove" or value is None
        if not lenient:
            raise errors.no_target(f"{path} selects no value of the resource.")
        if clears:
            return
        values.append(describe_element(path))
        selected = {len(values) - 1}
        check_number_of_values(attribute, values)
    changed = {
        index: _change_element(attribute, values[index], op, path, value, lenient)
        for index in selected
    }
    values = [changed.get(index, each) for index, each in enumerate(values)]
    primaries = {index for index in selected if is_primary(values[index])}
    if len(primaries) > 1:
        raise errors.invalid_value(f"{path} selects several values; only one can be primary.")
    if primaries:
        values = clear_other_primaries(values, primaries)
    put(holder, attribute.name, [each for each in values if each not in (None, {})])


def is_primary(element: Any) -> bool:
    return isinstance(element, dict) and element.get("primary") is True


def _change_element(
    attribute: Attribute, element: Any, op: Op, path: PatchPath, value: Any, lenient: bool
) -> Any:
    """Return an element after the operation, None if it is gone."""
    name = path.sub or path.path.sub
    if name is not None:
        sub = attribute.sub_attribute(name)
        assert sub is not None
        part = dict(element)
        apply_to_whole(part, sub, op, value)
        drop_stale_reference(part, element)
        if lenient and name not in part and part.keys() <= LABELS:
            return None
        return part
    if op == "remove" or value is None:
        return None
    if attribute.type != "complex":
        return value
    if op == "replace":
        kept = _read_described_members(path.filter) if lenient and path.filter is not None else ()
        parts = {**dict(kept), **value}
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
    """Return the parts that every selected element has; none unless they are all it asks for."""
    match filter:
        case And(left, right):
            parts = [list(_read_described_members(each)) for each in (left, right)]
            yield from [*parts[0], *parts[1]] if all(parts) else ()
        case Compare(AttributePath(name=name), "eq", value):
            yield name, format_datetime(value) if isinstance(value, datetime) else value


def _reject_immutable(attribute: Attribute, current: Any, value: Any) -> None:
    if attribute.mutability == "immutable" and current is not None and current != value:
        raise errors.mutability(f"{attribute.name} is immutable and has a value already.")


def put(holder: dict[str, Any], name: str, value: Any) -> None:
    """Set a value, or drop the attribute where nothing is left of it."""
    if value in (None, [], {}):
        holder.pop(name, None)
    else:
        holder[name] = value


def split_members(
    operations: Sequence[Operation],
) -> tuple[list[MemberChange], list[Operation]]:
    """Take the changes of a group's members out of the operations, in their order.

    Raises
    ------
    ScimError
        invalidValue, invalidFilter or mutability: a member without id, a filter on what is not
        kept of members, or a change of a member's sub-attribute.
    """
    changes: list[MemberChange] = []
    others: list[Operation] = []
    for operation in operations:
        if operation.path is None:
            rest = dict(operation.value)
            if "members" in rest:
                changes += _change_whole_list(operation.op, rest.pop("members"))
            if rest:
                others.append(replace(operation, value=rest))
        elif operation.path.path.name == "members":
            changes += _parse_member_changes(operation.op, operation.path, operation.value)
        else:
            others.append(operation)
    return changes, others


def split_member_values(resource: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[Member, ...]]:
    """Take the members out of a canonical group: the rest, and the members.

    Raises
    ------
    ScimError
        invalidValue: a member without id.
    """
    rest = dict(resource)
    return rest, _parse_members(rest.pop("members", []))


def _parse_member_changes(op: Op, path: PatchPath, value: Any) -> list[MemberChange]:
    if path.sub is not None or path.path.sub is not None:
        raise errors.mutability(
            f"{path} is immutable; remove the member and add it as it should be."
        )
    if path.filter is None:
        return _change_whole_list(op, value)
    if op == "add":
        raise errors.invalid_path(
            f'{path} cannot be added to; add members by the path "members" and a list of values.'
        )
    removal = _remove_selected(path.filter)
    if op == "remove" and value is not None:
        return [_restrict_to_named(removal, _parse_members(value))]
    if op == "remove" or value is None:
        return [removal]
    return [removal, MemberChange("add", _parse_members([value]))]


def _change_whole_list(op: Op, value: list[Any] | None) -> list[MemberChange]:
    if value is None and op == "add":
        return []
    if value is None:
        return [MemberChange("replace", ())]
    return [MemberChange(op, _parse_members(value))]


def _parse_members(values: Sequence[Mapping[str, Any]]) -> tuple[Member, ...]:
    members: dict[str, Member] = {}
    for each in values:
        value = each.get("value")
        if not value:
            raise errors.invalid_value(
                'Each of members must have a "value": the id of a user or a group.'
            )
        members[value] = Member(value, each.get("type"), each.get("display"))
    return tuple(members.values())


def _remove_selected(filter: Filter) -> MemberChange:  # noqa: A002
    ids, others = _find_selected_ids(filter)
    if _collect_names(filter) - {"value", "type", "display"}:
        raise errors.invalid_filter(
            "Members can be selected by value, type and display, as in"
            ' members[value eq "..." and type eq "User"].'
        )
    return MemberChange("remove", tuple(map(Member, ids or ())), filter if others else None)


def _restrict_to_named(removal: MemberChange, named: tuple[Member, ...]) -> MemberChange:
    """Return the removal of those of the selected members that are named.

    Where the filter itself names them by their ids, it is enough.
    """
    return removal if removal.members else replace(removal, members=named)


def _find_selected_ids(filter: Filter) -> tuple[list[str] | None, bool]:  # noqa: A002
    """Return the ids that a filter can select, None for any, and whether it asks for more."""
    match filter:
        case Compare(AttributePath(name="value"), "eq", value):
            return [cast("str", value)], False
        case Or(left, right):
            (first, more), (second, still_more) = (
                _find_selected_ids(left),
                _find_selected_ids(right),
            )
            ids = None if first is None or second is None else [*first, *second]
            return ids, more or still_more
        case And(left, right):
            first, second = _find_selected_ids(left)[0], _find_selected_ids(right)[0]
            return (second if first is None else first), True
        case _:
            return None, True


def _collect_names(filter: Filter) -> set[str]:  # noqa: A002
    match filter:
        case And(left, right) | Or(left, right):
            return _collect_names(left) | _collect_names(right)
        case Not(operand):
            return _collect_names(operand)
        case Compare(path) | Present(path):
            return {path.name}
        case _:
            return set()
