"""Where the pages of a walk by index start, so that it neither loses nor repeats anybody.

An index alone does not say where a page starts, because every deletion moves those that come
after it. So each page leaves behind which resource the next index follows. An index leads to one
place only: a walk that would leave another one ends its page one resource earlier
(docs/decisions/0021-walks-by-index.md). The number of places does not depend on that of walks.
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

PLACES = 10_000
"""How many are kept; beyond that those that were used longest ago go."""

KEPT_SECONDS = 3600
"""How long a place is kept that no page leaves behind again."""

_PRUNE_EVERY = 1000
_COLUMNS = ("position", "client", "is_first", "by_count", "at")

Position: TypeAlias = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class PageStart:
    """What an index follows.

    Parameters
    ----------
    position
        The sort keys of the last resource before it.
    client
        Who asked for the page before it: the address and port of the connection, and whom it was
        forwarded for.
    is_first
        Whether that page was the first one of a walk.
    by_count
        Whether that page was shorter than asked for, so that only a client gets here that counts
        on by what it asked for instead of by what it got. Where both kinds get here it is false,
        as no walk may then have another place instead.
    """

    position: Position
    client: str
    is_first: bool
    by_count: bool = False

    def replaces(self, earlier: "PageStart") -> bool:
        """Whether the walk that left an earlier place behind is taken for given up.

        That is so where its client asks for a first page again. And clients count on in one way
        only, of which `by_count` is the rare one.
        """
        if self.client == earlier.client:
            return self.by_count or (self.is_first and earlier.is_first)
        return self.by_count and earlier.by_count


class PageStarts(Protocol):
    """The places of one tenant."""

    async def find(self, query: str, index: int) -> PageStart | None:
        """Return what an index of a query follows, None if that is not known any more."""
        ...

    async def keep(self, query: str, index: int, place: PageStart, *, insist: bool = False) -> bool:
        """Remember what an index of a query follows.

        Return False where another walk needs it for another place, unless the caller insists.
        """
        ...

    async def flush(self) -> None:
        """Write what a restart must not lose."""
        ...


class _Table:
    """The table of places."""

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
        self._keep = compile_statement(_keeping(backend), backend)
        least = (
            select(starts.c.at)
            .order_by(starts.c.at.desc())
            .offset(bindparam("places", type_=Integer()))
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
        """The time before which a place is too old."""
        return self._clock() - KEPT_SECONDS * 1_000_000

    async def find(self, query: str, index: int) -> tuple[PageStart, int] | None:
        """Return a place, and when it was kept."""
        values = {"query": query, "index": index, "since": self.since}
        rows = await self._database.fetch(self._find, values)
        if not rows:
            return None
        position, client, is_first, by_count, at = rows[0]
        return PageStart(tuple(json.loads(position)), client, bool(is_first), bool(by_count)), at

    def values(self, query: str, index: int, place: PageStart, at: int) -> Mapping[str, Any]:
        """Return the parameters of the statement that keeps a place."""
        return {
            "query": query,
            "start_index": index,
            "position": json.dumps(place.position, separators=(",", ":")),
            "client": place.client,
            "is_first": place.is_first,
            "by_count": place.by_count,
            "at": at,
        }

    async def keep(self, query: str, index: int, place: PageStart, *, insist: bool) -> bool:
        """Write a place, in one statement, unless there is another one."""
        now = self._clock()
        values = {
            **self.values(query, index, place, now),
            "replaceable": now + 1 if insist else self.since,
        }
        return bool(await self._database.fetch(self._keep, values))

    async def save(self, places: Mapping[tuple[str, int], tuple[PageStart, int]]) -> None:
        """Write many places over what there is."""
        async with self._database.transaction(long=True) as transaction:
            for (query, index), (place, at) in places.items():
                values = {**self.values(query, index, place, at), "replaceable": at + 1}
                await transaction.fetch(self._keep, values)
        await self.prune()

    async def prune(self) -> None:
        """Remove what is too old or too much."""
        await self._database.write((self._prune, {"since": self.since, "places": PLACES}))


def _keeping(backend: Backend) -> Any:
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
    """Places that several replicas share: each is written before the page is answered."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._table = _Table(database, clock)
        self._kept = 0

    async def find(self, query: str, index: int) -> PageStart | None:
        """Return what an index of a query follows."""
        found = await self._table.find(query, index)
        return None if found is None else found[0]

    async def keep(self, query: str, index: int, place: PageStart, *, insist: bool = False) -> bool:
        """Remember what an index of a query follows."""
        self._kept += 1
        if self._kept % _PRUNE_EVERY == 0:
            await self._table.prune()
        return await self._table.keep(query, index, place, insist=insist)

    async def flush(self) -> None:
        """All of it is written already."""


class LocalPageStarts:
    """Places of the only process: in memory, and written every few seconds for the next one."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._table = _Table(database, clock)
        self._clock = clock
        self._places: OrderedDict[tuple[str, int], tuple[PageStart, int]] = OrderedDict()
        self._unsaved: dict[tuple[str, int], tuple[PageStart, int]] = {}

    async def find(self, query: str, index: int) -> PageStart | None:
        """Return what an index of a query follows."""
        found = await self._known(query, index)
        return None if found is None else found[0]

    async def _known(self, query: str, index: int) -> tuple[PageStart, int] | None:
        key = query, index
        found = self._places.get(key) or await self._table.find(query, index)
        if found is None or found[1] < self._table.since:
            return None
        self._places[key] = found
        self._places.move_to_end(key)
        return found

    async def keep(self, query: str, index: int, place: PageStart, *, insist: bool = False) -> bool:
        """Remember what an index of a query follows."""
        earlier = await self._known(query, index)
        if earlier is not None and earlier[0].position == place.position:
            place = replace(place, by_count=place.by_count and earlier[0].by_count)
        elif earlier is not None and not insist and not place.replaces(earlier[0]):
            return False
        key = query, index
        self._places[key] = self._unsaved[key] = place, self._clock()
        self._places.move_to_end(key)
        for places in (self._places, self._unsaved):
            if len(places) > PLACES:
                del places[next(iter(places))]
        return True

    async def flush(self) -> None:
        """Write what a restart must not lose; what cannot be written now waits."""
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
    """Return the places of the tenant whose database this is."""
    return _KINDS[database.backend](database, clock)
