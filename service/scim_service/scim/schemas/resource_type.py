"""Resource types: a core schema, its extensions and the names in both (RFC 7643 section 6)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from scim_service.scim.leniencies import NO_LENIENCIES, Leniencies
from scim_service.scim.messages import URN_RESOURCE_TYPE
from scim_service.scim.schemas.attribute import (
    COMMON_ATTRIBUTES,
    Attribute,
    has_required_parts,
    index_by_name,
    is_returned_by_default,
)
from scim_service.scim.schemas.schema import Schema


@dataclass(frozen=True, slots=True, eq=False)
class ResourceType:
    """A kind of resource: its endpoint, its core schema, its extensions and its leniencies.

    `top_level` holds the attributes that a resource has at its top level, by their name and by
    their name in lower case: common, core, and the `root` of each extension by its URN.
    `required` are the attributes that must have a value, `with_required_parts` those that have
    required sub-attributes, `not_by_default` the names of those that an answer lacks, in whole or
    in part, unless the client requests them. Caches by resource type also keep leniencies apart.
    """

    name: str
    endpoint: str
    description: str
    schema: Schema
    extensions: tuple[Schema, ...] = ()
    leniencies: Leniencies = NO_LENIENCIES
    top_level: Mapping[str, Attribute] = field(init=False, repr=False)
    required: tuple[Attribute, ...] = field(init=False, repr=False)
    with_required_parts: tuple[Attribute, ...] = field(init=False, repr=False)
    not_by_default: frozenset[str] = field(init=False, repr=False)
    _extensions: Mapping[str, Schema] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        roots = tuple(extension.root for extension in self.extensions)
        attributes = COMMON_ATTRIBUTES + self.schema.attributes + roots
        required = tuple(each for each in self.schema.attributes if each.required)
        with_parts = tuple(each for each in attributes if has_required_parts(each))
        hidden = frozenset(each.name for each in attributes if not is_returned_by_default(each))
        extensions = {extension.id.lower(): extension for extension in self.extensions}
        object.__setattr__(self, "top_level", index_by_name(attributes))
        object.__setattr__(self, "required", required)
        object.__setattr__(self, "with_required_parts", with_parts)
        object.__setattr__(self, "not_by_default", hidden)
        object.__setattr__(self, "_extensions", extensions)

    def attribute(self, name: str) -> Attribute | None:
        """Return the attribute that a resource has at its top level under that name."""
        return self.top_level.get(name) or self.top_level.get(name.lower())

    def extension(self, urn: str) -> Schema | None:
        """Return the extension schema with that URN, in any case."""
        return self._extensions.get(urn.lower())

    def find(self, schema: str | None, name: str) -> tuple[str | None, Attribute] | None:
        """Return the schema of an attribute, and its definition.

        Parameters
        ----------
        schema
            The URN that qualifies the name, if any, in any case.
        name
            The name, in any case.

        Returns
        -------
        The URN of the extension (None for the core schema and the common attributes) and the
        attribute; None for an unknown attribute.
        """
        if schema is None or schema.lower() == self.schema.id.lower():
            attribute = self.attribute(name)
            return None if attribute is None else (None, attribute)
        extension = self.extension(schema)
        if extension is None:
            return None
        attribute = extension.attribute(name)
        return None if attribute is None else (extension.id, attribute)

    def find_in_extensions(self, name: str) -> tuple[str, Attribute] | None:
        """Return the first extension's attribute of that unqualified name, and its URN."""
        for extension in self.extensions:
            attribute = extension.attribute(name)
            if attribute is not None:
                return extension.id, attribute
        return None

    def document(self, base_url: str) -> dict[str, Any]:
        """Return the resource type as ``/ResourceTypes`` shows it."""
        return {
            "schemas": [URN_RESOURCE_TYPE],
            "id": self.name,
            "name": self.name,
            "endpoint": self.endpoint,
            "description": self.description,
            "schema": self.schema.id,
            "schemaExtensions": [
                {"schema": extension.id, "required": False} for extension in self.extensions
            ],
            "meta": {
                "resourceType": "ResourceType",
                "location": f"{base_url}/ResourceTypes/{self.name}",
            },
        }
