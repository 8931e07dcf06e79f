"""SQLite, called in the event loop.

An indexed look-up takes some microseconds, which is less than handing it to a thread costs.
Commits wait for the disk and are therefore done in a thread, and while one is under way the
next transactions gather and share the following one (group commit): a slow disk costs latency,
not throughput. Long pages, and queries that read whole tables, go to threads with connections of
their own; a look-up that turns out to be one of these is stopped in the event loop and begins
again there.
"""

import asyncio
import contextlib
import logging
import os
import re
import sqlite3
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any, TypeVar

from scim_service.store.database.database import STATEMENT_SECONDS, Reach, Volume
from scim_service.store.database.errors import (
    DatabaseError,
    DuplicateError,
    SlowQueryError,
    StorageFullError,
    UnavailableError,
)
from scim_service.store.database.files import PRIVATE
from scim_service.store.database.statements import Backend, Row, Statement, Values, text_length
from scim_service.worker import QueueLimit

BUSY_MILLISECONDS = 5000

PAGE_READERS, TABLE_READERS = 1, 2
"""The threads for long pages, and for whole tables."""

WAITING = 16
"""How many queries wait for the threads of one kind at most."""

LOOP_SECONDS = 0.01
"""How long a query may hold up the event loop, before a thread begins it again."""

_LOOP_STEPS, _THREAD_STEPS = 1000, 10_000
"""After how many steps of SQLite's machine a query is asked whether it is to go on."""

Result = TypeVar("Result")

_logger = logging.getLogger(__name__)
_UNIQUE = re.compile(r"UNIQUE constraint failed: \w+\.(\w+)")
_FULL = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_FSYNC}
_PRIMARY_CODE = 0xFF


def connect(path: Path) -> sqlite3.Connection:
    """Open a database file as the service needs it, and make it if there is none.

    Raises
    ------
    DatabaseError
        The file cannot be opened or written, or is not a database.
    """
    try:
        connection = sqlite3.connect(
            path,
            timeout=BUSY_MILLISECONDS / 1000,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=512,
        )
        for pragma in ("journal_mode=wal", "synchronous=full", "foreign_keys=on"):
            connection.execute(f"pragma {pragma}")
        # Reading the header is what finds out that the file is something else.
        connection.execute("select count(*) from sqlite_schema").fetchone()
    except sqlite3.Error as error:
        raise DatabaseError(f"cannot use the file of the database URL: {error}") from error
    return connection


def make_private(path: Path) -> None:
    """Let nobody but the program's user read a database file, also one of an earlier version.

    SQLite gives the files that it puts beside the database the same mode.
    """
    # Where it cannot be created, connecting says so.
    with contextlib.suppress(OSError):
        os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, PRIVATE))
    for suffix in ("", "-wal", "-shm"):
        file = path.with_name(path.name + suffix)
        try:
            if file.stat().st_mode & ~PRIVATE & 0o777:
                file.chmod(PRIVATE)
        except FileNotFoundError:
            continue
        except OSError as error:
            _logger.warning(
                "others may read the database: the mode of its file cannot be changed (%s); give"
                " the file to the user of this program",
                error.strerror,
            )


def _translate(error: sqlite3.Error) -> Exception:
    code = getattr(error, "sqlite_errorcode", 0)
    if (found := _UNIQUE.search(str(error))) is not None:
        return DuplicateError(found.group(1))
    if code == sqlite3.SQLITE_INTERRUPT:
        return SlowQueryError(f"a query took longer than {STATEMENT_SECONDS:g} seconds")
    if code in _FULL or code & _PRIMARY_CODE == sqlite3.SQLITE_FULL:
        return StorageFullError("the volume of the database is full")
    if code & _PRIMARY_CODE in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        return UnavailableError("the database is locked by another process")
    if code & _PRIMARY_CODE in {sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN}:
        return UnavailableError(f"the database file cannot be read or written: {error}")
    return error


def _fetch_all(connection: sqlite3.Connection, sql: str, arguments: list[Any]) -> Sequence[Row]:
    return connection.execute(sql, arguments).fetchall()


