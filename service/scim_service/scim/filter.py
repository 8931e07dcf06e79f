"""Filters: grammar, syntax tree, printer and a plain evaluator (RFC 7644 section 3.4.2.2).

A filter goes through two steps. `parse_filter` knows the grammar only. `resolve_filter` binds
every path to the attribute it names, in its canonical spelling, gives every literal the type of
its attribute, and rewrites what is only another spelling:

* ``emails eq "x"`` becomes ``emails.value eq "x"``,
* ``title eq null`` becomes ``not (title pr)`` and ``title ne null`` becomes ``title pr``,
* ``emails[type eq "work"].value eq "x"`` is parsed as
  ``emails[type eq "work" and value eq "x"]``.

What evaluates filters (`matches` here, SQL in the store) takes resolved filters only.
"""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, TypeAlias

from scim_service.scim.schema import Attribute, ResourceType

Operator: TypeAlias = Literal["eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"]
Value: TypeAlias = str | int | float | bool | datetime | None

MAX_LENGTH = 8192
MAX_DEPTH = 32


@dataclass(frozen=True, slots=True)
class AttributePath:
    """An attribute, or a sub-attribute, as it is named in a filter or a path.

    In a resolved path the names are in canonical spelling, `schema` is None for core and common
    attributes, and `attribute` and `sub_attribute` are set; inside of a `ValuePath`, `name` and
    `attribute` are those of the sub-attribute.
    """

    schema: str | None
    name: str
    sub: str | None = None
    attribute: Attribute | None = field(default=None, compare=False, repr=False)
    sub_attribute: Attribute | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Compare:
    """``path op value``. A `value` of type datetime (UTC) only occurs in resolved filters."""

    path: AttributePath
    op: Operator
    value: Value


@dataclass(frozen=True, slots=True)
class Present:
    """``path pr``."""

    path: AttributePath


@dataclass(frozen=True, slots=True)
class And:
    """``left and right``."""

    left: "Filter"
    right: "Filter"


@dataclass(frozen=True, slots=True)
class Or:
    """``left or right``."""

    left: "Filter"
    right: "Filter"


@dataclass(frozen=True, slots=True)
class Not:
    """``not (operand)``."""

    operand: "Filter"


@dataclass(frozen=True, slots=True)
class ValuePath:
    """``path[filter]``: one element of `path` satisfies the whole `filter`."""

    path: AttributePath
    filter: "Filter"


Filter: TypeAlias = Compare | Present | And | Or | Not | ValuePath


def parse_filter(text: str, *, lenient: bool = False) -> Filter:
    """Parse a filter.

    Parameters
    ----------
    lenient
        Accept literals without quotes, as in ``externalId eq jyoung``.

    Raises
    ------
    ScimError
        invalidFilter; the detail names the position of the character.
    """
    raise NotImplementedError


def print_filter(filter: Filter) -> str:  # noqa: A002
    """Return the filter as text, such that parsing it again gives an equal filter."""
    raise NotImplementedError


def resolve_filter(
    filter: Filter,  # noqa: A002
    resource_type: ResourceType,
    *,
    lenient: bool = False,
) -> Filter:
    """Bind every path to its attribute and give every literal the type of its attribute.

    Parameters
    ----------
    lenient
        Find extension attributes by their short name (``manager``), and convert literals of
        another type (``"True"`` for a boolean, ``5`` for a string).

    Raises
    ------
    ScimError
        invalidFilter: an unknown attribute, an operator that its type does not have, or a
        literal of another type.
    """
    raise NotImplementedError


def resolve_path(
    path: AttributePath, resource_type: ResourceType, *, lenient: bool = False
) -> AttributePath | None:
    """Return the path bound to its attribute, or None where there is no such attribute.

    A path that is the URN of an extension resolves to a path with an empty `name`.
    """
    raise NotImplementedError


def parameterise(filter: Filter) -> tuple[Hashable, tuple[Value, ...]]:  # noqa: A002
    """Split a resolved filter into its shape and its literals.

    Two filters of one shape differ in their literals only, so a compiled form can be kept by
    shape. The literals are in the order of the comparisons, from left to right.
    """
    raise NotImplementedError


def matches(filter: Filter, resource: Mapping[str, Any]) -> bool:  # noqa: A002
    """Evaluate a resolved filter on a resource in canonical form."""
    raise NotImplementedError


def fold(text: str) -> str:
    """Return the form in which values are compared where case does not count."""
    return text.casefold()
