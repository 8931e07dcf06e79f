"""Effects of requests without a token, and of odd input, on the tenant's records."""

import contextlib
import hashlib
import json
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from scim_service.store.activity.audit_context import AuditContext
from scim_service.store.migrations.upgrade import open_database
from scim_service.tenant.limits import Limits
from scim_service.tenant.tokens import Tokens

from tests.service.served import SECRET, TOKEN_ID, Serve, Served
from tests.service.test_activity import DAY, Clock, lines

STRANGER = {"Authorization": "Bearer guess"}
NO_IDS = (
    "%00",
    "nobody",
    "x" * 60_000,
    "%01" * 20_000,
    "0198C5A0-0000-7000-8000-000000000000",
    "0198c5a0-0000-7000-8000-00000000000%00",
)


async def status_of(served: Served) -> dict[str, Any]:
    """Return the tenant's status."""
    document: dict[str, Any] = (await served.management.get("/-/status")).json()
    return document


@pytest.mark.finding(9, 10)
async def test_strangers_are_counted_and_write_no_line(serve: Serve) -> None:
    """Requests without an accepted token have a counter of the last day, also after a restart."""
    clock = Clock()
    served = await serve(clock=clock)
    await served.http.post("/Users", json={"userName": "ada"})
    for headers in ({"Authorization": ""}, STRANGER, {**STRANGER, "Scim-Probe": "1"}):
        await served.http.post("/Users", json={"userName": "ada"}, headers=headers)
    status = await status_of(served)
    assert (status["unauthenticated"], status["failures"]) == (3, {})
    assert status["lastRequest"] == status["lastProvisioned"]
    assert [line["status"] for line in await lines(served)] == [201]
    again = await serve(clock=clock)
    assert (await status_of(again))["unauthenticated"] == 3
    metrics = (await served.management.get("/metrics")).text
    assert 'scim_unauthenticated_requests_total{tenant="local"} 3.0' in metrics
    clock.now += 2 * DAY
    assert (await status_of(served))["unauthenticated"] == 0


@pytest.mark.finding(10)
async def test_strangers_remove_no_line(serve: Serve) -> None:
    """Any number of requests without a token removes neither lines of writes nor of refusals."""
    served = await serve(limits=Limits(activity_rows=3, refusal_rows=3))
    for number in range(3):
        await served.http.post("/Users", json={"userName": f"user-{number}"})
        await served.http.get("/Users", params={"filter": "userName"})
    before = await lines(served)
    for _ in range(50):
        served.tenant.activity.count_unauthenticated()
    await served.tenant.activity.prune()
    assert await lines(served) == before


@pytest.mark.finding(18, 27)
@pytest.mark.parametrize("endpoint", ["/Users", "/Groups"])
async def test_an_invalid_id_is_not_looked_up(serve: Serve, endpoint: str) -> None:
    """It is 404 as a SCIM error for every method, and the log does not contain it."""
    served = await serve()
    user = {"userName": "ada"} if endpoint == "/Users" else {"displayName": "all"}
    patch = {"Operations": [{"op": "replace", "path": "externalId", "value": "1"}]}
    for text in NO_IDS:
        for method, body in (("GET", None), ("PUT", user), ("PATCH", patch), ("DELETE", None)):
            answer = await served.http.request(method, f"{endpoint}/{text}", json=body)
            assert answer.status_code == 404, (method, text[:50], answer.text)
            assert answer.json()["status"] == "404"
            assert len(answer.text) < 1000
    found = await lines(served)
    assert len(found) == len(NO_IDS) * 4
    assert {line["resource_id"] for line in found} == {None}
    assert (await status_of(served))["failures"] == {"404": len(found)}


