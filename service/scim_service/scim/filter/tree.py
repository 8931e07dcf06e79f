"""Filters: grammar, syntax tree, printer and a plain evaluator (RFC 7644 section 3.4.2.2).

A filter goes through two steps. `parse_filter` knows the grammar only. `resolve_filter` binds
every path to the attribute it names, in its canonical spelling, gives every literal the type of
its attribute, and rewrites what is only another spelling:

* ``emails eq "x"`` becomes ``emails.value eq "x"``,
* ``title eq null`` becomes ``not (title pr)`` and ``title ne null`` becomes ``title pr``,
* ``name[familyName eq "x"]`` becomes ``name.familyName eq "x"``, as name is single-valued,
* ``emails[type eq "work"].value eq "x"`` is parsed as
  ``emails[type eq "work" and value eq "x"]``.

What evaluates filters (`matches` here, SQL in the store) takes resolved filters only.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache
from typing import Any, Literal, NoReturn, TypeAlias, cast

from scim_service.scim import errors
from scim_service.scim.filter import quotes
from scim_service.scim.schema import Attribute, ResourceType
from scim_service.scim.values import INTEGERS, complete_date, format_datetime, parse_datetime

Operator: TypeAlias = Literal["eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"]
Value: TypeAlias = str | int | float | bool | datetime | None

MAX_LENGTH = 8192
MAX_DEPTH = 32
MAX_TERMS = 128  # each is a level of the tree, and of the recursion over it
MAX_NAME_LENGTH = 1024


@dataclass(frozen=True, slots=True)
class AttributePath:
    """An attribute, or a sub-attribute, as it is named in a filter or a path.

    In a resolved path the names are in canonical spelling, `schema` is None for core and common
    attributes, and `attribute` and `sub_attribute` are set; inside of a `ValuePath`, `name` and
    `attribute` are those of the sub-attribute. The URN of an extension resolves to that URN as
    `schema` and an empty `name`.
    """

    schema: str | None
    name: str
    sub: str | None = None
    attribute: Attribute | None = field(default=None, compare=False, repr=False)
    sub_attribute: Attribute | None = field(default=None, compare=False, repr=False)

    @property
    def leaf(self) -> Attribute:
        """What a resolved path ends in: the sub-attribute if there is one."""
        leaf = self.sub_attribute or self.attribute
        assert leaf is not None
        return leaf

    def __str__(self) -> str:
        text = self.name if self.schema is None else f"{self.schema}:{self.name}".rstrip(":")
        return text if self.sub is None else f"{text}.{self.sub}"


@dataclass(frozen=True, slots=True)
class Compare:
    """``path op value``. A `value` of type datetime (UTC) only occurs in resolved filters."""

    path: AttributePath
    op: Operator
    value: Value


@dataclass(frozen=True, slots=True)
class Present:
    """``path pr``."""

    path: AttributePath


@dataclass(frozen=True, slots=True)
class And:
    """``left and right``."""

    left: "Filter"
    right: "Filter"


@dataclass(frozen=True, slots=True)
class Or:
    """``left or right``."""

    left: "Filter"
    right: "Filter"


@dataclass(frozen=True, slots=True)
class Not:
    """``not (operand)``."""

    operand: "Filter"


@dataclass(frozen=True, slots=True)
class ValuePath:
    """``path[filter]``: one element of `path` satisfies the whole `filter`.

    Where the elements are simple values, the filter names them ``value``.
    """

    path: AttributePath
    filter: "Filter"


Filter: TypeAlias = Compare | Present | And | Or | Not | ValuePath

_OPERATORS = frozenset({"eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"})
KEYWORDS: dict[str, Value] = {"true": True, "false": False, "null": None}
_STRING_OPERATORS = frozenset({"co", "sw", "ew"})
_ORDER_OPERATORS = frozenset({"gt", "ge", "lt", "le"})

NAME_PATTERN = r"(?:urn:[A-Za-z0-9_$.:-]+:)?[A-Za-z$][A-Za-z0-9_$-]*(?:\.[A-Za-z$][A-Za-z0-9_$-]*)?"
ATTRIBUTE_NAME = re.compile(NAME_PATTERN, re.IGNORECASE)
_SUB_ATTRIBUTE = re.compile(r"[A-Za-z$][A-Za-z0-9_$-]*")
_SCHEMA_PATH = re.compile(r"urn(?::[A-Za-z0-9_$.-]+)+", re.IGNORECASE)
NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
NUMBER_LENGTH = 40
_TOKEN = re.compile(
    r'\s*(?:(?P<string>"(?:[^"\\\x00-\x1f]|\\.)*")'
    r'|(?P<mark>[()\[\]])|(?P<word>[^\s()\[\]"]+)|(?P<end>\Z))'
)
# Nearly all requests of Entra have a filter of this form; the whole grammar takes longer.
_SIMPLE = re.compile(rf'({NAME_PATTERN}) (eq|sw|co) "([^"\\\x00-\x1f]*)"', re.IGNORECASE)


def parse_filter(text: str, *, lenient: bool = False) -> Filter:
    """Parse a filter.

    Parameters
    ----------
    lenient
        Accept literals without quotes, as in ``externalId eq jyoung``, and in quotes of another
        kind (see `quotes`). One without quotes has no blank, parenthesis, bracket or double quote
        in it and neither begins nor ends with a quote, but for an apostrophe at its end.

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
    parser = _Parser(text, lenient=lenient)
    result = parser.expression(depth=0)
    parser.expect_end()
    return result


