"""Putting a copy of a SQLite database back, also while the database is served.

A copy is checked and brought to the program's revision beside the database. Where a service has
that open, the copy waits for it: the service finishes its requests, takes the copy in the place
of its database and serves on. So there is never a moment without a whole database.
"""

import contextlib
import shutil
import sqlite3
import time
from pathlib import Path
from typing import BinaryIO

from scim_service.store.copies.backup import (
    Copy,
    alone,
    contents,
    copy_database,
    sqlite_file,
    translated,
)
from scim_service.store.database.errors import DatabaseError
from scim_service.store.database.files import replacing, restored_copy, take_restored_copy
from scim_service.store.migrations.upgrade import KNOWN, read_schema, sqlite_schema, upgrade_file

WAIT_SECONDS = 60.0
"""How long a service may take to let go of its database: requests in flight are finished."""

_POLL_SECONDS = 0.1
_MAGIC, _HEADER_BYTES = b"SQLite format 3\x00", 100


def restore(url: str, source: Path | None, stream: BinaryIO, *, wait: float = WAIT_SECONDS) -> Copy:
    """Put a copy, from a file or else from a stream, in the place of the database.

    It gets a new key for cursors and forgets where pages start, because the data that they were
    made from is gone.

    Raises
    ------
    DatabaseError
        The copy is damaged, has something that the program does not make or is newer than the
        program, or what has the database open did not let go of it; the database is as before.
    """
    target = sqlite_file(url)
    name = "standard input" if source is None else str(source)
    if source is not None and not source.is_file():
        raise DatabaseError(f"there is no file {source} to restore from")
    with translated(f"cannot restore {name}"), alone(target):
        waiting = restored_copy(target)
        with replacing(waiting) as temporary:
            if source is None:
                _receive(stream, temporary)
            else:
                _check_header(source, name)
                copy_database(source, temporary)
            _check(temporary, name)
            upgrade_file(temporary)
            with contextlib.closing(sqlite3.connect(temporary, isolation_level=None)) as connection:
                connection.execute("delete from page_start")
                connection.execute("pragma journal_mode=delete")
            copy = contents(temporary)
        _hand_over(target, wait)
    return copy


def _receive(stream: BinaryIO, target: Path) -> None:
    with target.open("wb") as file:
        shutil.copyfileobj(stream, file, 1 << 20)
    _check_header(target, "standard input")
    with contextlib.closing(sqlite3.connect(target)) as connection:
        connection.execute("pragma journal_mode=delete")


def _check_header(file: Path, name: str) -> None:
    """Tell what is no backup, and what is only the begin of one."""
    with file.open("rb") as content:
        header = content.read(_HEADER_BYTES)
    if header[: len(_MAGIC)] != _MAGIC:
        what = "is not a backup: it is no SQLite database" if header else "is empty"
        raise DatabaseError(f"{name} {what}; restore a file that a backup has made")
    page = int.from_bytes(header[16:18])
    size = int.from_bytes(header[28:32]) * (65536 if page == 1 else page)
    if file.stat().st_size < max(size, _HEADER_BYTES):
        raise DatabaseError(
            f"{name} is cut off: it has {file.stat().st_size} of {size} bytes; restore it again,"
            " whole"
        )


def _hand_over(target: Path, wait: float) -> None:
    """Put the copy that waits in the place of the database, or have its service do it."""
    waiting = restored_copy(target)
    problem = _use_of(target)
    if problem is None:
        take_restored_copy(target)
        return
    deadline = time.monotonic() + wait
    while time.monotonic() < deadline:
        if not waiting.exists():
            return
        time.sleep(_POLL_SECONDS)
    with contextlib.suppress(FileNotFoundError):
        waiting.unlink()
        raise DatabaseError(
            f"the database is in use ({problem}), and what has it open did not let go of it within"
            f" {wait:g} seconds; stop that, then restore again"
        )


def _use_of(target: Path) -> str | None:
    """Return by what is seen that something has a database open, None for nothing.

    A service keeps its connections, so in WAL mode nobody else can get it exclusively.
    """
    if not target.exists():
        return None
    with contextlib.closing(sqlite3.connect(target, timeout=0, isolation_level=None)) as connection:
        try:
            connection.execute("pragma locking_mode=exclusive")
            connection.execute("pragma journal_mode=delete")
        except sqlite3.OperationalError as error:
            return str(error)
        except sqlite3.DatabaseError:
            # One that is damaged is what a copy is restored for.
            return None
    return None


def _check(copy: Path, source: str) -> None:
    """Check the copy of a file that a stranger may have made, and take its key for cursors away."""
    with contextlib.closing(sqlite3.connect(copy, isolation_level=None)) as connection:
        # No function that the file names is called.
        connection.execute("pragma trusted_schema=off")
        _check_schema(connection, source)
        damage = connection.execute("pragma integrity_check(1)").fetchone()[0]
        if damage != "ok":
            raise DatabaseError(f"{source} is damaged: {damage}; restore another copy")
        dangling = connection.execute("pragma foreign_key_check").fetchone()
        if dangling is not None:
            raise DatabaseError(
                f"{source} is damaged: a row of {dangling[0]} belongs to no row of {dangling[2]};"
                " restore another copy"
            )
        connection.execute("delete from secret where name = 'cursor'")


def _check_schema(connection: sqlite3.Connection, source: str) -> None:
    present = read_schema(connection)
    if ("table", "alembic_version") not in {(kind, name) for kind, name, *_ in present}:
        raise DatabaseError(f"{source} is a database, but not one of this program")
    revisions = [row[0] for row in connection.execute("select version_num from alembic_version")]
    if len(revisions) != 1:
        raise DatabaseError(f"{source} has {len(revisions)} revisions, not 1; restore another copy")
    if revisions[0] not in KNOWN:
        raise DatabaseError(
            f"{source} is newer than this program: it is at revision {revisions[0]!r}, and the"
            f" program knows up to {KNOWN[-1]}; restore it into the version that wrote it, or a"
            " later one"
        )
    expected = sqlite_schema(revisions[0])
    for problem, entries in (
        ("has, or has changed,", present - expected),
        ("lacks", expected - present),
    ):
        for kind, name, *_ in sorted(entries):
            raise DatabaseError(
                f"{source} {problem} the {kind} {name!r}, unlike a database of this program;"
                " restore another copy"
            )
