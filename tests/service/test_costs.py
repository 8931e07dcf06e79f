"""The cost limits of one request: comparisons, bytes, statements, time in the event loop."""

import asyncio
import gc
import json
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from scim_service import worker
from scim_service.scim.budget import COMPARISONS
from scim_service.scim.filter import evaluator
from scim_service.scim.messages import URN_BULK_REQUEST
from scim_service.scim.patch.parser import MAX_OPERATIONS
from scim_service.scim.resource.canonical import validate
from scim_service.store.database import postgres, sqlite, sqlite_errors, sqlite_readers
from scim_service.store.database.database import Database
from scim_service.store.database.errors import SlowQueryError
from scim_service.store.database.statements import Statement
from scim_service.store.migrations.upgrade import open_database
from scim_service.store.resources import size_limit
from scim_service.tenant.limits import Limits
from scim_service.tenant.operations import resource_operations

from tests.service.served import Serve, Served
from tests.service.worst import emails, multiplied, patch, prepare, requests, user
from tests.steps import measured_steps

LONGEST_STEP = 0.05
NOISE = 4
"""What a slow or strange machine may be slower by, before a test says anything about the code."""

ENDLESS = Statement(
    "with recursive number(n) as (select 1 union all select n + 1 from number where n > 0)"
    " select count(*) from number",
    (),
    {},
)


@pytest.fixture
def comparisons(monkeypatch: pytest.MonkeyPatch) -> list[None]:
    """Record the comparisons of value filters, one entry each."""
    made: list[None] = []
    compare = evaluator._compare

    def count(*arguments: Any) -> bool:
        made.append(None)
        return compare(*arguments)

    monkeypatch.setattr(evaluator, "_compare", count)
    return made


async def _create(scim: httpx.AsyncClient, body: dict[str, Any]) -> str:
    answer = await scim.post("/Users", json=body)
    assert answer.status_code == 201, answer.text
    created: str = answer.json()["id"]
    return created


@pytest.mark.finding(13)
async def test_a_patch_that_multiplies_is_refused(serve: Serve, comparisons: list[None]) -> None:
    """400 operations x 121 conditions x 1,000 values exceed the budget and change nothing."""
    scim = (await serve()).http
    created = await _create(scim, user("many", emails=emails(1000)))
    before = (await scim.get(f"/Users/{created}")).json()
    answer = await scim.patch(f"/Users/{created}", content=multiplied())
    assert (answer.status_code, answer.json()["scimType"]) == (400, "tooMany")
    assert "comparisons" in answer.json()["detail"]
    assert len(comparisons) <= COMPARISONS
    assert (await scim.get(f"/Users/{created}")).json() == before


@pytest.mark.finding(13)
@pytest.mark.parametrize("operations", [5, 20])
async def test_values_count_in_the_budget(
    serve: Serve, comparisons: list[None], operations: int
) -> None:
    """Few operations with many conditions on many values are refused before any comparison."""
    scim = (await serve()).http
    created = await _create(scim, user("many", emails=emails(1000)))
    answer = await scim.patch(f"/Users/{created}", content=multiplied(100, operations))
    assert (answer.status_code, answer.json()["scimType"]) == (400, "tooMany")
    assert len(comparisons) <= COMPARISONS


@pytest.mark.finding(13)
async def test_a_bulk_request_has_one_budget(serve: Serve, comparisons: list[None]) -> None:
    """Each PATCH alone fits the budget, all together do not; free operations still succeed."""
    scim = (await serve()).http
    created = await _create(scim, user("many", emails=emails(100)))
    changes = [
        {"method": "PATCH", "path": f"/Users/{created}", "data": json.loads(multiplied(100, 1))}
    ] * 5
    last = {"method": "POST", "path": "/Users", "bulkId": "x", "data": user("last")}
    body = {"schemas": [URN_BULK_REQUEST], "Operations": [*changes, last]}
    entries = (await scim.post("/Bulk", json=body)).json()["Operations"]
    kinds = [entry.get("response", {}).get("scimType") for entry in entries]
    assert kinds == ["noTarget", "noTarget", "tooMany", "tooMany", "tooMany", None]
    assert entries[-1]["status"] == "201"
    assert len(comparisons) <= COMPARISONS