@lru_cache(maxsize=1024)
def parse_attribute_path(text: str) -> AttributePath:
    """Return the path that a name, qualified by a URN or not, spells.

    Raises
    ------
    ScimError
        invalidPath for what is not a name, and for what is too long to be kept as one.
    """
    if len(text) > MAX_NAME_LENGTH:
        raise errors.invalid_path(
            f'"{shorten(text)}" has {len(text)} characters; the name of an attribute has at most'
            f" {MAX_NAME_LENGTH}."
        )
    if not ATTRIBUTE_NAME.fullmatch(text):
        # A URN may end in what is no name, as urn:example:contoso:1.5 does.
        if not _SCHEMA_PATH.fullmatch(text):
            raise errors.invalid_path(f'"{shorten(text)}" is not the name of an attribute.')
        return AttributePath(text, "")
    schema, colon, name = text.rpartition(":")
    name, dot, sub = name.partition(".")
    return AttributePath(schema if colon else None, name, sub if dot else None)


def shorten(text: str, most: int = 100) -> str:
    """Return the beginning of a text, enough to recognise it in an error message."""
    return text if len(text) <= most else f"{text[:most]}..."


class _Parser:
    """A parser by recursive descent; every method leaves the next token to be looked at."""

    __slots__ = ("_kind", "_lenient", "_position", "_terms", "_text", "_token", "_what", "_within")

    def __init__(self, text: str, *, lenient: bool, what: str = "filter", start: int = 0) -> None:
        self._text = text
        self._lenient = lenient
        self._what = what
        self._terms = 0
        self._within = False  # inside the brackets of a value path
        self._kind: str | None = None
        self._token = ""
        self._position = 0
        self._advance(start)

    def expression(self, depth: int) -> Filter:
        if depth > MAX_DEPTH:
            self._fail(f"more than {MAX_DEPTH} nested parentheses")
        result = self._parse_conjunction(depth)
        while self._is_word("or"):
            self._advance_token()
            result = Or(result, self._parse_conjunction(depth))
        return result

    def expect_end(self) -> None:
        if self._kind == "end":
            return
        if self._lenient and self._kind == "word":
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
        inner = self.expression(depth=1)
        self._within = False
        if not self._is_mark("]"):
            self._fail("']' is expected here")
        return ValuePath(path, inner), self._position

    def _parse_conjunction(self, depth: int) -> Filter:
        result = self._term(depth)
        while self._is_word("and"):
            self._advance_token()
            result = And(result, self._term(depth))
        return result

    def _term(self, depth: int) -> Filter:
        self._terms += 1
        if self._terms > MAX_TERMS:
            self._fail(f"more than {MAX_TERMS} expressions")
        if self._is_mark("("):
            return self._group(depth)
        if self._is_word("not") and self._following_mark() == "(":
            self._advance_token()
            return Not(self._group(depth))
        path = self._path()
        if self._is_mark("["):
            return self._value_path(path)
        return self._condition(path)

    def _group(self, depth: int) -> Filter:
        self._advance_token()
        result = self.expression(depth + 1)
        if not self._is_mark(")"):
            self._fail("')' is expected here")
        self._advance_token()
        return result

    def _value_path(self, path: AttributePath) -> ValuePath:
        value_path, closing = self.parse_brackets(path)
        self._advance_token()
        if self._text[closing + 1 : closing + 2] != ".":
            return value_path
        # emails[type eq "work"].value eq "x", as Entra asks for a matching attribute
        sub = self._token[1:]
        if not _SUB_ATTRIBUTE.fullmatch(sub):
            self._fail("the name of a sub-attribute is expected after ']'")
        self._advance_token()
        condition = self._condition(AttributePath(None, sub))
        return ValuePath(path, And(value_path.filter, condition))

    def _path(self) -> AttributePath:
        if self._kind != "word" or not ATTRIBUTE_NAME.fullmatch(self._token):
            self._fail("the name of an attribute is expected here")
        path = parse_attribute_path(self._token)
        self._advance_token()
        return path

    def _condition(self, path: AttributePath) -> Compare | Present:
        op = self._token.lower() if self._kind == "word" else ""
        if op == "pr":
            self._advance_token()
            return Present(path)
        if op not in _OPERATORS:
            self._fail("an operator (eq, ne, co, sw, ew, gt, ge, lt, le or pr) is expected here")
        self._advance_token()
        value = self._literal()
        self._advance_token()
        return Compare(path, cast("Operator", op), value)

    def _literal(self) -> Value:
        token = self._token
        if self._kind == "string":
            return self._unquote(token)
        if self._kind != "word":
            self._fail("a value is expected here")
        if token in KEYWORDS:
            return KEYWORDS[token]
        number = NUMBER.fullmatch(token)
        if number is not None and len(token) <= NUMBER_LENGTH:
            return self._number(token, is_integer=number.group(1) is number.group(2) is None)
        if not self._lenient:
            self._fail("a value is a string in double quotes, a number, true, false or null")
        if quotes.opens_quote(token):
            return self._other_quotes()
        if quotes.ends_in_quote(token):
            self._fail("a quote ends here that nothing opens; put the value in double quotes")
        return token

    def _other_quotes(self) -> str:
        end = quotes.find_closing_quote(self._text, self._position)
        if end is None:
            self._fail("a quote opens here that nothing closes; put the value in double quotes")
        self._token = self._text[self._position : end]
        return quotes.remove_quotes(self._token)

    def _number(self, token: str, *, is_integer: bool) -> Value:
        if is_integer:
            return int(token)
        value = float(token)
        if value in {float("inf"), float("-inf")}:
            self._fail("the number is too large")
        # An unquoted text may look like a number: 1.50 must not become 1.5.
        return token if self._lenient and str(value) != token else value

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

    def _following_mark(self) -> str | None:
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


