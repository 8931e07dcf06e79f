"""The provisioning log: which requests have a line, what it contains, and when it is removed."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
from scim_service.store.database.statements import compile_statement
from scim_service.store.tables import LoggedRefusal, LoggedWrite, table
from scim_service.tenant.limits import Limits
from sqlalchemy import select

from tests.service.served import SECRET, TOKEN_ID, Serve, Served

PROBE = {"Scim-Probe": "1"}
DAY = 24 * 3600 * 1_000_000


class Clock:
    """A clock in microseconds that the test sets."""

    def __init__(self) -> None:
        self.now = 1_750_000_000_000_000

    def __call__(self) -> int:
        """Return the time."""
        return self.now


async def lines(served: Served) -> Sequence[dict[str, Any]]:
    """Return the lines of the log, the oldest first."""
    await served.tenant.activity.flush()
    database = served.tenant.repository.database
    found: list[dict[str, Any]] = []
    for lines in (table(LoggedWrite), table(LoggedRefusal)):
        statement = compile_statement(select(lines).order_by(lines.c.id), database.backend)
        rows = await database.fetch(statement, {})
        found += (dict(zip(lines.c.keys(), row, strict=True)) for row in rows)
    return sorted(found, key=lambda line: line["at"])


async def test_each_write_has_a_line(serve: Serve) -> None:
    """It has the token, operation, attributes, status, duration and the request's id."""
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
    """Entra reads far more often than it writes; reads are in the access log."""
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


async def test_writes_are_counted_by_their_end(serve: Serve) -> None:
    """The status has the numbers of accepted and refused writes of the last day.

    Each operation of a bulk request is a write; reads, probes and searches are not.
    """
    clock = Clock()
    served = await serve(clock=clock)
    await served.http.post("/Users", json={"userName": "ada"})
    await served.http.post("/Users", json={"userName": "Ada"})
    await served.http.get("/Users/nobody")
    await served.http.post("/Users/.search", json={"filter": "userName eq"})
    await served.http.delete("/Users/nobody", headers={"Scim-Probe": "yes"})
    operations = [
        {"method": "POST", "path": "/Users", "bulkId": name, "data": {"userName": name}}
        for name in ("grace", "ADA")
    ]
    await served.http.post("/Bulk", json={"Operations": operations})

    async def writes() -> Any:
        return (await served.management.get("/-/status")).json()["writes"]

    assert await writes() == {"accepted": 2, "refused": 3}
    clock.now += 2 * DAY
    assert await writes() == {"accepted": 0, "refused": 0}


async def test_a_write_that_is_undone_has_no_line_of_success(serve: Serve) -> None:
    """The line is written in the same transaction as the change."""
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
    """A line is removed after the number of days in the limits."""
    clock = Clock()
    served = await serve(limits=Limits(activity_days=30), clock=clock)
    await served.http.post("/Users", json={"userName": "old"})
    clock.now += 20 * DAY
    await served.http.post("/Users", json={"userName": "new"})
    clock.now += 11 * DAY
    await served.tenant.activity.prune()
    found = await lines(served)
    assert [line["at"] for line in found] == [clock.now - 11 * DAY]


async def test_the_newest_lines_stay(serve: Serve) -> None:
    """A tenant that writes a lot keeps the number of lines in the limits."""
    served = await serve(limits=Limits(activity_rows=3))
    for number in range(10):
        await served.http.post("/Users", json={"userName": f"user-{number}"})
    before = await lines(served)
    await served.tenant.activity.prune()
    assert await lines(served) == before[-3:]


@pytest.mark.finding(10)
async def test_refusals_displace_no_write(serve: Serve) -> None:
    """Writes and refusals have limits of their own, so many refusals remove no write."""
    served = await serve(limits=Limits(activity_rows=5, refusal_rows=3))
    for number in range(5):
        await served.http.post("/Users", json={"userName": f"user-{number}"})
    for _ in range(20):
        await served.http.get("/Users", params={"filter": "userName"})
    await served.tenant.activity.flush()
    await served.tenant.activity.prune()
    assert [line["status"] for line in await lines(served)] == [201] * 5 + [400] * 3
    status = (await served.management.get("/-/status")).json()
    assert status["failures"] == {"invalidFilter": 20}


