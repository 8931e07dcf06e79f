"""Names of a SCIM user's attributes (RFC 7643 sections 3.1, 4.1 and 4.3)."""

from __future__ import annotations

_ELEMENT = ("value", "display", "type", "primary")
COMMON: dict[str, tuple[str, ...]] = {
    "schemas": ("value",),
    "id": (),
    "meta": ("resourceType", "created", "lastModified", "location", "version"),
}
"""Common attributes of every resource, each with its sub-attributes."""

_NAME = (
    *("formatted", "familyName", "givenName", "middleName"),
    *("honorificPrefix", "honorificSuffix"),
)
_ADDRESS = (
    *("formatted", "streetAddress", "locality", "region", "postalCode", "country"),
    *("type", "primary"),
)
USER: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("externalId", "userName", "displayName", "nickName", "profileUrl"), ()),
    **dict.fromkeys(("title", "userType", "preferredLanguage", "locale", "timezone"), ()),
    **dict.fromkeys(("active", "password"), ()),
    "name": _NAME,
    **dict.fromkeys(("emails", "phoneNumbers", "ims", "photos", "entitlements"), _ELEMENT),
    **dict.fromkeys(("roles", "x509Certificates"), _ELEMENT),
    "addresses": _ADDRESS,
    "groups": ("value", "$ref", "display", "type"),
}
"""Attributes of the core schema, each with its sub-attributes."""

READ_ONLY = ("groups",)
"""Attributes of the core schema that clients cannot write."""

ENTERPRISE: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("employeeNumber", "costCenter", "organization", "division"), ()),
    "department": (),
    "manager": ("value", "$ref", "displayName"),
}
"""Attributes of the enterprise extension, each with its sub-attributes."""