def parse_value_path(text: str, *, lenient: bool = False) -> tuple[ValuePath, str]:
    """Parse ``path[filter]`` at the beginning of a PATCH path; also return what follows it.

    Raises
    ------
    ScimError
        invalidPath or invalidFilter; the detail names the position of the character.
    """
    opening = text.index("[")
    path = parse_attribute_path(text[:opening])
    parser = _Parser(text, lenient=lenient, what="path", start=opening)
    value_path, closing = parser.parse_brackets(path)
    return value_path, text[closing + 1 :]


def print_filter(filter: Filter) -> str:  # noqa: A002
    """Return the filter as text, such that parsing it again gives an equal filter."""
    match filter:
        case Compare(path, op, value):
            return f"{path} {op} {_print_value(value)}"
        case Present(path):
            return f"{path} pr"
        case Not(operand):
            return f"not ({print_filter(operand)})"
        case ValuePath(path, inner):
            return f"{path}[{print_filter(inner)}]"
        case And(left, right):
            first = _print_within(left, Or)
            return f"{first} and {_print_within(right, (And, Or))}"
        case Or(left, right):
            return f"{print_filter(left)} or {_print_within(right, Or)}"


def _print_within(
    filter: Filter,  # noqa: A002
    parenthesised: type[Filter] | tuple[type[Filter], ...],
) -> str:
    text = print_filter(filter)
    return f"({text})" if isinstance(filter, parenthesised) else text


