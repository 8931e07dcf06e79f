"""Attributes of a resource type."""

from scim_service.scim.messages import URN_ENTERPRISE_USER, URN_USER
from scim_service.scim.schemas.resource_type import ResourceType


def test_lookup_ignores_case(user: ResourceType) -> None:
    """Attribute names and URNs are found in any case."""
    assert user.find(None, "USERNAME") == (None, user.attribute("userName"))
    assert user.find(URN_USER.lower(), "displayname") == (None, user.attribute("displayName"))
    found = user.find(URN_ENTERPRISE_USER.upper(), "Department")
    assert found is not None
    assert (found[0], found[1].name) == (URN_ENTERPRISE_USER, "department")
    emails = user.attribute("Emails")
    assert emails is not None
    assert emails.sub_attribute("VALUE") is emails.sub_attribute("value")
    assert user.find("urn:example:none", "department") is None
    assert user.find(URN_ENTERPRISE_USER, "userName") is None
    assert user.extension("urn:example:none") is None
