"""Copies of a SQLite database: made while it is served, and checked before they are put back.

PostgreSQL has tools of its own for this (pg_dump, pg_restore).
"""

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from scim_service.store.database import DatabaseError
from scim_service.store.database_url import SqliteUrl, parse_database_url
from scim_service.store.sqlite import PRIVATE
from scim_service.store.upgrade import KNOWN, read_schema, sqlite_schema


def backup(url: str, target: Path) -> None:
    """Copy the database to a new file.

    Raises
    ------
    DatabaseError
        The database is not SQLite or is not there, or the file exists or cannot be written.
    """
    source = _file(url)
    if not source.exists():
        raise DatabaseError("there is no file at the path of the database URL; nothing to copy")
    if target.exists():
        raise DatabaseError(f"{target} exists already; name another file")
    with _replacing(target) as temporary, _translated(f"cannot copy to {target}"):
        _copy(source, temporary)


def restore(url: str, source: Path) -> None:
    """Put a copy in the place of the database, after checking it.

    It gets a new key for cursors, because the data that the old cursors were made from is gone.

    Raises
    ------
    DatabaseError
        The copy is damaged, has something that the program does not make or is newer than the
        program, or the database is in use; the database is as before.
    """
    target = _file(url)
    if not source.exists():
        raise DatabaseError(f"there is no file {source} to restore from")
    with _translated(f"cannot restore {source}"), _replacing(target) as temporary:
        _copy(source, temporary)
        _check(temporary, source)
        if target.exists():
            _check_unused(target)
        # They belong to the old file, and would be applied to the new one.
        for suffix in ("-wal", "-shm"):
            target.with_name(target.name + suffix).unlink(missing_ok=True)


def _file(url: str) -> Path:
    found = parse_database_url(url)
    if not isinstance(found, SqliteUrl):
        raise DatabaseError("the database is PostgreSQL; use pg_dump and pg_restore")
    return found.path


def _copy(source: Path, target: Path) -> None:
    with (
        contextlib.closing(_read_only(source)) as origin,
        contextlib.closing(sqlite3.connect(target)) as copy,
    ):
        origin.backup(copy)
        # A copy is one file, complete in itself.
        copy.execute("pragma journal_mode=delete")


def _check(copy: Path, source: Path) -> None:
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


def _check_schema(connection: sqlite3.Connection, source: Path) -> None:
    present = read_schema(connection)
    if ("table", "alembic_version") not in {(kind, name) for kind, name, *_ in present}:
        raise DatabaseError(f"{source} is a database, but not one of this program")
    revisions = [row[0] for row in connection.execute("select version_num from alembic_version")]
    if len(revisions) != 1:
        raise DatabaseError(f"{source} has {len(revisions)} revisions, not 1; restore another copy")
    if revisions[0] not in KNOWN:
        raise DatabaseError(
            f"{source} is newer than this program: it is at revision {revisions[0]!r}, and the"
            f" program knows up to {KNOWN[-1]}"
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


def _check_unused(target: Path) -> None:
    """Refuse to replace a database that a service has open.

    A service keeps its connections, so in WAL mode nobody else can get it exclusively.
    """
    with contextlib.closing(sqlite3.connect(target, timeout=0, isolation_level=None)) as connection:
        try:
            connection.execute("pragma locking_mode=exclusive")
            connection.execute("pragma journal_mode=delete")
        except sqlite3.OperationalError as error:
            raise DatabaseError(
                f"the database is in use ({error}); stop the service that serves it first"
            ) from error


def _read_only(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)


@contextlib.contextmanager
def _replacing(target: Path) -> Iterator[Path]:
    """Write to a file beside the target, which it becomes at the end, durably and at once."""
    temporary = target.with_name(f".{target.name}.part")
    temporary.unlink(missing_ok=True)
    try:
        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, PRIVATE))
        yield temporary
        _sync(temporary)
        temporary.replace(target)
        _sync(target.parent)
    finally:
        temporary.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _translated(doing: str) -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise DatabaseError(f"{doing}: {error}") from error
