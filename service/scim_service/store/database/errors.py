"""The errors that a database raises, whichever of the two it is.

DatabaseError
    StorageFullError
    SlowQueryError
    UnavailableError
        TransientError
        UncertainError
DuplicateError
"""


class DatabaseError(Exception):
    """The database cannot be used; the message says why and what to do."""


class StorageFullError(DatabaseError):
    """The volume of the database is full; nothing was written."""


class SlowQueryError(DatabaseError):
    """A statement took longer than `STATEMENT_SECONDS` and was stopped."""


class UnavailableError(DatabaseError):
    """The database does not answer at present; a later attempt may succeed."""


class TransientError(UnavailableError):
    """The database aborted the transaction; nothing of it was written, so it can be repeated."""


class UncertainError(UnavailableError):
    """The connection broke during the commit; the transaction may have been written or not."""


class DuplicateError(Exception):
    """Another row has the same value in a unique column."""

    def __init__(self, column: str) -> None:
        super().__init__(column)
        self.column = column
