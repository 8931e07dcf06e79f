"""The schemas of a tenant with the entra profile."""

import pytest
from scim_service.entra.leniencies import ENTRA_LENIENCIES
from scim_service.scim.schemas.registry import Registry
from scim_service.scim.schemas.resource_type import ResourceType

from tests.unit.service.conftest import CUSTOM_SCHEMA

_REGISTRY = Registry.load([CUSTOM_SCHEMA], ENTRA_LENIENCIES)


@pytest.fixture(scope="session")
def user() -> ResourceType:
    """The resource type User."""
    return _REGISTRY.user


@pytest.fixture(scope="session")
def group() -> ResourceType:
    """The resource type Group."""
    return _REGISTRY.group
