"""The upgrade of a database to the program's revision.

Several replicas may start at once, so the revision is read and changed under a lock. Alembic
writes the SQL and the bare drivers run it, so that no second driver is needed.
"""

import contextlib
import logging
import re
import sqlite3
import subprocess
import sys
from functools import lru_cache
from pathlib import Path
from typing import TypeAlias

from scim_service.store.database.database import Database
from scim_service.store.database.errors import DatabaseError
from scim_service.store.database.sqlite import SqliteDatabase
from scim_service.store.database.sqlite_connection import connect, make_private
from scim_service.store.database.sqlite_files import restored_copy, take_restored_copy
from scim_service.store.database.statements import Backend
from scim_service.store.database.url import SqliteUrl, parse_database_url

Schema: TypeAlias = set[tuple[str, str, str, str]]

_logger = logging.getLogger(__name__)

_LOCK = 0x5C1A
"""The key of the advisory lock on PostgreSQL, which no other lock has."""

_VERSIONS = Path(__file__).parent / "versions"
KNOWN = sorted(path.name[:4] for path in _VERSIONS.glob("[0-9]*.py"))
_REVISION = "select version_num from alembic_version"


async def open_database(url: str) -> Database:
    """Upgrade a database to the program's revision, and open it.

    Raises
    ------
    DatabaseError
        It cannot be used, or it is newer than the program.
    """
    found = parse_database_url(url)
    if isinstance(found, SqliteUrl):
        _take_restored_copy(found.path)
        upgrade_file(found.path)
        return SqliteDatabase(found.path)
    if not found.is_verified:
        _logger.warning(
            "the identity of the PostgreSQL server is not verified: the database URL"
            " has no sslmode=verify-full&sslrootcert=FILE"
        )
    # Imported here: a tenant on SQLite need not have the driver in memory.
    from scim_service.store.database import postgres

    await postgres.migrate(found, read_revision=_REVISION, lock=_LOCK, script=_upgrade_script)
    return await postgres.PostgresDatabase.open(found)


def _upgrade_script(backend: Backend, current: str | None) -> str:
    """Return the SQL from a revision to the program's; empty if they are the same.

    Raises
    ------
    DatabaseError
        The program does not know the revision.
    """
    if current == KNOWN[-1]:
        return ""
    if current is not None and current not in KNOWN:
        raise DatabaseError(
            f"the database is newer than this program: it is at revision {current}, and"
            f" the program knows up to {KNOWN[-1]}; use the version that wrote it, or a later one"
        )
    return _render(backend, current or "base", KNOWN[-1])


@lru_cache
def _render(backend: Backend, start: str, end: str) -> str:
    try:
        done = subprocess.run(
            [sys.executable, "-m", "scim_service.store.migrations.render", backend, start, end],
            capture_output=True,
            check=True,
            text=True,
        )
    except subprocess.CalledProcessError as error:
        raise DatabaseError(f"cannot render the migrations: {error.stderr[-500:]}") from error
    return done.stdout


def sqlite_schema(revision: str) -> Schema:
    """Return the schema of a SQLite database at a known revision."""
    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        _execute_script(connection, _render("sqlite", "base", revision))
        return read_schema(connection)


def read_schema(connection: sqlite3.Connection) -> Schema:
    """Return the kind, name, table and definition of each object in a SQLite database.

    Definitions have no white space and no quotes, which differ between versions of the library
    that writes them.
    """
    rows = connection.execute("select type, name, tbl_name, sql from sqlite_schema")
    return {
        (kind, name, table, re.sub(r"[\s\"]+", "", sql or "").lower())
        for kind, name, table, sql in rows
    }


def _execute_script(connection: sqlite3.Connection, script: str) -> None:
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            connection.execute(statement)
            statement = ""


def waiting_copy(url: str) -> Path | None:
    """Return the path of a restored copy that waits for the service to close the database."""
    found = parse_database_url(url)
    return restored_copy(found.path) if isinstance(found, SqliteUrl) else None


def _take_restored_copy(path: Path) -> None:
    try:
        taken = take_restored_copy(path)
    except OSError as error:
        raise DatabaseError(f"cannot replace the database by the restored copy: {error}") from error
    if taken:
        _logger.info("a restored copy has replaced the database")


def upgrade_file(path: Path) -> None:
    """Upgrade a SQLite database to the program's revision.

    Raises
    ------
    DatabaseError
        It cannot be used, or it is newer than the program.
    """
    make_private(path)
    connection = connect(path)
    try:
        revision = _sqlite_revision(connection)
        if revision == KNOWN[-1]:
            return
        # Rendered and cached before the lock is taken: others wait for the lock some seconds only.
        _upgrade_script("sqlite", revision)
        connection.execute("begin immediate")
        _execute_script(connection, _upgrade_script("sqlite", _sqlite_revision(connection)))
        connection.execute("commit")
    except sqlite3.Error as error:
        raise DatabaseError(f"cannot migrate the database file: {error}") from error
    finally:
        connection.close()


def _sqlite_revision(connection: sqlite3.Connection) -> str | None:
    try:
        row = connection.execute(_REVISION).fetchone()
    except sqlite3.OperationalError as error:
        if "no such table" in str(error):
            return None
        raise
    return None if row is None else str(row[0])
