"""Opening the file of a SQLite database, and its mode."""

import contextlib
import logging
import os
import sqlite3
from pathlib import Path

from scim_service.store.database.errors import DatabaseError
from scim_service.store.database.sqlite_files import PRIVATE

_BUSY_SECONDS = 5.0

_logger = logging.getLogger(__name__)


def connect(path: Path) -> sqlite3.Connection:
    """Open a database file as the service needs it, and create it if there is none.

    Raises
    ------
    DatabaseError
        The file cannot be opened or written, or is not a database.
    """
    try:
        connection = sqlite3.connect(
            path,
            timeout=_BUSY_SECONDS,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=512,
        )
        for pragma in ("journal_mode=wal", "synchronous=full", "foreign_keys=on"):
            connection.execute(f"pragma {pragma}")
        # SQLite reads the header, and rejects another file, only with the first query.
        connection.execute("select count(*) from sqlite_schema").fetchone()
    except sqlite3.Error as error:
        raise DatabaseError(f"cannot use the file of the database URL: {error}") from error
    return connection


def make_private(path: Path) -> None:
    """Let only the program's user read a database file, also one of an earlier version.

    SQLite creates the files beside the database with the same mode.
    """
    # If it cannot be created, `connect` raises the error.
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
