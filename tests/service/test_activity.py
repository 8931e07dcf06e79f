"""The provisioning log: what has a line, what a line says, and how long it stays."""

import json
from collections.abc import Sequence
from typing import Any

from scim_service.settings import Limits
from scim_service.store.database import compile_statement
from scim_service.store.tables import Activity, table
from sqlalchemy import select

from tests.service.served import SECRET, TOKEN_ID, Serve, Served

DAY = 24 * 3600 * 1_000_000


class Clock:
    """The time in microseconds, moved by hand."""

    def __init__(self) -> None:
        self.now = 1_750_000_000_000_000

    def __call__(self) -> int:
        """Return the time."""
        return self.now


async def lines(served: Served) -> Sequence[dict[str, Any]]:
    """Return the lines of the log, the oldest first."""
    await served.service.activity.flush()
    database = served.service.repository.database
    activity = table(Activity)
    statement = compile_statement(select(activity).order_by(activity.c.id), database.backend)
    names = activity.c.keys()
    return [dict(zip(names, row, strict=True)) for row in await database.fetch(statement, {})]


async def test_each_write_has_a_line(serve: Serve) -> None:
    """Who, what, which attributes, the result, how long it took, and the id of the request."""
    served = await serve()
    scim = served.http
    created = await scim.post("/Users", json={"userName": "ada", "title": "Countess"})
    user = created.json()["id"]
    operations = [{"op": "Replace", "path": "title", "value": "Lady"}]
    await scim.patch(f"/Users/{user}", json={"Operations": operations})
    await scim.put(f"/Users/{user}", json={"userName": "ada", "active": False})
    await scim.delete(f"/Users/{user}")
    found = await lines(served)
    assert [line["operation"] for line in found] == ["create", "patch", "replace", "delete"]
    assert [line["status"] for line in found] == [201, 200, 200, 204]
    for line in found:
        assert line["token_id"] == TOKEN_ID
        assert (line["resource_type"], line["resource_id"]) == ("User", user)
        assert line["duration_us"] >= 0
    assert found[0]["request_id"] == created.headers["X-Request-Id"]
    assert {"userName", "title"} <= set(found[0]["attributes"].split(","))
    assert found[1]["attributes"] == "title"


async def test_a_read_has_no_line(serve: Serve) -> None:
    """Entra asks far more often than it writes; what is asked is in the access log."""
    served = await serve()
    await served.http.get("/Users")
    assert await lines(served) == []


async def test_each_refusal_has_a_line_and_is_counted(serve: Serve) -> None:
    """The refusals of the last day are in the tenant's status, by the type of the error."""
    clock = Clock()
    served = await serve(clock=clock)
    await served.http.post("/Users", json={"userName": "ada"})
    await served.http.post("/Users", json={"userName": "Ada"})
    await served.http.get("/Users", params={"filter": "userName eq"})
    await served.http.get("/Users/nobody")
    statuses = [line["status"] for line in await lines(served)]
    assert statuses == [201, 409, 400, 404]

    async def failures() -> Any:
        return (await served.management.get("/-/status")).json()["failures"]

    assert await failures() == {"uniqueness": 1, "invalidFilter": 1, "404": 1}
    clock.now += 2 * DAY
    assert await failures() == {}


async def test_a_write_that_is_undone_has_no_line_of_success(serve: Serve) -> None:
    """The line is written in the transaction of what it tells of."""
    served = await serve()
    await served.http.post("/Groups", json={"displayName": "all"})
    members = [{"value": "nobody"}]
    refused = await served.http.post("/Groups", json={"displayName": "new", "members": members})
    assert refused.status_code == 400
    assert [line["status"] for line in await lines(served)] == [201, 400]
    assert (await served.http.get("/Groups")).json()["totalResults"] == 1


