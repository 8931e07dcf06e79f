"""Definitions of attributes."""

from scim_service.scim.messages import URN_USER
from scim_service.scim.schemas.registry import Registry

BASE = "https://scim.example.com/scim"


def test_attribute_documents_are_complete(registry: Registry) -> None:
    """Every attribute shows all characteristics of RFC 7643 section 7, in camelCase."""
    document = registry.find_schema_document(URN_USER, BASE)
    assert document is not None
    for attribute in document["attributes"]:
        assert attribute.keys() >= {
            "name", "type", "multiValued", "description", "required", "caseExact", "mutability",
            "returned", "uniqueness",
        }  # fmt: skip
        assert attribute["mutability"] in {"readWrite", "readOnly", "writeOnly", "immutable"}
