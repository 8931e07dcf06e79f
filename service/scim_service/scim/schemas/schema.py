"""Schemas: a URN and its attributes (RFC 7643 section 7)."""

from dataclasses import dataclass, field
from typing import Any

from scim_service.scim.messages import URN_SCHEMA
from scim_service.scim.schemas.attribute import Attribute


@dataclass(frozen=True, slots=True, eq=False)
class Schema:
    """A schema: a URN and its attributes.

    `root` is the form of an extension in a resource: a complex attribute with the URN as its name
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
