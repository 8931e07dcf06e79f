"""Filters, orders and cursors over random users: the database against a plain evaluation.

Each drawn condition is a text of the grammar and, beside it, what it means in Python: a function
of the user as the service returned it. Nothing of the service's own parser or evaluator is used.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scim_service.scim.messages import URN_ENTERPRISE_USER, URN_PATCH_OP, URN_USER

from tests.service.served import Serve

URN = "urn:example:contoso:2.0:User"
EXTENSION = {
    "id": URN,
    "attributes": [
        {"name": "badge", "type": "integer"},
        {"name": "height", "type": "decimal"},
        {"name": "hired", "type": "dateTime"},
        {"name": "tags", "multiValued": True},
        {"name": "floors", "type": "integer", "multiValued": True},
    ],
}

# Few, so that values and literals meet: case that folds to more letters, marks that patterns of
# SQL and JSON give a meaning to, a character beyond 16 bits, and beginnings of one another.
WORDS = st.sampled_from(
    ["a", "A", "ab", "aB", "b", "Straße", "STRASSE", "İ", "é", "É", "%", "_", "a%", "'", '"', "\\",
     "\\\\", "a b", "😀", "😀a", "\uffff", "1", "true", "null", "z"]
)  # fmt: skip
INTEGERS = st.sampled_from([-1, 0, 1, 7, 2**53, 2**53 + 1, 2**63 - 1, -(2**63)])
DECIMALS = st.sampled_from([-1.5, 0, 0.1, 1, 1.75, 1e-300, 1e300])
TIMES = st.sampled_from(
    ["2026-01-31T09:00:00Z", "2026-01-31T10:00:00+01:00", "2026-01-31T09:00:00.000001Z",
     "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"]
)  # fmt: skip
TYPES = st.sampled_from(["work", "home", "Work", "other"])


def elements(**members: st.SearchStrategy[Any]) -> st.SearchStrategy[list[dict[str, Any]]]:
    """Return lists of objects of which at most the last is primary."""

    def with_primary(values: list[dict[str, Any]], primary: bool | None) -> list[dict[str, Any]]:
        if primary is not None and values:
            values = [*values[:-1], {**values[-1], "primary": primary}]
        return values

    each = st.fixed_dictionaries({}, optional=members).filter(bool)
    return st.builds(with_primary, st.lists(each, max_size=3), st.none() | st.booleans())


USERS = st.fixed_dictionaries(
    {},
    optional={
        "externalId": WORDS,
        "title": WORDS,
        "displayName": WORDS,
        "active": st.booleans(),
        "profileUrl": WORDS,
        "name": st.fixed_dictionaries({}, optional={"familyName": WORDS, "givenName": WORDS}),
        "emails": elements(value=WORDS, type=TYPES, display=WORDS),
        "phoneNumbers": elements(value=WORDS, type=TYPES),
        URN_ENTERPRISE_USER: st.fixed_dictionaries(
            {}, optional={"department": WORDS, "employeeNumber": WORDS}
        ),
        URN: st.fixed_dictionaries(
            {},
            optional={
                "badge": INTEGERS,
                "height": DECIMALS,
                "hired": TIMES,
                "tags": st.lists(WORDS, max_size=3),
                "floors": st.lists(INTEGERS, max_size=3),
            },
        ),
    },
)

Json = dict[str, Any]


@dataclass(frozen=True)
class Kind:
    """A type of attribute: its operators, its literals, and the form its values are compared in."""

    operators: tuple[str, ...]
    literals: st.SearchStrategy[Any]
    comparable: Callable[[Any], Any]


def instant(text: str) -> datetime:
    """Return a time such as those of `TIMES`."""
    return datetime.fromisoformat(text).astimezone(UTC)


ORDERED = ("eq", "ne", "gt", "ge", "lt", "le")
TEXT = Kind((*ORDERED, "co", "sw", "ew"), WORDS, str.casefold)
EXACT = Kind((*ORDERED, "co", "sw", "ew"), WORDS, str)
TYPE = Kind(TEXT.operators, TYPES, str.casefold)
BOOLEAN = Kind(("eq", "ne"), st.booleans(), bool)
INTEGER = Kind(ORDERED, INTEGERS, int)
DECIMAL = Kind(ORDERED, DECIMALS | st.integers(-2, 2), lambda value: value)
TIME = Kind(ORDERED, TIMES, instant)
RENDERED = Kind(
    EXACT.operators,
    st.sampled_from(["User", "user", "direct", "/Users/", "http://scim.example/scim/", "z"]),
    str,
)

# Steps to the values of each attribute: a list on the way stands for all of its elements.
ATTRIBUTES: dict[str, tuple[tuple[str, ...], Kind]] = {
    "id": (("id",), EXACT),
    "externalId": (("externalId",), EXACT),
    "userName": (("userName",), TEXT),
    "title": (("title",), TEXT),
    "displayName": (("displayName",), TEXT),
    "active": (("active",), BOOLEAN),
    "profileUrl": (("profileUrl",), EXACT),
    "name.familyName": (("name", "familyName"), TEXT),
    "emails": (("emails", "value"), TEXT),
    "emails.value": (("emails", "value"), TEXT),
    "emails.type": (("emails", "type"), TYPE),
    "emails.primary": (("emails", "primary"), BOOLEAN),
    "emails.display": (("emails", "display"), TEXT),
    "phoneNumbers.value": (("phoneNumbers", "value"), TEXT),
    "phoneNumbers.type": (("phoneNumbers", "type"), TYPE),
    "phoneNumbers.primary": (("phoneNumbers", "primary"), BOOLEAN),
    "groups.value": (("groups", "value"), EXACT),
    "groups.display": (("groups", "display"), TEXT),
    "groups.$ref": (("groups", "$ref"), RENDERED),
    "groups.type": (("groups", "type"), TYPE),
    "meta.created": (("meta", "created"), TIME),
    "meta.resourceType": (("meta", "resourceType"), RENDERED),
    "meta.location": (("meta", "location"), RENDERED),
    f"{URN_USER}:title": (("title",), TEXT),
    f"{URN_ENTERPRISE_USER}:department": ((URN_ENTERPRISE_USER, "department"), TEXT),
    f"{URN_ENTERPRISE_USER}:employeeNumber": ((URN_ENTERPRISE_USER, "employeeNumber"), TEXT),
    f"{URN}:badge": ((URN, "badge"), INTEGER),
    f"{URN}:height": ((URN, "height"), DECIMAL),
    f"{URN}:hired": ((URN, "hired"), TIME),
    f"{URN}:tags": ((URN, "tags"), TEXT),
    f"{URN}:floors": ((URN, "floors"), INTEGER),
}
WITHIN: dict[str, dict[str, Kind]] = {
    "emails": {"value": TEXT, "type": TYPE, "primary": BOOLEAN, "display": TEXT},
    "phoneNumbers": {"value": TEXT, "type": TYPE, "primary": BOOLEAN},
    "groups": {"value": EXACT, "display": TEXT, "$ref": RENDERED, "type": TYPE},
    f"{URN}:tags": {"value": TEXT},
    f"{URN}:floors": {"value": INTEGER},
}


@dataclass(frozen=True)
class Condition:
    """The text of a filter, and its meaning in Python."""

    text: str
    holds: Callable[[Json], bool]

    def __repr__(self) -> str:
        return self.text


def values(holder: Any, steps: tuple[str, ...]) -> list[Any]:
    """Return all values at the end of the steps."""
    if isinstance(holder, list):
        return [value for each in holder for value in values(each, steps)]
    if not steps:
        return [holder]
    return values(holder[steps[0]], steps[1:]) if steps[0] in holder else []


def compares(operator: str, value: Any, literal: Any) -> bool:
    """Compare two values as RFC 7644 table 3 says."""
    outcomes: dict[str, Callable[[], bool]] = {
        "eq": lambda: bool(value == literal),
        "ne": lambda: bool(value != literal),
        "gt": lambda: bool(value > literal),
        "ge": lambda: bool(value >= literal),
        "lt": lambda: bool(value < literal),
        "le": lambda: bool(value <= literal),
        "co": lambda: literal in value,
        "sw": lambda: bool(value.startswith(literal)),
        "ew": lambda: bool(value.endswith(literal)),
    }
    return outcomes[operator]()


def written(literal: Any) -> str:
    """Return a literal in the grammar's form."""
    if isinstance(literal, str):
        return '"' + literal.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return {True: "true", False: "false"}[literal] if isinstance(literal, bool) else repr(literal)


