"""Schemas, resource types and a tenant's extensions."""

from collections.abc import Iterator
from typing import Any

import pytest
from scim_service.scim.messages import URN_GROUP, URN_USER
from scim_service.scim.schemas.parser import SchemaError
from scim_service.scim.schemas.registry import Registry
from scim_service.scim.schemas.resource_type import ResourceType

from tests.unit.service.conftest import CUSTOM_SCHEMA, CUSTOM_URN

BASE = "https://scim.example.com/scim"


def walk(value: Any) -> Iterator[Any]:
    yield value
    for each in value.values() if isinstance(value, dict) else ():
        yield from walk(each)
    for each in value if isinstance(value, list) else ():
        yield from walk(each)


def test_documents_have_no_null(registry: Registry) -> None:
    """Section 1.2: /Schemas has no null values."""
    assert None not in list(walk(registry.list_schema_documents(BASE)))


def test_types_have_canonical_values(registry: Registry) -> None:
    """Section 1.8, Schema_Discoverability: each multi-valued type lists canonicalValues."""
    for document in registry.list_schema_documents(BASE)[:3]:
        for attribute in document["attributes"]:
            for sub in attribute.get("subAttributes", []):
                if attribute["multiValued"] and sub["name"] == "type":
                    assert sub["canonicalValues"], attribute["name"]


@pytest.mark.parametrize("urn", [URN_USER, URN_GROUP])
def test_external_id_is_published(registry: Registry, urn: str) -> None:
    """Section 1.8, Schema_Discoverability: a mapped attribute must be found, externalId too."""
    document = registry.find_schema_document(urn.upper(), BASE)
    assert document is not None
    assert "externalId" in [attribute["name"] for attribute in document["attributes"]]


def test_password_is_never_returned(user: ResourceType) -> None:
    """The schema of User defines the password as never returned."""
    password = user.attribute("password")
    assert password is not None
    assert (password.returned, password.mutability) == ("never", "writeOnly")


def test_every_schema_of_a_resource_type_is_published(registry: Registry) -> None:
    """/Schemas has each schema that /ResourceTypes names."""
    published = {document["id"] for document in registry.list_schema_documents(BASE)}
    for document in registry.list_resource_type_documents(BASE):
        assert document["schema"] in published
        assert {each["schema"] for each in document["schemaExtensions"]} <= published


def test_user_is_the_first_resource_type(registry: Registry) -> None:
    """Microsoft's collection reads the first one as User."""
    documents = registry.list_resource_type_documents(BASE)
    assert [document["endpoint"] for document in documents] == ["/Users", "/Groups"]
    assert documents[0]["meta"]["location"] == f"{BASE}/ResourceTypes/User"


def test_user_account_is_named(registry: Registry) -> None:
    """Microsoft's collection searches this text in /Schemas."""
    assert "User Account" in str(registry.list_schema_documents(BASE))


def test_extension_is_added_to_user_only(registry: Registry) -> None:
    """A tenant's schema extends User and is listed with the others."""
    assert registry.user.extension(CUSTOM_URN) is not None
    assert registry.group.extensions == ()
    assert registry.find_schema_document(CUSTOM_URN, BASE) is not None
    assert registry.find_schema_document("urn:example:none", BASE) is None


def test_extension_given_twice_is_refused() -> None:
    """Two schemas cannot share a URN."""
    with pytest.raises(SchemaError, match=r"schemaExtensions\[1\]\.id: .* exists already"):
        Registry.load([CUSTOM_SCHEMA, CUSTOM_SCHEMA])
