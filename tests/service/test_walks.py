"""Walks over all pages while users are created and deleted."""

import itertools
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from scim_service.http.application import scim_application
from scim_service.http.client_address import TrustedProxies
from scim_service.store import page_starts
from scim_service.store.database.statements import compile_statement
from scim_service.store.page_starts import PageStart
from scim_service.store.tables import PageStartRow, table
from scim_service.tenant.limits import Limits
from sqlalchemy import select

from tests.service.served import SECRET, Serve, Served

Json = dict[str, Any]

NUMBER, COUNT = 40, 7


@dataclass
class People:
    """Users and as many groups; each `change` creates and deletes some."""

    scim: httpx.AsyncClient
    endpoint: str = "/Users"
    staying: set[str] = field(default_factory=set)
    _leaving: list[str] = field(default_factory=list)
    _numbers: "itertools.count[int]" = field(default_factory=itertools.count)

    async def create(self) -> str:
        """Create a resource, and return its id."""
        number = next(self._numbers)
        # The sort order differs from the order of creation.
        name = f"{number * 7919 % 1009:04}"
        body: Json = {"displayName": name}
        if self.endpoint == "/Users":
            body |= {"userName": f"{name}@b.example", "title": f"t{number % 3}"}
        created = await self.scim.post(self.endpoint, json=body)
        assert created.status_code == 201, created.text
        return str(created.json()["id"])

    async def fill(self) -> None:
        """Create the first resources; every third will be deleted."""
        for number in range(NUMBER):
            (self._leaving.append if number % 3 == 0 else self.staying.add)(await self.create())

    async def change(self) -> None:
        """Delete one of the first, one of the last and one in between, and create two."""
        for index in (0, -1, len(self._leaving) // 2):
            if self._leaving:
                leaving = self._leaving.pop(min(index, len(self._leaving) - 1))
                assert (await self.scim.delete(f"{self.endpoint}/{leaving}")).status_code == 204
        for _ in range(2):
            await self.create()


Advance = Callable[[Json, int], int]

ADVANCES: dict[str, Advance] = {
    "itemsPerPage": lambda page, _: int(page["itemsPerPage"]),
    "count": lambda _, count: count,
}


async def walk(
    scim: httpx.AsyncClient,
    path: str,
    query: dict[str, str],
    *,
    count: int = COUNT,
    advance: Advance = ADVANCES["itemsPerPage"],
) -> AsyncIterator[list[str]]:
    """Yield the ids of each page, as long as totalResults announces more."""
    start, total = 1, 1
    while start <= total:
        answer = await scim.get(path, params={**query, "startIndex": start, "count": count})
        assert answer.status_code == 200, answer.text
        page = answer.json()
        assert page["startIndex"] == start
        assert page["itemsPerPage"] == len(page["Resources"]) <= count
        assert page["Resources"] or start > page["totalResults"], "a client would ask for ever"
        yield [resource["id"] for resource in page["Resources"]]
        total = page["totalResults"]
        start += advance(page, count)


async def found_once(
    pages: AsyncIterator[list[str]], people: People, change: Callable[[], Awaitable[None]]
) -> None:
    """Walk with a change after each page, and check that each resource is found once."""
    found: Counter[str] = Counter()
    async for page in pages:
        found.update(page)
        await change()
    assert set(found.values()) == {1}
    assert people.staying <= found.keys()


QUERIES: dict[str, tuple[str, str, dict[str, str]]] = {
    "plain": ("/Users", "/Users", {}),
    "another filter": ("/Users", "/Users", {"filter": "displayName pr"}),
    "filter": ("/Users", "/Users", {"filter": 'title sw "t"'}),
    "sorted": ("/Users", "/Users", {"sortBy": "userName"}),
    "sorted by few values": ("/Users", "/Users", {"sortBy": "title", "sortOrder": "descending"}),
    "groups": ("/Groups", "/Groups", {}),
    "users among both": ("/Users", "/", {}),
    "groups among both": ("/Groups", "/", {}),
}


@pytest.mark.parametrize("advance", ADVANCES)
@pytest.mark.parametrize("query", QUERIES)
async def test_a_walk_finds_each_resource_once(query: str, advance: str, serve: Serve) -> None:
    """A resource that exists all the time is found once, whichever number the client adds."""
    endpoint, path, parameters = QUERIES[query]
    scim = (await serve()).http
    people = People(scim, endpoint)
    await people.fill()
    pages = walk(scim, path, parameters, advance=ADVANCES[advance])
    await found_once(pages, people, people.change)


async def test_a_walk_goes_from_users_to_groups(serve: Serve) -> None:
    """If both types are listed and change, the walk finds each resource once."""
    scim = (await serve()).http
    people, groups = People(scim), People(scim, "/Groups")
    await people.fill()
    await groups.fill()

    async def change() -> None:
        await people.change()
        await groups.change()

    people.staying |= groups.staying
    await found_once(walk(scim, "/", {}), people, change)


@pytest.mark.parametrize("query", ["plain", "sorted"])
async def test_a_walk_by_cursor_finds_each_resource_once(query: str, serve: Serve) -> None:
    """Creations and deletions do not affect pages by cursor."""
    scim = (await serve()).http
    people = People(scim)
    await people.fill()

    async def pages() -> AsyncIterator[list[str]]:
        cursor: str | None = ""
        while cursor is not None:
            parameters = {**QUERIES[query][2], "cursor": cursor, "count": str(COUNT)}
            page = (await scim.get("/Users", params=parameters)).json()
            yield [user["id"] for user in page["Resources"]]
            cursor = page.get("nextCursor")

    await found_once(pages(), people, people.change)


def beside(served: Served, port: int, **headers: str) -> httpx.AsyncClient:
    """Return a client with a connection of its own."""
    application = scim_application(served.tenant, served.access_log.append, TrustedProxies())
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(application, client=("192.0.2.1", port)),
        base_url=served.http.base_url,
        headers={"Authorization": f"Bearer {SECRET}", **headers},
    )


