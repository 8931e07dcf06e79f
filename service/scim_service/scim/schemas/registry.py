"""The schemas and resource types of one tenant, and their documents (RFC 7644 section 4)."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from scim_service.scim.leniencies import NO_LENIENCIES, Leniencies
from scim_service.scim.messages import URN_ENTERPRISE_USER, URN_GROUP, URN_USER
from scim_service.scim.schemas.parser import SchemaError, parse_schema
from scim_service.scim.schemas.resource_type import ResourceType
from scim_service.scim.schemas.schema import Schema


@dataclass(frozen=True, slots=True, eq=False)
class Registry:
    """All schemas and resource types of one tenant; `schemas` is by URN."""

    user: ResourceType
    group: ResourceType
    schemas: Mapping[str, Schema]
    leniencies: Leniencies = NO_LENIENCIES

    @classmethod
    def load(
        cls, extensions: Iterable[object] = (), leniencies: Leniencies = NO_LENIENCIES
    ) -> "Registry":
        """Read the schemas that come with the service and add a tenant's own to User.

        Parameters
        ----------
        extensions
            SCIM schema objects (RFC 7643 section 7), the tenant's ``schemaExtensions``.
        leniencies
            What the protocol core overlooks for this tenant.

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
                "User", "/Users", "User Account", user, (enterprise_user, *own.values()), leniencies
            ),
            group=ResourceType("Group", "/Groups", "Group", group, leniencies=leniencies),
            schemas=resource | own | standard,
            leniencies=leniencies,
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


def _load_standard_schemas() -> Iterable[Schema]:
    folder = files(__package__)
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.name.endswith(".json"):
            yield parse_schema(json.loads(entry.read_text("utf-8")), entry.name, levels=3)
