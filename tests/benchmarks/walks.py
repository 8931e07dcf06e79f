"""Reading every user, page by page, while others are created and deleted.

``python -m tests.benchmarks.walks`` walks by index and by cursor on both databases, first through
users who stay as they are, then with changes during the pages. It prints the time, the memory of
the service and who was missed or came twice, and ends with 1 if anybody was.
"""

import argparse
import asyncio
import contextlib
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
from rich.console import Console
from rich.table import Table
from scim_service.store.migrations.upgrade import open_database

from tests.benchmarks.fill import user
from tests.benchmarks.server import Server
from tests.benchmarks.subjects import TOKEN, service
from tests.service.postgres import PostgresServer

COUNT = 100
_COLUMNS = ("walk", "changes", "s", "ratio", "median page, ms", "missed", "twice", "memory, MB")

_NUMBERS = (
    "(with recursive numbers (n) as (select 1 union all select n + 1 from numbers"
    " where n < {number}) select n from numbers) as numbers"
)
_IDS = {
    "sqlite": "printf('01900000-0000-7000-8000-%012x', n)",
    "postgresql": "'01900000-0000-7000-8000-' || lpad(to_hex(n), 12, '0')",
}
_CASTS = {"sqlite": "", "postgresql": "::jsonb"}
_FILL = """
insert into scim_user (
  id, user_name, external_id, display_name, active, document, folded, version, created,
  last_modified
)
select {id}, 'old-' || n || '@contoso.example', 'old-' || n, 'ada ' || n, true,
  '{{"userName":"old-' || n || '@contoso.example","active":true,"externalId":"old-' || n
  || '","displayName":"Ada ' || n || '","title":"Countess","preferredLanguage":"en-GB"'
  || ',"name":{{"givenName":"Ada","familyName":"Lovelace"}},"emails":[{{"type":"work"'
  || ',"primary":true,"value":"old-' || n || '@contoso.example"}}]}}',
  ('{{"userName":"old-' || n || '@contoso.example","active":true}}'){cast}, 1, 1700000000000000,
  1700000000000000
from {numbers}
"""
_COUNTED = "insert into tally (name, slot, amount) values ('activeUsers', 0, {number})"


def _statements(backend: str, number: int) -> list[str]:
    """Return what makes so many users at once, whose ids are in the order of their numbers."""
    numbers = _NUMBERS.format(number=number)
    fill = _FILL.format(id=_IDS[backend], cast=_CASTS[backend], numbers=numbers)
    return [fill, _COUNTED.format(number=number)]


async def _fill_sqlite(path: Path, number: int) -> None:
    await (await open_database(f"sqlite:///{path}")).close()
    with contextlib.closing(sqlite3.connect(path)) as connection:
        for statement in _statements("sqlite", number):
            connection.execute(statement)
        connection.commit()


async def _fill_postgres(url: str, number: int) -> None:
    await (await open_database(url)).close()
    connection = await asyncpg.connect(url)
    try:
        for statement in _statements("postgresql", number):
            await connection.execute(statement)
        await connection.execute("analyze")
    finally:
        await connection.close()


@dataclass
class Tenant:
    """A served tenant with users, of whom some leave."""

    server: Server
    session: aiohttp.ClientSession
    number: int
    created: int = 0

    def leaving(self, changes: int, *, turn: int) -> list[str]:
        """Return the ids of those who leave in a turn: of all parts, first and last by turns."""
        step = self.number // changes
        numbers = range(1 + turn, self.number + 1, step)
        both_ends = [
            number for pair in zip(numbers, reversed(numbers), strict=True) for number in pair
        ]
        return [f"01900000-0000-7000-8000-{number:012x}" for number in both_ends[:changes]]

    async def page(self, query: dict[str, Any]) -> dict[str, Any]:
        """Return a page."""
        async with self.session.get(f"{self.server.url}/Users", params=query) as answer:
            answer.raise_for_status()
            found: dict[str, Any] = await answer.json(content_type=None)
            return found

    async def change(self, leaving: list[str]) -> None:
        """Delete users, and create as many."""
        for each in leaving:
            url = f"{self.server.url}/Users/{each}"
            async with self.session.delete(url) as answer:
                answer.raise_for_status()
            self.created += 1
            body = user(self.created)
            async with self.session.post(f"{self.server.url}/Users", json=body) as answer:
                answer.raise_for_status()