async def test_walks_at_the_same_time(serve: Serve) -> None:
    """Walks with the same query that began at different times do not affect each other."""
    served = await serve()
    people = People(served.http)
    await people.fill()
    walks = []
    for port in range(5):
        client = beside(served, port)
        pages = walk(client, "/Users", {})
        walks.append((Counter(await anext(pages)), pages))
        await people.change()
    going = list(walks)
    while going:
        for found, pages in list(going):
            page = await anext(pages, None)
            if page is None:
                going.remove((found, pages))
            else:
                found.update(page)
        await people.change()
    for found, _ in walks:
        assert set(found.values()) == {1}
        assert people.staying <= found.keys()


@pytest.mark.parametrize("through", ["connections of their own", "one connection of a proxy"])
async def test_walks_that_overtake_each_other(through: str, serve: Serve) -> None:
    """Walks in any order and speed find each resource once."""
    served = await serve()
    for seed in range(3):
        chance = random.Random(seed)
        ids = [
            (await served.http.post("/Users", json={"userName": f"{seed}-{number}"})).json()["id"]
            for number in range(80)
        ]
        leaving = ids[1::2]
        walks = {}
        for number in range(3):
            own = through == "connections of their own"
            client = beside(
                served,
                10 * seed + number if own else seed,
                **({} if own else {"X-Forwarded-For": f"198.51.100.{number}"}),
            )
            walks[walk(client, "/Users", {})] = Counter[str]()
        going = list(walks)
        while going:
            pages = chance.choice(going)
            page = await anext(pages, None)
            if page is None:
                going.remove(pages)
                continue
            walks[pages].update(page)
            for _ in range(2 if len(leaving) > 10 else 0):
                gone = leaving.pop(chance.randrange(10))
                assert (await served.http.delete(f"/Users/{gone}")).status_code == 204
        for found in walks.values():
            assert set(found.values()) == {1}
            assert found.keys() >= set(ids[::2])
        for left in [*ids[::2], *leaving]:
            await served.http.delete(f"/Users/{left}")


async def test_a_page_start_for_both_ways_to_count(serve: Serve) -> None:
    """A walk by count may share, but not replace, the page start of a walk by itemsPerPage."""
    starts = (await serve()).tenant.repository.page_starts
    by_items = PageStart((5,), "first", is_first=False)
    agreeing = PageStart((5,), "second", is_first=False, by_count=True)
    other = PageStart((7,), "third", is_first=False, by_count=True)
    for number, kept in enumerate(((by_items, agreeing), (agreeing, by_items))):
        query = str(number)
        for place in kept:
            assert await starts.keep(query, 10, place)
        assert not await starts.keep(query, 10, other)
        found = await starts.find(query, 10)
        assert found is not None
        assert found.position == (5,)


