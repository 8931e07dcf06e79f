"""Paths and literals of filters, bound and typed."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scim_service.scim.errors import ScimError
from scim_service.scim.filter.evaluator import matches
from scim_service.scim.filter.parser import parse_filter
from scim_service.scim.filter.printer import print_filter
from scim_service.scim.filter.resolver import resolve_filter
from scim_service.scim.filter.shape import split_literals
from scim_service.scim.filter.tree import Compare, Filter
from scim_service.scim.messages import URN_ENTERPRISE_USER
from scim_service.scim.schemas.resource_type import ResourceType

from tests.unit.service.conftest import CUSTOM_URN
from tests.unit.service.scim.filter.sample_filters import FILTERS, RESOURCE, refusal


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
    """Each lenient form is equal to its standard form."""
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
    """A resolved filter can be printed, resolved again and evaluated."""
    try:
        resolved = resolve_filter(tree, user)
    except ScimError:
        return
    assert isinstance(matches(resolved, RESOURCE), bool)
    assert resolve_filter(parse_filter(print_filter(resolved)), user) == resolved
