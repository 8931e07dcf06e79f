"""Parses the grammar of filters (RFC 7644 figure 1)."""

import json
import re
from typing import NoReturn, cast

from scim_service.scim import errors
from scim_service.scim.attribute_path import (
    ATTRIBUTE_NAME,
    NAME_PATTERN,
    AttributePath,
    parse_attribute_path,
)
from scim_service.scim.filter import quotes
from scim_service.scim.filter.literals import KEYWORDS, NUMBER, NUMBER_LENGTH
from scim_service.scim.filter.tree import (
    And,
    Compare,
    Filter,
    Not,
    Operator,
    Or,
    Present,
    Value,
    ValuePath,
)
from scim_service.scim.leniencies import NO_LENIENCIES, Leniencies

MAX_LENGTH = 8192
MAX_DEPTH = 32
MAX_TERMS = 128  # each is a level of the tree, and of the recursion over it
_OPERATORS = frozenset({"eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"})
_SUB_ATTRIBUTE = re.compile(r"[A-Za-z$][A-Za-z0-9_$-]*")
_TOKEN = re.compile(
    r'\s*(?:(?P<string>"(?:[^"\\\x00-\x1f]|\\.)*")'
    r'|(?P<mark>[()\[\]])|(?P<word>[^\s()\[\]"]+)|(?P<end>\Z))'
)


# Nearly all requests of Entra have a filter of this form; the whole grammar takes longer.
_SIMPLE = re.compile(rf'({NAME_PATTERN}) (eq|sw|co) "([^"\\\x00-\x1f]*)"', re.IGNORECASE)


def parse_filter(text: str, leniencies: Leniencies = NO_LENIENCIES) -> Filter:
    """Parse a filter.

    Raises
    ------
    ScimError
        invalidFilter; the detail names the position of the character.
    """
    if len(text) > MAX_LENGTH:
        raise errors.invalid_filter(
            f"The filter has {len(text)} characters; at most {MAX_LENGTH} are accepted."
        )
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        raise errors.invalid_filter("The filter is not valid UTF-8.")
    simple = _SIMPLE.fullmatch(text)
    if simple is not None:
        name, op, value = simple.groups()
        return Compare(parse_attribute_path(name), cast("Operator", op.lower()), value)
    parser = _Parser(text, leniencies)
    result = parser.parse_expression(depth=0)
    parser.expect_end()
    return result


