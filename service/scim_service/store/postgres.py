"""PostgreSQL through asyncpg.

What a round trip costs decides here, so writes that do not depend on each other travel as one
statement (data-modifying CTEs), which is a transaction by itself where it stands alone.
"""

import contextlib
import re
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from functools import partial
from typing import Any

import asyncpg

from scim_service.store.database import (
    Backend,
    DatabaseError,
    DuplicateError,
    Row,
    Statement,
    StorageFullError,
    UnavailableError,
    Values,
)
from scim_service.store.database_url import PostgresUrl
from scim_service.store.postgres_errors import check_files, connection_problem

CONNECTIONS = 10
COMMAND_SECONDS = 25.0

_PARAMETER = re.compile(r"\$(\d+)")
_CONSTRAINT = re.compile(r"^(?:scim_user|scim_group)_(\w+)_key$")


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except asyncpg.UniqueViolationError as error:
        found = _CONSTRAINT.match(error.constraint_name or "")
        if found is None:
            raise
        raise DuplicateError(found.group(1)) from error
    except asyncpg.DiskFullError as error:
        raise StorageFullError("the volume of the database is full") from error
    except (
        asyncpg.PostgresConnectionError,
        asyncpg.InterfaceError,
        asyncpg.OperatorInterventionError,
        asyncpg.InsufficientResourcesError,
        asyncpg.InvalidAuthorizationSpecificationError,
        asyncpg.InvalidCatalogNameError,
        OSError,
        TimeoutError,
    ) as error:
        # Without the cause, whose message may have parts of the URL.
        raise UnavailableError(
            f"the database does not answer at present: {connection_problem(error)}"
        ) from None


@contextlib.contextmanager
def _reachable(url: PostgresUrl) -> Iterator[None]:
    check_files(url)
    try:
        yield
    except Exception as error:
        # Without the cause, whose message may have parts of the URL.
        raise DatabaseError(f"cannot connect to PostgreSQL: {connection_problem(error)}") from None


def _shifted(shift: int, found: re.Match[str]) -> str:
    return f"${int(found[1]) + shift}"


def _combine(steps: Sequence[tuple[Statement, Values]]) -> tuple[str, list[Any]]:
    """Return the steps as one statement, and its arguments."""
    parts: list[str] = []
    arguments: list[Any] = []
    for statement, values in steps:
        shift = len(arguments)
        parts.append(_PARAMETER.sub(partial(_shifted, shift), statement.sql))
        arguments += statement.arguments(values)
    *before, last = parts
    heads = ", ".join(f"step{index} AS ({part})" for index, part in enumerate(before))
    return f"WITH {heads} {last}" if heads else last, arguments


class PostgresTransaction:
    """A transaction on one connection of the pool."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    async def fetch(self, statement: Statement, values: Values) -> Sequence[Row]:
        """Return the rows of a query."""
        rows: Sequence[Row] = await self._connection.fetch(
            statement.sql, *statement.arguments(values)
        )
        return rows

    async def execute(self, statement: Statement, values: Values) -> int:
        """Write, and return how many rows were touched."""
        tag: str = await self._connection.execute(statement.sql, *statement.arguments(values))
        return int(tag.rpartition(" ")[2])

    async def write(self, *steps: tuple[Statement, Values]) -> None:
        """Write several things as one statement."""
        sql, arguments = _combine(steps)
        await self._connection.execute(sql, *arguments)


async def _keep_session(_connection: Any) -> None:
    """Give a connection back as it is: no session state is ever changed."""


class PostgresDatabase:
    """A pool of connections to one PostgreSQL database."""

    backend: Backend = "postgresql"

    def __init__(self, pool: Any) -> None:
        self._pool = pool

    @classmethod
    async def open(cls, url: PostgresUrl) -> "PostgresDatabase":
        """Connect.

        Raises
        ------
        DatabaseError
            The server does not answer or refuses; the message has no part of the URL.
        """
        with _reachable(url):
            pool = await asyncpg.create_pool(
                url.dsn,
                min_size=1,
                max_size=CONNECTIONS,
                command_timeout=COMMAND_SECONDS,
                reset=_keep_session,
            )
        return cls(pool)

    async def fetch(
        self, statement: Statement, values: Values, *, scan: bool = False
    ) -> Sequence[Row]:
        """Return the rows of a query."""
        with _translated():
            rows: Sequence[Row] = await self._pool.fetch(
                statement.sql, *statement.arguments(values)
            )
        return rows

    @contextlib.asynccontextmanager
    async def transaction(self) -> AsyncGenerator[PostgresTransaction, None]:
        """Return a transaction (READ COMMITTED: rows that are changed are locked first)."""
        with _translated():
            async with self._pool.acquire() as connection, connection.transaction():
                yield PostgresTransaction(connection)

    async def write(self, *steps: tuple[Statement, Values]) -> None:
        """Write several things as one statement."""
        sql, arguments = _combine(steps)
        with _translated():
            await self._pool.execute(sql, *arguments)

    async def close(self) -> None:
        """Wait for what is under way and disconnect."""
        await self._pool.close()


async def migrate(
    url: PostgresUrl,
    *,
    read_revision: str,
    lock: int,
    script: Callable[[Backend, str | None], str],
) -> None:
    """Run migrations in one transaction, under an advisory lock.

    Parameters
    ----------
    read_revision
        The query for the present revision.
    script
        Returns the SQL from a revision to the program's.

    Raises
    ------
    DatabaseError
        The server does not answer or refuses, or `script` does.
    """
    with _reachable(url):
        connection = await asyncpg.connect(url.dsn)
    try:
        async with connection.transaction():
            await connection.execute("select pg_advisory_xact_lock($1)", lock)
            known = await connection.fetchval("select to_regclass('alembic_version')")
            current = await connection.fetchval(read_revision) if known else None
            if statements := script("postgresql", current):
                await connection.execute(statements)
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
        raise DatabaseError(
            f"cannot migrate the database: {connection_problem(error)}; its user must own its"
            " tables and be able to create some (see the server's log)"
        ) from None
    finally:
        await connection.close()