def _fetch_most(
    connection: sqlite3.Connection, sql: str, arguments: list[Any], most: int
) -> Sequence[Row]:
    cursor = connection.execute(sql, arguments)
    rows: list[Row] = cursor.fetchmany(2)
    if len(rows) < 2:
        return rows
    length = sum(map(text_length, rows))
    while length <= most and (row := cursor.fetchone()) is not None:
        rows.append(row)
        length += text_length(row)
    return rows


_Read = Callable[[sqlite3.Connection], Sequence[Row]]


class _Readers:
    """Threads that read, each with a connection of its own."""

    def __init__(self, path: Path, threads: int, name: str) -> None:
        self._path = path
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix=f"sqlite-{name}")
        self._queue = QueueLimit(threads + WAITING)
        self._idle: list[sqlite3.Connection] = []

    async def run(self, read: _Read) -> Sequence[Row]:
        """Read in a thread, for as long as the caller waits and the statement may take."""
        gone = False

        def work() -> Sequence[Row]:
            deadline = perf_counter() + STATEMENT_SECONDS
            connection = self._idle.pop() if self._idle else connect(self._path)
            try:
                connection.set_progress_handler(
                    lambda: gone or perf_counter() > deadline, _THREAD_STEPS
                )
                return read(connection)
            finally:
                self._idle.append(connection)

        with self._queue:
            try:
                return await asyncio.get_running_loop().run_in_executor(self._threads, work)
            except asyncio.CancelledError:
                gone = True
                raise

    def close(self) -> None:
        """Wait for what is being read, and close the connections."""
        self._threads.shutdown()
        for connection in self._idle:
            connection.close()


