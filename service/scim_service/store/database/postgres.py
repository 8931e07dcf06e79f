"""PostgreSQL through asyncpg.

Round trips are what costs here. So writes that do not depend on each other are sent as one
statement (data-modifying CTEs), which alone is a transaction of its own.
"""

import asyncio
import contextlib
import re
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from functools import partial
from typing import Any

import asyncpg

from scim_service.store.database.database import STATEMENT_SECONDS, Reach
from scim_service.store.database.errors import (
    DatabaseError,
    DuplicateError,
    SlowQueryError,
    StorageFullError,
    TransientError,
    UnavailableError,
    UncertainError,
)
from scim_service.store.database.postgres_errors import check_files, connection_problem
from scim_service.store.database.retries import repeat
from scim_service.store.database.statements import (
    Backend,
    Row,
    Statement,
    Step,
    Values,
    text_length,
)
from scim_service.store.database.url import PostgresUrl
from scim_service.worker import QueueLimit

CONNECTIONS = 10
COMMAND_SECONDS = STATEMENT_SECONDS + 1.0
"""How long the client waits for a statement; the server itself stops it before that."""

READERS = {"page": 2, "table": 3}
"""The most connections that read long pages, and whole tables; the others are for look-ups."""

WAITING = 16
"""The most queries that wait for the connections of one kind."""

FIRST_PORTION, PORTION = 2, 50
"""The rows of a page that are read at once, at first and at most: each may have much text."""

_PARAMETER = re.compile(r"\$(\d+)")
_CONSTRAINT = re.compile(r"^(?:scim_user|scim_group)_(\w+)_key$")


_LOST = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    ConnectionError,
)


