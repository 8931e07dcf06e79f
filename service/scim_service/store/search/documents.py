"""Expressions that look into a search form, in the JSON dialect of each database."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from sqlalchemy import (
    BigInteger,
    Boolean,
    Double,
    String,
    Text,
    bindparam,
    case,
    cast,
    column,
    func,
    literal_column,
    null,
    select,
    type_coerce,
)
from sqlalchemy.sql.selectable import FromClause
from sqlalchemy.types import TypeEngine

from scim_service.scim.attribute_path import AttributePath
from scim_service.scim.schemas.attribute import Attribute
from scim_service.store.database.statements import Backend
from scim_service.store.search.source import Condition, Expression
from scim_service.store.tables import Jsonb

_SQL_TYPES: Mapping[str, type[TypeEngine[Any]]] = {
    "boolean": Boolean,
    "dateTime": BigInteger,
    "decimal": Double,
    "integer": BigInteger,
}

Find: TypeAlias = Callable[[Attribute | None], Expression]
"""Returns a sub-attribute of an element, or the element itself for None, in SQL."""


def sql_type(attribute: Attribute) -> Any:
    """Return the SQL type of an attribute's search form."""
    return _SQL_TYPES.get(attribute.type, String)()


def steps_to(path: AttributePath) -> tuple[str, ...]:
    """Return the names that lead to an attribute in the search form."""
    return tuple(step for step in (path.schema, path.name, path.sub) if step)


class Documents(ABC):
    """The expressions of one database that look into a search form."""

    @abstractmethod
    def value(
        self, document: Expression, steps: tuple[str, ...], attribute: Attribute
    ) -> Expression:
        """Return a single value."""

    @abstractmethod
    def rows(self, document: Expression, steps: tuple[str, ...]) -> tuple[FromClause, Expression]:
        """Return the elements of an array as rows with a ``value``, and their number."""

    @abstractmethod
    def simple(self, element: Expression, attribute: Attribute) -> Expression:
        """Return an element that is a simple value."""

    @abstractmethod
    def contains(self, value: Expression, wanted: Expression) -> Condition:
        """Return the condition that a text contains another one."""

    def elements(
        self, document: Expression, path: AttributePath
    ) -> tuple[FromClause, Expression, Find]:
        """Return the elements as rows, their number, and the function that looks into one."""
        rows, number = self.rows(document, tuple(step for step in (path.schema, path.name) if step))
        attribute = path.attribute
        assert attribute is not None

        def find(sub: Attribute | None) -> Expression:
            if sub is None or attribute.type != "complex":
                return self.simple(rows.c.value, attribute)
            return self.value(rows.c.value, (sub.name,), sub)

        return rows, number, find


class _SqliteDocuments(Documents):
    def value(
        self, document: Expression, steps: tuple[str, ...], attribute: Attribute
    ) -> Expression:
        return func.json_extract(document, _sqlite_path(steps), type_=sql_type(attribute))

    def rows(self, document: Expression, steps: tuple[str, ...]) -> tuple[FromClause, Expression]:
        each = func.json_each(document, _sqlite_path(steps)).table_valued("key", "value")
        rows = each.alias("element")
        return rows, rows.c.key

    def simple(self, element: Expression, attribute: Attribute) -> Expression:
        return type_coerce(element, sql_type(attribute))

    def contains(self, value: Expression, wanted: Expression) -> Condition:
        return func.instr(value, wanted) > 0


class _PostgresDocuments(Documents):
    def value(
        self, document: Expression, steps: tuple[str, ...], attribute: Attribute
    ) -> Expression:
        return _typed_value(func.jsonb_extract_path(document, *map(_quote, steps)), attribute)

    def rows(self, document: Expression, steps: tuple[str, ...]) -> tuple[FromClause, Expression]:
        found = func.jsonb_extract_path(document, *map(_quote, steps))
        # An earlier schema of the extension may have had a single value here.
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
        return _typed_value(element, attribute)

    def contains(self, value: Expression, wanted: Expression) -> Condition:
        return func.strpos(value, wanted) > 0


def _typed_value(found: Expression, attribute: Attribute) -> Expression:
    text = found.op("#>>", return_type=Text())(literal_column("'{}'"))
    kind = sql_type(attribute)
    if isinstance(kind, String):
        return text.collate("C")
    # A cast of another type fails, and an earlier schema of the extension may have had one here.
    json_type = "'boolean'" if isinstance(kind, Boolean) else "'number'"
    fits = func.jsonb_typeof(found) == literal_column(json_type)
    return case((fits, cast(text, kind)), else_=null())


def _sqlite_path(steps: tuple[str, ...]) -> Expression:
    return _quote("$" + "".join(f'."{step}"' for step in steps))


def _quote(step: str) -> Expression:
    # The names come from schemas, whose parser rejects quotes.
    return literal_column(f"'{step}'")


DOCUMENTS: Mapping[Backend, Documents] = {
    "sqlite": _SqliteDocuments(),
    "postgresql": _PostgresDocuments(),
}


@dataclass(frozen=True, slots=True)
class StoredValues:
    """The values of an attribute in a search form.

    `rows` are the elements of a multi-valued attribute, with one `value` each; otherwise None.
    """

    value: Expression
    rows: FromClause | None
    kind: TypeEngine[Any]

    def equals(self, name: str) -> Condition:
        """Return the condition that one of them equals the parameter `name`, in the search form."""
        same = self.value == bindparam(name, type_=self.kind)
        if self.rows is None:
            return same
        return select(literal_column("1")).select_from(self.rows).where(same).exists()


def locate_values(search_form: Expression, path: AttributePath, backend: Backend) -> StoredValues:
    """Return the values of an attribute that is neither a column nor a relation."""
    documents = DOCUMENTS[backend]
    kind = sql_type(path.leaf)
    assert path.attribute is not None
    if not path.attribute.multi_valued:
        return StoredValues(documents.value(search_form, steps_to(path), path.leaf), None, kind)
    rows, _, find = documents.elements(search_form, path)
    return StoredValues(find(path.sub_attribute), rows, kind)
