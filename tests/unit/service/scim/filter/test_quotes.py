"""Quotes of another kind around values: understood where Entra's dialect is, refused elsewhere."""

import pytest
from scim_service.scim.errors import ScimError
from scim_service.scim.filter.parser import parse_filter
from scim_service.scim.filter.tree import Compare
from scim_service.scim.leniencies import Leniencies
from scim_service.scim.patch.path import parse_path

PAIRS = ["''", "‘’", "’’", "‚‘", "‛’", "``", "`'", "´´", "‹›", "′′", "＇＇", "“”", "””", "„“",
         "‟”", "«»", "»«", "″″", "＂＂"]  # fmt: skip
VALUES = ["ann", "ann@example.com", "O'Neil", "O’Neil", "Ann Lee", "a (b) [c]", 'say "hi"', "",
          "the boys' club", "true", "5", "a and b", "x\\y"]  # fmt: skip

UNQUOTED = Leniencies(reads_unquoted_literals=True)


def value_of(text: str) -> object:
    """Return the literal of a filter with one comparison."""
    parsed = parse_filter(text, UNQUOTED)
    assert isinstance(parsed, Compare)
    return parsed.value


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("pair", PAIRS)
def test_a_value_in_other_quotes_is_the_value(pair: str, value: str) -> None:
    """The text between two quotes of one kind is the value, also within a longer filter."""
    quoted = f"{pair[0]}{value}{pair[1]}"
    alone = f"userName eq {quoted}"
    assert value_of(alone) == value
    plain = parse_filter(alone, UNQUOTED)
    for text in (
        f"({alone})",
        f"{alone}  ",
        f"not ({alone} and title pr)",
        f"{alone} OR ({alone})",
    ):
        assert str(plain) in str(parse_filter(text, UNQUOTED)), text


@pytest.mark.parametrize("pair", PAIRS)
def test_other_quotes_in_a_value_path(pair: str) -> None:
    """Also in the brackets of a filter and of a PATCH path, beside double quotes."""
    quoted = f"{pair[0]}work{pair[1]}"
    both = f'emails[type eq {quoted}].value eq "ann@example.com"'
    assert parse_filter(both, UNQUOTED) == parse_filter(both.replace(quoted, '"work"'))
    path = f"emails[type eq {quoted} and primary eq true].value"
    assert parse_path(path, UNQUOTED) == parse_path(path.replace(quoted, '"work"'))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (r"'O\'Neil'", "O'Neil"),
        (r"'a\\b'", r"a\b"),
        ("O'Neil", "O'Neil"),
        ("O’Neil", "O’Neil"),
        ("James'", "James'"),
        ("d'arcy.x@example.com", "d'arcy.x@example.com"),
        ("\"'ann'\"", "'ann'"),
        ('"“ann”"', "“ann”"),
    ],
)
def test_an_apostrophe_in_a_word_stays(text: str, value: str) -> None:
    """Quotes are parts of the value where they do not enclose it, or are enclosed themselves."""
    assert value_of(f"userName eq {text}") == value


@pytest.mark.parametrize(
    "text",
    ["'ann", "'Ann Lee", "“ann", "ann”", "`ann", "ann`", "'", "“", "'ann”", "“ann'", '“ann"'],
)
def test_a_quote_that_is_not_closed_is_refused(text: str) -> None:
    """An unclosed quote is refused and does not become a part of the value."""
    with pytest.raises(ScimError, match=r"quote|no end") as caught:
        parse_filter(f"userName eq {text}", UNQUOTED)
    assert caught.value.scim_type == "invalidFilter"


@pytest.mark.parametrize("pair", PAIRS)
def test_other_quotes_are_refused_by_the_standard(pair: str) -> None:
    """Without the leniency a value has double quotes, and the error says so."""
    quoted = f"{pair[0]}work{pair[1]}"
    for refused in (lambda: parse_filter(f"title eq {quoted}"),
                    lambda: parse_path(f"emails[type eq {quoted}].value")):  # fmt: skip
        with pytest.raises(ScimError, match="in double quotes") as caught:
            refused()
        assert caught.value.status == 400