async def test_last_times_survive_a_restart(serve: Serve) -> None:
    """A new process knows the times of the last request, the last write and each token's use."""
    clock = Clock()
    first = await serve(clock=clock)
    await first.http.post("/Users", json={"userName": "ada"})
    before = (await first.management.get("/-/status")).json()
    clock.now += DAY
    again = (await (await serve(clock=clock)).management.get("/-/status")).json()
    for name in ("lastRequest", "lastProvisioned"):
        assert again[name] == before[name]
    assert again["lastProvisioned"] is not None
    (used,) = again["tokens"]
    assert (used["id"], used["lastUsed"]) == (TOKEN_ID, again["lastRequest"])


async def test_a_probe_does_not_count_as_traffic(serve: Serve) -> None:
    """A probe changes neither lastRequest nor lastUsed, and is not counted as a failure."""
    served = await serve()
    for query in ("userName pr", "userName"):
        await served.http.get("/Users", params={"filter": query}, headers=PROBE)
    status = (await served.management.get("/-/status")).json()
    (token,) = status["tokens"]
    assert (status["lastRequest"], token["lastUsed"], token["proof"]) == (None, None, None)
    assert status["failures"] == {}


@pytest.mark.finding(20)
async def test_a_probe_is_marked(serve: Serve) -> None:
    """The status has the time of the last probe, and the access log marks probes."""
    clock = Clock()
    served = await serve(clock=clock)
    await served.http.get("/Users", headers=PROBE)
    await served.http.post("/Users/.search", json={"count": 0}, headers=PROBE)
    await served.http.get("/Users")
    assert [line["probe"] for line in served.access_log] == [True, True, False]
    probed = (await served.management.get("/-/status")).json()["lastProbed"]
    assert probed == "2025-06-15T15:06:40.000000Z"
    again = await serve(clock=clock)
    assert (await again.management.get("/-/status")).json()["lastProbed"] == probed


@pytest.mark.finding(20)
@pytest.mark.parametrize("bulk", [False, True])
async def test_no_header_hides_a_write(serve: Serve, bulk: bool) -> None:
    """A header cannot exclude a write, or its refusal, from the tenant's status."""
    served = await serve()

    async def create(name: str) -> None:
        user = {"userName": name}
        if not bulk:
            await served.http.post("/Users", json=user, headers=PROBE)
            return
        operation = {"method": "POST", "path": "/Users", "bulkId": "a", "data": user}
        await served.http.post("/Bulk", json={"Operations": [operation]}, headers=PROBE)

    await create("ada")
    await create("ada")
    status = (await served.management.get("/-/status")).json()
    assert None not in (status["lastRequest"], status["lastProvisioned"])
    assert status["tokens"][0]["lastUsed"] is not None
    assert (status["lastProbed"], status["failures"]) == (None, {"uniqueness": 1})
    assert [line["probe"] for line in served.access_log] == [False, False]


@pytest.mark.finding(20)
async def test_a_refused_write_does_not_move_last_provisioned(serve: Serve) -> None:
    """A refused write, alone or in a bulk, does not change lastProvisioned."""
    clock = Clock()
    served = await serve(clock=clock)
    user = (await served.http.post("/Users", json={"userName": "ada"})).json()["id"]
    before = (await served.management.get("/-/status")).json()["lastProvisioned"]
    clock.now += 60_000_000
    patch = {"Operations": [{"op": "replace", "path": "active", "value": {"a": 1}}]}
    operation = {"method": "PATCH", "path": f"/Users/{user}", "data": patch}
    for headers in ({}, PROBE):
        refused = await served.http.patch(f"/Users/{user}", json=patch, headers=headers)
        assert refused.status_code == 400
        await served.http.post("/Bulk", json={"Operations": [operation]}, headers=headers)
    status = (await served.management.get("/-/status")).json()
    assert status["lastProvisioned"] == before
    assert sum(status["failures"].values()) == 4


async def test_the_management_port_lists_lines(serve: Serve) -> None:
    """The newest lines come first, limited and filtered as requested, and contain no values."""
    clock = Clock()
    served = await serve(clock=clock)
    user = (await served.http.post("/Users", json={"userName": "zoe"})).json()["id"]
    clock.now += 1_000_000
    await served.http.post("/Users", json={"userName": "zoe"})
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
    assert "zoe" not in str(everything)
    assert (await served.management.get("/-/activity", params={"limit": 0})).status_code == 422
