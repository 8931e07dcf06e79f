"""One operation of a PATCH, after it is parsed."""

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from scim_service.scim.patch.path import PatchPath

Op: TypeAlias = Literal["add", "replace", "remove"]


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation; its path is resolved and its value in canonical form.

    `path` is None for an operation on the resource itself; `value` then is an object, in which None
    means unassigned. Otherwise `value` is None for unassigned, and for a remove without values. A
    remove with a list of values removes only these, so an empty list removes nothing. If its path
    has a value filter, it removes the members that the filter selects and the list names.
    """

    op: Op
    path: PatchPath | None
    value: Any = None
