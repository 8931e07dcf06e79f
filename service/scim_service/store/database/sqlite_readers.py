"""Threads that read a SQLite database beside the event loop."""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import perf_counter
from typing import Any, TypeAlias

from scim_service.store.database.database import STATEMENT_SECONDS
from scim_service.store.database.sqlite_connection import connect
from scim_service.store.database.statements import Row, text_length
from scim_service.worker import QueueLimit

_PROGRESS_STEPS = 10_000
"""The steps of SQLite's machine between two checks whether a query may go on."""


def fetch_all(connection: sqlite3.Connection, sql: str, arguments: list[Any]) -> Sequence[Row]:
    """Return the rows of a query."""
    return connection.execute(sql, arguments).fetchall()


def fetch_most(
    connection: sqlite3.Connection, sql: str, arguments: list[Any], most: int
) -> Sequence[Row]:
    """Return the first rows of a query, until they have more than `most` characters of text."""
    cursor = connection.execute(sql, arguments)
    rows: list[Row] = cursor.fetchmany(2)
    if len(rows) < 2:
        return rows
    length = sum(map(text_length, rows))
    while length <= most and (row := cursor.fetchone()) is not None:
        rows.append(row)
        length += text_length(row)
    return rows


Read: TypeAlias = Callable[[sqlite3.Connection], Sequence[Row]]


class Readers:
    """Threads that read, each with a connection of its own.

    Parameters
    ----------
    waiting
        The most queries that wait for a thread.
    """

    def __init__(self, path: Path, threads: int, name: str, *, waiting: int) -> None:
        self._path = path
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix=f"sqlite-{name}")
        self._queue = QueueLimit(threads + waiting)
        self._idle: list[sqlite3.Connection] = []

    async def run(self, read: Read) -> Sequence[Row]:
        """Read in a thread; stop when the caller is cancelled or the statement takes too long."""
        is_cancelled = False

        def work() -> Sequence[Row]:
            deadline = perf_counter() + STATEMENT_SECONDS
            connection = self._idle.pop() if self._idle else connect(self._path)
            try:
                connection.set_progress_handler(
                    lambda: is_cancelled or perf_counter() > deadline, _PROGRESS_STEPS
                )
                return read(connection)
            finally:
                self._idle.append(connection)

        with self._queue:
            try:
                return await asyncio.get_running_loop().run_in_executor(self._threads, work)
            except asyncio.CancelledError:
                is_cancelled = True
                raise

    def close(self) -> None:
        """Wait for the queries that run, and close the connections."""
        self._threads.shutdown()
        for connection in self._idle:
            connection.close()
