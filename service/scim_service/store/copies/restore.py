"""Restores of a SQLite database, also while it is served.

A copy is checked and upgraded to the program's revision beside the database. If a service has the
database open, the copy waits: the service finishes its requests, replaces its database by the copy
and continues. So there is a complete database at all times.
"""

import contextlib
import shutil
import sqlite3
import time
from pathlib import Path
from typing import BinaryIO

from scim_service.store.copies.backup import (
    Copy,
    copy_database,
    exclusive,
    read_contents,
    sqlite_file,
    translated_errors,
)
from scim_service.store.database.errors import DatabaseError
from scim_service.store.database.sqlite_files import replacing, restored_copy, take_restored_copy
from scim_service.store.migrations.upgrade import KNOWN, read_schema, sqlite_schema, upgrade_file

WAIT_SECONDS = 60.0
"""How long a service may take to close its database: it finishes its requests first."""

_POLL_SECONDS = 0.1
_MAGIC, _HEADER_BYTES = b"SQLite format 3\x00", 100


def restore(url: str, source: Path | None, stream: BinaryIO, *, wait: float = WAIT_SECONDS) -> Copy:
    """Replace the database by a copy, from a file or else from a stream.

    The copy gets a new key for cursors and no page starts, because they refer to the replaced data.

    Raises
    ------
    DatabaseError
        The copy is damaged, has a schema that the program does not create or is newer than the
        program, or another process kept the database open. The database is unchanged.
    """
    target = sqlite_file(url)
    name = "standard input" if source is None else str(source)
    if source is not None and not source.is_file():
        raise DatabaseError(f"there is no file {source} to restore from")
    with translated_errors(f"cannot restore {name}"), exclusive(target):
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
            copy = read_contents(temporary)
        _hand_over(target, wait)
    return copy


def _receive(stream: BinaryIO, target: Path) -> None:
    with target.open("wb") as file:
        shutil.copyfileobj(stream, file, 1 << 20)
    _check_header(target, "standard input")
    with contextlib.closing(sqlite3.connect(target)) as connection:
        connection.execute("pragma journal_mode=delete")


def _check_header(file: Path, name: str) -> None:
    """Check that a file is a whole SQLite database, by its header.

    Raises
    ------
    DatabaseError
        It is another file, or only the beginning of one.
    """
    with file.open("rb") as content:
        header = content.read(_HEADER_BYTES)
    if header[: len(_MAGIC)] != _MAGIC:
        what = "is not a backup: it is no SQLite database" if header else "is empty"
        raise DatabaseError(f"{name} {what}; restore a file that a backup has written")
    page = int.from_bytes(header[16:18])
    size = int.from_bytes(header[28:32]) * (65536 if page == 1 else page)
    if file.stat().st_size < max(size, _HEADER_BYTES):
        raise DatabaseError(
            f"{name} is cut off: it has {file.stat().st_size} of {size} bytes; restore it again,"
            " whole"
        )


def _hand_over(target: Path, wait: float) -> None:
    """Replace the database by the waiting copy, or wait until its service does so."""
    waiting = restored_copy(target)
    problem = _find_use(target)
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
            f"the database is in use ({problem}), and the process that has it open did not close it"
            f" within {wait:g} seconds; stop that process, then restore again"
        )


def _find_use(target: Path) -> str | None:
    """Return the evidence that a process has a database open, None if none has.

    A service keeps its connections, so in WAL mode no other process can lock it exclusively.
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
            # A damaged database is a reason to restore a copy.
            return None
    return None


def _check(copy: Path, source: str) -> None:
    """Check the copy of an untrusted file, and delete its key for cursors."""
    with contextlib.closing(sqlite3.connect(copy, isolation_level=None)) as connection:
        # SQLite calls no function that the file names.
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
