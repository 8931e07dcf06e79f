"""Changes of a group's members, which the store keeps as rows of their own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from scim_service.scim import errors
from scim_service.scim.attribute_path import AttributePath
from scim_service.scim.filter.tree import And, Compare, Filter, Not, Or, Present
from scim_service.scim.patch.operation import Op, Operation
from scim_service.scim.patch.path import PatchPath


@dataclass(frozen=True, slots=True)
class Member:
    """A member of a group."""

    value: str
    type: str | None = None
    display: str | None = None


@dataclass(frozen=True, slots=True)
class MemberChange:
    """A change of a group's member rows.

    ``add`` adds the members that the group does not have, ``remove`` removes those that it has
    (only `value` counts), and ``replace`` replaces all members by `members`, which may be empty.

    Parameters
    ----------
    filter
        Restricts ``remove`` to the members that it selects: of `members`, or of all members if
        `members` is empty.
    """

    op: Op
    members: tuple[Member, ...]
    filter: Filter | None = None


def split_members(
    operations: Sequence[Operation],
) -> tuple[list[MemberChange], list[Operation]]:
    """Separate the changes of a group's members from the other operations, in their order.

    Raises
    ------
    ScimError
        invalidValue, invalidFilter or mutability: a member without id, a filter on a part that is
        not stored of members, or a change of a member's sub-attribute.
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
    """Separate the members of a canonical group from its other attributes.

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
    """Return a removal of those selected members that are also named.

    If the filter names members by their ids, those ids are enough.
    """
    return removal if removal.members else replace(removal, members=named)


def _find_selected_ids(filter: Filter) -> tuple[list[str] | None, bool]:  # noqa: A002
    """Return the ids that a filter can select, None for any, and if it has other conditions."""
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