def leaves(targets: dict[str, tuple[tuple[str, ...], Kind]]) -> st.SearchStrategy[Condition]:
    """Return comparisons of the attributes, and tests of their presence."""

    @st.composite
    def draw_leaf(draw: st.DrawFn) -> Condition:
        name = draw(st.sampled_from(sorted(targets)))
        steps, kind = targets[name]
        operator = draw(st.sampled_from(["pr", *kind.operators]))
        if operator == "pr":
            # A complex attribute is present if any of its parts is.
            asked = steps[:1] if name == "emails" else steps
            return Condition(f"{name} pr", lambda user: bool(values(user, asked)))
        literal = draw(kind.literals)
        wanted = kind.comparable(literal)

        def holds(user: Json) -> bool:
            found = [kind.comparable(value) for value in values(user, steps)]
            if name == "active" and not found:
                found = [True]
            if operator == "ne" and not found:
                return True
            return any(compares(operator, value, wanted) for value in found)

        return Condition(f"{name} {operator} {written(literal)}", holds)

    return draw_leaf()


def combined(parts: st.SearchStrategy[Condition]) -> st.SearchStrategy[Condition]:
    """Return combined conditions, with the parentheses that precedence requires."""

    def both(left: Condition, right: Condition) -> Condition:
        return Condition(
            f"({left.text}) and ({right.text})", lambda user: left.holds(user) and right.holds(user)
        )

    def either(left: Condition, right: Condition) -> Condition:
        return Condition(
            f"({left.text}) or ({right.text})", lambda user: left.holds(user) or right.holds(user)
        )

    def negated(part: Condition) -> Condition:
        return Condition(f"not ({part.text})", lambda user: not part.holds(user))

    return st.one_of(
        st.builds(both, parts, parts), st.builds(either, parts, parts), st.builds(negated, parts)
    )


