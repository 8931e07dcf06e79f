"""Definitions of attributes, and the common attributes of all resources (RFC 7643)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any


def index_by_name(attributes: Iterable["Attribute"]) -> dict[str, "Attribute"]:
    """Return attributes by their name, and by their name in lower case."""
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
    """Whether an attribute has a required sub-attribute, at any depth."""
    return any(sub.required or has_required_parts(sub) for sub in attribute.sub_attributes)


def is_returned_by_default(attribute: Attribute) -> bool:
    """Whether an answer has the whole attribute unless the client asks for others."""
    return attribute.returned in {"always", "default"} and all(
        is_returned_by_default(sub) for sub in attribute.sub_attributes
    )


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
