"""Filters as SQL conditions.

A condition is made from a resolved filter's shape: literals are parameters ``f0``, ``f1`` and so
on, in the order of `parameterise`. What Entra matches on are columns and rows with an index;
every other attribute is looked up in the folded document.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from sqlalchemy import (
    BigInteger,
    Boolean,
    Double,
    String,
    Text,
    and_,
    bindparam,
    case,
    cast,
    column,
    false,
    func,
    literal_column,
    not_,
    null,
    or_,
    select,
    true,
    type_coerce,
)
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.selectable import FromClause
from sqlalchemy.types import TypeEngine

from scim_service.scim import errors
from scim_service.scim.attribute_path import AttributePath
from scim_service.scim.filter.tree import And, Compare, Filter, Not, Or, Present, Value, ValuePath
from scim_service.scim.schemas.attribute import Attribute
from scim_service.scim.values import fold_case, is_case_exact
from scim_service.store.clock import to_microseconds
from scim_service.store.database.statements import Backend
from scim_service.store.resources.derived import META
from scim_service.store.tables import Jsonb

Condition: TypeAlias = ColumnElement[bool]
Expression: TypeAlias = ColumnElement[Any]
Key: TypeAlias = tuple[str | None, str, str | None]

_TEXTS = {"string", "reference", "binary"}
_BIND_TYPES: Mapping[str, type[TypeEngine[Any]]] = {
    "boolean": Boolean,
    "dateTime": BigInteger,
    "decimal": Double,
    "integer": BigInteger,
}


@dataclass(frozen=True, slots=True)
class Relation:
    """A multi-valued attribute whose elements are rows.

    Parameters
    ----------
    rows
        What the elements are read from.
    owner
        The column with the id of the resource that has them.
    columns
        The sub-attributes that can be asked for, folded.
    documented
        The elements are in the document too, with the sub-attributes that have no column.
    """

    rows: FromClause
    owner: Expression
    columns: Mapping[str, Expression]
    documented: bool = False


@dataclass(frozen=True, slots=True)
class Source:
    """A table of resources, as filters and orders see it.

    Parameters
    ----------
    columns
        Attributes that are columns, by ``(schema, name, sub)``.
    relations
        Multi-valued attributes whose elements are rows, by their name.

    What is in neither is looked up in the folded document, and `rendered.META` never is.
    """

    table: FromClause
    id: Expression
    folded: Expression
    columns: Mapping[Key, Expression]
    relations: Mapping[str, Relation]


_Find: TypeAlias = Callable[[Attribute | None], Expression]
"""Returns a sub-attribute of an element, or the element itself, in SQL."""


_STORED: Mapping[str, Callable[[Any], Any]] = {"dateTime": to_microseconds, "decimal": float}
"""What a literal is compared as, by the type of its attribute."""


class Conditions:
    """One condition in the making: numbers its parameters."""

    def __init__(self, source: Source, backend: Backend) -> None:
        self._source = source
        self._documents = _DOCUMENTS[backend]
        self._parameters: list[tuple[str, Callable[[Any], Any]]] = []

    def parameters(self, literals: tuple[Value, ...]) -> dict[str, Any]:
        """Return the parameters of the condition, in the form of what they are compared with."""
        return {
            name: store(value)
            for (name, store), value in zip(self._parameters, literals, strict=True)
        }

    def condition(self, filter: Filter, *, negated: bool = False) -> Condition:  # noqa: A002
        """Return the condition.

        Parameters
        ----------
        negated
            The condition stands inside of a NOT, where "unknown" must count as false.

        Raises
        ------
        ScimError
            invalidFilter: the filter asks for something that is not kept.
        """
        match filter:
            case And(left, right):
                return and_(
                    self.condition(left, negated=negated), self.condition(right, negated=negated)
                )
            case Or(left, right):
                return or_(
                    self.condition(left, negated=negated), self.condition(right, negated=negated)
                )
            case Not(operand):
                return not_(self.condition(operand, negated=True))
            case ValuePath(path, inner):
                return self._elements(
                    path, _names(inner), lambda find: self._within(inner, find, negated=False)
                )
            case Compare() | Present():
                return self._leaf(filter, negated=negated)

    def sort_value(self, path: AttributePath) -> tuple[Expression, Any]:
        """Return what resources are sorted by, and its type.

        Of a multi-valued attribute that is the primary value, or else the first one.
        """
        known = self._source.columns.get((path.schema, path.name, path.sub))
        kind = _bind_type(path.leaf)
        if known is not None:
            return known, kind
        relation = self._source.relations.get(path.name) if path.schema is None else None
        if _is_rendered(path) or (relation is not None and not relation.documented):
            raise errors.invalid_path(
                f"sortBy names {path}, which is made anew for each answer and has no order."
            )
        assert path.attribute is not None
        if not path.attribute.multi_valued:
            return self._documents.value(self._source.folded, _steps(path), path.leaf), kind
        rows, number, find = self._documents.elements(self._source.folded, path)
        first = select(find(path.sub_attribute)).select_from(rows)
        primary = path.attribute.sub_attribute("primary")
        if primary is not None:
            first = first.order_by(func.coalesce(find(primary), false()).desc())
        return first.order_by(number).limit(literal_column("1")).scalar_subquery(), kind

    def _leaf(self, leaf: Compare | Present, *, negated: bool) -> Condition:
        path = leaf.path
        attribute = path.leaf
        assert path.attribute is not None
        known = self._source.columns.get((path.schema, path.name, path.sub))
        if known is not None:
            return self._test(known, leaf, attribute, negated=negated)
        if _is_rendered(path):
            return self._rendered(leaf)
        if not path.attribute.multi_valued:
            value = self._documents.value(self._source.folded, _steps(path), attribute)
            return self._test(value, leaf, attribute, negated=negated)
        return self._leaf_of_elements(leaf, path)

    def _rendered(self, leaf: Compare | Present) -> Condition:
        """Return the condition on what every answer has and no column."""
        if isinstance(leaf, Present):
            return true()
        raise errors.invalid_filter(
            f"the filter compares {leaf.path}, which is made anew for each answer; it can only ask"
            f" for {leaf.path} pr"
        )

    def _leaf_of_elements(self, leaf: Compare | Present, path: AttributePath) -> Condition:
        """Return the condition that one of several values passes a test."""
        if path.sub is None and path.leaf.type == "complex":
            return self._elements(path, frozenset(), lambda _: true())
        sub = path.sub_attribute
        names = frozenset({path.sub or "value"})
        if isinstance(leaf, Present):
            return self._elements(path, names, lambda find: self._present(find(sub), path.leaf))
        passes = self._elements(
            path, names, lambda find: self._compared(find(sub), leaf, path.leaf)
        )
        if leaf.op != "ne":
            return passes
        has_value = self._elements(path, names, lambda find: find(sub).is_not(None))
        return or_(passes, not_(has_value))

    def _within(self, filter: Filter, find: _Find, *, negated: bool) -> Condition:  # noqa: A002
        match filter:
            case And(left, right):
                return and_(
                    self._within(left, find, negated=negated),
                    self._within(right, find, negated=negated),
                )
            case Or(left, right):
                return or_(
                    self._within(left, find, negated=negated),
                    self._within(right, find, negated=negated),
                )
            case Not(operand):
                return not_(self._within(operand, find, negated=True))
            case ValuePath():
                raise errors.invalid_filter("a value filter cannot have another one inside")
            case Compare(path) | Present(path):
                return self._test(find(path.leaf), filter, path.leaf, negated=negated)

    def _elements(
        self, path: AttributePath, names: frozenset[str], test: Callable[[_Find], Condition]
    ) -> Condition:
        """Return the condition that `test` holds for one element of a multi-valued attribute.

        `names` are the sub-attributes that `test` asks for.
        """
        relation = self._source.relations.get(path.name) if path.schema is None else None
        if relation is not None and names <= relation.columns.keys():
            columns = relation.columns
            owners = (
                select(relation.owner)
                .select_from(relation.rows)
                .where(test(lambda sub: columns["value" if sub is None else sub.name]))
            )
            return self._source.id.in_(owners)
        if relation is not None and not relation.documented:
            unknown = ", ".join(sorted(names - relation.columns.keys()))
            raise errors.invalid_filter(
                f"the filter asks for {path.name}.{unknown}, which is not kept; it can ask for"
                f" {', '.join(relation.columns)}"
            )
        rows, _, find = self._documents.elements(self._source.folded, path)
        return select(literal_column("1")).select_from(rows).where(test(find)).exists()

    def _test(
        self,
        value: Expression,
        leaf: Compare | Present,
        attribute: Attribute,
        *,
        negated: bool,
    ) -> Condition:
        if isinstance(leaf, Present):
            return self._present(value, attribute)
        test = self._compared(value, leaf, attribute)
        if leaf.op == "ne":
            return or_(value.is_(None), test)
        return func.coalesce(test, false()) if negated else test

    def _present(self, value: Expression, attribute: Attribute) -> Condition:
        if attribute.type in _TEXTS:
            return func.coalesce(value, literal_column("''")) != literal_column("''")
        return value.is_not(None)

    def _compared(self, value: Expression, compare: Compare, attribute: Attribute) -> Condition:
        name = f"f{len(self._parameters)}"
        folds = attribute.type in _TEXTS and not is_case_exact(attribute)
        store = fold_case if folds else _STORED.get(attribute.type, lambda literal: literal)
        self._parameters.append((name, store))
        wanted = bindparam(name, type_=_bind_type(attribute))
        if compare.op == "co":
            return self._documents.contains(value, wanted)
        return _OPERATORS[compare.op](value, wanted)


@dataclass(frozen=True, slots=True)
class Located:
    """The values of an attribute in a folded document.

    `rows` are the elements of a multi-valued attribute, with one `value` each; None for another.
    """

    value: Expression
    rows: FromClause | None
    kind: TypeEngine[Any]

    def equals(self, name: str) -> Condition:
        """Return the condition that one of them is the parameter of that name, folded."""
        same = self.value == bindparam(name, type_=self.kind)
        if self.rows is None:
            return same
        return select(literal_column("1")).select_from(self.rows).where(same).exists()


def locate(folded: Expression, path: AttributePath, backend: Backend) -> Located:
    """Return where an attribute that is no column and no row has its values."""
    documents = _DOCUMENTS[backend]
    kind = _bind_type(path.leaf)
    assert path.attribute is not None
    if not path.attribute.multi_valued:
        return Located(documents.value(folded, _steps(path), path.leaf), None, kind)
    rows, _, find = documents.elements(folded, path)
    return Located(find(path.sub_attribute), rows, kind)


def _names(filter: Filter) -> frozenset[str]:  # noqa: A002
    """Return the sub-attributes that the filter of a value path asks for."""
    match filter:
        case And(left, right) | Or(left, right):
            return _names(left) | _names(right)
        case Not(operand):
            return _names(operand)
        case ValuePath(path, _) | Compare(path) | Present(path):
            return frozenset({path.name})


def selective(filter: Filter, source: Source) -> bool:  # noqa: A002
    """Whether an index leads to the few resources that the filter can select."""
    match filter:
        case And(left, right):
            return selective(left, source) or selective(right, source)
        case Or(left, right):
            return selective(left, source) and selective(right, source)
        case Compare(path, "eq"):
            if path.name in source.relations:
                return path.sub == "value"
            key = (path.schema, path.name, path.sub)
            return key in source.columns and not _is_rendered(path)
        case ValuePath(path, inner):
            return path.name in source.relations and _selects_value(inner)
        case _:
            return False


def _is_rendered(path: AttributePath) -> bool:
    return path.schema is None and path.name == META


def _selects_value(filter: Filter) -> bool:  # noqa: A002
    match filter:
        case And(left, right):
            return _selects_value(left) or _selects_value(right)
        case Compare(path, "eq"):
            return path.name == "value"
        case _:
            return False


def _steps(path: AttributePath) -> tuple[str, ...]:
    return tuple(step for step in (path.schema, path.name, path.sub) if step)


def _bind_type(attribute: Attribute) -> Any:
    return _BIND_TYPES.get(attribute.type, String)()


def _ends_with(value: Expression, wanted: Expression) -> Condition:
    start = func.length(value) - func.length(wanted) + 1
    return and_(start >= 1, func.substr(value, start) == wanted)


# Substrings are compared as they are: LIKE would fold case on SQLite, and has wildcards.
_OPERATORS: Mapping[str, Callable[[Expression, Expression], Condition]] = {
    "eq": lambda value, wanted: value == wanted,
    "ne": lambda value, wanted: value != wanted,
    "gt": lambda value, wanted: value > wanted,
    "ge": lambda value, wanted: value >= wanted,
    "lt": lambda value, wanted: value < wanted,
    "le": lambda value, wanted: value <= wanted,
    "sw": lambda value, wanted: func.substr(value, 1, func.length(wanted)) == wanted,
    "ew": _ends_with,
}


class _Documents:
    """How a database looks into a folded document."""

    def value(
        self, document: Expression, steps: tuple[str, ...], attribute: Attribute
    ) -> Expression:
        """Return a single value."""
        raise NotImplementedError

    def rows(self, document: Expression, steps: tuple[str, ...]) -> tuple[FromClause, Expression]:
        """Return the elements of an array as rows with a ``value``, and what numbers them."""
        raise NotImplementedError

    def simple(self, element: Expression, attribute: Attribute) -> Expression:
        """Return an element that is a simple value."""
        raise NotImplementedError

    def contains(self, value: Expression, wanted: Expression) -> Condition:
        """Return the condition that a text has another one inside."""
        raise NotImplementedError

    def elements(
        self, document: Expression, path: AttributePath
    ) -> tuple[FromClause, Expression, _Find]:
        """Return the elements as rows, what numbers them, and how to look into one."""
        rows, number = self.rows(document, tuple(step for step in (path.schema, path.name) if step))
        attribute = path.attribute
        assert attribute is not None

        def find(sub: Attribute | None) -> Expression:
            if sub is None or attribute.type != "complex":
                return self.simple(rows.c.value, attribute)
            return self.value(rows.c.value, (sub.name,), sub)

        return rows, number, find


class _SqliteDocuments(_Documents):
    def value(
        self, document: Expression, steps: tuple[str, ...], attribute: Attribute
    ) -> Expression:
        return func.json_extract(document, _sqlite_path(steps), type_=_bind_type(attribute))

    def rows(self, document: Expression, steps: tuple[str, ...]) -> tuple[FromClause, Expression]:
        each = func.json_each(document, _sqlite_path(steps)).table_valued("key", "value")
        rows = each.alias("element")
        return rows, rows.c.key

    def simple(self, element: Expression, attribute: Attribute) -> Expression:
        return type_coerce(element, _bind_type(attribute))

    def contains(self, value: Expression, wanted: Expression) -> Condition:
        return func.instr(value, wanted) > 0


class _PostgresDocuments(_Documents):
    def value(
        self, document: Expression, steps: tuple[str, ...], attribute: Attribute
    ) -> Expression:
        return _postgres_value(func.jsonb_extract_path(document, *map(_quoted, steps)), attribute)

    def rows(self, document: Expression, steps: tuple[str, ...]) -> tuple[FromClause, Expression]:
        found = func.jsonb_extract_path(document, *map(_quoted, steps))
        # A tenant's extension may once have had a single value here.
        array = case(
            (func.jsonb_typeof(found) == literal_column("'array'"), found),
            else_=literal_column("'[]'::jsonb"),
        )
        each = func.jsonb_array_elements(array).table_valued(
            column("value", Jsonb()), with_ordinality="number"
        )
        rows = each.render_derived("element")
        return rows, rows.c.number

    def simple(self, element: Expression, attribute: Attribute) -> Expression:
        return _postgres_value(element, attribute)

    def contains(self, value: Expression, wanted: Expression) -> Condition:
        return func.strpos(value, wanted) > 0


def _postgres_value(found: Expression, attribute: Attribute) -> Expression:
    text = found.op("#>>", return_type=Text())(literal_column("'{}'"))
    kind = _bind_type(attribute)
    if isinstance(kind, String):
        return text.collate("C")
    # A cast of another type fails, and a tenant's extension may once have had one here.
    json_type = "'boolean'" if isinstance(kind, Boolean) else "'number'"
    fits = func.jsonb_typeof(found) == literal_column(json_type)
    return case((fits, cast(text, kind)), else_=null())


def _sqlite_path(steps: tuple[str, ...]) -> Expression:
    return _quoted("$" + "".join(f'."{step}"' for step in steps))


def _quoted(step: str) -> Expression:
    # Names of attributes come from schemas, whose reader lets no quote in.
    return literal_column(f"'{step}'")


_DOCUMENTS: Mapping[Backend, _Documents] = {
    "sqlite": _SqliteDocuments(),
    "postgresql": _PostgresDocuments(),
}
