"""SQL statements, compiled once for the driver of a database.

Statements are SQLAlchemy Core expressions over the tables. They are compiled when they are first
needed, kept, and executed on the bare driver: through SQLAlchemy's own execution a look-up costs
ten times as much (docs/decisions/0003-path-to-the-database.md).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, TypeAlias

from sqlalchemy import Dialect, Table
from sqlalchemy.dialects import sqlite
from sqlalchemy.sql.elements import ClauseElement

Backend: TypeAlias = Literal["sqlite", "postgresql"]
Row: TypeAlias = Sequence[Any]
Values: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL text, and the names of its parameters in their order.

    `constants` are the values of the parameters that belong to the statement itself.
    """

    sql: str
    names: tuple[str, ...]
    constants: Values

    def arguments(self, values: Values) -> list[Any]:
        """Return the values in the order in which the driver takes them."""
        if self.constants:
            values = {**self.constants, **values}
        return [values[name] for name in self.names]


Step: TypeAlias = tuple[Statement, Values]
"""A statement of a transaction, with its values."""


def text_length(row: Row) -> int:
    """Return the number of characters in the texts of a row."""
    return sum(len(value) for value in row if isinstance(value, str))


@lru_cache
def _dialect(backend: Backend) -> Dialect:
    if backend == "sqlite":
        return sqlite.dialect(paramstyle="qmark")
    # Imported here: a tenant on SQLite need not have it in memory.
    from sqlalchemy.dialects.postgresql import asyncpg

    return asyncpg.dialect()  # type: ignore[no-untyped-call]


def upsert(table: Table, backend: Backend) -> Any:
    """Return an INSERT that takes an ON CONFLICT clause."""
    if backend == "sqlite":
        return sqlite.insert(table)
    from sqlalchemy.dialects import postgresql

    return postgresql.insert(table)


def compile_statement(element: ClauseElement, backend: Backend) -> Statement:
    """Compile an expression; parameters are `bindparam` by name, literals become constants."""
    compiled: Any = element.compile(dialect=_dialect(backend))
    names = tuple(compiled.positiontup)
    constants = {name: value for name, value in compiled.params.items() if value is not None}
    return Statement(compiled.string, names, constants)