@pytest.mark.finding(27)
async def test_errors_shorten_long_values(serve: Serve) -> None:
    """Errors and lines of the log shorten every long part of a request."""
    served = await serve()
    user = (await served.http.post("/Users", json={"userName": "ada"})).json()["id"]
    long = "x" * 20_000
    queries = [
        *({name: long} for name in ("filter", "attributes", "excludedAttributes", "sortBy")),
        *({name: long} for name in ("sortOrder", "cursor", "count", "startIndex")),
        *({"filter": text} for text in (f'{long} eq "a"', f"userName {long}", f"a[{long} pr]")),
        {"filter": f'meta.created eq "{long}"'},
    ]
    bodies: list[Any] = [
        {"userName": long},
        {long: "a", "userName": {long: 1}},
        {"userName": "a", "emails": [{"value": long}, {"type": long, "primary": long}]},
        {"userName": "a", "meta": long, "active": long, "schemas": [long]},
        {"Operations": [{"op": long, "path": long, "value": long}]},
        {"Operations": [{"op": "add", "path": long, "value": {long: long}}]},
        {"Operations": [{"op": "add", "path": f"emails[{long} eq 1]", "value": {long: long}}]},
        {"Operations": [{"op": "replace", "value": {long: {long: long}, "active": long}}]},
        {"Operations": [{"method": long, "path": long, "bulkId": long, "data": {long: long}}]},
        {"Operations": [{"method": "PUT", "path": f"/{long}/{long}", "data": {"a": long}}]},
        {"Operations": [{"method": "DELETE", "path": f"/Users/bulkId:{long}"}]},
        {"filter": long, "sortBy": long, "attributes": [long], "count": long},
    ]
    answers = [
        await served.http.get(path, params=query)
        for query in queries
        for path in ("/Users", "/Groups", "/", f"/Users/{user}")
    ]
    for path in ("/Users", "/Groups", "/Bulk", "/.search", "/Users/.search"):
        answers += [await served.http.post(path, json=body) for body in bodies]
    answers += [await served.http.patch(f"/Users/{user}", json=body) for body in bodies]
    answers += [await served.http.put(f"/Users/{user}", json=body) for body in bodies]
    answers += [await served.http.get(f"/{long}"), await served.http.delete(f"/{long}/{long}")]
    for answer in answers:
        assert answer.status_code < 500, answer.text[:500]
        if answer.status_code >= 400:
            assert len(answer.text) < 1500, answer.text[:300]
    for line in await lines(served):
        assert len(str(line)) < 1000


@pytest.mark.finding(18)
async def test_an_invalid_id_is_not_looked_up_in_a_bulk(serve: Serve) -> None:
    """The operation is refused, and the others succeed."""
    served = await serve()
    odd = ("\x00", "x" * 60_000, "nobody")
    operations: list[dict[str, Any]] = [
        {"method": "POST", "path": "/Users", "bulkId": "a", "data": {"userName": "ada"}},
        *({"method": "DELETE", "path": f"/Users/{text}"} for text in odd),
        {"method": "POST", "path": "/Users", "bulkId": "b", "data": {"userName": "bob"}},
    ]
    answer = await served.http.post("/Bulk", json={"Operations": operations})
    assert answer.status_code == 200, answer.text
    statuses = [entry["status"] for entry in answer.json()["Operations"]]
    assert statuses == ["201", "404", "404", "404", "201"]


@pytest.mark.finding(18)
async def test_an_invalid_id_is_no_member(serve: Serve) -> None:
    """Each form of such a member is 400 with a short form of the id; a removal changes nothing."""
    served = await serve()
    group = (await served.http.post("/Groups", json={"displayName": "all"})).json()["id"]
    for odd in ("\x00", "a\x00", "nobody", "x" * 60_000):
        member = [{"value": odd}]
        answers = [
            await served.http.post("/Groups", json={"displayName": "new", "members": member}),
            await served.http.put(
                f"/Groups/{group}", json={"displayName": "all", "members": member}
            ),
            await served.http.patch(
                f"/Groups/{group}",
                json={"Operations": [{"op": "add", "path": "members", "value": member}]},
            ),
        ]
        for answer in answers:
            assert answer.status_code == 400, answer.text
            assert answer.json()["scimType"] == "invalidValue"
            assert len(answer.text) < 1000
        removed = await served.http.patch(
            f"/Groups/{group}",
            json={"Operations": [{"op": "remove", "path": "members", "value": member}]},
        )
        assert removed.status_code in {204, 400}, removed.text


