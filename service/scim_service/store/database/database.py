"""What the repository asks of a database, and statements compiled for it once.

Statements are SQLAlchemy Core expressions over the tables. They are compiled when they are first
needed, kept, and executed on the bare driver: through SQLAlchemy's own execution a look-up costs
ten times as much (docs/decisions/0003-path-to-the-database.md).
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, NamedTuple, Protocol, TypeAlias

from sqlalchemy import Dialect, Table
from sqlalchemy.dialects import sqlite
from sqlalchemy.sql.elements import ClauseElement

Backend: TypeAlias = Literal["sqlite", "postgresql"]
Row: TypeAlias = Sequence[Any]
Values: TypeAlias = Mapping[str, Any]


Reach: TypeAlias = Literal["rows", "page", "table"]
"""What a query reads: some rows by an index, a long page of them, or all of a table."""

STATEMENT_SECONDS = 24.0
"""How long a statement may take: less than a request, so that its answer can still tell."""


class DatabaseError(Exception):
    """The database cannot be used; the message says why and what to do."""


class StorageFullError(DatabaseError):
    """There is no room to write in; what was asked for has not been done."""


class UnavailableError(DatabaseError):
    """The database does not answer at present; asking again later makes sense."""


class TransientError(UnavailableError):
    """The database gave up what was asked for and nothing of it is done; it can be repeated."""


class UncertainError(UnavailableError):
    """The connection broke at the commit, so what was asked for may be done or not."""


class SlowQueryError(DatabaseError):
    """A statement took longer than it may, and was stopped."""


class DuplicateError(Exception):
    """A unique column already has this value."""

    def __init__(self, column: str) -> None:
        super().__init__(column)
        self.column = column


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


def text_length(row: Row) -> int:
    """Return how many characters of text a row has."""
    return sum(len(value) for value in row if isinstance(value, str))


@lru_cache
def _dialect(backend: Backend) -> Dialect:
    if backend == "sqlite":
        return sqlite.dialect(paramstyle="qmark")
    # Imported here since a tenant on SQLite need not pay for it in memory.
    from sqlalchemy.dialects.postgresql import asyncpg

    return asyncpg.dialect()  # type: ignore[no-untyped-call]


def upsert(table: Table, backend: Backend) -> Any:
    """Return an INSERT that can say what happens to rows that are there already."""
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


class Transaction(Protocol):
    """Statements that take effect together.

    The body of a transaction awaits nothing but its methods: on SQLite the transactions of
    several requests share one commit, and their bodies run one after the other.
    """

    async def fetch(self, statement: Statement, values: Values) -> Sequence[Row]:
        """Return the rows of a query, or of a write with RETURNING."""
        ...

    async def execute(self, statement: Statement, values: Values) -> int:
        """Write, and return how many rows were touched."""
        ...

    async def write(self, *steps: tuple[Statement, Values]) -> None:
        """Write several things that do not depend on each other, in one round trip if possible.

        No step may touch a row that another one touches.

        Raises
        ------
        DuplicateError
            A unique column has the value already; nothing of this call is done.
        """
        ...


class Volume(NamedTuple):
    """The volume of a database file, in bytes."""

    size: int
    available: int


class Database(Protocol):
    """A database in use."""

    backend: Backend

    def volume(self) -> Volume | None:
        """Return how full the volume is; None where the database is elsewhere, or is not told."""
        ...

    async def fetch(
        self, statement: Statement, values: Values, *, reach: Reach = "rows"
    ) -> Sequence[Row]:
        """Return the rows of a query.

        Each reach has a queue of its own, so that a look-up waits for no page, and neither for a
        table. A query that is cancelled is stopped.

        Raises
        ------
        SlowQueryError
            It took longer than `STATEMENT_SECONDS`.
        BusyError
            Too many of this reach are waiting already.
        """
        ...

    async def fetch_page(
        self, statement: Statement, values: Values, *, most: int, reach: Reach
    ) -> Sequence[Row]:
        """Return the first rows of a query, as `fetch` does.

        Reading ends soon after a row, other than the first, by which the rows have more than
        `most` characters of text.
        """
        ...

    def transaction(self, *, long: bool = False) -> AbstractAsyncContextManager[Transaction]:
        """Return a transaction; leaving it waits until everything is durable.

        Parameters
        ----------
        long
            Its statements may touch many rows, so they must not hold up the event loop.

        Raises
        ------
        StorageFullError, UnavailableError
            on leaving: nothing has been done, unless it is an UncertainError.
        TransientError
            Nothing has been done, and the same body may succeed now.
        """
        ...

    async def write(self, *steps: tuple[Statement, Values]) -> None:
        """Write several things in a transaction of their own; see `Transaction.write`."""
        ...

    async def close(self) -> None:
        """Finish what is under way and let go of the database."""
        ...