class _Parser:
    """A parser by recursive descent; each method stops at the next token."""

    __slots__ = (
        "_kind",
        "_position",
        "_reads_unquoted",
        "_terms",
        "_text",
        "_token",
        "_what",
        "_within",
    )

    def __init__(
        self, text: str, leniencies: Leniencies, *, what: str = "filter", start: int = 0
    ) -> None:
        self._text = text
        self._reads_unquoted = leniencies.reads_unquoted_literals
        self._what = what
        self._terms = 0
        self._within = False  # inside the brackets of a value path
        self._kind: str | None = None
        self._token = ""
        self._position = 0
        self._advance(start)

    def parse_expression(self, depth: int) -> Filter:
        """Parse conjunctions that are joined by ``or``."""
        if depth > MAX_DEPTH:
            self._fail(f"more than {MAX_DEPTH} nested parentheses")
        result = self._parse_conjunction(depth)
        while self._is_word("or"):
            self._advance_token()
            result = Or(result, self._parse_conjunction(depth))
        return result

    def expect_end(self) -> None:
        """Refuse a text that continues after the filter."""
        if self._kind == "end":
            return
        if self._reads_unquoted and self._kind == "word":
            self._fail("'and', 'or' or the end is expected here; put a value with spaces in quotes")
        self._fail("'and', 'or' or the end of the filter is expected here")

    def parse_brackets(self, path: AttributePath) -> tuple[ValuePath, int]:
        """Parse a value filter from its opening bracket; also return where the closing one is."""
        if self._within:
            self._fail("a value filter cannot contain another one")
        if path.sub is not None:
            self._fail("a value filter follows an attribute, not a sub-attribute")
        self._within = True
        self._advance_token()
        inner = self.parse_expression(depth=1)
        self._within = False
        if not self._is_mark("]"):
            self._fail("']' is expected here")
        return ValuePath(path, inner), self._position

    def _parse_conjunction(self, depth: int) -> Filter:
        result = self._parse_term(depth)
        while self._is_word("and"):
            self._advance_token()
            result = And(result, self._parse_term(depth))
        return result

    def _parse_term(self, depth: int) -> Filter:
        self._terms += 1
        if self._terms > MAX_TERMS:
            self._fail(f"more than {MAX_TERMS} expressions")
        if self._is_mark("("):
            return self._parse_group(depth)
        if self._is_word("not") and self._find_following_mark() == "(":
            self._advance_token()
            return Not(self._parse_group(depth))
        path = self._parse_path()
        if self._is_mark("["):
            return self._parse_value_path(path)
        return self._parse_condition(path)

    def _parse_group(self, depth: int) -> Filter:
        self._advance_token()
        result = self.parse_expression(depth + 1)
        if not self._is_mark(")"):
            self._fail("')' is expected here")
        self._advance_token()
        return result

    def _parse_value_path(self, path: AttributePath) -> ValuePath:
        value_path, closing = self.parse_brackets(path)
        self._advance_token()
        if self._text[closing + 1 : closing + 2] != ".":
            return value_path
        # emails[type eq "work"].value eq "x", as Entra asks for a matching attribute
        sub = self._token[1:]
        if not _SUB_ATTRIBUTE.fullmatch(sub):
            self._fail("the name of a sub-attribute is expected after ']'")
        self._advance_token()
        condition = self._parse_condition(AttributePath(None, sub))
        return ValuePath(path, And(value_path.filter, condition))

    def _parse_path(self) -> AttributePath:
        if self._kind != "word" or not ATTRIBUTE_NAME.fullmatch(self._token):
            self._fail("the name of an attribute is expected here")
        path = parse_attribute_path(self._token)
        self._advance_token()
        return path

    def _parse_condition(self, path: AttributePath) -> Compare | Present:
        op = self._token.lower() if self._kind == "word" else ""
        if op == "pr":
            self._advance_token()
            return Present(path)
        if op not in _OPERATORS:
            self._fail("an operator (eq, ne, co, sw, ew, gt, ge, lt, le or pr) is expected here")
        self._advance_token()
        value = self._parse_literal()
        self._advance_token()
        return Compare(path, cast("Operator", op), value)

    def _parse_literal(self) -> Value:
        token = self._token
        if self._kind == "string":
            return self._unquote(token)
        if self._kind != "word":
            self._fail("a value is expected here")
        if token in KEYWORDS:
            return KEYWORDS[token]
        number = NUMBER.fullmatch(token)
        if number is not None and len(token) <= NUMBER_LENGTH:
            return self._read_number(token, is_integer=number.group(1) is number.group(2) is None)
        if not self._reads_unquoted:
            self._fail("a value is a string in double quotes, a number, true, false or null")
        if quotes.opens_quote(token):
            return self._read_other_quotes()
        if quotes.ends_in_quote(token):
            self._fail("a quote ends here that nothing opens; put the value in double quotes")
        return token

    def _read_other_quotes(self) -> str:
        end = quotes.find_closing_quote(self._text, self._position)
        if end is None:
            self._fail("a quote opens here that nothing closes; put the value in double quotes")
        self._token = self._text[self._position : end]
        return quotes.remove_quotes(self._token)

    def _read_number(self, token: str, *, is_integer: bool) -> Value:
        if is_integer:
            return int(token)
        value = float(token)
        if value in {float("inf"), float("-inf")}:
            self._fail("the number is too large")
        # An unquoted text may look like a number: 1.50 must not become 1.5.
        return token if self._reads_unquoted and str(value) != token else value

    def _unquote(self, token: str) -> str:
        if "\\" not in token:
            return token[1:-1]
        try:
            text: str = json.loads(token)
            text.encode()
        except ValueError:
            self._fail("the string has an escape that JSON does not know")
        return text

    def _is_word(self, word: str) -> bool:
        return self._kind == "word" and self._token.lower() == word

    def _is_mark(self, mark: str) -> bool:
        return self._kind == "mark" and self._token == mark

    def _find_following_mark(self) -> str | None:
        match = _TOKEN.match(self._text, self._position + len(self._token))
        return None if match is None else match.group("mark")

    def _advance_token(self) -> None:
        self._advance(self._position + len(self._token))

    def _advance(self, start: int) -> None:
        match = _TOKEN.match(self._text, start)
        if match is None:
            self._position = self._text.index('"', start)
            self._fail("a string begins here that has no end, or a control character in it")
        self._kind = match.lastgroup
        self._position, end = match.span(match.lastgroup or 0)
        self._token = self._text[self._position : end]

    def _fail(self, problem: str) -> NoReturn:
        raise errors.invalid_filter(
            f"The {self._what} is not understood at character {self._position + 1}: {problem}."
        )


def parse_value_path(text: str, leniencies: Leniencies = NO_LENIENCIES) -> tuple[ValuePath, str]:
    """Parse ``path[filter]`` at the beginning of a PATCH path; also return the rest of the text.

    Raises
    ------
    ScimError
        invalidPath or invalidFilter; the detail names the position of the character.
    """
    opening = text.index("[")
    path = parse_attribute_path(text[:opening])
    parser = _Parser(text, leniencies, what="path", start=opening)
    value_path, closing = parser.parse_brackets(path)
    return value_path, text[closing + 1 :]
