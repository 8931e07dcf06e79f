"""Required attributes, known and unknown, on which operator, service and CRD must agree."""

from __future__ import annotations

from typing import Any, NamedTuple

Json = dict[str, Any]


class Case(NamedTuple):
    """The required attributes of one tenant.

    Attributes
    ----------
    problem
        A part of the operator's message; None if the attributes are known.
    is_rejected
        Whether the API server rejects them.
    """

    required: list[str]
    problem: str | None = None
    is_rejected: bool = False
    extensions: list[Json] = []  # noqa: RUF012 (never mutated)


def extension(*attributes: Json, urn: str = "urn:example:contoso:2.0:User") -> Json:
    """Build a schema with some attributes."""
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
    """Return the case of an unknown name and the attribute that the operator suggests."""
    return Case([name], f"{name} {_UNKNOWN}: did you mean {meant}?", is_rejected=True)


CASES = {
    "nothing": Case([]),
    "a core attribute": Case(["emails", "displayName", "externalId"]),
    "in another case": Case(["EMAILS", "DisplayName"]),
    "a part of one": Case(["name.familyName", "emails.value", "addresses.country"]),
    "an enterprise attribute": Case(["department", "manager.value"]),
    "one with its URN": Case([f"{_ENTERPRISE}:department", f"{_ENTERPRISE}:manager.displayName"]),
    "a core attribute with its URN": Case(["urn:ietf:params:scim:schemas:core:2.0:User:title"]),
    "a whole extension": Case([_ENTERPRISE]),
    "attributes of every user": Case(["id", "meta", "schemas", "userName"]),
    "one of its own": Case(["badge", f"{_URN}:badge", _URN], extensions=OWN),
    "a part of its own": Case(["car.plate", f"{_URN}:car.plate", "tags.value"], extensions=OWN),
    "a singular": unknown("email", "emails"),
    "a name of Entra's": unknown("mail", "emails"),
    "another name of Entra's": unknown("surname", "name.familyName"),
    "a sub-attribute alone": unknown("givenName", "name.givenName"),
    "the beginning of a name": unknown("phone", "phoneNumbers"),
    "a misspelling": unknown("dispalyName", "displayName"),
    "an unlike name": Case(["zzzz"], f"zzzz {_UNKNOWN}: name one", is_rejected=True),
    "the second of two": Case(["emails", "email"], f"[1] email {_UNKNOWN}", is_rejected=True),
    "an unknown part": Case(["emails.address"], f"emails.address {_UNKNOWN}"),
    "a part of a text": Case(["title.value"], f"title.value {_UNKNOWN}"),
    "a URN of another schema": Case(["urn:example:other:2.0:User:badge"], _UNKNOWN),
    "the core schema": Case(["urn:ietf:params:scim:schemas:core:2.0:User"], _UNKNOWN),
    "a misspelling of its own": Case(["bagde"], f"{_UNKNOWN}: did you mean badge?", extensions=OWN),
    "groups": Case(["groups"], f"groups {_FIXED}", is_rejected=True),
    "a part of groups": Case(["groups.value"], f"groups.value {_FIXED}", is_rejected=True),
    "a read-only one of its own": Case(["rank"], f"rank {_FIXED}", extensions=OWN),
    "the same with its URN": Case([f"{_URN}:rank"], _FIXED, extensions=OWN),
}
