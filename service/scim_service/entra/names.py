"""Which attribute a name means: the spellings of paths that clients use, also as keys.

The protocol core knows the names of the RFCs. For any other name, this module tries other spellings
of known names; a name without a match is unknown.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from scim_service.scim.errors import ScimError
from scim_service.scim.messages import URN_ENTERPRISE_USER
from scim_service.scim.patch.path import CACHED_LENGTH, PatchPath, find_path
from scim_service.scim.schemas.resource_type import ResourceType

_AROUND_MARKS = re.compile(r"\s*([.:])\s*")
_WELL_KNOWN_URN = re.compile(
    r"urn:(?:ietf:params:)?scim:schemas:(core|extension:enterprise):[12]\.0"
    r"(?::?(user|group))?(?=[:.]|\Z)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Meaning:
    """The meaning of a name.

    Parameters
    ----------
    name
        The name as the protocol core takes it; empty for the resource itself.
    target
        The attribute; None for the resource itself.
    """

    name: str
    target: PatchPath | None


def find_meaning(name: str, resource_type: ResourceType) -> Meaning | None:
    """Return the meaning of a name, None where it is unknown or the protocol core refuses it."""
    find = _find_meaning if len(name) <= CACHED_LENGTH else _find_meaning.__wrapped__
    return find(name, resource_type)


@lru_cache(maxsize=1024)
def _find_meaning(name: str, resource_type: ResourceType) -> Meaning | None:
    for spelling in _list_spellings(name, resource_type):
        if not spelling:
            return Meaning("", None)
        try:
            target = find_path(spelling, resource_type)
        except ScimError:
            continue
        if target is not None:
            return Meaning(spelling, target)
    return None


def _list_spellings(name: str, resource_type: ResourceType) -> Iterator[str]:
    yield name
    standard = strip_blanks(name)
    if standard != name:
        yield standard
    if standard[:4].lower() == "urn:":
        respelled = correct_urn(standard, resource_type)
        if respelled is not None:
            yield respelled


def strip_blanks(text: str) -> str:
    """Remove blanks around a path, and around its brackets, dots and colons.

    Administrators type paths by hand into Entra's target attributes (attributes).
    """
    text = text.strip()
    if not any(map(str.isspace, text)):
        return text
    head, opening, rest = text.partition("[")
    inner, closing, tail = rest.rpartition("]")
    if not closing:
        return _AROUND_MARKS.sub(r"\1", text)
    head, tail = (_AROUND_MARKS.sub(r"\1", part).strip() for part in (head, tail))
    return f"{head}{opening}{inner}{closing}{tail}"


def correct_urn(text: str, resource_type: ResourceType) -> str | None:
    """Replace another spelling of a URN by the URN of the resource type.

    Clients write a dot instead of the colon after a URN (apache/directory-scimple#704), the URNs of
    SCIM 1.1 (OneLogin: ``urn:scim:schemas:core:1.0``), and URNs without ``User`` at their end or
    with ``User`` directly after the version (tutorial, example of creating a user: ``2.0User``).

    Returns
    -------
    The path as the protocol core takes it, empty for the core schema alone; None for a URN that
    is not known.
    """
    lower = text.lower()
    own = (resource_type.schema.id, *(each.id for each in resource_type.extensions))
    for urn in sorted(own, key=len, reverse=True):
        if lower.startswith(urn.lower()) and lower[len(urn) : len(urn) + 1] in {"", ":", "."}:
            return _qualify(urn, text[len(urn) + 1 :], resource_type)
    known = _WELL_KNOWN_URN.match(text)
    if known is None or (known[2] or resource_type.name).lower() != resource_type.name.lower():
        return None
    urn = resource_type.schema.id if known[1].lower() == "core" else URN_ENTERPRISE_USER
    return _qualify(urn, text[known.end() + 1 :], resource_type)


def _qualify(urn: str, name: str, resource_type: ResourceType) -> str:
    if urn == resource_type.schema.id:
        return name
    return f"{urn}:{name}" if name else urn


@dataclass(frozen=True, slots=True)
class Named:
    """A value whose name in a body is the path of an attribute, not a top-level name."""

    meaning: Meaning
    value: Any


def split_names(
    resource_type: ResourceType, body: Mapping[str, Any]
) -> tuple[dict[str, Any], list[Named]]:
    """Split a body into attributes under their own or unknown names, and values under paths.

    Paths are, for example, ``name.givenName``, ``urn:...:enterprise:2.0:User:employeeNumber``,
    ``department`` without its URN (compatibility, the requests with the flag aadOptscim062020;
    tutorial, example of creating a user), or an object under the URN of the core schema
    (limosa-io/laravel-scim-server#28).
    """
    plain: dict[str, Any] = {}
    named: list[Named] = []
    for name, value in body.items():
        if resource_type.attribute(name) is not None:
            plain[name] = value
            if ":" in name and isinstance(value, dict):
                plain[name] = _split_extension(resource_type, name, value, named)
            continue
        meaning = find_meaning(name, resource_type)
        if meaning is None:
            plain[name] = value
        elif meaning.target is not None:
            if not meaning.target.path.name and isinstance(value, dict):
                value = _split_extension(resource_type, meaning.name, value, named)
            named.append(Named(meaning, value))
        else:
            named += _split_core_object(resource_type, name, value, plain)
    return plain, named


def _split_extension(
    resource_type: ResourceType, urn: str, value: dict[str, Any], named: list[Named]
) -> dict[str, Any]:
    """Move the values whose names have dots from the object of an extension to `named`."""
    extension = resource_type.extension(urn)
    assert extension is not None
    meanings = {
        name: meaning
        for name in value
        if extension.attribute(name) is None
        and (meaning := find_meaning(f"{extension.id}:{name}", resource_type)) is not None
    }
    named += (Named(meaning, value[name]) for name, meaning in meanings.items())
    return {name: each for name, each in value.items() if name not in meanings}


def _split_core_object(
    resource_type: ResourceType, name: str, value: Any, plain: dict[str, Any]
) -> Iterator[Named]:
    """Return the values of an object under the core schema's URN; unknown names stay in `plain`."""
    if not isinstance(value, dict):
        plain[name] = value
        return
    unknown: dict[str, Any] = {}
    for inner, each in value.items():
        meaning = find_meaning(inner, resource_type)
        if meaning is None or meaning.target is None:
            unknown[inner] = each
        else:
            yield Named(meaning, each)
    if unknown:
        plain[name] = unknown