@pytest.mark.finding(18)
@pytest.mark.parametrize(
    "body",
    [
        {"userName": "a\x00"},
        {"userName": "a", "externalId": "\x00"},
        {"userName": "a", "emails": [{"value": "\x00", "type": "work"}]},
        {"userName": "a", "emails": [{"value": "a", "type": "\x00"}]},
        {"userName": "a", "emails": [{"value": "a", "\x00": "b"}]},
        {"userName": "a", "name": {"familyName": "\x00"}},
        {"userName": "a", "\x00": "b"},
        {"userName": "a", "roles": ["\x00"]},
        {"userName": "a", "schemas": ["\x00"]},
        {"userName": "a", "photos": [{"value": "\x00"}]},
        {"userName": "a", "password": "\x00"},
        {"userName": "a", "groups": [{"value": "\x00"}]},
        {"userName": "a", "meta": {"location": "\x00"}, "id": "\x00"},
        {
            "userName": "a",
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {
                "department": "\x00",
                "manager": {"value": "\x00"},
            },
        },
    ],
    ids=str,
)
async def test_a_null_character_in_a_user_is_refused_or_ignored(
    serve: Serve, body: dict[str, Any]
) -> None:
    """On both databases it is 400 if the value would be stored, and never a failure."""
    served = await serve()
    user = (await served.http.post("/Users", json={"userName": "there"})).json()["id"]
    operations = [
        {"op": op, "path": name, "value": value}
        for op in ("add", "replace")
        for name, value in body.items()
    ]
    answers = [
        await served.http.post("/Users", json=body),
        await served.http.put(f"/Users/{user}", json={**body}),
        *[
            await served.http.patch(f"/Users/{user}", json={"Operations": [operation]})
            for operation in [*operations, {"op": "add", "value": body}]
        ],
    ]
    for answer in answers:
        assert answer.status_code < 500, answer.text
        if answer.status_code < 300:
            assert "\\u0000" not in answer.text
        else:
            assert answer.json()["status"] == str(answer.status_code)


@pytest.mark.finding(18)
async def test_a_null_character_in_a_group_is_refused_or_ignored(serve: Serve) -> None:
    """It is 400 if it would be stored, also beside an existing member, and never a failure."""
    served = await serve()
    user = (await served.http.post("/Users", json={"userName": "ada"})).json()["id"]
    group = (await served.http.post("/Groups", json={"displayName": "all"})).json()["id"]
    for odd in (
        {"displayName": "\x00"},
        {"displayName": "a", "externalId": "\x00"},
        {"displayName": "a", "members": [{"value": user, "display": "\x00"}]},
        {"displayName": "a", "members": [{"value": user, "type": "\x00"}]},
        {"displayName": "a", "members": [{"value": user, "$ref": "\x00"}]},
        {"displayName": "a", "members": [{"value": user, "\x00": "\x00"}]},
        {"displayName": "a", "\x00": "\x00"},
    ):
        operations = [{"op": "add", "path": name, "value": value} for name, value in odd.items()]
        for operation in [*operations, {"op": "replace", "value": odd}]:
            answer = await served.http.patch(f"/Groups/{group}", json={"Operations": [operation]})
            assert answer.status_code in {204, 400}, answer.text
        for answer in (
            await served.http.put(f"/Groups/{group}", json=odd),
            await served.http.post("/Groups", json=odd),
        ):
            assert answer.status_code in {200, 201, 400, 409}, answer.text
        assert "\\u0000" not in (await served.http.get("/Groups")).text


@pytest.mark.finding(18)
@pytest.mark.parametrize("endpoint", ["/Users", "/Groups", ""])
async def test_a_null_character_in_a_query_finds_nothing(serve: Serve, endpoint: str) -> None:
    """Every parameter of a query refuses it or finds no resource, and never fails."""
    served = await serve()
    nul = "\x00"
    filters = [
        f'{name} {operator} "a{nul}"'
        for name in ("userName", "displayName", "externalId", "id", "emails.value", "meta.created")
        for operator in ("eq", "co", "sw", "gt")
    ]
    filters += [f'emails[type eq "{nul}"]', nul, f"{nul} pr", f'members[value eq "{nul}"]']
    filters += ['id eq "\\u0000"', 'members.value eq "\\u0000"', 'groups.value eq "\\u0000"']
    names = ("attributes", "excludedAttributes", "sortBy", "sortOrder", "cursor", "count")
    queries = [*({"filter": each} for each in filters), *({name: nul} for name in names)]
    for query in queries:
        by_url = await served.http.get(f"{endpoint}/", params=query)
        by_body = await served.http.post(f"{endpoint}/.search", json=query)
        for answer in (by_url, by_body):
            assert answer.status_code in {200, 400}, (query, answer.text)
            assert answer.json()["schemas"]


