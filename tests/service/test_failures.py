"""Answers to failures of the service, and database faults that the service hides by repeating."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import asyncpg
import httpx
import pytest
from scim_service.scim.messages import CONTENT_TYPE, URN_BULK_REQUEST, URN_ERROR, URN_PATCH_OP
from scim_service.store.database.errors import TransientError
from scim_service.store.database.retries import PAUSES

from tests.service.served import Serve, Served

PRIVATE = "a-value-of-a-user"


def user(name: str) -> dict[str, Any]:
    """Return a user as it is sent."""
    return {"userName": name}


async def patch(scim: httpx.AsyncClient, path: str, *operations: Any) -> httpx.Response:
    """Send a PATCH."""
    return await scim.patch(path, json={"schemas": [URN_PATCH_OP], "Operations": operations})


def title(value: str) -> dict[str, Any]:
    """Return an operation that changes a user."""
    return {"op": "replace", "path": "title", "value": value}


async def test_an_unexpected_error_is_a_scim_error(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The answer is a SCIM error with the request's id; one traceback with that id is logged."""
    served = await serve()

    async def fail(*_: Any, **__: Any) -> None:
        raise ValueError(PRIVATE)

    monkeypatch.setattr(type(served.tenant.repository.users), "find", fail)
    with caplog.at_level(logging.ERROR):
        answer = await served.http.get("/Users")
    request_id = answer.headers["x-request-id"]
    assert answer.status_code == 500
    assert answer.headers["content-type"] == CONTENT_TYPE
    assert int(answer.headers["retry-after"]) > 0
    assert answer.json()["schemas"] == [URN_ERROR]
    assert answer.json()["status"] == "500"
    assert request_id in answer.json()["detail"]
    assert PRIVATE not in answer.text
    (record,) = caplog.records
    assert request_id in record.getMessage()
    assert record.exc_info is not None
    assert served.access_log[-1]["status"] == 500
    metrics = (await served.management.get("/metrics")).text
    assert any('status="500"' in line for line in metrics.splitlines()), metrics


