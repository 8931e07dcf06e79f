"""The interface of a database: queries, transactions, and what they promise."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Literal, NamedTuple, Protocol, TypeAlias

from scim_service.store.database.statements import Backend, Row, Statement, Step, Values

Reach: TypeAlias = Literal["rows", "page", "table"]
"""How much a query reads: some rows by an index, a long page of them, or the whole table."""

STATEMENT_SECONDS = 24.0
"""How long a statement may take: less than a request, whose answer can then name the reason."""


class Transaction(Protocol):
    """Statements that take effect together.

    The body of a transaction awaits nothing but its methods: on SQLite the transactions of
    several requests share one commit, and their bodies run one after the other.
    """

    async def fetch(self, statement: Statement, values: Values) -> Sequence[Row]:
        """Return the rows of a query, or of a write with RETURNING."""
        ...

    async def execute(self, statement: Statement, values: Values) -> int:
        """Write, and return the number of rows touched."""
        ...

    async def write(self, *steps: Step) -> None:
        """Write several steps that do not depend on each other, in one round trip if possible.

        No step may touch a row that another one touches.

        Raises
        ------
        DuplicateError
            Another row has the same value in a unique column; nothing of this call is written.
        """
        ...


class Volume(NamedTuple):
    """The volume of a database file, in bytes."""

    size: int
    available: int


class Database(Protocol):
    """An open database."""

    backend: Backend

    def volume(self) -> Volume | None:
        """Return the size of the volume; None if the database is on a server, or it is unknown."""
        ...

    async def fetch(
        self, statement: Statement, values: Values, *, reach: Reach = "rows"
    ) -> Sequence[Row]:
        """Return the rows of a query.

        Each reach has a queue of its own, so that a look-up waits neither for a page nor for a
        whole table. Cancelling the caller stops the query.

        Raises
        ------
        SlowQueryError
            It took longer than `STATEMENT_SECONDS`.
        BusyError
            Too many queries of this reach are waiting already.
        """
        ...

    async def fetch_page(
        self, statement: Statement, values: Values, *, most: int, reach: Reach
    ) -> Sequence[Row]:
        """Return the first rows of a query, as `fetch` does.

        Reading ends soon after the row with which the texts have more than `most` characters. That
        is never the first row.
        """
        ...

    def transaction(self, *, long: bool = False) -> AbstractAsyncContextManager[Transaction]:
        """Return a transaction; leaving it waits until all its writes are durable.

        Parameters
        ----------
        long
            The statements may touch many rows, so they must not block the event loop.

        Raises
        ------
        StorageFullError, UnavailableError
            On leaving. Nothing was written, unless the error is an UncertainError.
        TransientError
            Nothing was written, and the same body may succeed now.
        """
        ...

    async def write(self, *steps: Step) -> None:
        """Write several steps in a transaction of their own; see `Transaction.write`."""
        ...

    async def close(self) -> None:
        """Finish the statements that run, and close the database."""
        ...