@pytest.mark.finding(18)
async def test_a_line_that_cannot_be_stored_loses_no_other(serve: Serve) -> None:
    """It is stored in a cleaned form, together with the other lines."""
    served = await serve()
    activity = served.tenant.activity
    for text in ("before", "\x00\ud800" + "x" * 1000, "after"):
        activity.note_refusal(
            AuditContext("read", TOKEN_ID, "request", 0.0),
            resource_type=text,
            resource_id=text,
            status=404,
            scim_type=None,
            is_write=False,
        )
    found: Sequence[dict[str, Any]] = await lines(served)
    names = [line["resource_id"] for line in found]
    assert (names[0], names[2]) == ("before", "after")
    assert names[1].startswith("??xxx")
    assert len(names[1]) == 200
    assert (await status_of(served))["failures"] == {"404": 3}


@pytest.mark.finding(25)
async def test_a_token_is_named_by_the_id_of_its_file(serve: Serve, tmp_path: Path) -> None:
    """Status, log and access log have the id from the file, and no part of the digest."""
    path = tmp_path / "tokens.json"
    digest = hashlib.sha256(SECRET.encode()).hexdigest()
    path.write_text(json.dumps({"tokens": [{"id": "k3v9q2", "sha256": digest}]}))
    served = await serve(tokens=Tokens(path))
    await served.http.post("/Users", json={"userName": "ada"})
    await served.http.post("/Users", json={"userName": "ada"})
    status = (await served.management.get("/-/status")).json()
    activity = (await served.management.get("/-/activity")).json()["activity"]
    assert {line["token"] for line in served.access_log} == {"k3v9q2"}
    assert {line["tokenId"] for line in activity} == {"k3v9q2"}
    assert [token["id"] for token in status["tokens"]] == ["k3v9q2"]
    metrics = (await served.management.get("/metrics")).text
    shown = json.dumps([status, activity, served.access_log]) + metrics
    assert digest[:8] not in shown


@pytest.mark.finding(9, 10)
async def test_a_log_of_an_earlier_version_is_migrated(database_url: str, serve: Serve) -> None:
    """A migration moves refusals to their own table, and counts requests without a token."""
    clock = Clock()
    await (await open_database(database_url)).close()
    at = clock.now - DAY // 2
    logged = [
        (at, "t", "create", "u1", 201, None),
        (at, "t", "create", None, 409, "uniqueness"),
        (at, None, "read", None, 401, None),
        (at, None, "read", None, 401, None),
        (at, "t", "read", None, 404, None),
    ]
    statements = [
        "drop table refused",
        "drop table hourly",
        "drop table page_start",
        *(
            f"alter table activity drop column {name}"
            for name in ("edge_id", "source", "agent", "reason")
        ),
        "update alembic_version set version_num = '0001'",
        *(
            "insert into activity (at, token_id, request_id, operation, resource_id, attributes,"
            " status, scim_type, duration_us) values ("
            f"{at}, {_literal(token)}, 'r', '{operation}', {_literal(resource)}, '', {status},"
            f" {_literal(scim_type)}, 1)"
            for at, token, operation, resource, status, scim_type in logged
        ),
    ]
    await _execute(database_url, statements)
    served = await serve(clock=clock)
    status = await status_of(served)
    assert (status["failures"], status["unauthenticated"]) == ({"uniqueness": 1, "404": 1}, 2)
    assert [line["status"] for line in await lines(served)] == [201, 409, 404]


def _literal(text: str | None) -> str:
    return "null" if text is None else f"'{text}'"


async def _execute(url: str, statements: Sequence[str]) -> None:
    if url.startswith("sqlite"):
        with contextlib.closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
            for statement in statements:
                connection.execute(statement)
            connection.commit()
        return
    connection = await asyncpg.connect(url)
    for statement in statements:
        await connection.execute(statement)
    await connection.close()