async def test_a_part_of_a_bulk_fails_alone(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Earlier operations stay done and are reported; the failed one has its error."""
    served = await serve()

    async def fail(*_: Any, **__: Any) -> None:
        raise ValueError(PRIVATE)

    monkeypatch.setattr(type(served.tenant.repository.groups), "create", fail)
    operations = [
        {"method": "POST", "path": path, "bulkId": f"b{number}", "data": data}
        for number, (path, data) in enumerate(
            [("/Users", user("ann")), ("/Groups", {"displayName": "g"}), ("/Users", user("bob"))]
        )
    ]
    body = {"schemas": [URN_BULK_REQUEST], "Operations": operations}
    with caplog.at_level(logging.ERROR):
        answer = await served.http.post("/Bulk", json=body)
    entries = answer.json()["Operations"]
    assert [each["status"] for each in entries] == ["201", "500", "201"]
    assert answer.headers["x-request-id"] in entries[1]["response"]["detail"]
    assert len(caplog.records) == 1


async def create_group(served: Served, one: str, _: str) -> httpx.Response:
    """Create a group with a member."""
    body = {"displayName": "new", "members": [{"value": one[7:]}]}
    return await served.http.post("/Groups", json=body)


async def change_group(served: Served, one: str, group: str) -> httpx.Response:
    """Add a member to a group."""
    operation = {"op": "add", "path": "members", "value": [{"value": one[7:]}]}
    return await patch(served.http, group, operation)


Work = Callable[[Served, str, str], Awaitable[httpx.Response]]
WORK: dict[str, tuple[Work, int]] = {
    "create a user": (lambda s, _, __: s.http.post("/Users", json=user("new")), 201),
    "change a user": (lambda s, u, _: patch(s.http, u, title("Boss")), 200),
    "replace a user": (lambda s, u, _: s.http.put(u, json=user("ann")), 200),
    "delete a user": (lambda s, u, _: s.http.delete(u), 204),
    "create a group": (create_group, 201),
    "change a group": (change_group, 204),
    "delete a group": (lambda s, _, g: s.http.delete(g), 204),
}  # fmt: skip


async def fill(served: Served) -> tuple[str, str]:
    """Create a user and a group, and return their paths."""
    made = await served.http.post("/Users", json=user("ann"))
    group = await served.http.post("/Groups", json={"displayName": "red"})
    return f"/Users/{made.json()['id']}", f"/Groups/{group.json()['id']}"


@contextlib.contextmanager
def giving_up(served: Served, monkeypatch: pytest.MonkeyPatch, times: int) -> Any:
    """Let the database abort the next transactions at their end."""
    database = served.tenant.repository.database
    begin = type(database).transaction
    left = [times]

    @contextlib.asynccontextmanager
    async def transaction(self: Any, *, long: bool = False) -> AsyncIterator[Any]:
        async with begin(self, long=long) as inner:
            yield inner
            if left[0]:
                left[0] -= 1
                raise TransientError("deadlock")

    async def write(self: Any, *steps: Any) -> None:
        async with self.transaction() as inner:
            await inner.write(*steps)

    with monkeypatch.context() as patched:
        patched.setattr(type(database), "transaction", transaction)
        patched.setattr(type(database), "write", write)
        patched.setattr("scim_service.store.database.retries.PAUSES", (0.0,) * len(PAUSES))
        yield left


@pytest.mark.parametrize("name", WORK)
async def test_an_aborted_transaction_is_repeated(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """After a deadlock or a broken connection before the commit, the request still succeeds."""
    served = await serve()
    paths = await fill(served)
    work, status = WORK[name]
    with giving_up(served, monkeypatch, len(PAUSES)) as left:
        answer = await work(served, *paths)
    assert (answer.status_code, left) == (status, [0])
    lines = await served.tenant.activity.read_recent(limit=10, refused=False)
    assert len(lines) == 3
    counts = await served.tenant.repository.count_resources()
    users = (await served.http.get("/Users")).json()["totalResults"]
    groups = (await served.http.get("/Groups")).json()["totalResults"]
    assert (counts.users, counts.groups) == (users, groups)


@pytest.mark.parametrize("name", WORK)
async def test_a_transaction_that_always_aborts_is_503(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """After the last attempt the answer has Retry-After, and nothing is changed."""
    served = await serve()
    paths = await fill(served)
    before = [(await served.http.get(path)).json() for path in paths]
    with giving_up(served, monkeypatch, 100):
        answer = await WORK[name][0](served, *paths)
    assert answer.status_code == 503
    assert answer.json()["schemas"] == [URN_ERROR]
    assert "nothing was changed" in answer.json()["detail"]
    assert int(answer.headers["Retry-After"]) > 0
    assert [(await served.http.get(path)).json() for path in paths] == before


@pytest.fixture
async def postgres_only(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection of another client of the tenant's PostgreSQL."""
    if not database_url.startswith("postgresql"):
        pytest.skip("SQLite has one writer")
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


async def waiting_backend(connection: asyncpg.Connection) -> int:
    """Return the process of the server that waits for a lock."""
    for _ in range(500):
        pid = await connection.fetchval(
            "select pid from pg_stat_activity where wait_event_type = 'Lock'"
        )
        if pid is not None:
            return int(pid)
        await asyncio.sleep(0.01)
    raise AssertionError("nothing waits for a lock")


async def test_a_deadlock_is_hidden_from_the_client(
    serve: Serve, postgres_only: asyncpg.Connection, database_url: str
) -> None:
    """The server aborts the service's transaction in a deadlock, and the service repeats it."""
    served = await serve()
    one, group = await fill(served)
    other = postgres_only.transaction()
    await other.start()
    await postgres_only.execute("select 1 from scim_user where id = $1 for update", one[7:])
    operation = {"op": "add", "path": "members", "value": [{"value": one[7:]}]}
    request = asyncio.create_task(patch(served.http, group, operation))
    # Within a transaction, pg_stat_activity is read only once.
    watcher = await asyncpg.connect(database_url)
    await waiting_backend(watcher)
    await watcher.close()
    await postgres_only.execute("select 1 from scim_group where id = $1 for update", group[8:])
    await other.commit()
    assert (await request).status_code == 204
    assert len((await served.http.get(group)).json()["members"]) == 1


async def test_a_connection_that_breaks_before_the_commit_is_hidden(
    serve: Serve, postgres_only: asyncpg.Connection
) -> None:
    """The server ends the session of a waiting write, and the service repeats it in another one."""
    served = await serve()
    one, _ = await fill(served)
    async with postgres_only.transaction():
        await postgres_only.execute("select 1 from scim_user where id = $1 for update", one[7:])
        request = asyncio.create_task(patch(served.http, one, title("Boss")))
        pid = await waiting_backend(postgres_only)
        assert await postgres_only.fetchval("select pg_terminate_backend($1)", pid)
    assert (await request).json()["title"] == "Boss"


@contextlib.asynccontextmanager
async def trigger(
    connection: asyncpg.Connection, body: str, *, at_commit: bool
) -> AsyncIterator[None]:
    """Run a trigger for each new or changed user; `attempts` counts its runs."""
    await connection.execute("create sequence attempts")
    await connection.execute(
        f"create function act() returns trigger language plpgsql as $$ begin {body}; return null;"
        " end $$"
    )
    kind = "constraint trigger" if at_commit else "trigger"
    deferred = "deferrable initially deferred" if at_commit else ""
    await connection.execute(
        f"create {kind} acting after insert or update on scim_user {deferred} for each row"
        " execute function act()"
    )
    try:
        yield
    finally:
        await connection.execute("drop trigger acting on scim_user")
        await connection.execute("drop function act")
        await connection.execute("drop sequence attempts")


@pytest.mark.parametrize("code", ["40001", "40P01"])
@pytest.mark.parametrize("at_commit", [False, True])
async def test_a_serialization_failure_is_repeated(
    serve: Serve, postgres_only: asyncpg.Connection, code: str, at_commit: bool
) -> None:
    """A serialization failure, in a statement or at the commit, is repeated."""
    served = await serve()
    one, _ = await fill(served)
    fail = f"if nextval('attempts') <= 2 then raise exception using errcode = '{code}'; end if"
    async with trigger(postgres_only, fail, at_commit=at_commit):
        assert (await served.http.post("/Users", json=user("new"))).status_code == 201
        await postgres_only.execute("alter sequence attempts restart")
        assert (await patch(served.http, one, title("Boss"))).status_code == 200
    assert (await served.http.get("/Users")).json()["totalResults"] == 2


@pytest.mark.parametrize("at_commit", [False, True])
async def test_a_connection_that_breaks_at_the_commit_is_reported(
    serve: Serve, postgres_only: asyncpg.Connection, at_commit: bool
) -> None:
    """The outcome is unknown, so nothing is repeated, and the error says to read the resource."""
    served = await serve()
    one, _ = await fill(served)
    end = "perform nextval('attempts'); perform pg_terminate_backend(pg_backend_pid())"
    async with trigger(postgres_only, end, at_commit=at_commit):
        answer = await served.http.post("/Users", json=user("new"))
        if at_commit:
            answer = await patch(served.http, one, title("Boss"))
        attempts = await postgres_only.fetchval("select last_value from attempts")
    assert answer.status_code == 503
    assert "read the resource before you repeat it" in answer.json()["detail"]
    assert int(answer.headers["Retry-After"]) > 0
    assert attempts == (2 if at_commit else 1)
    assert (await served.http.post("/Users", json=user("new"))).status_code == 201