def _print_value(value: Value) -> str:
    if isinstance(value, datetime):
        return f'"{format_datetime(value)}"'
    return json.dumps(value, ensure_ascii=False)


def resolve_path(
    path: AttributePath, resource_type: ResourceType, *, lenient: bool = False
) -> AttributePath | None:
    """Return the path bound to its attribute, or None where there is no such attribute.

    Parameters
    ----------
    lenient
        Find extension attributes by their short name (``manager``).
    """
    return _resolve_path(path, resource_type, lenient)


@lru_cache(maxsize=1024)
def _resolve_path(
    path: AttributePath, resource_type: ResourceType, lenient: bool
) -> AttributePath | None:
    extension = resource_type.extension(str(path))
    if extension is not None:
        return AttributePath(extension.id, "", None, extension.root)
    found = resource_type.find(path.schema, path.name)
    if found is None and lenient and path.schema is None:
        found = resource_type.find_in_extensions(path.name)
    if found is None:
        return None
    schema, attribute = found
    if path.sub is None:
        return AttributePath(schema, attribute.name, None, attribute)
    sub_attribute = attribute.sub_attribute(path.sub)
    if sub_attribute is not None:
        return AttributePath(schema, attribute.name, sub_attribute.name, attribute, sub_attribute)
    if is_value_of_simple(attribute, path.sub):
        return AttributePath(schema, attribute.name, None, attribute)
    return None


def is_value_of_simple(attribute: Attribute, sub: str) -> bool:
    """Whether `sub` names the elements of a multi-valued attribute of simple values."""
    return attribute.multi_valued and attribute.type != "complex" and sub.lower() == "value"


def resolve_filter(
    filter: Filter,  # noqa: A002
    resource_type: ResourceType,
    *,
    lenient: bool = False,
) -> Filter:
    """Bind every path to its attribute and give every literal the type of its attribute.

    Parameters
    ----------
    lenient
        Find extension attributes by their short name (``manager``), and convert literals of
        another type (``"True"`` for a boolean, ``5`` for a string).

    Raises
    ------
    ScimError
        invalidFilter: an unknown attribute, an operator that its type does not have, or a
        literal of another type.
    """

    def bind(path: AttributePath) -> AttributePath:
        bound = _resolve_path(path, resource_type, lenient)
        if bound is None:
            raise errors.invalid_filter(
                f'The filter names the attribute "{shorten(str(path))}", which '
                f"{resource_type.name} does not have; /Schemas lists the attributes."
            )
        return bound

    return _resolve(filter, bind, lenient)


def resolve_element_filter(
    filter: Filter,  # noqa: A002
    parent: AttributePath,
    *,
    lenient: bool = False,
) -> Filter:
    """Resolve a filter on the elements of a resolved path, as `resolve_filter` does.

    Paths in the result are relative to an element.
    """
    return _resolve(filter, lambda path: _bind_element(path, parent), lenient)


def _bind_element(path: AttributePath, parent: AttributePath) -> AttributePath:
    attribute = parent.leaf
    if path.schema is None and path.sub is None:
        sub_attribute = attribute.sub_attribute(path.name)
        if sub_attribute is not None:
            return AttributePath(None, sub_attribute.name, None, sub_attribute)
        if is_value_of_simple(attribute, path.name):
            element = replace(attribute, multi_valued=False)
            return AttributePath(None, "value", None, element)
    raise errors.invalid_filter(
        f'The filter names "{shorten(str(path))}", which {parent} does not have; '
        "/Schemas lists the sub-attributes."
    )


def _resolve(
    filter: Filter,  # noqa: A002
    bind: Callable[[AttributePath], AttributePath],
    lenient: bool,
) -> Filter:
    match filter:
        case Compare():
            return _resolve_compare(filter, bind(filter.path), lenient)
        case Present(path):
            bound = bind(path)
            _reject_never_returned(bound)
            return Present(bound)
        case And(left, right):
            return And(_resolve(left, bind, lenient), _resolve(right, bind, lenient))
        case Or(left, right):
            return Or(_resolve(left, bind, lenient), _resolve(right, bind, lenient))
        case Not(operand):
            return Not(_resolve(operand, bind, lenient))
        case ValuePath(path, inner):
            return _resolve_value_path(bind(path), inner, bind, lenient)


