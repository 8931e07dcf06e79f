"""Checks that a single JSON value fits the type of its attribute (RFC 7643 section 2.3)."""

import re
from datetime import UTC, datetime
from typing import Any

from scim_service.scim import errors
from scim_service.scim.schemas.attribute import Attribute

_DATETIME = re.compile(
    r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:\d{2})?", re.ASCII | re.IGNORECASE
)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_BINARY = re.compile(r"[A-Za-z0-9+/_=\s-]*")

INTEGERS = range(-(1 << 63), 1 << 63)
"""The accepted integers: JSON has larger ones, which databases do not keep exactly."""

_EXPECTED = {
    "string": "a string",
    "boolean": "true or false, without quotes",
    "integer": "an integer of at most 64 bits",
    "decimal": "a number",
    "dateTime": "a date and time such as 2026-01-31T09:00:00Z",
    "reference": "a string with the address of a resource",
    "binary": "a string in base64",
    "complex": "an object",
}


def parse_datetime(text: str) -> datetime | None:
    """Return the instant of an xsd:dateTime in UTC, None for any other text.

    A time without an offset is read as UTC; digits beyond microseconds are cut off.
    """
    if not _DATETIME.fullmatch(text):
        return None
    try:
        instant = datetime.fromisoformat(text.upper())
        if instant.tzinfo is None:
            return instant.replace(tzinfo=UTC)
        return instant.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def format_datetime(instant: datetime) -> str:
    """Return an instant in UTC as an xsd:dateTime."""
    return instant.isoformat().replace("+00:00", "Z")


def complete_date(text: str) -> str:
    """Return the start of the day in UTC for a date without a time, and any other text as is."""
    return f"{text}T00:00:00Z" if _DATE.fullmatch(text) else text


def check_simple(attribute: Attribute, value: Any, where: str) -> None:
    """Refuse a value that does not fit the type of a simple attribute.

    Raises
    ------
    ScimError
        invalidValue naming the place, the type that is expected and the one that was found.
    """
    kind = attribute.type
    if isinstance(value, str):
        fits = _text_fits(kind, value)
        if fits and "\x00" in value:
            raise errors.invalid_value(
                f"{where} contains the character U+0000, which cannot be stored; remove it."
            )
    elif isinstance(value, bool):
        fits = kind == "boolean"
    elif isinstance(value, int):
        fits = kind == "decimal" or (kind == "integer" and value in INTEGERS)
    else:
        fits = kind == "decimal" and isinstance(value, float)
    if not fits:
        raise wrong_type_error(attribute, value, where)


def wrong_type_error(attribute: Attribute, value: Any, where: str) -> errors.ScimError:
    """Return the error for a value of another type than the attribute's."""
    return errors.invalid_value(
        f"{where} must be {_EXPECTED[attribute.type]}, not {name_json_type(value)}."
    )


def name_json_type(value: Any) -> str:
    """Return the name of the type of a JSON value for a sentence; never the value itself."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, (int, float)):
        return "a number"
    if isinstance(value, str):
        return "a string"
    return "a list" if isinstance(value, list) else "an object"


def _text_fits(kind: str, value: str) -> bool:
    if kind in {"string", "reference"}:
        return True
    if kind == "dateTime":
        return parse_datetime(value) is not None
    return kind == "binary" and _BINARY.fullmatch(value) is not None


def fold_case(text: str) -> str:
    """Return the form of a value for comparisons that ignore case."""
    return text.casefold()


def is_case_exact(attribute: Attribute) -> bool:
    """Whether case counts: by ``caseExact``, and always for references and binary values."""
    return attribute.case_exact or attribute.type in {"reference", "binary"}
