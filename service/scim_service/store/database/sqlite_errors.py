"""The errors of SQLite as those of `errors`."""

import re
import sqlite3

from scim_service.store.database.database import STATEMENT_SECONDS
from scim_service.store.database.errors import (
    DuplicateError,
    SlowQueryError,
    StorageFullError,
    UnavailableError,
)

_UNIQUE = re.compile(r"UNIQUE constraint failed: \w+\.(\w+)")
_FULL = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_FSYNC}
_PRIMARY_CODE = 0xFF


def translate_error(error: sqlite3.Error) -> Exception:
    """Return the error of `errors` for an error of SQLite, or the same error."""
    code = getattr(error, "sqlite_errorcode", 0)
    if (found := _UNIQUE.search(str(error))) is not None:
        return DuplicateError(found.group(1))
    if code == sqlite3.SQLITE_INTERRUPT:
        return SlowQueryError(f"a query took longer than {STATEMENT_SECONDS:g} seconds")
    if code in _FULL or code & _PRIMARY_CODE == sqlite3.SQLITE_FULL:
        return StorageFullError("the volume of the database is full")
    if code & _PRIMARY_CODE in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        return UnavailableError("the database is locked by another process")
    if code & _PRIMARY_CODE in {sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN}:
        return UnavailableError(f"the database file cannot be read or written: {error}")
    return error


def is_interrupted(error: sqlite3.Error) -> bool:
    """Whether a progress handler stopped the query."""
    return getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_INTERRUPT