def _resolve_value_path(
    path: AttributePath,
    inner: Filter,
    bind: Callable[[AttributePath], AttributePath],
    lenient: bool,
) -> Filter:
    attribute = path.leaf
    if attribute.multi_valued:
        return ValuePath(path, resolve_element_filter(inner, path, lenient=lenient))
    if attribute.type != "complex" or not path.name:
        raise errors.invalid_filter(
            f"The filter has brackets after {path}, which has no sub-attributes to select by."
        )

    def bind_within(relative: AttributePath) -> AttributePath:
        element = _bind_element(relative, path)
        return bind(replace(path, sub=element.name))

    return _resolve(inner, bind_within, lenient)


def _resolve_compare(compare: Compare, path: AttributePath, lenient: bool) -> Filter:
    _reject_never_returned(path)
    if compare.value is None:
        if compare.op == "eq":
            return Not(Present(path))
        if compare.op == "ne":
            return Present(path)
    if path.leaf.type == "complex":
        path = _select_value_sub_attribute(path)
    leaf = path.leaf
    op = compare.op
    if (op in _STRING_OPERATORS and leaf.type not in {"string", "reference", "binary"}) or (
        op in _ORDER_OPERATORS and leaf.type in {"boolean", "binary"}
    ):
        raise errors.invalid_filter(
            f"The filter uses {op} on {path}, but an attribute of type {leaf.type} does not "
            "have this operator."
        )
    return Compare(path, op, type_literal(compare.value, path, lenient))


def _select_value_sub_attribute(path: AttributePath) -> AttributePath:
    """Return the path of ``value``, which a comparison of a complex attribute is about."""
    value = path.leaf.sub_attribute("value")
    if value is None:
        names = ", ".join(sub.name for sub in path.leaf.sub_attributes[:3])
        raise errors.invalid_filter(
            f"The filter compares {path}, which is complex; compare one of its sub-attributes, "
            f"such as {names}."
        )
    return replace(path, sub=value.name, sub_attribute=value)


def _reject_never_returned(path: AttributePath) -> None:
    """Refuse to say by a filter what is never returned."""
    if path.leaf.returned == "never":
        raise errors.invalid_filter(f"The filter names {path}, which cannot be filtered by.")


def type_literal(value: Value, path: AttributePath, lenient: bool) -> Value:
    kind = path.leaf.type
    if lenient:
        value = convert_literal(value, kind)
    if isinstance(value, str):
        if kind == "dateTime":
            instant = parse_datetime(value)
            if instant is not None:
                return instant
        elif kind in {"string", "reference", "binary"}:
            if "\x00" in value:
                raise errors.invalid_filter(
                    f"The filter compares {path} with the character U+0000, which no value has."
                )
            return value
    elif isinstance(value, bool):
        if kind == "boolean":
            return value
    elif (kind == "integer" and isinstance(value, int) and value in INTEGERS) or (
        kind == "decimal" and isinstance(value, (int, float))
    ):
        return value
    raise errors.invalid_filter(
        f"The filter compares {path} with a value of another type; {_LITERALS[kind]}."
    )


_LITERALS = {
    "string": "give a string in double quotes",
    "reference": "give a string in double quotes",
    "binary": "give a string in double quotes",
    "boolean": "give true or false, without quotes",
    "integer": "give a whole number of at most 64 bits",
    "decimal": "give a number",
    "dateTime": 'give a time such as "2026-01-31T09:00:00Z"',
}


def convert_literal(value: Value, kind: str) -> Value:
    """Return a literal in the type of its attribute where the text of it allows that."""
    if isinstance(value, str):
        if kind == "boolean":
            return KEYWORDS.get(value.lower(), value)
        if kind == "dateTime":
            return complete_date(value)
        if kind in {"integer", "decimal"} and len(value) <= NUMBER_LENGTH:
            number = NUMBER.fullmatch(value)
            if number is not None:
                return int(value) if number.group(1) is number.group(2) is None else float(value)
    elif value is not None and kind not in {"boolean", "integer", "decimal"}:
        return json.dumps(value)
    return value


def split_literals(filter: Filter) -> tuple[str, tuple[Value, ...]]:  # noqa: A002
    """Split a resolved filter into its shape and its literals.

    Two filters of one shape differ in their literals only, so a compiled form can be kept by
    shape. The literals are in the order of the comparisons, from left to right.
    """
    if isinstance(filter, Compare):
        return f"{filter.path} {filter.op}", (filter.value,)
    values: list[Value] = []
    return _write_shape(filter, values), tuple(values)


