"""Check which attributes of a user a tenant requires.

An unknown name would make the service reject every user, with advice that Entra's administrator
cannot follow. The service exits at its start with such a name, so the operator reports it first.
Names are those of RFC 7643 section 4 and of the tenant's extensions; an attribute of an extension
also has a short name, without the URN.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from functools import lru_cache
from typing import NamedTuple

from scim_operator.api.user_schema import COMMON, ENTERPRISE, READ_ONLY, USER
from scim_operator.api.v1alpha1.provisioning import (
    CORE_SCHEMAS,
    Attribute,
    Provisioning,
    SchemaExtension,
)

_USER_URN, _ENTERPRISE_URN = CORE_SCHEMAS[0], CORE_SCHEMAS[2]

_DEFAULT_MAPPINGS = {
    "mail": "emails",
    "telephonenumber": "phoneNumbers",
    "mobile": "phoneNumbers",
    "userprincipalname": "userName",
    "upn": "userName",
    "mailnickname": "externalId",
    "objectid": "externalId",
    "surname": "name.familyName",
    "lastname": "name.familyName",
    "firstname": "name.givenName",
    "jobtitle": "title",
    "employeeid": "employeeNumber",
    "companyname": "organization",
    "city": "addresses",
    "country": "addresses",
}
"""Names of Entra's attributes, in lower case, with the SCIM attributes of its default mapping."""


class _KnownAttribute(NamedTuple):
    """The spelling of an attribute's name, and whether clients may not write it."""

    name: str
    is_read_only: bool = False


class _Schema(NamedTuple):
    """The attributes of one schema, each with its sub-attributes."""

    urn: str
    attributes: Mapping[str, tuple[str, ...]]
    read_only: tuple[str, ...] = ()


def find_problem(provisioning: Provisioning) -> str | None:
    """Return the problem of the first unknown or read-only attribute; None if there is none."""
    required = provisioning.required_attributes
    known = _index_attributes(provisioning.schema_extensions) if required else {}
    for index, name in enumerate(required):
        field = f"spec.provisioning.requiredAttributes[{index}] {name}"
        found = known.get(name.lower())
        if found is None:
            guess = _guess(name.lower(), known)
            hint = f"did you mean {guess}?" if guess else "name one such as emails."
            return (
                f"{field} is no attribute of a user: {hint} A custom attribute needs a schema in "
                "schemaExtensions"
            )
        if found.is_read_only:
            return f"{field} is read-only, so Entra cannot provision a value for it"
    return None


def _guess(name: str, known: Mapping[str, _KnownAttribute]) -> str | None:
    """Guess the attribute that an unknown name stands for."""
    if name in _DEFAULT_MAPPINGS:
        return _DEFAULT_MAPPINGS[name]
    short_names = [each for each in known if ":" not in each]
    for each in short_names:
        if each.endswith(f".{name}") or (len(name) > 2 and each.startswith(name)):
            return known[each].name
    close = get_close_matches(name, short_names, n=1)
    return known[close[0]].name if close else None


@lru_cache(maxsize=64)
def _index_attributes(extensions: tuple[SchemaExtension, ...]) -> dict[str, _KnownAttribute]:
    """Return the attributes by each of their names in lower case.

    If several schemas share a short name, it stands for the core schema's attribute, or else for
    that of the first extension.
    """
    known: dict[str, _KnownAttribute] = {}
    used: set[str] = set()
    for schema in _list_schemas(extensions):
        if schema.urn != _USER_URN:
            known[schema.urn.lower()] = _KnownAttribute(schema.urn)
        for name, sub_attributes in schema.attributes.items():
            prefixes = [f"{schema.urn}:"] if name.lower() in used else ["", f"{schema.urn}:"]
            used.add(name.lower())
            spellings = (name, *(f"{name}.{part}" for part in sub_attributes))
            for full_name in (prefix + each for prefix in prefixes for each in spellings):
                known[full_name.lower()] = _KnownAttribute(full_name, name in schema.read_only)
    return known


def _list_schemas(extensions: tuple[SchemaExtension, ...]) -> Iterator[_Schema]:
    yield _Schema(_USER_URN, COMMON | USER, READ_ONLY)
    yield _Schema(_ENTERPRISE_URN, ENTERPRISE)
    for extension in extensions:
        yield _Schema(
            extension.id,
            {each.name: _list_sub_attributes(each) for each in extension.attributes},
            tuple(each.name for each in extension.attributes if each.mutability == "readOnly"),
        )


def _list_sub_attributes(attribute: Attribute) -> tuple[str, ...]:
    if attribute.type == "complex":
        return tuple(part.name for part in attribute.sub_attributes)
    return ("value",) if attribute.multi_valued else ()
