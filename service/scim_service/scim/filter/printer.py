"""Prints a filter as text."""

import json
from datetime import datetime

from scim_service.scim.filter.tree import And, Compare, Filter, Not, Or, Present, Value, ValuePath
from scim_service.scim.values import format_datetime


def print_filter(filter: Filter) -> str:  # noqa: A002
    """Return the filter as text, such that parsing it again gives an equal filter."""
    match filter:
        case Compare(path, op, value):
            return f"{path} {op} {_print_value(value)}"
        case Present(path):
            return f"{path} pr"
        case Not(operand):
            return f"not ({print_filter(operand)})"
        case ValuePath(path, inner):
            return f"{path}[{print_filter(inner)}]"
        case And(left, right):
            first = _print_within(left, Or)
            return f"{first} and {_print_within(right, (And, Or))}"
        case Or(left, right):
            return f"{print_filter(left)} or {_print_within(right, Or)}"


def _print_within(
    filter: Filter,  # noqa: A002
    parenthesised: type[Filter] | tuple[type[Filter], ...],
) -> str:
    text = print_filter(filter)
    return f"({text})" if isinstance(filter, parenthesised) else text


def _print_value(value: Value) -> str:
    if isinstance(value, datetime):
        return f'"{format_datetime(value)}"'
    return json.dumps(value, ensure_ascii=False)