@contextlib.contextmanager
def _translated(lost: type[UnavailableError] = UnavailableError) -> Iterator[None]:
    """Raise the errors of the driver as those of `errors`.

    Parameters
    ----------
    lost
        The error for a broken connection.
    """
    try:
        yield
    except asyncpg.UniqueViolationError as error:
        found = _CONSTRAINT.match(error.constraint_name or "")
        if found is None:
            raise
        raise DuplicateError(found.group(1)) from error
    except asyncpg.QueryCanceledError as error:
        raise SlowQueryError(f"a query took longer than {STATEMENT_SECONDS:g} seconds") from error
    except asyncpg.DiskFullError as error:
        raise StorageFullError("the volume of the database is full") from error
    except (asyncpg.DeadlockDetectedError, asyncpg.SerializationError) as error:
        raise TransientError(
            f"the database aborted the transaction: {connection_problem(error)}"
        ) from None
    except _LOST as error:
        # Without the cause, whose message may have parts of the URL.
        raise lost(f"the connection to the database broke: {connection_problem(error)}") from None
    except (
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


def _renumber(shift: int, found: re.Match[str]) -> str:
    return f"${int(found[1]) + shift}"


def _combine(steps: Sequence[Step]) -> tuple[str, list[Any]]:
    """Return the steps as one statement, and its arguments."""
    parts: list[str] = []
    arguments: list[Any] = []
    for statement, values in steps:
        shift = len(arguments)
        parts.append(_PARAMETER.sub(partial(_renumber, shift), statement.sql))
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
        """Write, and return the number of rows touched."""
        tag: str = await self._connection.execute(statement.sql, *statement.arguments(values))
        return int(tag.rpartition(" ")[2])

    async def write(self, *steps: Step) -> None:
        """Write several steps as one statement."""
        sql, arguments = _combine(steps)
        await self._connection.execute(sql, *arguments)


async def _begin_session(connection: Any) -> None:
    # Set after connecting: PgBouncer would refuse it as a parameter of the connection.
    await connection.execute(f"set statement_timeout = {STATEMENT_SECONDS * 1000:.0f}")


async def _keep_session(_connection: Any) -> None:
    """Return a connection to the pool as it is: no session state is ever changed."""


@contextlib.asynccontextmanager
async def _committed(connection: Any) -> AsyncGenerator[None, None]:
    """Run the body in a transaction, and commit it."""
    block = connection.transaction()
    with _translated(lost=TransientError):
        await block.start()
        try:
            yield
        except BaseException:
            await _roll_back(block, connection)
            raise
    with _translated(lost=UncertainError):
        await block.commit()


async def _roll_back(block: Any, connection: Any) -> None:
    """Roll back a transaction; if that fails, close the connection."""
    try:
        await block.rollback()
    except BaseException as error:
        # Another request's transaction must not begin inside of this one.
        connection.terminate()
        if not isinstance(error, Exception):
            raise


async def _fetch_in_portions(cursor: Any, most: int) -> Sequence[Row]:
    """Return the first rows of a cursor, until they have more than `most` characters of text."""
    rows: list[Row] = []
    length = 0
    portion = FIRST_PORTION
    while found := await cursor.fetch(portion):
        rows += found
        lengths = [text_length(row) for row in found]
        length += sum(lengths)
        if len(found) < portion or (length > most and len(rows) > 1):
            break
        fitting = (most - length) // (max(lengths) + 1) + 1
        portion = max(1, min(2 * portion, fitting, PORTION))
    return rows


class PostgresDatabase:
    """A pool of connections to one PostgreSQL database."""

    backend: Backend = "postgresql"

    def __init__(self, pool: Any) -> None:
        self._pool = pool
        self._queues = {
            reach: (QueueLimit(number + WAITING), asyncio.Semaphore(number))
            for reach, number in READERS.items()
        }

    def volume(self) -> None:
        """Return None: the volume belongs to the server."""

    @classmethod
    async def open(cls, url: PostgresUrl) -> "PostgresDatabase":
        """Connect.

        Raises
        ------
        DatabaseError
            The server does not answer or refuses; the message contains no part of the URL.
        """
        with _reachable(url):
            pool = await asyncpg.create_pool(
                url.dsn,
                min_size=1,
                max_size=CONNECTIONS,
                command_timeout=COMMAND_SECONDS,
                init=_begin_session,
                reset=_keep_session,
            )
        return cls(pool)

    async def fetch(
        self, statement: Statement, values: Values, *, reach: Reach = "rows"
    ) -> Sequence[Row]:
        """Return the rows of a query."""
        arguments = statement.arguments(values)

        async def attempt() -> Sequence[Row]:
            rows: Sequence[Row]
            if reach == "rows":
                with _translated(lost=TransientError):
                    rows = await self._pool.fetch(statement.sql, *arguments)
            else:
                async with self._reader(reach) as connection:
                    rows = await connection.fetch(statement.sql, *arguments)
            return rows

        return await repeat(attempt)

    async def fetch_page(
        self, statement: Statement, values: Values, *, most: int, reach: Reach
    ) -> Sequence[Row]:
        """Return the first rows of a query, up to `most` characters of text."""
        if reach == "rows":
            return await self.fetch(statement, values)
        arguments = statement.arguments(values)

        async def attempt() -> Sequence[Row]:
            async with self._reader(reach) as connection, connection.transaction(readonly=True):
                return await _fetch_in_portions(
                    await connection.cursor(statement.sql, *arguments), most
                )

        return await repeat(attempt)

    @contextlib.asynccontextmanager
    async def _reader(self, reach: Reach) -> AsyncGenerator[Any, None]:
        """Return a connection for this reach, as soon as one is free."""
        queue, slots = self._queues[reach]
        with queue, _translated():
            async with slots, self._pool.acquire() as connection:
                with _translated(lost=TransientError):
                    yield connection

    @contextlib.asynccontextmanager
    async def transaction(self, *, long: bool = False) -> AsyncGenerator[PostgresTransaction, None]:
        """Return a transaction (READ COMMITTED: rows that are changed are locked first)."""
        with _translated():
            async with self._pool.acquire() as connection, _committed(connection):
                yield PostgresTransaction(connection)

    async def write(self, *steps: Step) -> None:
        """Write several steps as one statement."""
        sql, arguments = _combine(steps)

        async def attempt() -> None:
            with _translated():
                async with self._pool.acquire() as connection:
                    with _translated(lost=UncertainError):
                        await connection.execute(sql, *arguments)

        await repeat(attempt)

    async def close(self) -> None:
        """Wait for the queries that run, and disconnect."""
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
        The query for the database's revision.
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
