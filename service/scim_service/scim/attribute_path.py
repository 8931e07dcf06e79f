"""Names of attributes in filters, paths and parameters (RFC 7644 section 3.10)."""

import re
from dataclasses import dataclass, field
from functools import lru_cache

from scim_service.scim import errors
from scim_service.scim.errors import shorten
from scim_service.scim.schemas.attribute import Attribute
from scim_service.scim.schemas.resource_type import ResourceType

MAX_NAME_LENGTH = 1024


@dataclass(frozen=True, slots=True)
class AttributePath:
    """An attribute or a sub-attribute, as a filter or a path names it.

    In a resolved path the names are in canonical spelling, `schema` is None for core and common
    attributes, and `attribute` and `sub_attribute` are set; inside of a `ValuePath`, `name` and
    `attribute` are those of the sub-attribute. The URN of an extension resolves to that URN as
    `schema` and an empty `name`.
    """

    schema: str | None
    name: str
    sub: str | None = None
    attribute: Attribute | None = field(default=None, compare=False, repr=False)
    sub_attribute: Attribute | None = field(default=None, compare=False, repr=False)

    @property
    def leaf(self) -> Attribute:
        """The attribute that a resolved path ends in: the sub-attribute if there is one."""
        leaf = self.sub_attribute or self.attribute
        assert leaf is not None
        return leaf

    def __str__(self) -> str:
        text = self.name if self.schema is None else f"{self.schema}:{self.name}".rstrip(":")
        return text if self.sub is None else f"{text}.{self.sub}"


NAME_PATTERN = r"(?:urn:[A-Za-z0-9_$.:-]+:)?[A-Za-z$][A-Za-z0-9_$-]*(?:\.[A-Za-z$][A-Za-z0-9_$-]*)?"
ATTRIBUTE_NAME = re.compile(NAME_PATTERN, re.IGNORECASE)
_SCHEMA_PATH = re.compile(r"urn(?::[A-Za-z0-9_$.-]+)+", re.IGNORECASE)


@lru_cache(maxsize=1024)
def parse_attribute_path(text: str) -> AttributePath:
    """Return the path that a name spells, with a URN or without.

    Raises
    ------
    ScimError
        invalidPath for a text that is no name or is too long for one.
    """
    if len(text) > MAX_NAME_LENGTH:
        raise errors.invalid_path(
            f'"{shorten(text)}" has {len(text)} characters; the name of an attribute has at most'
            f" {MAX_NAME_LENGTH}."
        )
    if not ATTRIBUTE_NAME.fullmatch(text):
        # A URN may end in a part that is no name, as urn:example:contoso:1.5 does.
        if not _SCHEMA_PATH.fullmatch(text):
            raise errors.invalid_path(f'"{shorten(text)}" is not the name of an attribute.')
        return AttributePath(text, "")
    schema, colon, name = text.rpartition(":")
    name, dot, sub = name.partition(".")
    return AttributePath(schema if colon else None, name, sub if dot else None)


def resolve_path(path: AttributePath, resource_type: ResourceType) -> AttributePath | None:
    """Return the path bound to its attribute, None for an unknown attribute."""
    return _resolve_path(path, resource_type, resource_type.leniencies.finds_short_names)


def resolve_configured_path(
    path: AttributePath, resource_type: ResourceType
) -> AttributePath | None:
    """Return the bound path of a name in the configuration, None for an unknown attribute.

    Configuration may name an extension attribute by its short name (``manager``), whatever the
    tenant's leniencies are for clients.
    """
    return _resolve_path(path, resource_type, True)


@lru_cache(maxsize=1024)
def _resolve_path(
    path: AttributePath, resource_type: ResourceType, finds_short_names: bool
) -> AttributePath | None:
    extension = resource_type.extension(str(path))
    if extension is not None:
        return AttributePath(extension.id, "", None, extension.root)
    found = resource_type.find(path.schema, path.name)
    if found is None and finds_short_names and path.schema is None:
        found = resource_type.find_in_extensions(path.name)
    if found is None:
        return None
    schema, attribute = found
    if path.sub is None:
        return AttributePath(schema, attribute.name, None, attribute)
    sub_attribute = attribute.sub_attribute(path.sub)
    if sub_attribute is not None:
        return AttributePath(schema, attribute.name, sub_attribute.name, attribute, sub_attribute)
    if is_value_of_simple(attribute, path.sub):
        return AttributePath(schema, attribute.name, None, attribute)
    return None


def is_value_of_simple(attribute: Attribute, sub: str) -> bool:
    """Whether `sub` names the elements of a multi-valued attribute of simple values."""
    return attribute.multi_valued and attribute.type != "complex" and sub.lower() == "value"
