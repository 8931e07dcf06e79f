"""Copies of a SQLite database: made while it is served, and checked before they are put back.

PostgreSQL has tools of its own for this (pg_dump, pg_restore).
"""

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from scim_service.store.database import DatabaseError
from scim_service.store.upgrade import KNOWN, backend_of, sqlite_path

_TABLES = {"scim_user", "scim_group", "scim_membership", "activity", "tally"}


def backup(url: str, target: Path) -> None:
    """Copy the database to a new file.

    Raises
    ------
    DatabaseError
        The database is not SQLite or is not there, or the file exists or cannot be written.
    """
    source = _file(url)
    if not source.exists():
        raise DatabaseError(f"there is no database {source} to copy")
    if target.exists():
        raise DatabaseError(f"{target} exists already; name another file")
    with _replacing(target) as temporary, _translated(f"cannot copy {source} to {target}"):
        _copy(source, temporary)


def restore(url: str, source: Path) -> None:
    """Put a copy in the place of the database, after checking it.

    Raises
    ------
    DatabaseError
        The copy is damaged, is not one of ours or newer than the program, or the database is in
        use.
    """
    target = _file(url)
    if not source.exists():
        raise DatabaseError(f"there is no file {source} to restore from")
    with _translated(f"cannot restore {source}"):
        _check(source)
        if target.exists():
            _check_unused(target)
        with _replacing(target) as temporary:
            _copy(source, temporary)
            # They belong to the old file, and would be applied to the new one.
            for suffix in ("-wal", "-shm"):
                target.with_name(target.name + suffix).unlink(missing_ok=True)


def _file(url: str) -> Path:
    if backend_of(url) != "sqlite":
        raise DatabaseError("the database is PostgreSQL; use pg_dump and pg_restore")
    return sqlite_path(url)


def _copy(source: Path, target: Path) -> None:
    with (
        contextlib.closing(_read_only(source)) as origin,
        contextlib.closing(sqlite3.connect(target)) as copy,
    ):
        origin.backup(copy)
        # A copy is one file, complete in itself.
        copy.execute("pragma journal_mode=delete")


def _check(source: Path) -> None:
    with contextlib.closing(_read_only(source)) as connection:
        problems = connection.execute("pragma integrity_check(1)").fetchone()[0]
        if problems != "ok":
            raise DatabaseError(f"{source} is damaged: {problems}")
        tables = {row[0] for row in connection.execute("select name from sqlite_schema")}
        if not tables >= _TABLES:
            raise DatabaseError(f"{source} is a database, but not one of this program")
        revision = connection.execute("select version_num from alembic_version").fetchone()[0]
        if revision not in KNOWN:
            raise DatabaseError(
                f"{source} is newer than this program: it is at revision {revision}, and the"
                f" program knows up to {KNOWN[-1]}"
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
                f"{target} is in use ({error}); stop the service that serves it first"
            ) from error


def _read_only(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)


@contextlib.contextmanager
def _replacing(target: Path) -> Iterator[Path]:
    """Write to a file beside the target, which it becomes at the end, durably and at once."""
    temporary = target.with_name(f".{target.name}.part")
    temporary.unlink(missing_ok=True)
    try:
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