@pytest.mark.finding(13)
async def test_a_thousand_operations_on_an_ordinary_user_are_done(serve: Serve) -> None:
    """The maximum number of operations, each with a condition on ten values, fits the budget."""
    scim = (await serve()).http
    created = await _create(scim, user("ordinary", emails=emails(10)))
    operation = {"op": "replace", "path": 'emails[type eq "t5"].display', "value": "x"}
    answer = await scim.patch(f"/Users/{created}", content=patch(*[operation] * MAX_OPERATIONS))
    assert answer.status_code == 200
    assert answer.json()["emails"][5]["display"] == "x"


@pytest.mark.finding(22)
async def test_a_long_resource_is_not_stored(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """413 above the limit; a longer resource of an earlier version may shrink but not grow."""
    scim = (await serve()).http
    long = "x" * size_limit.RESOURCE_BYTES
    refused = await scim.post("/Users", json=user("long", title=long))
    assert refused.status_code == 413
    assert str(size_limit.RESOURCE_BYTES) in refused.json()["detail"]
    with monkeypatch.context() as earlier:
        earlier.setattr(size_limit, "RESOURCE_BYTES", 1 << 20)
        created = await _create(scim, user("long", title=long, nickName="y" * 1000))
    for value, status in ((long + "x" * 2000, 413), (long[:-5], 200), ("x", 200), (long, 413)):
        change = patch({"op": "replace", "path": "title", "value": value})
        assert (await scim.patch(f"/Users/{created}", content=change)).status_code == status


async def _fill(scim: httpx.AsyncClient, number: int, title: str) -> list[str]:
    names = [f"user-{index:04}" for index in range(number)]
    creations = [
        {"method": "POST", "path": "/Users", "bulkId": name, "data": user(name, title=title)}
        for name in names
    ]
    answer = await scim.post("/Bulk", json={"schemas": [URN_BULK_REQUEST], "Operations": creations})
    assert {entry["status"] for entry in answer.json()["Operations"]} == {"201"}
    return names


@pytest.mark.finding(22)
@pytest.mark.parametrize("path", ["/Users", "/Users?count=1000", "/Users?sortBy=userName"])
async def test_pages_by_index_end_by_their_size(serve: Serve, path: str) -> None:
    """A page ends at the size limit and has its count; the following pages skip no resource."""
    scim = (await serve(limits=Limits(page_bytes=20_000))).http
    names = await _fill(scim, 30, "x" * 2000)
    found: list[str] = []
    while len(found) < len(names):
        url = f"{path}{'&' if '?' in path else '?'}startIndex={len(found) + 1}"
        answer = await scim.get(url)
        page = answer.json()
        assert page["totalResults"] == len(names)
        assert 0 < page["itemsPerPage"] == len(page["Resources"]) < 30
        assert len(answer.content) < 30_000
        found += [each["userName"] for each in page["Resources"]]
    assert found == names


@pytest.mark.finding(22)
@pytest.mark.parametrize("order", ["", "&sortBy=userName&sortOrder=descending"])
async def test_pages_by_cursor_end_by_their_size(serve: Serve, order: str) -> None:
    """The next cursor continues after the last resource that fitted."""
    scim = (await serve(limits=Limits(page_bytes=20_000))).http
    names = await _fill(scim, 30, "x" * 2000)
    found: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = (await scim.get(f"/Users?count=1000&cursor={cursor}{order}")).json()
        assert page["itemsPerPage"] == len(page["Resources"]) < 30
        found += [each["userName"] for each in page["Resources"]]
        cursor = page.get("nextCursor")
    assert found == (sorted(names, reverse=True) if order else names)


@pytest.mark.finding(22)
async def test_a_page_over_both_types_skips_no_user(serve: Serve) -> None:
    """If the page ends before the last user, groups follow on a later page."""
    scim = (await serve(limits=Limits(page_bytes=20_000))).http
    names = await _fill(scim, 15, "x" * 2000)
    await scim.post("/Groups", json={"displayName": "a group"})
    found: list[str] = []
    while len(found) < 16:
        page = (await scim.get(f"/?startIndex={len(found) + 1}")).json()
        assert page["totalResults"] == 16
        found += [each.get("userName", "group") for each in page["Resources"]]
    assert found == [*names, "group"]


@pytest.mark.finding(22)
async def test_a_resource_larger_than_a_page_has_one_of_its_own(serve: Serve) -> None:
    """A page returns at least one resource, so that clients can continue."""
    scim = (await serve(limits=Limits(page_bytes=1000))).http
    await _fill(scim, 3, "x" * 5000)
    for start in (1, 2, 3):
        page = (await scim.get(f"/Users?startIndex={start}")).json()
        assert (page["itemsPerPage"], page["totalResults"]) == (1, 3)


@pytest.mark.finding(22)
async def test_a_group_too_large_to_answer_is_refused_with_the_remedy(serve: Serve) -> None:
    """The error says that excludedAttributes=members leaves the members out."""
    scim = (await serve(limits=Limits(answer_bytes=2000))).http
    ids = [await _create(scim, user(f"member-{number}")) for number in range(20)]
    group = (await scim.post("/Groups", json={"displayName": "large"})).json()["id"]
    change = {"op": "add", "path": "members", "value": [{"value": each} for each in ids]}
    assert (await scim.patch(f"/Groups/{group}", content=patch(change))).status_code == 204
    refused = await scim.get(f"/Groups/{group}")
    assert (refused.status_code, refused.json()["scimType"]) == (400, "tooMany")
    remedy = "excludedAttributes=members"
    assert remedy in refused.json()["detail"]
    assert (await scim.get(f"/Groups/{group}?{remedy}")).json()["displayName"] == "large"


async def test_more_objects_than_any_request_has_are_refused_unread(serve: Serve) -> None:
    """Parsing a million small lists, and freeing them, takes long in itself."""
    scim = (await serve()).http
    body = b'{"userName":"x","title":[' + b"[]," * 30_000 + b"[]]}"
    answer = await scim.post("/Users", content=body)
    assert answer.status_code == 413
    assert "30003 opening brackets" in answer.json()["detail"]


async def test_large_bodies_are_worked_on_outside_of_the_event_loop(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Small bodies are processed in the event loop, because a thread would take longer."""
    scim = (await serve()).http
    threads: list[str] = []

    def note(*arguments: Any, **more: Any) -> dict[str, Any]:
        threads.append(threading.current_thread().name)
        return validate(*arguments, **more)

    monkeypatch.setattr(resource_operations, "validate", note)
    await _create(scim, user("small"))
    await _create(scim, user("large", title="x" * worker.INLINE))
    assert threads[0] == threading.main_thread().name
    assert threads[1].startswith("scim-work")


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """A database of either kind, without a service."""
    database = await open_database(database_url)
    yield database
    await database.close()


@pytest.mark.finding(31)
@pytest.mark.parametrize("reach", ["rows", "page", "table"])
async def test_a_statement_ends_with_its_time(
    database_url: str, monkeypatch: pytest.MonkeyPatch, reach: Any
) -> None:
    """An endless query is stopped with a SlowQueryError, wherever it runs."""
    for module in (sqlite_readers, sqlite_errors, postgres):
        monkeypatch.setattr(module, "STATEMENT_SECONDS", 0.1)
    database = await open_database(database_url)
    try:
        with pytest.raises(SlowQueryError):
            await database.fetch(ENDLESS, {}, reach=reach)
    finally:
        await database.close()


@asynccontextmanager
async def _waiting(database: Database, number: int) -> AsyncIterator[list[asyncio.Task[Any]]]:
    """Start a number of endless queries of whole tables."""
    queries = [
        asyncio.ensure_future(database.fetch(ENDLESS, {}, reach="table")) for _ in range(number)
    ]
    await asyncio.sleep(0)
    try:
        yield queries
    finally:
        for query in queries:
            query.cancel()
        await asyncio.gather(*queries, return_exceptions=True)


def _places(database: Database) -> int:
    if database.backend == "sqlite":
        return sqlite.TABLE_READERS + sqlite.WAITING
    return postgres.READERS["table"] + postgres.WAITING


@pytest.mark.finding(31)
async def test_a_cancelled_query_is_stopped(database: Database) -> None:
    """Endless queries free their slots when their requests are cancelled."""
    for _ in range(2):
        async with _waiting(database, _places(database)):
            pass
    few = Statement("select 1", (), {})
    rows: Sequence[Any] = await asyncio.wait_for(database.fetch(few, {}, reach="table"), 20)
    assert rows[0][0] == 1


@pytest.mark.finding(31)
async def test_look_ups_and_pages_do_not_wait_for_whole_tables(serve: Serve) -> None:
    """With the queue of whole tables full, only one more of its kind is refused: 429."""
    served = await serve()
    names = await _fill(served.http, 310, "x")
    database = served.tenant.repository.database
    async with _waiting(database, _places(database)):
        page = await served.http.get("/Users?count=300")
        assert page.json()["itemsPerPage"] == 300
        found = await served.http.get("/Users", params={"filter": f'userName eq "{names[5]}"'})
        assert found.json()["totalResults"] == 1
        assert (await served.http.post("/Users", json=user("new"))).status_code == 201
        refused = await served.http.get("/Users", params={"filter": 'title co "x"'})
        assert refused.status_code == 429
        assert int(refused.headers["Retry-After"]) > 0
        assert refused.json()["status"] == "429"
    again = await served.http.get("/Users", params={"filter": 'title co "x"', "count": 1})
    assert again.json()["totalResults"] == 310


@pytest.mark.finding(31)
async def test_a_slow_filter_is_answered_with_the_remedy(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer is 503 with the slow part and an alternative."""
    served = await serve()

    async def never(*_: Any, **__: Any) -> Any:
        raise SlowQueryError("slow")

    monkeypatch.setattr(served.tenant.repository.database, "fetch_page", never)
    answer = await served.http.get("/Users", params={"filter": 'title co "x"'})
    assert answer.status_code == 503
    assert "userName" in answer.json()["detail"]
    assert "Retry-After" in answer.headers


@pytest.mark.finding(31)
async def test_a_look_up_that_reads_much_leaves_the_event_loop(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is stopped in the event loop and restarted in a thread, with the same result."""
    if not isinstance(database, sqlite.SqliteDatabase):
        pytest.skip("only SQLite is read in the event loop")
    monkeypatch.setattr(sqlite, "LOOP_SECONDS", 0.0)
    threads: list[str] = []
    fetch = sqlite_readers.fetch_all

    def note(connection: Any, sql: str, arguments: list[Any]) -> Any:
        threads.append(threading.current_thread().name)
        return fetch(connection, sql, arguments)

    monkeypatch.setattr(sqlite, "fetch_all", note)
    many = Statement(ENDLESS.sql.replace("n > 0", "n < 100000"), (), {})
    assert (await database.fetch(many, {}))[0][0] == 100_000
    assert threads[0] == threading.main_thread().name
    assert threads[1].startswith("sqlite-table")


async def test_writes_beside_a_long_one_are_neither_lost_nor_mixed_with_it(serve: Serve) -> None:
    """Of many simultaneous writes, exactly the refused ones change nothing."""
    scim = (await serve()).http
    ids = [await _create(scim, user(f"member-{number}")) for number in range(250)]
    group = (await scim.post("/Groups", json={"displayName": "long"})).json()["id"]

    async def add(members: list[str]) -> int:
        change = {"op": "add", "path": "members", "value": [{"value": each} for each in members]}
        return (await scim.patch(f"/Groups/{group}", content=patch(change))).status_code

    async def create(number: int) -> int:
        return (await scim.post("/Users", json=user(f"beside-{number}"))).status_code

    names = [*range(20), *range(20, 40), *range(30, 50)]
    first, second, third = names[:20], names[20:40], names[40:]
    statuses = await asyncio.gather(
        *(create(number) for number in first),
        add([*ids, "0190a5c8-0000-7000-8000-000000000000"]),
        *(create(number) for number in second),
        add(ids),
        *(create(number) for number in third),
    )
    assert (statuses.pop(41), statuses.pop(20)) == (204, 400)
    # Either of two requests for the same user may be the first.
    for number in range(50):
        answers = [status for name, status in zip(names, statuses, strict=True) if name == number]
        assert sorted(answers) == [201, 409][: names.count(number)]
    assert len((await scim.get(f"/Groups/{group}")).json()["members"]) == len(ids)
    beside = await scim.get("/Users", params={"filter": 'userName sw "beside-"', "count": 0})
    assert beside.json()["totalResults"] == 50


@pytest.mark.finding(13, 22, 31)
async def test_no_request_holds_the_event_loop(serve: Serve) -> None:
    """Each of the most expensive requests blocks the event loop for 50 ms at most."""
    served: Served = await serve()
    prepared = await prepare(served, members=5000)
    too_long: dict[str, float] = {}
    # As the program does: objects from before a request are not part of its cost.
    gc.collect()
    gc.freeze()
    try:
        for name, (method, path, body) in requests(prepared).items():
            await asyncio.sleep(0)
            with measured_steps() as steps:
                answer = await served.http.request(method, path, content=body)
                await asyncio.sleep(0)
            assert answer.status_code < 500, (name, answer.text)
            if steps.longest > LONGEST_STEP * NOISE:
                too_long[name] = steps.longest
    finally:
        gc.unfreeze()
    assert not too_long
