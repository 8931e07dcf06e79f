"""Page starts: the positions that the indexes of a query stand for.

An index alone does not determine where a page starts, because every deletion moves the resources
after it. So each page stores the position that the next index stands for, and a walk by index
neither skips nor repeats a resource. An index has one position only: a walk that would need another
one ends its page one resource earlier (docs/decisions/0021-walks-by-index.md). The number of page
starts does not depend on the number of walks.
"""

import json
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeAlias

from sqlalchemy import BigInteger, Integer, bindparam, delete, select

from scim_service.store.clock import Clock
from scim_service.store.database.database import Database
from scim_service.store.database.errors import DatabaseError
from scim_service.store.database.statements import Backend, compile_statement, upsert
from scim_service.store.tables import PageStartRow, table

MAX_PAGE_STARTS = 10_000
"""The most page starts that are stored; then the least recently used one is removed."""

KEPT_SECONDS = 3600
"""How long a page start is stored, unless a page stores it again."""

_PRUNE_EVERY = 1000
_COLUMNS = ("position", "client", "is_first", "by_count", "at")

Position: TypeAlias = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class PageStart:
    """The position that an index stands for.

    Parameters
    ----------
    position
        The sort keys of the last resource before the index.
    client
        The client of the page before the index: the address and port of the connection, and the
        address that the proxy forwarded for.
    is_first
        Whether that page was the first one of a walk.
    by_count
        Whether only clients that add the requested count to their index arrive here, because that
        page was shorter than requested. It is false if clients that add the received number arrive
        here, too: then no walk may replace the page start.
    """

    position: Position
    client: str
    is_first: bool
    by_count: bool = False

    def replaces(self, earlier: "PageStart") -> bool:
        """Whether the walk that stored an earlier page start counts as abandoned.

        It does if its client requests a first page again. And a client adds either the count or
        the received number, never both; `by_count` is the rare kind.
        """
        if self.client == earlier.client:
            return self.by_count or (self.is_first and earlier.is_first)
        return self.by_count and earlier.by_count


class PageStarts(Protocol):
    """The page starts of one tenant."""

    async def find(self, query: str, index: int) -> PageStart | None:
        """Return the page start of an index of a query, None if it is not stored any more."""
        ...

    async def keep(self, query: str, index: int, start: PageStart, *, insist: bool = False) -> bool:
        """Store the page start of an index of a query.

        Return False if another walk needs another position there, unless the caller insists.
        """
        ...

    async def flush(self) -> None:
        """Write the page starts that a restart would lose."""
        ...