async def test_a_walk_after_abandoned_ones(serve: Serve) -> None:
    """A client that starts again gets full pages, independent of its earlier walks."""
    scim = (await serve()).http
    people = People(scim)
    await people.fill()
    for pages_read in (1, 1, 3):
        pages = walk(scim, "/Users", {})
        assert len(await anext(pages)) == COUNT
        for _ in range(pages_read - 1):
            await anext(pages)
        await people.change()
    await found_once(walk(scim, "/Users", {}), people, people.change)


async def test_a_walk_over_replicas_and_restarts(serve: Serve) -> None:
    """Each page may come from another replica, or from a restarted process."""
    people = People((await serve()).http)
    await people.fill()
    served = await serve()

    async def go_on() -> None:
        nonlocal served
        await people.change()
        await served.tenant.repository.page_starts.flush()
        served = await serve()

    async def pages() -> AsyncIterator[list[str]]:
        start, total = 1, 1
        while start <= total:
            query = {"startIndex": start, "count": COUNT}
            page = (await served.http.get("/Users", params=query)).json()
            yield [user["id"] for user in page["Resources"]]
            start, total = start + page["itemsPerPage"], page["totalResults"]

    await found_once(pages(), people, go_on)


async def test_a_client_that_counts_on_over_short_pages(serve: Serve) -> None:
    """If pages are short, a client that adds the count skips no resource either."""
    limits = Limits(page_bytes=4_000, page_maximum=20)
    scim = (await serve(limits=limits)).http
    ids = set()
    for number in range(30):
        user = {"userName": f"u{number}", "title": "x" * 900}
        ids.add((await scim.post("/Users", json=user)).json()["id"])
    for count in (10, 25):
        pages = walk(scim, "/Users", {}, count=count, advance=ADVANCES["count"])
        found = [each async for page in pages for each in page]
        assert len(found) == len(set(found))
        assert set(found) == ids
        honest = [each async for page in walk(scim, "/Users", {}, count=count) for each in page]
        assert sorted(honest) == sorted(ids)


async def test_totals_are_those_of_the_tenant_where_nothing_changes(serve: Serve) -> None:
    """Without changes, totalResults is the number of users on every page."""
    scim = (await serve(limits=Limits(page_bytes=4_000))).http
    for number in range(12):
        await scim.post("/Users", json={"userName": f"u{number}", "title": "x" * 900})
    start, totals = 1, []
    while start <= 12:
        page = (await scim.get("/Users", params={"startIndex": start, "count": 100})).json()
        totals.append(page["totalResults"])
        start += page["itemsPerPage"]
    assert len(totals) > 2
    assert set(totals) == {12}
    beyond = (await scim.get("/Users", params={"startIndex": 13})).json()
    assert (beyond["totalResults"], beyond["itemsPerPage"]) == (12, 0)
    for path in ("/Users", "/"):
        none = (await scim.get(path, params={"startIndex": 5, "count": 0})).json()
        assert (none["totalResults"], none["itemsPerPage"]) == (12, 0)


async def test_memory_does_not_grow_with_walks(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Above a maximum, the oldest page starts are removed in memory and in the database."""
    monkeypatch.setattr(page_starts, "MAX_PAGE_STARTS", 10)
    monkeypatch.setattr(page_starts, "_PRUNE_EVERY", 10)
    served = await serve()
    for number in range(3):
        await served.http.post("/Users", json={"userName": f"u{number}", "title": "x"})
    starts = served.tenant.repository.page_starts
    for number in range(100):
        query = {"filter": f'title ne "{number}"', "count": "1"}
        assert (await served.http.get("/Users", params=query)).json()["totalResults"] == 3
    await starts.flush()
    assert len(getattr(starts, "_places", ())) <= 10
    assert len(getattr(starts, "_unsaved", ())) <= 10
    database = served.tenant.repository.database
    statement = compile_statement(select(table(PageStartRow).c.at), database.backend)
    assert 0 < len(await database.fetch(statement, {})) <= 20


async def test_an_unused_page_start_expires(serve: Serve) -> None:
    """An unused page start expires after an hour."""
    now = 1_000_000_000_000_000
    scim = (await serve(clock=lambda: now)).http
    people = People(scim)
    await people.fill()
    pages = walk(scim, "/Users", {})
    first = await anext(pages)
    await scim.delete(f"/Users/{first[0]}")
    everybody = (await scim.get("/Users", params={"count": 100})).json()["Resources"]
    now += (page_starts.KEPT_SECONDS + 1) * 1_000_000
    second = await anext(pages)
    assert second[0] == everybody[COUNT]["id"]