class SqliteTransaction:
    """A transaction on the connection that writes."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    async def fetch(self, statement: Statement, values: Values) -> Sequence[Row]:
        """Return the rows of a query."""
        return _fetch_all(self._connection, statement.sql, statement.arguments(values))

    async def execute(self, statement: Statement, values: Values) -> int:
        """Write, and return how many rows were touched."""
        return self._connection.execute(statement.sql, statement.arguments(values)).rowcount

    async def write(self, *steps: tuple[Statement, Values]) -> None:
        """Write several things, one after the other."""
        _write_all(self._connection, steps)


def _write_all(connection: sqlite3.Connection, steps: Iterable[tuple[Statement, Values]]) -> None:
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
        return await self._run(partial(_fetch_all, self._connection, statement.sql, arguments))

    async def execute(self, statement: Statement, values: Values) -> int:
        """Write, and return how many rows were touched."""
        arguments = statement.arguments(values)
        cursor = await self._run(partial(self._connection.execute, statement.sql, arguments))
        return cursor.rowcount

    async def write(self, *steps: tuple[Statement, Values]) -> None:
        """Write several things, one after the other."""
        await self._run(partial(_write_all, self._connection, steps))

    async def _run(self, work: Callable[[], Result]) -> Result:
        running = asyncio.get_running_loop().run_in_executor(self._thread, work)
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            # Nothing else may be done on the connection before the statement has ended.
            await asyncio.wait([running])
            raise


class SqliteDatabase:
    """A SQLite file: one connection that reads, one that writes, some for threads that read."""

    backend: Backend = "sqlite"

    def __init__(self, path: Path) -> None:
        self._folder = path.parent
        self._reader = connect(path)
        self._writer = connect(path)
        self._transaction = SqliteTransaction(self._writer)
        self._threads = {
            "page": _Readers(path, PAGE_READERS, "page"),
            "table": _Readers(path, TABLE_READERS, "table"),
        }
        self._until = 0.0
        self._reader.set_progress_handler(lambda: perf_counter() > self._until, _LOOP_STEPS)
        self._committer = ThreadPoolExecutor(1, thread_name_prefix="sqlite-commit")
        self._gathering: asyncio.Future[None] | None = None
        self._joined = 0
        self._committing: asyncio.Future[None] | None = None
        self._long: asyncio.Future[None] | None = None

    def volume(self) -> Volume | None:
        """Return how full the volume of the file is."""
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
            if (rows := self._look_up(_fetch_all, sql, arguments)) is not None:
                return rows
            reach = "table"
        return await self._read(partial(_fetch_all, sql=sql, arguments=arguments), reach)

    async def fetch_page(
        self, statement: Statement, values: Values, *, most: int, reach: Reach
    ) -> Sequence[Row]:
        """Return the first rows of a query, up to an amount of text."""
        sql, arguments = statement.sql, statement.arguments(values)
        if reach == "rows":
            if (rows := self._look_up(_fetch_most, sql, arguments, most)) is not None:
                return rows
            reach = "table"
        read = partial(_fetch_most, sql=sql, arguments=arguments, most=most)
        return await self._read(read, reach)

    async def _read(self, read: _Read, reach: Reach) -> Sequence[Row]:
        try:
            return await self._threads[reach].run(read)
        except sqlite3.Error as error:
            raise _translate(error) from error

    def _look_up(
        self, read: Callable[..., Sequence[Row]], *arguments: object
    ) -> Sequence[Row] | None:
        """Read in the event loop; None where that takes too long."""
        self._until = perf_counter() + LOOP_SECONDS
        try:
            return read(self._reader, *arguments)
        except sqlite3.Error as error:
            if getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_INTERRUPT:
                return None
            raise _translate(error) from error

    @contextlib.asynccontextmanager
    async def transaction(self, *, long: bool = False) -> AsyncGenerator[SqliteTransaction, None]:
        """Return a transaction that shares its commit with those that come at the same time."""
        while (busy := self._committing or self._long) is not None:
            await asyncio.wait([busy])
        try:
            if not self._writer.in_transaction:
                self._writer.execute("begin immediate")
            self._writer.execute("savepoint request")
        except sqlite3.Error as error:
            self._abandon(error)
            raise _translate(error) from error
        with self._alone() if long else contextlib.nullcontext(self._transaction) as transaction:
            try:
                yield transaction
                self._writer.execute("release request")
            except BaseException as error:
                self._undo(error)
                if isinstance(error, sqlite3.Error):
                    raise _translate(error) from error
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
    def _alone(self) -> Iterator[SqliteTransaction]:
        """Keep others from beginning or committing while the body waits for its statements."""
        self._long = asyncio.get_running_loop().create_future()
        try:
            yield _LongTransaction(self._writer, self._committer)
        finally:
            self._long.set_result(None)
            self._long = None

    async def write(self, *steps: tuple[Statement, Values]) -> None:
        """Write several things in a transaction of their own."""
        async with self.transaction() as transaction:
            await transaction.write(*steps)

    def _undo(self, error: BaseException) -> None:
        if not self._writer.in_transaction:
            # SQLite has rolled everything back by itself (disk full, I/O error).
            self._abandon(error)
            return
        self._writer.execute("rollback to request")
        self._writer.execute("release request")
        if self._gathering is None:
            self._writer.execute("rollback")

    def _abandon(self, error: BaseException) -> None:
        """Tell those that had joined that their writes are gone."""
        if self._writer.in_transaction:
            self._writer.execute("rollback")
        gathering, self._gathering = self._gathering, None
        if gathering is not None:
            _fail(gathering, error)

    def _gather(self, joined: int) -> None:
        """Commit once a turn of the event loop has brought no other request.

        Requests that arrive together are ready within a few turns, and each that joins saves a
        commit of its own.
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
        """Wait for the commit under way and close the file."""
        while (pending := self._long or self._committing or self._gathering) is not None:
            await asyncio.wait([pending])
        for readers in self._threads.values():
            readers.close()
        self._committer.shutdown()
        for connection in (self._reader, self._writer):
            connection.close()


def _fail(future: "asyncio.Future[None]", error: BaseException) -> None:
    future.set_exception(_translate(error) if isinstance(error, sqlite3.Error) else error)
    # Not every request that joined may still be there to take the exception.
    future.exception()
