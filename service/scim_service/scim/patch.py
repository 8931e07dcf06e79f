"""PATCH (RFC 7644 section 3.5.2): operations parsed once, then applied to a resource."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from scim_service.scim.path import PatchPath
from scim_service.scim.schema import ResourceType

Op: TypeAlias = Literal["add", "replace", "remove"]

MAX_OPERATIONS = 1000


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation; its path is resolved.

    `path` is None for an operation on the resource itself. `value` is None for "no value": a
    remove without value, or an explicit null, which unassigns.
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
    """

    op: Op
    members: tuple[Member, ...]


def parse_patch(
    body: object, resource_type: ResourceType, *, lenient: bool = False
) -> list[Operation]:
    """Return the operations of a PatchOp message, with paths resolved.

    Parameters
    ----------
    lenient
        Skip operations on unknown attributes instead of refusing them.

    Raises
    ------
    ScimError
        invalidSyntax, invalidPath, invalidValue or tooMany; the detail names the operation.
    """
    raise NotImplementedError


def apply_patch(
    resource_type: ResourceType,
    resource: Mapping[str, Any],
    operations: Sequence[Operation],
    *,
    lenient: bool = False,
) -> dict[str, Any]:
    """Return what the operations make of the resource; `resource` itself is not changed.

    Parameters
    ----------
    lenient
        A value filter that selects nothing creates the element it describes instead of failing
        with noTarget.

    Raises
    ------
    ScimError
        noTarget, mutability, invalidValue or invalidPath. Nothing has been changed then.
    """
    raise NotImplementedError


def split_members(
    operations: Sequence[Operation],
) -> tuple[list[MemberChange], list[Operation]]:
    """Take the changes of a group's members out of the operations, in their order.

    Raises
    ------
    ScimError
        invalidValue or invalidFilter: a member without id, or a filter on anything but ids.
    """
    raise NotImplementedError


def split_member_values(resource: dict[str, Any]) -> tuple[dict[str, Any], tuple[Member, ...]]:
    """Take the members out of a canonical group: the rest, and the member rows."""
    raise NotImplementedError
