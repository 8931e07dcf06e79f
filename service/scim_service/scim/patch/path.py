"""Paths of PATCH operations (RFC 7644 section 3.5.2, figure 7)."""

from dataclasses import dataclass, replace
from functools import lru_cache

from scim_service.scim import errors
from scim_service.scim.attribute_path import AttributePath, parse_attribute_path, resolve_path
from scim_service.scim.errors import shorten
from scim_service.scim.filter.parser import MAX_LENGTH, parse_value_path
from scim_service.scim.filter.printer import print_filter
from scim_service.scim.filter.resolver import resolve_element_filter
from scim_service.scim.filter.tree import Filter
from scim_service.scim.leniencies import NO_LENIENCIES, Leniencies
from scim_service.scim.schemas.attribute import Attribute
from scim_service.scim.schemas.resource_type import ResourceType

CACHED_LENGTH = 256
"""The longest path that is cached: a client could fill the memory with longer ones."""


@dataclass(frozen=True, slots=True)
class PatchPath:
    """The target of an operation.

    ``name.familyName`` is ``path.name`` and ``path.sub``; ``emails[type eq "work"].value`` is
    ``path.name``, `filter` and `sub`. In a resolved path `sub` is in canonical spelling, and
    `filter` is relative to an element.
    """

    path: AttributePath
    filter: Filter | None = None
    sub: str | None = None

    @property
    def leaf(self) -> Attribute:
        """The attribute that a resolved path ends in."""
        attribute = self.path.leaf
        if self.sub is None:
            return attribute
        leaf = attribute.sub_attribute(self.sub)
        assert leaf is not None
        return leaf

    @property
    def is_read_only(self) -> bool:
        """Whether the target of a resolved path, or an attribute on the way to it, is read-only."""
        holders = (self.path.attribute, self.path.sub_attribute, self.leaf)
        return any(each is not None and each.mutability == "readOnly" for each in holders)

    def __str__(self) -> str:
        text = str(self.path)
        if self.filter is not None:
            text = f"{text}[{print_filter(self.filter)}]"
        return text if self.sub is None else f"{text}.{self.sub}"


def parse_path(text: str, leniencies: Leniencies = NO_LENIENCIES) -> PatchPath:
    """Parse a path.

    Raises
    ------
    ScimError
        invalidPath, or invalidFilter for the text in brackets; the detail names the position
        of the character.
    """
    if len(text) > MAX_LENGTH:
        raise errors.invalid_path(f"The path has more than {MAX_LENGTH} characters.")
    if "[" not in text:
        return PatchPath(parse_attribute_path(text))
    value_path, rest = parse_value_path(text, leniencies)
    if not rest:
        return PatchPath(value_path.path, value_path.filter)
    sub = rest[1:]
    if rest[0] != "." or not sub or parse_attribute_path(sub) != AttributePath(None, sub):
        raise errors.invalid_path(
            f"The path is not understood at character {len(text) - len(rest) + 1}: "
            "'.' and the name of a sub-attribute, or the end, is expected after ']'."
        )
    return PatchPath(value_path.path, value_path.filter, sub)


def resolve_patch_path(path: PatchPath, resource_type: ResourceType) -> PatchPath | None:
    """Return the path bound to its attribute, or None where there is no such attribute.

    Raises
    ------
    ScimError
        invalidPath: a value filter on an attribute with one value; invalidFilter: a value filter
        that does not fit the attribute.
    """
    bound = resolve_path(path.path, resource_type)
    if bound is None or path.filter is None:
        return None if bound is None else PatchPath(bound)
    if not bound.leaf.multi_valued:
        raise errors.invalid_path(
            f'The path has a value filter after "{shorten(str(bound))}", which has one value only; '
            "remove the brackets."
        )
    element_filter = resolve_element_filter(path.filter, bound, resource_type.leniencies)
    resolved = PatchPath(bound, element_filter)
    if path.sub is None:
        return resolved
    sub_attribute = bound.leaf.sub_attribute(path.sub)
    return None if sub_attribute is None else replace(resolved, sub=sub_attribute.name)


def estimate_parsing_cost(path: object) -> int:
    """Return the cost of parsing a path in comparisons; it is 0 for a path that can be cached."""
    return len(path) >> 3 if isinstance(path, str) and len(path) > CACHED_LENGTH else 0


def find_path(text: str, resource_type: ResourceType) -> PatchPath | None:
    """Parse and resolve a path; the results are cached, as clients send the same few paths."""
    find = _find_path if len(text) <= CACHED_LENGTH else _find_path.__wrapped__
    return find(text, resource_type)


@lru_cache(maxsize=1024)
def _find_path(text: str, resource_type: ResourceType) -> PatchPath | None:
    return resolve_patch_path(parse_path(text, resource_type.leniencies), resource_type)
