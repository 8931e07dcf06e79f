"""The search form of a resource: the form that filters and orders compare.

It is the canonical form with every value replaced by what it is compared as: a text without regard
to case is case-folded (Unicode's full case folding), and a dateTime is a number of microseconds
since 1970. The conversion takes place once, when a resource is written. So a filter means the same
on both databases and in the protocol core, in every language, and the databases only compare bytes.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

from scim_service.scim import errors
from scim_service.scim.schemas.attribute import Attribute
from scim_service.scim.schemas.resource_type import ResourceType
from scim_service.scim.values import fold_case, parse_datetime
from scim_service.store.clock import to_microseconds

Converter: TypeAlias = Callable[[Any], Any]
"""Returns the search form of a value."""

KEY_CHARACTERS = 600
"""The longest text in a key column: at four bytes each it still fits PostgreSQL's index."""


def build_converter(resource_type: ResourceType) -> Converter:
    """Return the function that converts a resource of this type to its search form."""
    return _convert_members(resource_type.top_level.values())


def _convert_attribute(attribute: Attribute) -> Converter:
    one = _convert_value(attribute)
    if attribute.multi_valued:
        return lambda values: (
            [one(value) for value in values] if isinstance(values, list) else one(values)
        )
    return one


def _convert_value(attribute: Attribute) -> Converter:
    if attribute.type == "complex":
        return _convert_members(attribute.sub_attributes)
    if attribute.type == "dateTime":
        return _convert_datetime
    if attribute.type == "string" and not attribute.case_exact:
        return _convert_text
    return lambda value: value


def _convert_text(text: Any) -> Any:
    return fold_case(text) if isinstance(text, str) else text


def _convert_datetime(text: Any) -> Any:
    instant = parse_datetime(text) if isinstance(text, str) else None
    return None if instant is None else to_microseconds(instant)


def _convert_members(attributes: Iterable[Attribute]) -> Converter:
    converters = {attribute.name: _convert_attribute(attribute) for attribute in attributes}

    def convert(value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return {name: converters[name](part) for name, part in value.items() if name in converters}

    return convert


def read_key(search_form: Mapping[str, Any], name: str, prefix: str = "") -> str | None:
    """Return the value of a key column.

    Parameters
    ----------
    prefix
        The part of the attribute's path before the name, for the error.

    Raises
    ------
    ScimError
        invalidValue: it is too long.
    """
    value: str | None = search_form.get(name)
    if value is not None and len(value) > KEY_CHARACTERS:
        raise errors.invalid_value(
            f"{prefix}{name} has {len(value)} characters; at most {KEY_CHARACTERS} are accepted."
        )
    return value
