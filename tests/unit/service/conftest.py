"""The standard schemas, and a tenant's own beside them."""

from dataclasses import fields
from typing import Any

import pytest
from scim_service.scim.leniencies import Leniencies
from scim_service.scim.schemas.registry import Registry
from scim_service.scim.schemas.resource_type import ResourceType

CUSTOM_URN = "urn:example:contoso:2.0:User"
CUSTOM_SCHEMA: dict[str, Any] = {
    "id": CUSTOM_URN,
    "name": "Contoso",
    "attributes": [
        {"name": "badge", "type": "integer"},
        {"name": "height", "type": "decimal"},
        {"name": "hired", "type": "dateTime"},
        {"name": "tags", "multiValued": True},
        {"name": "code", "caseExact": True, "mutability": "immutable"},
        {"name": "notes", "returned": "request"},
        {
            "name": "desk",
            "type": "complex",
            "subAttributes": [{"name": "floor", "required": True}, {"name": "room"}],
        },
    ],
}


@pytest.fixture(scope="session")
def registry() -> Registry:
    """The schemas of a tenant with an extension of its own."""
    return Registry.load([CUSTOM_SCHEMA])


@pytest.fixture(scope="session")
def user(registry: Registry) -> ResourceType:
    """The resource type User."""
    return registry.user


@pytest.fixture(scope="session")
def lenient_registry() -> Registry:
    """The same schemas, with everything overlooked that the core can overlook."""
    names = (each.name for each in fields(Leniencies))
    return Registry.load([CUSTOM_SCHEMA], Leniencies(**dict.fromkeys(names, True)))


@pytest.fixture(scope="session")
def lenient_user(lenient_registry: Registry) -> ResourceType:
    """The resource type User, with all leniencies."""
    return lenient_registry.user


@pytest.fixture(scope="session")
def lenient_group(lenient_registry: Registry) -> ResourceType:
    """The resource type Group, with all leniencies."""
    return lenient_registry.group


@pytest.fixture(scope="session")
def group(registry: Registry) -> ResourceType:
    """The resource type Group."""
    return registry.group