async def test_no_secret_is_logged(serve: Serve) -> None:
    """Neither the token nor a password nor any other value is in a log, a status or a metric."""
    served = await serve()
    await served.http.post("/Users", json={"userName": "ada", "password": "pa55word"})
    await served.http.post("/Users", json={"userName": "ada", "password": "pa55word"})
    await served.http.get("/Users", headers={"Authorization": "Bearer wr0ng"})
    shown = json.dumps(
        [
            list(await lines(served)),
            served.access_log,
            (await served.management.get("/-/status")).text,
            (await served.management.get("/metrics")).text,
        ]
    )
    for secret in ("pa55word", SECRET, "wr0ng"):
        assert secret not in shown


async def test_old_lines_are_removed(serve: Serve) -> None:
    """A line stays as many days as the limit says."""
    clock = Clock()
    served = await serve(limits=Limits(activity_days=30), clock=clock)
    await served.http.post("/Users", json={"userName": "old"})
    clock.now += 20 * DAY
    await served.http.post("/Users", json={"userName": "new"})
    clock.now += 11 * DAY
    await served.service.activity.prune()
    found = await lines(served)
    assert [line["at"] for line in found] == [clock.now - 11 * DAY]


async def test_the_newest_lines_stay(serve: Serve) -> None:
    """A tenant that writes a lot keeps as many lines as the limit says."""
    served = await serve(limits=Limits(activity_rows=3))
    for number in range(10):
        await served.http.post("/Users", json={"userName": f"user-{number}"})
    before = await lines(served)
    await served.service.activity.prune()
    assert await lines(served) == before[-3:]


async def test_what_happened_last_survives_a_restart(serve: Serve) -> None:
    """A new process knows when its tenant was last asked and provisioned, and by which token."""
    clock = Clock()
    first = await serve(clock=clock)
    await first.http.post("/Users", json={"userName": "ada"})
    before = (await first.management.get("/-/status")).json()
    clock.now += DAY
    again = (await (await serve(clock=clock)).management.get("/-/status")).json()
    for name in ("lastRequest", "lastProvisioned", "tokens"):
        assert again[name] == before[name]
    assert again["lastProvisioned"] is not None
    assert again["tokens"] == [{"id": TOKEN_ID, "lastUsed": again["lastRequest"]}]


async def test_a_probe_is_no_traffic(serve: Serve) -> None:
    """Who looks after a tenant hides no silence, retires no token and counts as no failure."""
    served = await serve()
    for query in ("userName pr", "userName"):
        await served.http.get("/Users", params={"filter": query}, headers={"Scim-Probe": "1"})
    status = (await served.management.get("/-/status")).json()
    assert (status["lastRequest"], status["tokens"][0]["lastUsed"]) == (None, None)
    assert status["failures"] == {}
    guess = {"Scim-Probe": "1", "Authorization": "Bearer guess"}
    await served.http.get("/Users", headers=guess)
    assert (await served.management.get("/-/status")).json()["failures"] == {"401": 1}


async def test_what_the_management_port_shows(serve: Serve) -> None:
    """The newest lines come first: as many as asked for, all or only the refused, no values."""
    clock = Clock()
    served = await serve(clock=clock)
    user = (await served.http.post("/Users", json={"userName": "ada"})).json()["id"]
    clock.now += 1_000_000
    await served.http.post("/Users", json={"userName": "ada"})
    clock.now += 1_000_000
    await served.http.delete(f"/Users/{user}")

    async def shown(**query: Any) -> list[dict[str, Any]]:
        answer = await served.management.get("/-/activity", params=query)
        found: list[dict[str, Any]] = answer.json()["activity"]
        return found

    everything = await shown()
    assert [line["status"] for line in everything] == [204, 409, 201]
    assert await shown(limit=1) == everything[:1]
    assert await shown(refused=True) == everything[1:2]
    assert everything[1]["scimType"] == "uniqueness"
    assert everything[2]["at"] == "2025-06-15T15:06:40.000000Z"
    assert everything[2]["attributes"] == ["schemas", "userName"]
    assert (everything[2]["resourceId"], everything[2]["tokenId"]) == (user, TOKEN_ID)
    assert "ada" not in str(everything)
    assert (await served.management.get("/-/activity", params={"limit": 0})).status_code == 422
