"""Bringing a database to the program's revision, and opening it.

Several replicas may start at once: the revision is looked at, and changed, under a lock. Alembic
writes the SQL and the bare drivers run it, so that no second driver is needed.
"""

import sqlite3
import subprocess
import sys
from functools import lru_cache
from pathlib import Path

from scim_service.store.database import Backend, Database, DatabaseError
from scim_service.store.sqlite import SqliteDatabase, connect

_LOCK = 0x5C1A
"""The key of the advisory lock on PostgreSQL: any number that others do not use."""

_VERSIONS = Path(__file__).parent / "migrations" / "versions"
KNOWN = sorted(path.name[:4] for path in _VERSIONS.glob("[0-9]*.py"))
_REVISION = "select version_num from alembic_version"


def backend_of(url: str) -> Backend:
    """Return which database a SQLAlchemy URL means.

    Raises
    ------
    DatabaseError
        It is neither SQLite nor PostgreSQL.
    """
    scheme = url.partition(":")[0].partition("+")[0]
    if scheme == "sqlite":
        return "sqlite"
    if scheme in {"postgresql", "postgres"}:
        return "postgresql"
    raise DatabaseError(
        f"cannot use a database of kind {scheme!r}: give sqlite:///FILE or"
        " postgresql://USER:PASSWORD@HOST/DATABASE"
    )


def sqlite_path(url: str) -> Path:
    """Return the file that a SQLite URL names.

    Raises
    ------
    DatabaseError
        It names none, or a database in memory, which would not be durable.
    """
    name = url.partition("://")[2].partition("?")[0]
    if not name.startswith("/") or name in {"/", "/:memory:"}:
        raise DatabaseError(
            f"{url} names no file: write sqlite:///scim.db for a file here, or"
            " sqlite:////var/lib/scim/scim.db for an absolute path"
        )
    return Path(name[1:])


async def open_database(url: str) -> Database:
    """Bring a database to the program's revision and open it.

    Raises
    ------
    DatabaseError
        It cannot be used, or it is newer than the program.
    """
    if backend_of(url) == "sqlite":
        path = sqlite_path(url)
        _upgrade_sqlite(path)
        return SqliteDatabase(path)
    # Imported here since a tenant on SQLite need not pay for the driver in memory.
    from scim_service.store import postgres

    dsn = "postgresql" + url[url.index("://") :]
    await postgres.migrate(dsn, read_revision=_REVISION, lock=_LOCK, script=_script)
    return await postgres.PostgresDatabase.open(dsn)


def _script(backend: Backend, current: str | None) -> str:
    """Return the SQL that leads from a revision to the program's, empty if they are the same.

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
    return _rendered(backend, current or "base")


@lru_cache
def _rendered(backend: Backend, revision: str) -> str:
    try:
        done = subprocess.run(
            [sys.executable, "-m", "scim_service.store.render", backend, revision],
            capture_output=True,
            check=True,
            text=True,
        )
    except subprocess.CalledProcessError as error:
        raise DatabaseError(f"cannot render the migrations: {error.stderr[-500:]}") from error
    return done.stdout


def _upgrade_sqlite(path: Path) -> None:
    connection = connect(path)
    try:
        if _sqlite_revision(connection) == KNOWN[-1]:
            return
        connection.execute("begin immediate")
        statement = ""
        for line in _script("sqlite", _sqlite_revision(connection)).splitlines(keepends=True):
            statement += line
            if sqlite3.complete_statement(statement):
                connection.execute(statement)
                statement = ""
        connection.execute("commit")
    except sqlite3.Error as error:
        raise DatabaseError(f"cannot migrate the database file {path}: {error}") from error
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
