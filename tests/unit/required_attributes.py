"""What a tenant requires, and what is wrong with it: both programs are held to this."""

from __future__ import annotations

from typing import Any, NamedTuple

Json = dict[str, Any]


class Case(NamedTuple):
    """What one tenant requires.

    Attributes
    ----------
    problem
        What the operator says; None if nothing is wrong.
    refused
        Whether the API server refuses it already.
    """

    required: list[str]
    problem: str | None = None
    refused: bool = False
    extensions: list[Json] = []  # noqa: RUF012 (never changed)


def extension(*attributes: Json, urn: str = "urn:example:contoso:2.0:User") -> Json:
    """A schema of some attributes."""
    return {"id": urn, "name": "Contoso", "attributes": list(attributes)}


CAR = {"name": "car", "type": "complex", "subAttributes": [{"name": "plate"}]}
OWN = [
    extension(
        {"name": "badge"},
        {"name": "tags", "multiValued": True},
        {"name": "rank", "mutability": "readOnly"},
        CAR,
    )
]
_URN = "urn:example:contoso:2.0:User"
_ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
_UNKNOWN = "is no attribute of a user"
_FIXED = "is read-only"


def unknown(name: str, meant: str) -> Case:
    """A name that the API server refuses, and what the operator takes it for."""
    return Case([name], f"{name} {_UNKNOWN}: did you mean {meant}?", refused=True)


CASES = {
    "nothing": Case([]),
    "a core attribute": Case(["emails", "displayName", "externalId"]),
    "in another case": Case(["EMAILS", "DisplayName"]),
    "a part of one": Case(["name.familyName", "emails.value", "addresses.country"]),
    "an enterprise attribute": Case(["department", "manager.value"]),
    "one with its URN": Case([f"{_ENTERPRISE}:department", f"{_ENTERPRISE}:manager.displayName"]),
    "a core attribute with its URN": Case(["urn:ietf:params:scim:schemas:core:2.0:User:title"]),
    "a whole extension": Case([_ENTERPRISE]),
    "what every user has": Case(["id", "meta", "schemas", "userName"]),
    "one of its own": Case(["badge", f"{_URN}:badge", _URN], extensions=OWN),
    "a part of its own": Case(["car.plate", f"{_URN}:car.plate", "tags.value"], extensions=OWN),
    "a singular": unknown("email", "emails"),
    "a name of Entra's": unknown("mail", "emails"),
    "another name of Entra's": unknown("surname", "name.familyName"),
    "a part without its whole": unknown("givenName", "name.givenName"),
    "the beginning of a name": unknown("phone", "phoneNumbers"),
    "a slip": unknown("dispalyName", "displayName"),
    "a word of nobody's": Case(["zzzz"], f"zzzz {_UNKNOWN}: name one", refused=True),
    "the second of two": Case(["emails", "email"], f"[1] email {_UNKNOWN}", refused=True),
    "a part that there is not": Case(["emails.address"], f"emails.address {_UNKNOWN}"),
    "a part of a text": Case(["title.value"], f"title.value {_UNKNOWN}"),
    "another's URN": Case(["urn:example:other:2.0:User:badge"], _UNKNOWN),
    "the core schema": Case(["urn:ietf:params:scim:schemas:core:2.0:User"], _UNKNOWN),
    "a slip beside its own": Case(["bagde"], f"{_UNKNOWN}: did you mean badge?", extensions=OWN),
    "groups": Case(["groups"], f"groups {_FIXED}", refused=True),
    "a part of groups": Case(["groups.value"], f"groups.value {_FIXED}", refused=True),
    "a read-only one of its own": Case(["rank"], f"rank {_FIXED}", extensions=OWN),
    "the same with its URN": Case([f"{_URN}:rank"], _FIXED, extensions=OWN),
}
