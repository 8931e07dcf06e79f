"""Entra's attribute mappings, for messages about values that Entra does not send.

Source: attributes (named in the package), "Provisioning a user with the default mappings".
"""

from collections.abc import Iterable

_SOURCES = {
    "emails": 'the source attribute mail, to emails[type eq "work"].value',
    "phonenumbers": 'telephoneNumber, to phoneNumbers[type eq "work"].value',
    "name": "givenName and surname, to name.givenName and name.familyName",
    "externalid": "mailNickname or objectId, to externalId",
    "displayname": "displayName",
    "title": "jobTitle, to title",
    "employeenumber": "employeeId, to the enterprise extension's employeeNumber",
    "department": "department, to the enterprise extension's department",
    "manager": "manager, to the enterprise extension's manager",
    "preferredlanguage": "preferredLanguage",
    "addresses": 'streetAddress, city and country, to addresses[type eq "work"]',
}
"""The sources of Entra's default attribute mappings, by attribute name in lower case."""


def explain_missing_values(names: Iterable[str]) -> str:
    """Return the detail of the error for a user without a value for required attributes."""
    advice = "; ".join(f"{name} (usually from {_find_source(name)})" for name in names)
    return (
        f"This tenant requires a value for {advice}. In the Entra admin center open the"
        " application's Provisioning, Mappings, Provision Microsoft Entra ID Users, and map"
        " the attribute; if it is mapped, the user has no value for it in Entra."
    )


def _find_source(name: str) -> str:
    return _SOURCES.get(name.rpartition(":")[2].lower(), f"a source attribute you map to {name}")
