"""Required attributes without a value."""

from scim_service.scim.messages import URN_ENTERPRISE_USER
from scim_service.scim.resource.missing import find_missing_attributes
from scim_service.scim.schemas.resource_type import ResourceType


def test_missing_attributes(user: ResourceType) -> None:
    """Of a tenant's required attributes those are named that have no value."""
    resource = {
        "userName": "joy",
        "emails": [{"type": "work"}],
        URN_ENTERPRISE_USER: {"department": "Sales"},
    }
    names = ("userName", "emails", "emails.value", "department", "title", "manager", "nothing")
    assert find_missing_attributes(user, resource, names) == (
        "emails.value",
        "title",
        "manager",
        "nothing",
    )
