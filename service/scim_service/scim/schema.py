"""What attributes there are: schemas, resource types and the registry of both (RFC 7643).

The schemas are data: each file in ``schemas/`` is a SCIM schema document, and a tenant's own
extensions come in the same form. Everything else in the protocol core asks the registry, so that
a new attribute is a line in a data file.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

from scim_service.scim.messages import (
    URN_ENTERPRISE_USER,
    URN_GROUP,
    URN_RESOURCE_TYPE,
    URN_SCHEMA,
    URN_USER,
)

TYPES = ("string", "boolean", "decimal", "integer", "dateTime", "reference", "binary", "complex")
MUTABILITIES = ("readOnly", "readWrite", "immutable", "writeOnly")
RETURNED = ("always", "never", "default", "request")
UNIQUENESS = ("none", "server", "global")

_NAME = re.compile(r"[A-Za-z$][A-Za-z0-9_-]*")
_URN = re.compile(r"urn:[A-Za-z0-9][A-Za-z0-9-]*(:[A-Za-z0-9_.$-]+)+", re.IGNORECASE)


class SchemaError(ValueError):
    """A schema document that cannot be used; the message says which, where and why."""


def index_by_name(attributes: Iterable["Attribute"]) -> dict[str, "Attribute"]:
    names: dict[str, Attribute] = {}
    for attribute in attributes:
        names[attribute.name] = attribute
        names[attribute.name.lower()] = attribute
    return names


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
    by_name: Mapping[str, "Attribute"] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_name", index_by_name(self.sub_attributes))

    def sub_attribute(self, name: str) -> "Attribute | None":
        """Return the sub-attribute of that name, in any case."""
        return self.by_name.get(name) or self.by_name.get(name.lower())

    def document(self) -> dict[str, Any]:
        """Return the definition as ``/Schemas`` shows it: complete, without nulls."""
        document: dict[str, Any] = {
            "name": self.name,
            "type": self.type,
            "multiValued": self.multi_valued,
            "description": self.description,
            "required": self.required,
            "caseExact": self.case_exact,
            "mutability": self.mutability,
            "returned": self.returned,
            "uniqueness": self.uniqueness,
        }
        if self.canonical_values:
            document["canonicalValues"] = list(self.canonical_values)
        if self.reference_types:
            document["referenceTypes"] = list(self.reference_types)
        if self.type == "complex":
            document["subAttributes"] = [sub.document() for sub in self.sub_attributes]
        return document


def has_required_parts(attribute: Attribute) -> bool:
    return any(sub.required or has_required_parts(sub) for sub in attribute.sub_attributes)


def is_returned_by_default(attribute: Attribute) -> bool:
    return attribute.returned in {"always", "default"} and all(
        is_returned_by_default(sub) for sub in attribute.sub_attributes
    )


@dataclass(frozen=True, slots=True, eq=False)
class Schema:
    """A schema: a URN and its attributes.

    `root` is what an extension is in a resource: a complex attribute with the URN as its name
    and the schema's attributes as its sub-attributes.
    """

    id: str
    name: str
    description: str
    attributes: tuple[Attribute, ...]
    root: Attribute = field(init=False, repr=False)

    def __post_init__(self) -> None:
        root = Attribute(self.id, type="complex", sub_attributes=self.attributes)
        object.__setattr__(self, "root", root)

    def attribute(self, name: str) -> Attribute | None:
        """Return the attribute of that name, in any case."""
        return self.root.sub_attribute(name)

    def document(self, base_url: str) -> dict[str, Any]:
        """Return the schema as ``/Schemas`` shows it."""
        return {
            "schemas": [URN_SCHEMA],
            "id": self.id,
            "name": self.name,
            "description": self.description,
            "attributes": [attribute.document() for attribute in self.attributes],
            "meta": {"resourceType": "Schema", "location": f"{base_url}/Schemas/{self.id}"},
        }


# RFC 7643 section 3.1, and ``schemas`` of section 3; externalId is in the core schemas too,
# because Entra only maps attributes that /Schemas publishes.
COMMON_ATTRIBUTES = (
    Attribute(
        "schemas", "string", multi_valued=True, case_exact=True, mutability="readOnly",
        returned="always", description="The URNs of the schemas of the resource.",
    ),
    Attribute(
        "id", case_exact=True, mutability="readOnly", returned="always", uniqueness="server",
        description="The identifier that the service gave the resource.",
    ),
    Attribute(
        "meta", "complex", mutability="readOnly", description="Facts about the resource.",
        sub_attributes=(
            Attribute("resourceType", case_exact=True, mutability="readOnly"),
            Attribute("created", "dateTime", mutability="readOnly"),
            Attribute("lastModified", "dateTime", mutability="readOnly"),
            Attribute("location", "reference", case_exact=True, mutability="readOnly"),
            Attribute("version", case_exact=True, mutability="readOnly"),
        ),
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class ResourceType:
    """A kind of resource: its endpoint, its core schema and its extensions.

    `top_level` holds the attributes that a resource has at its top level, by their name and by
    their name in lower case: common, core, and the `root` of each extension by its URN.
    `required` are those that a resource must have a value for, `with_required_parts` those that
    have required sub-attributes, `not_by_default` the names of those that an answer lacks, in
    whole or in part, unless the client asks for them.
    """

    name: str
    endpoint: str
    description: str
    schema: Schema
    extensions: tuple[Schema, ...] = ()
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


@dataclass(frozen=True, slots=True, eq=False)
class Registry:
    """All schemas and resource types of one tenant; `schemas` is by URN."""

    user: ResourceType
    group: ResourceType
    schemas: Mapping[str, Schema]

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
        standard = {schema.id: schema for schema in _load_standard_schemas()}
        own: dict[str, Schema] = {}
        taken = {urn.lower() for urn in standard}
        for index, document in enumerate(extensions):
            schema = parse_schema(document, f"schemaExtensions[{index}]")
            if schema.id.lower() in taken:
                raise SchemaError(
                    f"schemaExtensions[{index}].id: the schema {schema.id} exists already; "
                    "give the extension a URN of its own."
                )
            taken.add(schema.id.lower())
            own[schema.id] = schema
        user = standard.pop(URN_USER)
        enterprise_user = standard.pop(URN_ENTERPRISE_USER)
        group = standard.pop(URN_GROUP)
        resource = {schema.id: schema for schema in (user, enterprise_user, group)}
        return cls(
            user=ResourceType(
                "User", "/Users", "User Account", user, (enterprise_user, *own.values())
            ),
            group=ResourceType("Group", "/Groups", "Group", group),
            schemas=resource | own | standard,
        )

    @property
    def resource_types(self) -> tuple[ResourceType, ...]:
        """The resource types, in the order of the documents."""
        return (self.user, self.group)

    def list_schema_documents(self, base_url: str) -> list[dict[str, Any]]:
        """Return the documents of ``/Schemas``; `base_url` has no slash at its end."""
        return [schema.document(base_url) for schema in self.schemas.values()]

    def find_schema_document(self, urn: str, base_url: str) -> dict[str, Any] | None:
        """Return the document of ``/Schemas/{urn}``, the URN in any case."""
        for schema in self.schemas.values():
            if schema.id.lower() == urn.lower():
                return schema.document(base_url)
        return None

    def list_resource_type_documents(self, base_url: str) -> list[dict[str, Any]]:
        """Return the documents of ``/ResourceTypes``."""
        return [resource_type.document(base_url) for resource_type in self.resource_types]


def parse_schema(document: object, where: str, *, levels: int = 2) -> Schema:
    """Return the schema that a document describes.

    Parameters
    ----------
    where
        What the document is called in the message of an error.
    levels
        How deep attributes may be nested; the schema of schemas alone needs more than two.

    Raises
    ------
    SchemaError
        The document is not a usable schema.
    """
    members = _read_object(document, where)
    urn = members.get("id")
    if not isinstance(urn, str) or not _URN.fullmatch(urn):
        raise SchemaError(f"{where}.id must be a URN such as urn:example:contoso:2.0:User.")
    return Schema(
        id=urn,
        name=_read_text(members, "name", where) or urn.rpartition(":")[2],
        description=_read_text(members, "description", where),
        attributes=_parse_attributes(members, "attributes", where, levels),
    )


def _load_standard_schemas() -> Iterable[Schema]:
    folder = files(__package__).joinpath("schemas")
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.name.endswith(".json"):
            yield parse_schema(json.loads(entry.read_text("utf-8")), entry.name, levels=3)


def _parse_attributes(
    members: Mapping[str, Any], key: str, where: str, levels: int
) -> tuple[Attribute, ...]:
    documents = members.get(key)
    if not isinstance(documents, list) or not documents:
        raise SchemaError(f"{where}.{key} must be a list of at least one attribute.")
    attributes = [
        _parse_attribute(document, f"{where}.{key}[{index}]", levels)
        for index, document in enumerate(documents)
    ]
    seen: set[str] = set()
    for index, attribute in enumerate(attributes):
        if attribute.name.lower() in seen:
            raise SchemaError(
                f"{where}.{key}[{index}].name: {attribute.name} is there already; "
                "the case of a name does not count."
            )
        seen.add(attribute.name.lower())
    return tuple(attributes)


def _parse_attribute(document: object, where: str, levels: int) -> Attribute:
    members = _read_object(document, where)
    name = members.get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise SchemaError(
            f"{where}.name must be a name of letters, digits, - and _ that starts with a letter."
        )
    kind = _read_choice(members, "type", TYPES, "string", where)
    if kind == "complex" and levels == 1:
        raise SchemaError(f"{where}.type: a sub-attribute cannot be complex.")
    if kind != "complex" and members.get("subAttributes"):
        raise SchemaError(f"{where}.subAttributes: only a complex attribute has them.")
    return Attribute(
        name=name,
        type=kind,
        multi_valued=_read_flag(members, "multiValued", where),
        required=_read_flag(members, "required", where),
        case_exact=_read_flag(members, "caseExact", where),
        mutability=_read_choice(members, "mutability", MUTABILITIES, "readWrite", where),
        returned=_read_choice(members, "returned", RETURNED, "default", where),
        uniqueness=_read_choice(members, "uniqueness", UNIQUENESS, "none", where),
        canonical_values=_read_texts(members, "canonicalValues", where),
        reference_types=_read_texts(members, "referenceTypes", where),
        sub_attributes=(
            _parse_attributes(members, "subAttributes", where, levels - 1)
            if kind == "complex"
            else ()
        ),
        description=_read_text(members, "description", where),
    )


def _read_object(document: object, where: str) -> dict[str, Any]:
    if not isinstance(document, dict):
        raise SchemaError(f"{where} must be an object.")
    return document


def _read_text(members: Mapping[str, Any], key: str, where: str) -> str:
    value = members.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise SchemaError(f"{where}.{key} must be a text.")
    return value


def _read_texts(members: Mapping[str, Any], key: str, where: str) -> tuple[str, ...]:
    value = members.get(key)
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise SchemaError(f"{where}.{key} must be a list of texts.")
    return tuple(value)


def _read_flag(members: Mapping[str, Any], key: str, where: str) -> bool:
    value = members.get(key)
    if value is None:
        return False
    if not isinstance(value, bool):
        raise SchemaError(f"{where}.{key} must be true or false.")
    return value


def _read_choice(
    members: Mapping[str, Any], key: str, choices: tuple[str, ...], default: str, where: str
) -> str:
    value = members.get(key)
    if value is None:
        return default
    if value not in choices:
        raise SchemaError(f"{where}.{key} must be one of {', '.join(choices)}.")
    return str(value)
