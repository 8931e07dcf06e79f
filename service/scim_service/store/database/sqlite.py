"""SQLite, called in the event loop.

An indexed look-up takes some microseconds, less than handing it to a thread. Commits wait for the
disk, so a thread runs them. While one runs, the next transactions gather and share the following
one (group commit): a slow disk costs latency, not throughput. Long pages, and queries that read
whole tables, run in threads with connections of their own. A look-up in the event loop that takes
too long is stopped and starts again in such a thread.
"""

import asyncio
import contextlib
import os
import sqlite3
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import TypeVar

from scim_service.store.database.database import Reach, Volume
from scim_service.store.database.sqlite_connection import connect
from scim_service.store.database.sqlite_errors import is_interrupted, translate_error
from scim_service.store.database.sqlite_readers import Read, Readers, fetch_all, fetch_most
from scim_service.store.database.statements import Backend, Row, Statement, Step, Values

PAGE_READERS, TABLE_READERS = 1, 2
"""The number of threads for long pages, and for whole tables."""

WAITING = 16
"""The most queries that wait for the threads of one kind."""

LOOP_SECONDS = 0.01
"""How long a query may block the event loop before a thread starts it again."""

_PROGRESS_STEPS = 1000
"""The steps of SQLite's machine between two checks of that time."""

Result = TypeVar("Result")


