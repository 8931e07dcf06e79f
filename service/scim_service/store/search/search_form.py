"""The form that resources are searched and sorted in.

It is the canonical form with every value replaced by what it is compared as: text in which case
does not count is folded with Unicode's full case folding, a dateTime is the number of
microseconds since 1970. Folding once, when a resource is written, makes a filter mean the same
on both databases and in the protocol core, in every language, and leaves the databases nothing
but comparisons of bytes.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

from scim_service.scim import errors
from scim_service.scim.schemas.attribute import Attribute
from scim_service.scim.schemas.resource_type import ResourceType
from scim_service.scim.values import fold_case, parse_datetime
from scim_service.store.clock import to_microseconds

Folder: TypeAlias = Callable[[Any], Any]


def folder(resource_type: ResourceType) -> Folder:
    """Return the function that folds a resource of this type."""
    return _members(resource_type.top_level.values())


def _attribute(attribute: Attribute) -> Folder:
    one = _single(attribute)
    if attribute.multi_valued:
        return lambda values: (
            [one(value) for value in values] if isinstance(values, list) else one(values)
        )
    return one


def _single(attribute: Attribute) -> Folder:
    if attribute.type == "complex":
        return _members(attribute.sub_attributes)
    if attribute.type == "dateTime":
        return _fold_datetime
    if attribute.type == "string" and not attribute.case_exact:
        return _fold_text
    return lambda value: value


def _fold_text(text: Any) -> Any:
    return fold_case(text) if isinstance(text, str) else text


def _fold_datetime(text: Any) -> Any:
    instant = parse_datetime(text) if isinstance(text, str) else None
    return None if instant is None else to_microseconds(instant)


def _members(attributes: Iterable[Attribute]) -> Folder:
    folders = {attribute.name: _attribute(attribute) for attribute in attributes}

    def fold_members(value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return {name: folders[name](part) for name, part in value.items() if name in folders}

    return fold_members


KEY_CHARACTERS = 600
"""The longest text that is matched on: at four bytes each it still fits PostgreSQL's index."""


def key_of(folded: Mapping[str, Any], name: str, where: str = "") -> str | None:
    """Return a value that is matched on.

    Parameters
    ----------
    where
        What comes before the name in the attribute's path.

    Raises
    ------
    ScimError
        It is too long to be.
    """
    value: str | None = folded.get(name)
    if value is not None and len(value) > KEY_CHARACTERS:
        raise errors.invalid_value(
            f"{where}{name} has {len(value)} characters; at most {KEY_CHARACTERS} are accepted."
        )
    return value
