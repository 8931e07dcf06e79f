"""Valid and invalid schema extensions, on which operator, service and CRD must agree."""

from __future__ import annotations

from typing import Any, NamedTuple

Json = dict[str, Any]


class Case(NamedTuple):
    """The schema extensions of one tenant.

    Attributes
    ----------
    problem
        A part of the operator's message; None if the extensions are valid.
    rejection
        A part of the API server's message; None if it admits the extensions.
    """

    extensions: list[Json]
    problem: str | None = None
    rejection: str | None = None


def extension(urn: str = "urn:example:contoso:2.0:User", *attributes: Json) -> Json:
    """Build a schema with some attributes; by default with a valid one."""
    return {"id": urn, "name": "Contoso", "attributes": list(attributes) or [{"name": "badge"}]}


def with_parts(*names: str, **more: Any) -> Json:
    """Build a schema with a complex attribute."""
    parts = [{"name": name} for name in names]
    return extension(
        "urn:example:contoso:2.0:User",
        {"name": "car", "type": "complex", "subAttributes": parts} | more,
    )


_NAME = "a name consists of letters, digits, - and _"
_NAME_REJECTION = "[A-Za-z$][A-Za-z0-9_-]*"
_URN = "is not a URN such as"
_URN_REJECTION = "urn:[A-Za-z0-9]"
_TAKEN = "is the URN of another schema"
_TWICE = "twice (case is ignored)"

CASES = {
    "one attribute": Case([extension()]),
    "a reference": Case([extension("urn:example:x", {"name": "$ref", "type": "reference"})]),
    "a complex attribute": Case([with_parts("make", "plate")]),
    "two extensions": Case([extension("urn:example:a"), extension("urn:example:b")]),
    "a URN of one part": Case([extension("urn:example")], _URN, _URN_REJECTION),
    "a URN without a namespace": Case([extension("urn::x")], _URN, _URN_REJECTION),
    "a URN that begins with a hyphen": Case([extension("urn:-a:x")], _URN, _URN_REJECTION),
    "a URN with a dot in its namespace": Case([extension("urn:a.b:x")], _URN, _URN_REJECTION),
    "a URN with an empty part": Case([extension("urn:a::x")], _URN, _URN_REJECTION),
    "a URN that ends with a colon": Case([extension("urn:a:x:")], _URN, _URN_REJECTION),
    **{
        f"the core schema {urn}": Case(
            [extension(urn)], _TAKEN, "id is the URN of a standard schema"
        )
        for urn in (
            "urn:ietf:params:scim:schemas:core:2.0:User",
            "urn:ietf:params:scim:schemas:core:2.0:Group",
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User",
            "urn:ietf:params:scim:schemas:extension:ENTERPRISE:2.0:User",
            "urn:ietf:params:scim:schemas:core:2.0:Schema",
            "urn:ietf:params:scim:schemas:core:2.0:ResourceType",
            "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig",
        )
    },
    "the same URN in another case": Case(
        [extension("urn:example:a"), extension("urn:example:A")],
        _TAKEN,
        "two schemaExtensions have the same id",
    ),
    "a dollar within a name": Case(
        [extension("urn:example:x", {"name": "a$b"})], _NAME, _NAME_REJECTION
    ),
    "a dollar within a part's name": Case([with_parts("a$b")], _NAME, _NAME_REJECTION),
    "a name twice": Case(
        [extension("urn:example:x", {"name": "a"}, {"name": "a"})],
        _TWICE,
        "two attributes have the same name",
    ),
    "a name in two cases": Case(
        [extension("urn:example:x", {"name": "badge"}, {"name": "Badge"})],
        _TWICE,
        "two attributes have the same name",
    ),
    "a part's name in two cases": Case([with_parts("make", "Make")], _TWICE),
    "a complex attribute without parts": Case(
        [extension("urn:example:x", {"name": "car", "type": "complex"})],
        "has type complex but no subAttributes",
        "an attribute of type complex must have subAttributes",
    ),
    "parts of a text": Case(
        [with_parts("make", type="string")],
        "has subAttributes, but only an attribute of type complex can have any",
        "an attribute of type complex must have subAttributes",
    ),
}