def in_brackets() -> st.SearchStrategy[Condition]:
    """Return conditions that one element of an attribute must meet as a whole."""

    def bracketed(name: str, part: Condition) -> Condition:
        steps = (URN, name.rpartition(":")[2]) if ":" in name else (name,)

        def holds(user: Json) -> bool:
            found = values(user, steps)
            return any(
                part.holds(each if isinstance(each, dict) else {"value": each}) for each in found
            )

        return Condition(f"{name}[{part.text}]", holds)

    return st.one_of(
        *(
            st.builds(
                bracketed,
                st.just(name),
                st.recursive(
                    leaves({sub: ((sub,), kind) for sub, kind in subs.items()}),
                    combined,
                    max_leaves=3,
                ),
            )
            for name, subs in WITHIN.items()
        )
    )


FILTERS = st.recursive(leaves(ATTRIBUTES) | in_brackets(), combined, max_leaves=5)

# Filling the database is slow, so each filling serves many filters.
QUESTIONS = settings(
    max_examples=15,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


async def fill(scim: httpx.AsyncClient, users: list[Json]) -> list[Json]:
    """Replace all users by these, make the first a member of a group, and return them."""
    for endpoint in ("/Users", "/Groups"):
        for each in (await scim.get(endpoint)).json()["Resources"]:
            assert (await scim.delete(f"{endpoint}/{each['id']}")).status_code == 204
    ids = []
    for number, user in enumerate(users):
        body = {"schemas": [URN_USER], "userName": f"User{number}", **user}
        created = await scim.post("/Users", json=body)
        assert created.status_code == 201, created.text
        ids.append(created.json()["id"])
    group = {"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": "AB"}
    group_id = (await scim.post("/Groups", json=group)).json()["id"]
    added = {"op": "add", "path": "members", "value": [{"value": ids[0]}]}
    answer = await scim.patch(
        f"/Groups/{group_id}", json={"schemas": [URN_PATCH_OP], "Operations": [added]}
    )
    assert answer.status_code == 204, answer.text
    return [(await scim.get(f"/Users/{each}")).json() for each in ids]


@pytest.fixture(params=["entra", "strict"])
async def scim(request: pytest.FixtureRequest, serve: Serve) -> httpx.AsyncClient:
    """A client of a tenant with an extension, in either profile."""
    provisioning = {"profile": request.param, "schemaExtensions": [EXTENSION]}
    return (await serve({"provisioning": provisioning})).http


@QUESTIONS
@given(st.lists(USERS, min_size=2, max_size=5), st.lists(FILTERS, min_size=10, max_size=20))
async def test_the_database_agrees_with_a_plain_evaluation(
    scim: httpx.AsyncClient, users: list[Json], filters: list[Condition]
) -> None:
    """Any filter on any users selects the same users as a plain evaluation."""
    stored = await fill(scim, users)
    for each in filters:
        answer = await scim.get("/Users", params={"filter": each.text})
        assert answer.status_code == 200, (each, answer.text)
        found = [user["userName"] for user in answer.json()["Resources"]]
        assert found == [user["userName"] for user in stored if each.holds(user)], each
        assert answer.json()["totalResults"] == len(found)


SORTED = {
    name: target
    for name, target in ATTRIBUTES.items()
    if name.partition(".")[0] not in {"emails", "phoneNumbers", "groups", f"{URN}:tags"}
}


def in_order(users: list[Json], name: str, *, descending: bool) -> list[str]:
    """Return the sorted names of the users; those without a value are the largest."""
    steps, kind = SORTED[name]

    def key(user: Json) -> tuple[bool, Any]:
        # The first of several values counts, because none of these can be primary.
        found = [kind.comparable(value) for value in values(user, steps)[:1]]
        return (not found, *found)

    return [user["userName"] for user in sorted(users, key=key, reverse=descending)]


@QUESTIONS
@given(
    st.lists(USERS, min_size=2, max_size=5),
    st.lists(
        st.tuples(st.sampled_from(sorted(SORTED)), st.booleans(), st.integers(1, 3)),
        min_size=10,
        max_size=20,
    ),
)
async def test_pages_by_cursor_follow_the_order(
    scim: httpx.AsyncClient, users: list[Json], orders: list[tuple[str, bool, int]]
) -> None:
    """Pages by cursor return each user once, in the order of a plain sort."""
    stored = await fill(scim, users)
    for name, descending, count in orders:
        query = {"sortBy": name, "sortOrder": "descending" if descending else "ascending"}
        found: list[str] = []
        cursor: str | None = ""
        while cursor is not None:
            page = await scim.get("/Users", params={**query, "cursor": cursor, "count": count})
            assert page.status_code == 200, (query, page.text)
            assert page.json()["totalResults"] == len(stored)
            found += [user["userName"] for user in page.json()["Resources"]]
            cursor = page.json().get("nextCursor")
        # Equal values keep the order of creation, in either direction.
        assert found == in_order(stored, name, descending=descending), query


async def test_values_of_a_type_that_an_extension_had_before_are_no_match(serve: Serve) -> None:
    """Values of an attribute's former type match no filter and cause no error."""

    def extension(kind: str) -> Json:
        return {"schemaExtensions": [{"id": URN, "attributes": [{"name": "x", "type": kind}]}]}

    before = await serve({"provisioning": extension("string")})
    created = await before.http.post("/Users", json={"userName": "a", URN: {"x": "seven"}})
    assert created.status_code == 201
    for kind, literal in [("integer", "7"), ("decimal", "7.5"), ("boolean", "true")]:
        scim = (await serve({"provisioning": extension(kind)})).http
        filtered = await scim.get("/Users", params={"filter": f"{URN}:x eq {literal}"})
        assert (filtered.status_code, filtered.json()["totalResults"]) == (200, 0)
        ordered = await scim.get("/Users", params={"sortBy": f"{URN}:x"})
        assert (ordered.status_code, ordered.json()["totalResults"]) == (200, 1)