class SqliteTransaction:
    """A transaction on the connection that writes."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    async def fetch(self, statement: Statement, values: Values) -> Sequence[Row]:
        """Return the rows of a query."""
        return fetch_all(self._connection, statement.sql, statement.arguments(values))

    async def execute(self, statement: Statement, values: Values) -> int:
        """Write, and return the number of rows touched."""
        return self._connection.execute(statement.sql, statement.arguments(values)).rowcount

    async def write(self, *steps: Step) -> None:
        """Write several steps, one after the other."""
        _write_all(self._connection, steps)


def _write_all(connection: sqlite3.Connection, steps: Iterable[Step]) -> None:
    for statement, values in steps:
        connection.execute(statement.sql, statement.arguments(values))


class _LongTransaction(SqliteTransaction):
    """A transaction whose statements run in the thread that commits."""

    def __init__(self, connection: sqlite3.Connection, thread: ThreadPoolExecutor) -> None:
        super().__init__(connection)
        self._thread = thread

    async def fetch(self, statement: Statement, values: Values) -> Sequence[Row]:
        """Return the rows of a query."""
        arguments = statement.arguments(values)
        return await self._run(partial(fetch_all, self._connection, statement.sql, arguments))

    async def execute(self, statement: Statement, values: Values) -> int:
        """Write, and return the number of rows touched."""
        arguments = statement.arguments(values)
        cursor = await self._run(partial(self._connection.execute, statement.sql, arguments))
        return cursor.rowcount

    async def write(self, *steps: Step) -> None:
        """Write several steps, one after the other."""
        await self._run(partial(_write_all, self._connection, steps))

    async def _run(self, work: Callable[[], Result]) -> Result:
        running = asyncio.get_running_loop().run_in_executor(self._thread, work)
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            # The connection must not be used again before the statement has ended.
            await asyncio.wait([running])
            raise


class SqliteDatabase:
    """A SQLite file: one connection reads, one writes, and threads that read have others."""

    backend: Backend = "sqlite"

    def __init__(self, path: Path) -> None:
        self._folder = path.parent
        self._reader = connect(path)
        self._writer = connect(path)
        self._transaction = SqliteTransaction(self._writer)
        self._threads = {
            "page": Readers(path, PAGE_READERS, "page", waiting=WAITING),
            "table": Readers(path, TABLE_READERS, "table", waiting=WAITING),
        }
        self._until = 0.0
        self._reader.set_progress_handler(lambda: perf_counter() > self._until, _PROGRESS_STEPS)
        self._committer = ThreadPoolExecutor(1, thread_name_prefix="sqlite-commit")
        self._gathering: asyncio.Future[None] | None = None
        self._joined = 0
        self._committing: asyncio.Future[None] | None = None
        self._long: asyncio.Future[None] | None = None

    def volume(self) -> Volume | None:
        """Return the size of the file's volume."""
        try:
            found = os.statvfs(self._folder)
        except OSError:
            return None
        return Volume(found.f_blocks * found.f_frsize, found.f_bavail * found.f_frsize)

    async def fetch(
        self, statement: Statement, values: Values, *, reach: Reach = "rows"
    ) -> Sequence[Row]:
        """Return the rows of a query."""
        sql, arguments = statement.sql, statement.arguments(values)
        if reach == "rows":
            if (rows := self._look_up(fetch_all, sql, arguments)) is not None:
                return rows
            reach = "table"
        return await self._read(partial(fetch_all, sql=sql, arguments=arguments), reach)

    async def fetch_page(
        self, statement: Statement, values: Values, *, most: int, reach: Reach
    ) -> Sequence[Row]:
        """Return the first rows of a query, up to `most` characters of text."""
        sql, arguments = statement.sql, statement.arguments(values)
        if reach == "rows":
            if (rows := self._look_up(fetch_most, sql, arguments, most)) is not None:
                return rows
            reach = "table"
        read = partial(fetch_most, sql=sql, arguments=arguments, most=most)
        return await self._read(read, reach)

    async def _read(self, read: Read, reach: Reach) -> Sequence[Row]:
        try:
            return await self._threads[reach].run(read)
        except sqlite3.Error as error:
            raise translate_error(error) from error

    def _look_up(
        self, read: Callable[..., Sequence[Row]], *arguments: object
    ) -> Sequence[Row] | None:
        """Read in the event loop; return None if that takes longer than `LOOP_SECONDS`."""
        self._until = perf_counter() + LOOP_SECONDS
        try:
            return read(self._reader, *arguments)
        except sqlite3.Error as error:
            if is_interrupted(error):
                return None
            raise translate_error(error) from error

    @contextlib.asynccontextmanager
    async def transaction(self, *, long: bool = False) -> AsyncGenerator[SqliteTransaction, None]:
        """Return a transaction that shares its commit with others of the same time."""
        while (busy := self._committing or self._long) is not None:
            await asyncio.wait([busy])
        try:
            if not self._writer.in_transaction:
                self._writer.execute("begin immediate")
            self._writer.execute("savepoint request")
        except sqlite3.Error as error:
            self._abandon(error)
            raise translate_error(error) from error
        with (
            self._run_alone() if long else contextlib.nullcontext(self._transaction) as transaction
        ):
            try:
                yield transaction
                self._writer.execute("release request")
            except BaseException as error:
                self._undo(error)
                if isinstance(error, sqlite3.Error):
                    raise translate_error(error) from error
                raise
        if self._gathering is None:
            loop = asyncio.get_running_loop()
            self._gathering = loop.create_future()
            self._joined = 0
            loop.call_soon(self._gather, 0)
        self._joined += 1
        # A cancelled request must not cancel the commit that others wait for.
        await asyncio.shield(self._gathering)

    @contextlib.contextmanager
    def _run_alone(self) -> Iterator[SqliteTransaction]:
        """Let no other transaction begin or commit while the body waits for its statements."""
        self._long = asyncio.get_running_loop().create_future()
        try:
            yield _LongTransaction(self._writer, self._committer)
        finally:
            self._long.set_result(None)
            self._long = None

    async def write(self, *steps: Step) -> None:
        """Write several steps in a transaction of their own."""
        async with self.transaction() as transaction:
            await transaction.write(*steps)

    def _undo(self, error: BaseException) -> None:
        if not self._writer.in_transaction:
            # SQLite has rolled back the whole transaction itself (disk full, I/O error).
            self._abandon(error)
            return
        self._writer.execute("rollback to request")
        self._writer.execute("release request")
        if self._gathering is None:
            self._writer.execute("rollback")

    def _abandon(self, error: BaseException) -> None:
        """Roll back, and fail the requests that had joined the commit."""
        if self._writer.in_transaction:
            self._writer.execute("rollback")
        gathering, self._gathering = self._gathering, None
        if gathering is not None:
            _fail(gathering, error)

    def _gather(self, joined: int) -> None:
        """Commit as soon as no other request has joined during a turn of the event loop.

        Requests that arrive together are ready within a few turns, and each one that joins saves
        a commit.
        """
        if self._joined > joined:
            asyncio.get_running_loop().call_soon(self._gather, self._joined)
            return
        if self._long is not None:
            self._long.add_done_callback(lambda _: self._gather(self._joined))
            return
        gathering, self._gathering = self._gathering, None
        if gathering is None:
            return
        self._committing = gathering
        loop = asyncio.get_running_loop()
        done = loop.run_in_executor(self._committer, self._writer.execute, "commit")
        done.add_done_callback(self._finish_commit)

    def _finish_commit(self, done: "asyncio.Future[sqlite3.Cursor]") -> None:
        committing, self._committing = self._committing, None
        assert committing is not None
        error = done.exception()
        if error is None:
            committing.set_result(None)
            return
        if self._writer.in_transaction:
            self._writer.execute("rollback")
        _fail(committing, error)

    async def close(self) -> None:
        """Wait for the running commit, and close the file."""
        while (pending := self._long or self._committing or self._gathering) is not None:
            await asyncio.wait([pending])
        for readers in self._threads.values():
            readers.close()
        self._committer.shutdown()
        for connection in (self._reader, self._writer):
            connection.close()


def _fail(future: "asyncio.Future[None]", error: BaseException) -> None:
    future.set_exception(translate_error(error) if isinstance(error, sqlite3.Error) else error)
    # Retrieved here, because every request that joined may have been cancelled.
    future.exception()