def _write_shape(filter: Filter, values: list[Value]) -> str:  # noqa: A002
    match filter:
        case Compare(path, op, value):
            values.append(value)
            return f"{path} {op}"
        case Present(path):
            return f"{path} pr"
        case And(left, right):
            return f"({_write_shape(left, values)} and {_write_shape(right, values)})"
        case Or(left, right):
            return f"({_write_shape(left, values)} or {_write_shape(right, values)})"
        case Not(operand):
            return f"not ({_write_shape(operand, values)})"
        case ValuePath(path, inner):
            return f"{path}[{_write_shape(inner, values)}]"


def count_comparisons(filter: Filter | None) -> int:  # noqa: A002
    """Return how many comparisons the filter makes of one element, long literals counting more.

    None, no filter, makes none.
    """
    match filter:
        case None:
            return 0
        case Compare(value=str(text)):
            return 1 + (len(text) >> 6)
        case And(left, right) | Or(left, right):
            return count_comparisons(left) + count_comparisons(right)
        case Not(operand):
            return count_comparisons(operand)
        case ValuePath(_, inner):
            return count_comparisons(inner)
        case _:
            return 1


def matches(filter: Filter, resource: Mapping[str, Any]) -> bool:  # noqa: A002
    """Evaluate a resolved filter on a resource in canonical form.

    ``ne`` also matches where the attribute has no value at all, as no value is identical to
    none; with several values, it matches if any of them differs.
    """
    match filter:
        case Compare():
            return _compare(filter, resource)
        case Present(path):
            return any(value not in ("", [], {}) for value in find_values(path, resource))
        case And(left, right):
            return matches(left, resource) and matches(right, resource)
        case Or(left, right):
            return matches(left, resource) or matches(right, resource)
        case Not(operand):
            return not matches(operand, resource)
        case ValuePath(path, inner):
            return any(matches(inner, wrap_element(each)) for each in find_values(path, resource))


def wrap_element(element: Any) -> Mapping[str, Any]:
    """Return an element in the form that a value filter is evaluated on."""
    return element if isinstance(element, Mapping) else {"value": element}


def fold_case(text: str) -> str:
    """Return the form in which values are compared where case does not count."""
    return text.casefold()


def find_values(path: AttributePath, resource: Mapping[str, Any]) -> Iterator[Any]:
    """Return the values that a resource has at a resolved path."""
    holder = resource if path.schema is None else resource.get(path.schema)
    if holder is None:
        return
    value = holder.get(path.name) if path.name else holder
    for each in value if isinstance(value, list) else (value,):
        leaf = wrap_element(each).get(path.sub) if path.sub is not None else each
        if leaf is not None:
            yield leaf


def _compare(compare: Compare, resource: Mapping[str, Any]) -> bool:
    leaf = compare.path.leaf
    wanted = _to_comparable(compare.value, leaf)
    values = [_to_comparable(value, leaf) for value in find_values(compare.path, resource)]
    if compare.op == "ne":
        return not values or any(value != wanted for value in values)
    holds = _COMPARISONS[compare.op]
    return any(holds(value, wanted) for value in values)


def _to_comparable(value: Any, leaf: Attribute) -> Any:
    if not isinstance(value, str):
        return value
    if leaf.type == "dateTime":
        return parse_datetime(value)
    return value if is_case_exact(leaf) else fold_case(value)


def is_case_exact(attribute: Attribute) -> bool:
    """Whether case counts: by ``caseExact``, and always for references and binary values."""
    return attribute.case_exact or attribute.type in {"reference", "binary"}


_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "eq": lambda value, wanted: bool(value == wanted),
    "co": lambda value, wanted: wanted in value,
    "sw": lambda value, wanted: bool(value.startswith(wanted)),
    "ew": lambda value, wanted: bool(value.endswith(wanted)),
    "gt": lambda value, wanted: bool(value > wanted),
    "ge": lambda value, wanted: bool(value >= wanted),
    "lt": lambda value, wanted: bool(value < wanted),
    "le": lambda value, wanted: bool(value <= wanted),
}
