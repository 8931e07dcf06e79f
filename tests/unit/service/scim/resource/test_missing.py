"""Required attributes without a value."""

from scim_service.scim.messages import URN_ENTERPRISE_USER
from scim_service.scim.resource.missing import find_missing_attributes
from scim_service.scim.schemas.resource_type import ResourceType


def test_missing_attributes(user: ResourceType) -> None:
    """The required attributes without a value are named."""
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
