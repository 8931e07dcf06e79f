"""The syntax tree of filters (RFC 7644 section 3.4.2.2)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

from scim_service.scim.attribute_path import AttributePath

Operator: TypeAlias = Literal["eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"]
Value: TypeAlias = str | int | float | bool | datetime | None


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
    """``path[filter]``: one element of `path` satisfies the whole `filter`.

    Where the elements are simple values, the filter names them ``value``.
    """

    path: AttributePath
    filter: "Filter"


Filter: TypeAlias = Compare | Present | And | Or | Not | ValuePath
