"""SQLite, called in the event loop.

An indexed look-up takes some microseconds, which is less than handing it to a thread costs.
Commits wait for the disk and are therefore done in a thread, and while one is under way the
next transactions gather and share the following one (group commit): a slow disk costs latency,
not throughput. Queries that read whole tables go to threads with connections of their own.
"""

import asyncio
import contextlib
import logging
import os
import re
import sqlite3
from collections.abc import AsyncGenerator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

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

BUSY_MILLISECONDS = 5000
SCANNERS = 2

PRIVATE = 0o600
"""The mode of all files that hold data."""

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
    if code in _FULL or code & _PRIMARY_CODE == sqlite3.SQLITE_FULL:
        return StorageFullError("the volume of the database is full")
    if code & _PRIMARY_CODE in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        return UnavailableError("the database is locked by another process")
    if code & _PRIMARY_CODE in {sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN}:
        return UnavailableError(f"the database file cannot be read or written: {error}")
    return error


class SqliteTransaction:
    """A transaction on the connection that writes."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    async def fetch(self, statement: Statement, values: Values) -> Sequence[Row]:
        """Return the rows of a query."""
        return self._connection.execute(statement.sql, statement.arguments(values)).fetchall()

    async def execute(self, statement: Statement, values: Values) -> int:
        """Write, and return how many rows were touched."""
        return self._connection.execute(statement.sql, statement.arguments(values)).rowcount

    async def write(self, *steps: tuple[Statement, Values]) -> None:
        """Write several things, one after the other."""
        for statement, values in steps:
            self._connection.execute(statement.sql, statement.arguments(values))


class SqliteDatabase:
    """A SQLite file: one connection that reads, one that writes, some for scans."""

    backend: Backend = "sqlite"

    def __init__(self, path: Path) -> None:
        self._reader = connect(path)
        self._writer = connect(path)
        self._transaction = SqliteTransaction(self._writer)
        self._path = path
        self._scanners: list[sqlite3.Connection] = []
        self._threads = ThreadPoolExecutor(SCANNERS, thread_name_prefix="sqlite-scan")
        self._committer = ThreadPoolExecutor(1, thread_name_prefix="sqlite-commit")
        self._gathering: asyncio.Future[None] | None = None
        self._joined = 0
        self._committing: asyncio.Future[None] | None = None

    async def fetch(
        self, statement: Statement, values: Values, *, scan: bool = False
    ) -> Sequence[Row]:
        """Return the rows of a query."""
        arguments = statement.arguments(values)
        try:
            if scan:
                loop = asyncio.get_running_loop()
                return await loop.run_in_executor(
                    self._threads, self._scan, statement.sql, arguments
                )
            return self._reader.execute(statement.sql, arguments).fetchall()
        except sqlite3.Error as error:
            raise _translate(error) from error

    def _scan(self, sql: str, arguments: list[Any]) -> Sequence[Row]:
        connection = self._scanners.pop() if self._scanners else connect(self._path)
        try:
            return connection.execute(sql, arguments).fetchall()
        finally:
            self._scanners.append(connection)

    @contextlib.asynccontextmanager
    async def transaction(self) -> AsyncGenerator[SqliteTransaction, None]:
        """Return a transaction that shares its commit with those that come at the same time."""
        while self._committing is not None:
            await asyncio.wait([self._committing])
        try:
            if not self._writer.in_transaction:
                self._writer.execute("begin immediate")
            self._writer.execute("savepoint request")
        except sqlite3.Error as error:
            self._abandon(error)
            raise _translate(error) from error
        try:
            yield self._transaction
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
        while (pending := self._committing or self._gathering) is not None:
            await asyncio.wait([pending])
        self._threads.shutdown()
        self._committer.shutdown()
        for connection in (self._reader, self._writer, *self._scanners):
            connection.close()


def _fail(future: "asyncio.Future[None]", error: BaseException) -> None:
    future.set_exception(_translate(error) if isinstance(error, sqlite3.Error) else error)
    # Not every request that joined may still be there to take the exception.
    future.exception()
