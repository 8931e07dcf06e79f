"""Which attributes an answer has: ``attributes``, ``excludedAttributes`` and ``returned``."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from scim_service.scim import errors
from scim_service.scim.attribute_path import AttributePath, parse_attribute_path, resolve_path
from scim_service.scim.leniencies import Leniencies
from scim_service.scim.patch.path import parse_path
from scim_service.scim.schemas.attribute import Attribute
from scim_service.scim.schemas.resource_type import ResourceType

MAX_LENGTH = 8192

_CACHED_LENGTH = 1024
"""The longest lists that are cached: a client could fill the memory with longer ones."""


@dataclass(frozen=True, slots=True, eq=False)
class Projection:
    """The attributes that a client asked for (RFC 7644 section 3.9).

    A value of None in `included` or `excluded` stands for a whole attribute, an object for some
    of its sub-attributes. `included` is None where the client asked for the default attributes.
    """

    resource_type: ResourceType
    included: Mapping[str, Any] | None = None
    excluded: Mapping[str, Any] | None = None

    @classmethod
    def parse(
        cls,
        resource_type: ResourceType,
        attributes: str | Sequence[str] | None = None,
        excluded_attributes: str | Sequence[str] | None = None,
    ) -> "Projection":
        """Read the two parameters: comma-separated text or a list of names.

        Raises
        ------
        ScimError
            invalidPath for a malformed name, invalidSyntax where both are given. Unknown names
            select nothing.
        """
        shown, hidden = _join_names(attributes), _join_names(excluded_attributes)
        short = len(shown) + len(hidden) <= _CACHED_LENGTH
        parse = _parse if short else _parse.__wrapped__
        return parse(resource_type, shown, hidden)

    @property
    def is_default(self) -> bool:
        """Whether the client requested no particular attributes."""
        return self.included is None and self.excluded is None

    def wants(self, name: str) -> bool:
        """Whether the answer shows the attribute `name`, or a part of it, if it has a value."""
        attribute = self.resource_type.attribute(name)
        return attribute is not None and _is_shown(attribute, self.included, self.excluded)

    def apply(self, resource: Mapping[str, Any]) -> dict[str, Any]:
        """Return the resource with the attributes that the answer shows."""
        if self.is_default and self.resource_type.not_by_default.isdisjoint(resource):
            return dict(resource)
        return _select(self.resource_type.attribute, resource, self.included, self.excluded)


def _is_shown(
    attribute: Attribute,
    included: Mapping[str, Any] | None,
    excluded: Mapping[str, Any] | None,
) -> bool:
    """Apply the rules of ``returned`` (RFC 7643 section 7)."""
    name = attribute.name
    if attribute.returned in {"always", "never"}:
        return attribute.returned == "always"
    if included is not None:
        return name in included
    if excluded is not None and name in excluded and excluded[name] is None:
        return False
    return attribute.returned == "default"


def _select(
    find: Callable[[str], Attribute | None],
    holder: Mapping[str, Any],
    included: Mapping[str, Any] | None,
    excluded: Mapping[str, Any] | None,
) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for name, value in holder.items():
        attribute = find(name)
        if attribute is None or not _is_shown(attribute, included, excluded):
            continue
        if attribute.type == "complex":
            part = _select_from_value(
                attribute, value, (included or {}).get(name), (excluded or {}).get(name)
            )
            if part in ({}, []):
                continue
            value = part
        result[name] = value
    return result


def _select_from_value(
    attribute: Attribute,
    value: Any,
    included: Mapping[str, Any] | None,
    excluded: Mapping[str, Any] | None,
) -> Any:
    if isinstance(value, list):
        elements = [_select_from_value(attribute, each, included, excluded) for each in value]
        return [each for each in elements if each]
    # An earlier version of the tenant's extension may have had a simple value here.
    if not isinstance(value, dict):
        return value
    return _select(attribute.sub_attribute, value, included, excluded)


def _join_names(names: str | Sequence[str] | None) -> str:
    if names is None or isinstance(names, str):
        return names or ""
    return ",".join(names)


@lru_cache(maxsize=256)
def _parse(resource_type: ResourceType, attributes: str, excluded: str) -> Projection:
    if attributes and excluded:
        if not resource_type.leniencies.prefers_included_attributes:
            raise errors.invalid_syntax(
                "attributes and excludedAttributes exclude each other; give one of them."
            )
        excluded = ""
    return Projection(
        resource_type,
        _build_tree(resource_type, attributes) if attributes else None,
        _build_tree(resource_type, excluded) if excluded else None,
    )


def _build_tree(resource_type: ResourceType, names: str) -> dict[str, Any]:
    """Return the named attributes, each below its attribute or its extension."""
    tree: dict[str, Any] = {}
    for text in filter(None, map(str.strip, _split(names))):
        path = _parse_name(text, resource_type.leniencies)
        bound = resolve_path(path, resource_type)
        if bound is not None:
            _insert(tree, [each for each in (bound.schema, bound.name, bound.sub) if each])
    return tree


def _insert(tree: dict[str, Any], names: list[str]) -> None:
    for name in names[:-1]:
        inner = tree.setdefault(name, {})
        if inner is None:
            return  # all of it is selected already
        tree = inner
    tree[names[-1]] = None


def _split(names: str) -> Iterator[str]:
    """Split a list at its commas, except for those in a value filter."""
    if len(names) > MAX_LENGTH:
        raise errors.invalid_path(f"The list of attributes has more than {MAX_LENGTH} characters.")
    depth, begin = 0, 0
    for index, character in enumerate(names):
        depth += (character == "[") - (character == "]")
        if character == "," and depth <= 0:
            yield names[begin:index]
            begin = index + 1
    yield names[begin:]


def _parse_name(text: str, leniencies: Leniencies) -> AttributePath:
    if "[" not in text or not leniencies.accepts_filters_in_attribute_lists:
        return parse_attribute_path(text)
    path = parse_path(text, leniencies)
    if path.sub is None:
        return path.path
    return AttributePath(path.path.schema, path.path.name, path.sub)
