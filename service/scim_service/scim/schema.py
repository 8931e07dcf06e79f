"""What attributes there are: schemas, resource types and the registry of both (RFC 7643).

The schemas are data: each file in ``schemas/`` is a SCIM schema document, and a tenant's own
extensions come in the same form. Everything else in the protocol core asks the registry, so no
other module knows the name of an attribute of User.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, eq=False)
class Attribute:
    """The definition of one attribute (RFC 7643 section 7)."""

    name: str
    type: str = "string"
    multi_valued: bool = False
    required: bool = False
    case_exact: bool = False
    mutability: str = "readWrite"
    returned: str = "default"
    uniqueness: str = "none"
    canonical_values: tuple[str, ...] = ()
    reference_types: tuple[str, ...] = ()
    sub_attributes: tuple["Attribute", ...] = ()
    description: str = ""

    def sub_attribute(self, name: str) -> "Attribute | None":
        """Return the sub-attribute of that name, in any case."""
        raise NotImplementedError

    def document(self) -> dict[str, Any]:
        """Return the definition as ``/Schemas`` shows it: complete, without nulls."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True, eq=False)
class Schema:
    """A schema: a URN and its attributes."""

    id: str
    name: str
    description: str
    attributes: tuple[Attribute, ...]

    def attribute(self, name: str) -> Attribute | None:
        """Return the attribute of that name, in any case."""
        raise NotImplementedError

    def document(self, base_url: str) -> dict[str, Any]:
        """Return the schema as ``/Schemas`` shows it."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True, eq=False)
class ResourceType:
    """A kind of resource: its endpoint, its core schema and its extensions."""

    name: str
    endpoint: str
    description: str
    schema: Schema
    extensions: tuple[Schema, ...] = ()

    def attribute(self, name: str) -> Attribute | None:
        """Return the core or common attribute of that name, in any case."""
        raise NotImplementedError

    def extension(self, urn: str) -> Schema | None:
        """Return the extension schema with that URN, in any case."""
        raise NotImplementedError

    def find(self, schema: str | None, name: str) -> tuple[str | None, Attribute] | None:
        """Return where an attribute lives, and its definition.

        Parameters
        ----------
        schema
            The URN that qualifies the name, if any, in any case.
        name
            The name, in any case.

        Returns
        -------
        The URN of the extension (None for the core schema and the common attributes) and the
        attribute; None where there is no such attribute.
        """
        raise NotImplementedError

    def find_in_extensions(self, name: str) -> tuple[str, Attribute] | None:
        """Return the only extension attribute of that unqualified name, and its URN."""
        raise NotImplementedError

    def document(self, base_url: str) -> dict[str, Any]:
        """Return the resource type as ``/ResourceTypes`` shows it."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True, eq=False)
class Registry:
    """All schemas and resource types of one tenant."""

    user: ResourceType
    group: ResourceType
    schemas: Mapping[str, Schema] = field(default_factory=dict)

    @classmethod
    def load(cls, extensions: Iterable[object] = ()) -> "Registry":
        """Read the schemas that come with the service and add a tenant's own to User.

        Parameters
        ----------
        extensions
            SCIM schema objects (RFC 7643 section 7), the tenant's ``schemaExtensions``.

        Raises
        ------
        SchemaError
            An extension is not a usable schema; the message names it and the place in it.
        """
        raise NotImplementedError

    @property
    def resource_types(self) -> tuple[ResourceType, ...]:
        """The resource types, in the order of the documents."""
        return (self.user, self.group)

    def schema_documents(self, base_url: str) -> list[dict[str, Any]]:
        """Return the documents of ``/Schemas``; `base_url` has no slash at its end."""
        raise NotImplementedError

    def schema_document(self, urn: str, base_url: str) -> dict[str, Any] | None:
        """Return the document of ``/Schemas/{urn}``."""
        raise NotImplementedError

    def resource_type_documents(self, base_url: str) -> list[dict[str, Any]]:
        """Return the documents of ``/ResourceTypes``."""
        raise NotImplementedError


class SchemaError(ValueError):
    """A schema document that cannot be used; the message says which, where and why."""