Walk = Callable[[Tenant], AsyncIterator[list[str]]]


async def by_index(tenant: Tenant) -> AsyncIterator[list[str]]:
    """Yield the ids of the pages, as long as totalResults says that there are more."""
    start, total = 1, 1
    while start <= total:
        page = await tenant.page({"startIndex": start, "count": COUNT})
        yield [each["id"] for each in page["Resources"]]
        start, total = start + page["itemsPerPage"], page["totalResults"]


async def by_cursor(tenant: Tenant) -> AsyncIterator[list[str]]:
    """Yield the ids of the pages, as long as there is another cursor."""
    cursor: str | None = ""
    while cursor is not None:
        page = await tenant.page({"cursor": cursor, "count": COUNT})
        yield [each["id"] for each in page["Resources"]]
        cursor = page.get("nextCursor")


@dataclass(frozen=True, slots=True)
class Walked:
    """How a walk went; the pages' times are in seconds."""

    pages: list[float]
    missed: int
    twice: int


async def _walk(tenant: Tenant, pages: AsyncIterator[list[str]], leaving: list[str]) -> Walked:
    """Walk; while each page is read, a share of those who leave is deleted."""
    staying = await _ids(tenant)
    staying -= set(leaving)
    found: Counter[str] = Counter()
    times: list[float] = []
    share = -(-len(leaving) * COUNT // tenant.number)
    left = list(leaving)
    while True:
        now, left = left[:share], left[share:]
        changing = asyncio.create_task(tenant.change(now))
        begun = time.perf_counter()
        page = await anext(pages, None)
        times.append(time.perf_counter() - begun)
        await changing
        if page is None:
            break
        found.update(page)
    return Walked(
        times,
        missed=len(staying - found.keys()),
        twice=sum(number - 1 for number in found.values()),
    )


async def _ids(tenant: Tenant) -> set[str]:
    """Return who is there, by pages of another kind than those that are measured."""
    found: set[str] = set()
    cursor: str | None = ""
    while cursor is not None:
        query = {"cursor": cursor, "count": 1000, "attributes": "id"}
        page = await tenant.page(query)
        found |= {each["id"] for each in page["Resources"]}
        cursor = page.get("nextCursor")
    return found


async def _measure(server: Server, number: int, changes: int) -> tuple[list[tuple[str, ...]], int]:
    rows: list[tuple[str, ...]] = []
    wrong = 0
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/scim+json"}
    async with aiohttp.ClientSession(headers=headers) as session:
        tenant = Tenant(server, session, number)
        for turn, (name, walk) in enumerate((("by index", by_index), ("by cursor", by_cursor))):
            plain = 0.0
            for leaving in ([], tenant.leaving(changes, turn=turn)):
                walked = await _walk(tenant, walk(tenant), leaving)
                seconds = sum(walked.pages)
                plain = plain or seconds
                wrong += walked.missed + walked.twice
                median = sorted(walked.pages)[len(walked.pages) // 2]
                rows.append(
                    (
                        name,
                        str(len(leaving)),
                        f"{seconds:.1f}",
                        f"{seconds / plain:.2f}",
                        f"{median * 1000:.1f}",
                        str(walked.missed),
                        str(walked.twice),
                        f"{server.memory('VmHWM'):.0f}",
                    )
                )
    return rows, wrong


def main() -> int:
    """Measure and print; the exit code is 1 where anybody was missed or came twice."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.walks")
    parser.add_argument("--users", type=int, default=250_000)
    parser.add_argument("--changes", type=int, default=5_000, help="deletions, and creations")
    options = parser.parse_args()
    wrong = 0
    with tempfile.TemporaryDirectory() as name, PostgresServer() as postgres:
        folder = Path(name)
        asyncio.run(_fill_sqlite(folder / "scim.db", options.users))
        asyncio.run(_fill_postgres(postgres.url(), options.users))
        for title, url in (
            ("SQLite", f"sqlite:///{folder / 'scim.db'}"),
            ("PostgreSQL", postgres.url()),
        ):
            with service(url, folder) as server:
                rows, found = asyncio.run(_measure(server, options.users, options.changes))
            wrong += found
            table = Table(title=f"{title}, {options.users} users", title_justify="left")
            for column in _COLUMNS:
                table.add_column(column, justify="left" if column == "walk" else "right")
            for row in rows:
                table.add_row(*row)
            Console(width=100).print(table)
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
