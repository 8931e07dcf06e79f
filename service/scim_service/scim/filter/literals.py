"""Literals of a filter: their grammar, and their types once the attribute is known."""

import json
import re

from scim_service.scim import errors
from scim_service.scim.attribute_path import AttributePath
from scim_service.scim.filter.tree import Value
from scim_service.scim.leniencies import Leniencies
from scim_service.scim.values import INTEGERS, complete_date, parse_datetime

KEYWORDS: dict[str, Value] = {"true": True, "false": False, "null": None}
NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
NUMBER_LENGTH = 40


def check_literal(value: Value, path: AttributePath, leniencies: Leniencies) -> Value:
    """Return a literal in the type of its attribute.

    Raises
    ------
    ScimError
        invalidFilter: a literal of another type.
    """
    kind = path.leaf.type
    if leniencies.converts_literals:
        value = _convert_literal(value, kind)
    if isinstance(value, str):
        if kind == "dateTime":
            instant = parse_datetime(value)
            if instant is not None:
                return instant
        elif kind in {"string", "reference", "binary"}:
            if "\x00" in value:
                raise errors.invalid_filter(
                    f"The filter compares {path} with the character U+0000, which no value has."
                )
            return value
    elif isinstance(value, bool):
        if kind == "boolean":
            return value
    elif (kind == "integer" and isinstance(value, int) and value in INTEGERS) or (
        kind == "decimal" and isinstance(value, (int, float))
    ):
        return value
    raise errors.invalid_filter(
        f"The filter compares {path} with a value of another type; {_LITERALS[kind]}."
    )


_LITERALS = {
    "string": "give a string in double quotes",
    "reference": "give a string in double quotes",
    "binary": "give a string in double quotes",
    "boolean": "give true or false, without quotes",
    "integer": "give a whole number of at most 64 bits",
    "decimal": "give a number",
    "dateTime": 'give a time such as "2026-01-31T09:00:00Z"',
}


def _convert_literal(value: Value, kind: str) -> Value:
    """Return a literal converted to the type of its attribute, if its text allows that."""
    if isinstance(value, str):
        if kind == "boolean":
            return KEYWORDS.get(value.lower(), value)
        if kind == "dateTime":
            return complete_date(value)
        if kind in {"integer", "decimal"} and len(value) <= NUMBER_LENGTH:
            number = NUMBER.fullmatch(value)
            if number is not None:
                return int(value) if number.group(1) is number.group(2) is None else float(value)
    elif value is not None and kind not in {"boolean", "integer", "decimal"}:
        return json.dumps(value)
    return value
