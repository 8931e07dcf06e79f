"""Which attributes of a user a tenant can require. Pure.

A name that no user has would have every user refused, with advice that Entra's administrator
cannot follow. The service ends at its start with such a name, as with an extension that it cannot
use, so the operator tells it first. Names are those of RFC 7643 section 4 and of the tenant's
extensions; an attribute of an extension may be named by its short name.
"""

from __future__ import annotations

from collections.abc import Mapping
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

_MEANT = {
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
"""Names of Entra's attributes, in lower case, and those that it maps them to by default."""


class _Known(NamedTuple):
    """An attribute that there is: how its name is spelled, and whether no client can give it."""

    name: str
    read_only: bool = False


def find_problem(provisioning: Provisioning) -> str | None:
    """Return what is wrong with the first name that no user can have a value for; None if none."""
    required = provisioning.required_attributes
    known = _known(provisioning.schema_extensions) if required else {}
    for index, name in enumerate(required):
        where = f"spec.provisioning.requiredAttributes[{index}] {name}"
        found = known.get(name.lower())
        if found is None:
            meant = _meant(name.lower(), known)
            guess = f"did you mean {meant}?" if meant else "name one such as emails."
            return (
                f"{where} is no attribute of a user: {guess} An attribute of your own needs a "
                "schema in schemaExtensions"
            )
        if found.read_only:
            return f"{where} is read-only, and so no user could be given a value for it"
    return None


def _meant(name: str, known: Mapping[str, _Known]) -> str | None:
    """Guess which attribute somebody had in mind."""
    if name in _MEANT:
        return _MEANT[name]
    plain = [each for each in known if ":" not in each]
    for each in plain:
        if each.endswith(f".{name}") or (len(name) > 2 and each.startswith(name)):
            return known[each].name
    close = get_close_matches(name, plain, n=1)
    return known[close[0]].name if close else None


@lru_cache(maxsize=64)
def _known(extensions: tuple[SchemaExtension, ...]) -> dict[str, _Known]:
    """Return what there is by its name in lower case.

    A short name is that of the core schema, else of the first extension that has it.
    """
    schemas: list[tuple[str, Mapping[str, tuple[str, ...]], tuple[str, ...]]]
    schemas = [(_USER_URN, COMMON | USER, READ_ONLY), (_ENTERPRISE_URN, ENTERPRISE, ())]
    schemas += [
        (
            extension.id,
            {attribute.name: _parts(attribute) for attribute in extension.attributes},
            tuple(each.name for each in extension.attributes if each.mutability == "readOnly"),
        )
        for extension in extensions
    ]
    known: dict[str, _Known] = {}
    taken: set[str] = set()
    for urn, attributes, read_only in schemas:
        if urn != _USER_URN:
            known[urn.lower()] = _Known(urn)
        for name, parts in attributes.items():
            prefixes = [f"{urn}:"] if name.lower() in taken else ["", f"{urn}:"]
            taken.add(name.lower())
            for prefix in prefixes:
                for spelled in (name, *(f"{name}.{part}" for part in parts)):
                    text = prefix + spelled
                    known[text.lower()] = _Known(text, name in read_only)
    return known


def _parts(attribute: Attribute) -> tuple[str, ...]:
    if attribute.type == "complex":
        return tuple(part.name for part in attribute.sub_attributes)
    return ("value",) if attribute.multi_valued else ()
