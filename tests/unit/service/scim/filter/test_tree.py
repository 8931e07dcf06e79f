"""Filters: grammar, binding to attributes, evaluation."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scim_service.scim.attribute_path import AttributePath, parse_attribute_path
from scim_service.scim.errors import ScimError
from scim_service.scim.filter.evaluator import matches
from scim_service.scim.filter.parser import MAX_LENGTH, MAX_TERMS, parse_filter
from scim_service.scim.filter.printer import print_filter
from scim_service.scim.filter.resolver import resolve_filter
from scim_service.scim.filter.shape import split_literals
from scim_service.scim.filter.tree import And, Compare, Filter, Not, Or, Present, ValuePath
from scim_service.scim.messages import URN_ENTERPRISE_USER, URN_USER
from scim_service.scim.schemas.resource_type import ResourceType

from tests.unit.service.conftest import CUSTOM_URN

RESOURCE: dict[str, Any] = {
    "schemas": [URN_USER],
    "id": "54D382A4",
    "externalId": "jyoung",
    "userName": "JYoung@testuser.com",
    "name": {"familyName": "Employee", "givenName": "Joy"},
    "active": True,
    "emails": [
        {"value": "joy@example.com", "type": "work", "primary": True},
        {"value": "joy@home.example", "type": "home"},
    ],
    "roles": [{"value": "Admin", "primary": True}],
    "meta": {"created": "2026-01-31T09:00:00.5Z"},
    URN_ENTERPRISE_USER: {"department": "Sales", "manager": {"value": "2819c223"}},
    CUSTOM_URN: {
        "badge": 7,
        "height": 1.75,
        "hired": "2025-06-01T00:00:00+02:00",
        "tags": ["Red", "blue"],
    },
}


def path(text: str) -> AttributePath:
    return parse_attribute_path(text)


def holds(text: str, user: ResourceType) -> bool:
    resolved = resolve_filter(parse_filter(text, user.leniencies), user)
    return matches(resolved, RESOURCE)


def refusal(text: str, user: ResourceType) -> str:
    with pytest.raises(ScimError) as caught:
        resolve_filter(parse_filter(text, user.leniencies), user)
    assert (caught.value.status, caught.value.scim_type) == (400, "invalidFilter")
    return caught.value.detail


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ('userName eq "x"', Compare(path("userName"), "eq", "x")),
        ('  userName   EQ "x" ', Compare(path("userName"), "eq", "x")),
        ("title pr", Present(path("title"))),
        ("a eq 1", Compare(path("a"), "eq", 1)),
        ("a eq -1.5e3", Compare(path("a"), "eq", -1500.0)),
        ("a eq true", Compare(path("a"), "eq", True)),
        ("a eq null", Compare(path("a"), "eq", None)),
        (r'a eq "\"\\\u00e9\n"', Compare(path("a"), "eq", '"\\é\n')),
        ("a pr and b pr or c pr", Or(And(*map(Present, map(path, "ab"))), Present(path("c")))),
        (
            "a pr and (b pr or c pr)",
            And(Present(path("a")), Or(Present(path("b")), Present(path("c")))),
        ),
        ("not (a pr) and b pr", And(Not(Present(path("a"))), Present(path("b")))),
        ("not(a pr)", Not(Present(path("a")))),
        ("a pr or b pr or c pr", Or(Or(*map(Present, map(path, "ab"))), Present(path("c")))),
        ("emails[type pr]", ValuePath(path("emails"), Present(path("type")))),
        (
            f'{URN_USER}:name.familyName eq "x"',
            Compare(AttributePath(URN_USER, "name", "familyName"), "eq", "x"),
        ),
        ("not pr", Present(path("not"))),
    ],
)
def test_grammar(text: str, tree: Filter) -> None:
    """Each form of RFC 7644 section 3.4.2.2 gives its tree, and its print gives it again."""
    assert parse_filter(text) == tree
    assert parse_filter(print_filter(tree)) == tree


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("", 1),
        ("userName", 9),
        ("userName is 1", 10),
        ("userName eq", 12),
        ("userName eq jyoung", 13),
        ('userName eq "x', 13),
        ('userName eq "a\nb"', 13),
        ('userName eq "x" title pr', 17),
        ('userName eq "x" and', 20),
        ("(title pr", 10),
        ("title pr)", 9),
        ("not title pr", 5),
        ("emails[type pr", 15),
        ("emails[type pr]]", 16),
        ("emails[emails[type pr]]", 14),
        ("name.familyName[a pr]", 16),
        ('emails[type pr].. eq "x"', 16),
        ("9 eq 1", 1),
        ("a eq 1e999", 6),
        (r'a eq "\x"', 6),
        (r'a eq "\ud800"', 6),
        ("a.b.c pr", 1),
    ],
)
def test_malformed_filter_names_the_position(text: str, position: int) -> None:
    """A malformed filter is refused at the character where it stops making sense."""
    with pytest.raises(ScimError, match=rf"at character {position}\b") as caught:
        parse_filter(text)
    assert caught.value.scim_type == "invalidFilter"


@pytest.mark.parametrize(
    "text",
    [
        "a pr or " * MAX_TERMS + "a pr",
        "(" * 40 + "a pr" + ")" * 40,
        "not (" * 40 + "a pr" + ")" * 40,
        f'a eq "{"x" * MAX_LENGTH}"',
        'a eq "\ud800"',
    ],
    ids=["terms", "parentheses", "not", "length", "surrogate"],
)
def test_limits(text: str) -> None:
    """A filter that is too large or is not text is refused."""
    with pytest.raises(ScimError) as caught:
        parse_filter(text)
    assert caught.value.scim_type == "invalidFilter"


@pytest.mark.parametrize(
    "text",
    [
        'userName eq "jyoung@TESTUSER.com"',
        'username sw "jy"',
        'userName ew ".COM"',
        'externalId eq "jyoung"',
        'externalId ne "JYoung"',
        'emails eq "joy@example.com"',
        'emails[type eq "work"].value eq "JOY@example.com"',
        'emails[type eq "work" and value co "@example"]',
        'not (emails[type eq "home" and value co "@example.com"])',
        'emails.type eq "home"',
        'emails.type ne "home"',
        'emails[not (type eq "work")]',
        'emails[primary eq true].value eq "joy@example.com"',
        "roles[primary eq true] and active eq true",
        "title eq null and userName ne null",
        'title ne "x"',
        "not (title pr) and emails pr and name pr",
        'meta.created eq "2026-01-31T10:00:00.500+01:00"',
        'meta.created gt "2026-01-31T09:00:00Z"',
        'name.familyName lt "f" and name.familyName ge "EMPLOYEE"',
        'name[familyName eq "employee" and givenName eq "joy"]',
        f'{URN_ENTERPRISE_USER}:manager eq "2819c223"',
        f'{URN_ENTERPRISE_USER}:manager.value eq "2819c223"',
        f"{URN_ENTERPRISE_USER} pr",
        f"{CUSTOM_URN}:badge ge 7 and {CUSTOM_URN}:badge lt 8",
        f"{CUSTOM_URN}:height gt 1.7 and {CUSTOM_URN}:height le 2",
        f'{CUSTOM_URN}:hired eq "2025-05-31T22:00:00Z"',
        f'{CUSTOM_URN}:tags eq "red" and {CUSTOM_URN}:tags.value eq "BLUE"',
        f'{CUSTOM_URN}:tags[value sw "bl"]',
        f'schemas eq "{URN_USER}"',
    ],
)
def test_matching(user: ResourceType, text: str) -> None:
    """Each of these is true of the resource."""
    assert holds(text, user)


@pytest.mark.parametrize(
    "text",
    [
        'externalId eq "JYoung"',
        'id eq "54d382a4"',
        'emails[type eq "home" and primary eq true]',
        'emails[type eq "work"].value eq "joy@home.example"',
        'title eq "x"',
        "title pr",
        "photos pr",
        "active eq false",
        'meta.created lt "2026-01-31T09:00:00Z"',
        f'{CUSTOM_URN}:tags eq "green"',
        f'{CUSTOM_URN}:code eq "x"',
    ],
)
def test_not_matching(user: ResourceType, text: str) -> None:
    """Each of these is false of the resource."""
    assert not holds(text, user)


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        ('nickname2 eq "x"', '"nickname2", which User does not have'),
        ('emails.nothing eq "x"', '"emails.nothing"'),
        ('emails[nothing eq "x"]', '"nothing", which emails does not have'),
        ('manager eq "x"', '"manager"'),
        ('urn:example:none:a eq "x"', '"urn:example:none:a"'),
        ('name eq "x"', "name, which is complex"),
        ('userName[a eq "x"]', "brackets after userName"),
        ("userName eq 5", "another type; give a string in double quotes"),
        ('active eq "True"', "another type; give true or false"),
        ('active eq "maybe"', "another type"),
        ("active gt true", "uses gt on active"),
        ('active co "t"', "uses co on active"),
        ('meta.created co "2026"', "uses co on meta.created"),
        ('meta.created gt "yesterday"', "give a time such as"),
        ('meta.created gt "20260131T090000Z"', "give a time such as"),
        ("userName gt null", "another type"),
        ('x509Certificates gt "x"', "uses gt on x509Certificates.value"),
        (f"{CUSTOM_URN}:badge eq 7.5", "give a whole number"),
        (f'{CUSTOM_URN}:badge eq "7"', "give a whole number"),
        (f"{CUSTOM_URN}:badge lt {2**63}", "give a whole number of at most 64 bits"),
        ('password eq "secret"', "password, which cannot be filtered by"),
        ("password pr", "password, which cannot be filtered by"),
        (r'userName eq "\u0000"', "U+0000"),
    ],
)
def test_filter_that_does_not_fit_is_refused(user: ResourceType, text: str, detail: str) -> None:
    """An attribute, operator or literal that does not fit is refused by name, without literals."""
    message = refusal(text, user)
    assert detail in message
    assert "secret" not in message


@pytest.mark.parametrize(
    ("text", "equivalent"),
    [
        ("externalId eq jyoung", 'externalId eq "jyoung"'),
        ("userName sw J", 'userName sw "J"'),
        ("externalId eq 12345", 'externalId eq "12345"'),
        ("externalId eq 007", 'externalId eq "007"'),
        ("externalId eq 1.50", 'externalId eq "1.50"'),
        ("externalId eq true", 'externalId eq "true"'),
        ('active eq "True"', "active eq true"),
        ("active eq False", "active eq false"),
        (f"{CUSTOM_URN}:badge eq 7", f"{CUSTOM_URN}:badge eq 7"),
        (f'{CUSTOM_URN}:badge eq "7"', f"{CUSTOM_URN}:badge eq 7"),
        (f'{CUSTOM_URN}:height eq "1.50"', f"{CUSTOM_URN}:height eq 1.5"),
        ('department eq "Sales"', f'{URN_ENTERPRISE_USER}:department eq "Sales"'),
        ("manager eq 2819c223", f'{URN_ENTERPRISE_USER}:manager.value eq "2819c223"'),
    ],
)
def test_lenient_literals_and_names(
    user: ResourceType, lenient_user: ResourceType, text: str, equivalent: str
) -> None:
    """What a leniency accepts means the same as its standard form."""
    accepted = resolve_filter(parse_filter(text, lenient_user.leniencies), lenient_user)
    assert accepted == resolve_filter(parse_filter(equivalent), user)


def test_literal_with_spaces_needs_quotes(lenient_user: ResourceType) -> None:
    """The refusal says what to do about a value with spaces."""
    assert "put a value with spaces in quotes" in refusal("displayName eq Joy Young", lenient_user)


def test_resolved_filter_is_typed(user: ResourceType) -> None:
    """A date is an instant in UTC, and a path knows its attribute."""
    resolved = resolve_filter(
        parse_filter('META.CREATED gt "2015-10-10T14:38:21.8617979-07:00"'), user
    )
    assert isinstance(resolved, Compare)
    assert resolved.value == datetime(2015, 10, 10, 21, 38, 21, 861797, tzinfo=UTC)
    assert (str(resolved.path), resolved.path.leaf.type) == ("meta.created", "dateTime")


def test_shape_is_shared(user: ResourceType) -> None:
    """Filters that differ in literals and spelling only have one shape."""

    def parts(text: str) -> tuple[Any, ...]:
        return split_literals(resolve_filter(parse_filter(text), user))

    first = parts('emails[type eq "work"].value eq "a" or not (username eq "b")')
    second = parts('emails[TYPE eq "home" and value eq "c"] or not (userName eq "d")')
    assert first[0] == second[0]
    assert (first[1], second[1]) == (("work", "a", "b"), ("home", "c", "d"))
    shapes = {
        parts(text)[0]
        for text in (
            'userName eq "a"',
            'userName ne "a"',
            'title eq "a"',
            "title pr",
            "emails pr",
            "emails[type pr]",
            'title eq "a" and (userName eq "b" or nickName eq "c")',
            'title eq "a" and userName eq "b" or nickName eq "c"',
        )
    }
    assert len(shapes) == 8


NAMES = st.sampled_from(["userName", "title", "name.familyName", "emails", "emails.value", "x-Y_1"])
PATHS = st.one_of(
    NAMES,
    st.sampled_from([f"{URN_ENTERPRISE_USER}:department", f"{URN_USER}:name.givenName"]),
).map(parse_attribute_path)
LITERALS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(min_value=-(10**18), max_value=10**18),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(exclude_categories=["Cs"])),
)
CONDITIONS: st.SearchStrategy[Filter] = st.one_of(
    st.builds(Present, PATHS),
    st.builds(
        Compare, PATHS, st.sampled_from(["eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"]),
        LITERALS,
    ),
)  # fmt: skip


def combined(operands: st.SearchStrategy[Filter]) -> st.SearchStrategy[Filter]:
    return st.one_of(
        st.builds(And, operands, operands),
        st.builds(Or, operands, operands),
        st.builds(Not, operands),
    )


WITHIN = st.recursive(CONDITIONS, combined, max_leaves=4)
VALUE_PATHS: st.SearchStrategy[Filter] = st.builds(
    ValuePath, st.sampled_from([path("emails"), path(f"{CUSTOM_URN}:tags")]), WITHIN
)
FILTERS = st.recursive(CONDITIONS | VALUE_PATHS, combined, max_leaves=8)


@given(FILTERS)
def test_print_and_parse_are_inverse(lenient_user: ResourceType, tree: Filter) -> None:
    """Any tree comes back from its print, with leniencies and without."""
    text = print_filter(tree)
    assert parse_filter(text) == tree
    assert parse_filter(text, lenient_user.leniencies) == tree


FRAGMENTS = st.lists(
    st.one_of(
        st.sampled_from(
            ["userName", "emails", "eq", "pr", "and", "or", "not", "(", ")", "[", "]", '"', "\\",
             ".value", " ", "  ", "1", "-", "1e9", "true", "\x00", "urn:a:b", ":", ".", "\t",
             '"x"', '"2026-01-31T09:00:00Z"', "\ud800", "é"]
        ),
        st.text(max_size=5),
    ),
    max_size=20,
).map(" ".join)  # fmt: skip


@given(st.one_of(FRAGMENTS, st.text()), st.booleans())
def test_any_text_is_parsed_or_refused(
    user: ResourceType, lenient_user: ResourceType, text: str, lenient: bool
) -> None:
    """Whatever the text, the outcome is a filter that can be evaluated, or a ScimError."""
    try:
        kind = lenient_user if lenient else user
        tree = resolve_filter(parse_filter(text, kind.leniencies), kind)
    except ScimError:
        return
    split_literals(tree)
    matches(tree, RESOURCE)


@given(FILTERS)
def test_any_filter_is_resolved_or_refused(user: ResourceType, tree: Filter) -> None:
    """Resolving is idempotent in its text, and its outcome can be evaluated."""
    try:
        resolved = resolve_filter(tree, user)
    except ScimError:
        return
    assert isinstance(matches(resolved, RESOURCE), bool)
    assert resolve_filter(parse_filter(print_filter(resolved)), user) == resolved
