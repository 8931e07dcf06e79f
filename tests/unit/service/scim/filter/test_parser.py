"""The grammar of filters."""

import pytest
from scim_service.scim.attribute_path import AttributePath
from scim_service.scim.errors import ScimError
from scim_service.scim.filter.parser import MAX_LENGTH, MAX_TERMS, parse_filter
from scim_service.scim.filter.printer import print_filter
from scim_service.scim.filter.tree import And, Compare, Filter, Not, Or, Present, ValuePath
from scim_service.scim.messages import URN_USER

from tests.unit.service.scim.filter.sample_filters import path


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
    """The error names the character where a malformed filter is wrong."""
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
