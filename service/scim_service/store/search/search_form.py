"""The form that resources are searched and sorted in.

It is the canonical form with every value replaced by what it is compared as: text in which case
does not count is folded with Unicode's full case folding, a dateTime is the number of
microseconds since 1970. Folding once, when a resource is written, makes a filter mean the same
on both databases and in the protocol core, in every language, and leaves the databases nothing
but comparisons of bytes.
"""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, TypeAlias

from scim_service.scim.filter.tree import fold
from scim_service.scim.schema import Attribute, ResourceType
from scim_service.scim.values import parse_datetime

Folder: TypeAlias = Callable[[Any], Any]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def microseconds(moment: datetime) -> int:
    """Return a moment as it is stored."""
    return (moment - _EPOCH) // _MICROSECOND


def moment_text(stored: int) -> str:
    """Return a stored moment as RFC 3339 in UTC."""
    seconds, fraction = divmod(stored, 1_000_000)
    return f"{_second_text(seconds)}.{fraction:06}Z"


@lru_cache(maxsize=1024)
def _second_text(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().removesuffix("+00:00")


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
    return fold(text) if isinstance(text, str) else text


def _fold_datetime(text: Any) -> Any:
    instant = parse_datetime(text) if isinstance(text, str) else None
    return None if instant is None else microseconds(instant)


def _members(attributes: Iterable[Attribute]) -> Folder:
    folders = {attribute.name: _attribute(attribute) for attribute in attributes}

    def fold_members(value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return {name: folders[name](part) for name, part in value.items() if name in folders}

    return fold_members