class _Table:
    """The table of page starts."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        backend = database.backend
        starts = table(PageStartRow)
        this = (starts.c.query == bindparam("query"), starts.c.start_index == bindparam("index"))
        self._find = compile_statement(
            select(*(starts.c[name] for name in _COLUMNS)).where(
                *this, starts.c.at >= bindparam("since", type_=BigInteger())
            ),
            backend,
        )
        self._keep = compile_statement(_build_keep(backend), backend)
        least = (
            select(starts.c.at)
            .order_by(starts.c.at.desc())
            .offset(bindparam("most", type_=Integer()))
            .limit(1)
            .scalar_subquery()
        )
        self._prune = compile_statement(
            delete(starts).where(
                (starts.c.at < bindparam("since", type_=BigInteger())) | (starts.c.at <= least)
            ),
            backend,
        )

    @property
    def since(self) -> int:
        """The time before which a page start has expired."""
        return self._clock() - KEPT_SECONDS * 1_000_000

    async def find(self, query: str, index: int) -> tuple[PageStart, int] | None:
        """Return a page start, and the time when it was stored."""
        values = {"query": query, "index": index, "since": self.since}
        rows = await self._database.fetch(self._find, values)
        if not rows:
            return None
        position, client, is_first, by_count, at = rows[0]
        return PageStart(tuple(json.loads(position)), client, bool(is_first), bool(by_count)), at

    def values(self, query: str, index: int, start: PageStart, at: int) -> Mapping[str, Any]:
        """Return the parameters of the statement that stores a page start."""
        return {
            "query": query,
            "start_index": index,
            "position": json.dumps(start.position, separators=(",", ":")),
            "client": start.client,
            "is_first": start.is_first,
            "by_count": start.by_count,
            "at": at,
        }

    async def keep(self, query: str, index: int, start: PageStart, *, insist: bool) -> bool:
        """Store a page start in one statement, unless another position is stored there."""
        now = self._clock()
        values = {
            **self.values(query, index, start, now),
            "replaceable": now + 1 if insist else self.since,
        }
        return bool(await self._database.fetch(self._keep, values))

    async def save(self, starts: Mapping[tuple[str, int], tuple[PageStart, int]]) -> None:
        """Store many page starts, and replace existing ones."""
        async with self._database.transaction(long=True) as transaction:
            for (query, index), (start, at) in starts.items():
                values = {**self.values(query, index, start, at), "replaceable": at + 1}
                await transaction.fetch(self._keep, values)
        await self.prune()

    async def prune(self) -> None:
        """Remove expired page starts, and the least recent ones above the maximum."""
        await self._database.write((self._prune, {"since": self.since, "most": MAX_PAGE_STARTS}))


def _build_keep(backend: Backend) -> Any:
    starts = table(PageStartRow)
    names = ("query", "start_index", *_COLUMNS)
    kept = upsert(starts, backend).values({name: bindparam(name) for name in names})
    new = kept.excluded
    same_client = starts.c.client == new.client
    is_same = starts.c.position == new.position
    # As in `PageStart.replaces`.
    replaces = (same_client & (new.by_count | (starts.c.is_first & new.is_first))) | (
        new.by_count & starts.c.by_count
    )
    return kept.on_conflict_do_update(
        index_elements=[starts.c.query, starts.c.start_index],
        set_={
            **{name: new[name] for name in _COLUMNS},
            "by_count": new.by_count & (starts.c.by_count | ~is_same),
        },
        where=is_same | (starts.c.at < bindparam("replaceable", type_=BigInteger())) | replaces,
    ).returning(starts.c.start_index)


class SharedPageStarts:
    """Page starts that several replicas share: each is written before its page is answered."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._table = _Table(database, clock)
        self._kept = 0

    async def find(self, query: str, index: int) -> PageStart | None:
        """Return the page start of an index of a query."""
        found = await self._table.find(query, index)
        return None if found is None else found[0]

    async def keep(self, query: str, index: int, start: PageStart, *, insist: bool = False) -> bool:
        """Store the page start of an index of a query."""
        self._kept += 1
        if self._kept % _PRUNE_EVERY == 0:
            await self._table.prune()
        return await self._table.keep(query, index, start, insist=insist)

    async def flush(self) -> None:
        """Do nothing: every page start is written already."""


class LocalPageStarts:
    """Page starts of a single process: in memory, and written every few seconds."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._table = _Table(database, clock)
        self._clock = clock
        self._starts: OrderedDict[tuple[str, int], tuple[PageStart, int]] = OrderedDict()
        self._unsaved: dict[tuple[str, int], tuple[PageStart, int]] = {}

    async def find(self, query: str, index: int) -> PageStart | None:
        """Return the page start of an index of a query."""
        found = await self._known(query, index)
        return None if found is None else found[0]

    async def _known(self, query: str, index: int) -> tuple[PageStart, int] | None:
        key = query, index
        found = self._starts.get(key) or await self._table.find(query, index)
        if found is None or found[1] < self._table.since:
            return None
        self._starts[key] = found
        self._starts.move_to_end(key)
        return found

    async def keep(self, query: str, index: int, start: PageStart, *, insist: bool = False) -> bool:
        """Store the page start of an index of a query."""
        earlier = await self._known(query, index)
        if earlier is not None and earlier[0].position == start.position:
            start = replace(start, by_count=start.by_count and earlier[0].by_count)
        elif earlier is not None and not insist and not start.replaces(earlier[0]):
            return False
        key = query, index
        self._starts[key] = self._unsaved[key] = start, self._clock()
        self._starts.move_to_end(key)
        for starts in (self._starts, self._unsaved):
            if len(starts) > MAX_PAGE_STARTS:
                del starts[next(iter(starts))]
        return True

    async def flush(self) -> None:
        """Write the page starts that a restart would lose; after an error the next call does."""
        if not self._unsaved:
            return
        unsaved, self._unsaved = self._unsaved, {}
        try:
            await self._table.save(unsaved)
        except DatabaseError:
            self._unsaved = {**unsaved, **self._unsaved}


_KINDS: Mapping[Backend, Callable[[Database, Clock], PageStarts]] = {
    "sqlite": LocalPageStarts,
    "postgresql": SharedPageStarts,
}


def open_page_starts(database: Database, clock: Clock) -> PageStarts:
    """Return the page starts of the tenant that a database belongs to."""
    return _KINDS[database.backend](database, clock)
