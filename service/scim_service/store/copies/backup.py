"""Backups of a SQLite database while it is served.

PostgreSQL has tools of its own for this (docs/decisions/0015-backups-by-the-serving-pod.md).
"""

import contextlib
import hashlib
import logging
import shutil
import sqlite3
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

from scim_service.store.clock import now_microseconds
from scim_service.store.database.errors import DatabaseError
from scim_service.store.database.sqlite_files import InUseError, locked, part_of, replacing
from scim_service.store.database.url import SqliteUrl, parse_database_url
from scim_service.store.resources.uniqueness import drop_indexes

BACKUP = "backup"
"""The name of the last backup in the last times."""

_BUSY_SECONDS = 10.0
_NOTE = (
    "insert into moment (name, at) values (?, ?)"
    " on conflict (name) do update set at = excluded.at where at < excluded.at"
)

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Copy:
    """The contents of a copy; `sha256` is in hex, `size` in bytes."""

    users: int
    groups: int
    revision: str
    size: int
    sha256: str

    def document(self) -> dict[str, Any]:
        """Return the copy as members of a JSON object."""
        return asdict(self)

    def __str__(self) -> str:
        users = f"{self.users} user{'' if self.users == 1 else 's'}"
        groups = f"{self.groups} group{'' if self.groups == 1 else 's'}"
        return f"{users}, {groups} ({self.size} bytes, sha256 {self.sha256})"


def backup(url: str, target: Path | None, output: BinaryIO) -> Copy:
    """Copy the database to a new file, or without one to `output`.

    The time is noted in the copy, and in the database once the copy is complete.

    Raises
    ------
    DatabaseError
        The database is not SQLite or does not exist, another backup or restore runs, or the file
        exists or cannot be written.
    BrokenPipeError
        The reader of the output has ended.
    """
    source = sqlite_file(url)
    if not source.exists():
        raise DatabaseError("there is no file at the path of the database URL; nothing to copy")
    if target is not None and target.exists():
        raise DatabaseError(f"{target} exists already; name another file")
    at = now_microseconds()
    where = "standard output" if target is None else str(target)
    with translated_errors(f"cannot copy to {where}"), exclusive(source):
        if target is None:
            copy = _stream(source, at, output)
        else:
            with replacing(target) as temporary:
                copy = _copy_with_time(source, temporary, at)
        _note(source, at)
    return copy


def _stream(source: Path, at: int, output: BinaryIO) -> Copy:
    # Beside the database, because a pod's other volumes have no space for it.
    temporary = part_of(source.with_name(f"{source.name}.backup"))
    temporary.unlink(missing_ok=True)
    try:
        copy = _copy_with_time(source, temporary, at)
        with temporary.open("rb") as content:
            shutil.copyfileobj(content, output, 1 << 20)
        output.flush()
    finally:
        temporary.unlink(missing_ok=True)
    return copy


def _copy_with_time(source: Path, target: Path, at: int) -> Copy:
    copy_database(source, target)
    with contextlib.closing(sqlite3.connect(target, isolation_level=None)) as connection:
        connection.execute(_NOTE, (BACKUP, at))
    return read_contents(target)


def _note(database: Path, at: int) -> None:
    try:
        with contextlib.closing(
            sqlite3.connect(database, timeout=_BUSY_SECONDS, isolation_level=None)
        ) as connection:
            connection.execute(_NOTE, (BACKUP, at))
    except sqlite3.Error as error:
        _logger.warning("the copy is complete, but its time could not be stored: %s", error)


def read_contents(copy: Path) -> Copy:
    """Return the contents of a complete copy."""
    with contextlib.closing(sqlite3.connect(copy)) as connection:
        users, groups, revision = connection.execute(
            "select (select count(*) from scim_user), (select count(*) from scim_group),"
            " (select version_num from alembic_version)"
        ).fetchone()
    with copy.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    return Copy(users, groups, revision, copy.stat().st_size, digest)


def copy_database(source: Path, target: Path) -> None:
    """Copy a database that other processes may write to; the copy is one complete file."""
    with (
        contextlib.closing(
            sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True)
        ) as origin,
        contextlib.closing(sqlite3.connect(target)) as copy,
    ):
        origin.backup(copy)
        copy.execute("pragma journal_mode=delete")
        drop_indexes(copy)


def sqlite_file(url: str) -> Path:
    """Return the file of a database URL.

    Raises
    ------
    DatabaseError
        The database is PostgreSQL.
    """
    found = parse_database_url(url)
    if not isinstance(found, SqliteUrl):
        raise DatabaseError("the database is PostgreSQL; use pg_dump and pg_restore")
    return found.path


@contextlib.contextmanager
def exclusive(database: Path) -> Iterator[None]:
    """Prevent other backups and restores of the database while the body runs.

    Raises
    ------
    DatabaseError
        Another one runs.
    """
    try:
        with locked(database):
            yield
    except InUseError:
        raise DatabaseError(
            "another backup or restore of this database is under way; repeat this when it has ended"
        ) from None


@contextlib.contextmanager
def translated_errors(doing: str) -> Iterator[None]:
    """Raise errors of files and of SQLite as DatabaseErrors that name the failed work."""
    try:
        yield
    except BrokenPipeError:
        raise
    except (sqlite3.Error, OSError) as error:
        raise DatabaseError(f"{doing}: {error}") from error
