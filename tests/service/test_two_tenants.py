"""Two tenants in one process: nothing of one reaches the other."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from scim_service.http.application import scim_application
from scim_service.http.client_address import TrustedProxies
from scim_service.http.management import management_application
from scim_service.logs import JsonFormatter
from scim_service.scim.messages import URN_PATCH_OP
from scim_service.store.migrations.upgrade import open_database
from scim_service.tenant.config import TenantConfig
from scim_service.tenant.limits import Limits
from scim_service.tenant.tenant import Tenant
from scim_service.tenant.tokens import Tokens, token_from
from scim_service.worker import MemoryLimit, Worker, work_thread
from starlette.types import ASGIApp, Receive, Scope, Send

BADGE = "urn:example:badge:2.0:User"
DESK = "urn:example:desk:2.0:User"
BODY_BYTES = 1 << 20


def extension(urn: str, attribute: str) -> dict[str, Any]:
    """Return a schema extension with one attribute of users."""
    return {"id": urn, "name": attribute, "attributes": [{"name": attribute, "type": "string"}]}


CONFIGURATIONS: dict[str, dict[str, Any]] = {
    "red": {
        "tenant": "red",
        "basePath": "/red/scim",
        "provisioning": {
            "profile": "entra",
            "requiredAttributes": ["displayName"],
            "schemaExtensions": [extension(BADGE, "badge")],
        },
    },
    "blue": {
        "tenant": "blue",
        "basePath": "/blue/v1/scim",
        "provisioning": {
            "profile": "strict",
            "maxUsers": 60,
            "schemaExtensions": [extension(DESK, "desk")],
        },
    },
}
LIMITS = {
    "red": Limits(page_default=5, page_maximum=50),
    "blue": Limits(page_default=7, page_maximum=20, body_bytes=200_000),
}


@dataclass(frozen=True, slots=True)
class One:
    """One of the two tenants, and clients of its ports."""

    name: str
    tenant: Tenant
    http: httpx.AsyncClient
    management: httpx.AsyncClient

    async def status(self) -> dict[str, Any]:
        """Return the service status."""
        found: dict[str, Any] = (await self.management.get("/-/status")).json()
        return found

    async def lines(self, *, refused: bool) -> list[dict[str, Any]]:
        """Return the lines of the provisioning log."""
        answer = await self.management.get(f"/-/activity?limit=1000&refused={refused}")
        found: list[dict[str, Any]] = answer.json()["activity"]
        return found


@dataclass(frozen=True, slots=True)
class Both:
    """Both tenants, the work thread and the access log that they share."""

    red: One
    blue: One
    access_log: list[dict[str, Any]]


def route(applications: dict[str, ASGIApp]) -> ASGIApp:
    """Return one application that has those of several tenants, by the beginning of the path."""

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        await applications[scope["path"].split("/")[1]](scope, receive, send)

    return serve


@pytest.fixture
def red_rate() -> float | None:
    """The rate limit of red; a test can set it."""
    return None


@pytest.fixture
async def both(database_url: str, tmp_path: Path, red_rate: float | None) -> AsyncIterator[Both]:
    """Two tenants in one process and one application: red on a file, blue on either database."""
    thread = work_thread()
    urls = {"red": f"sqlite:///{tmp_path / 'red.db'}", "blue": database_url}
    access_log: list[dict[str, Any]] = []
    databases, tenants = [], {}
    for name, url in urls.items():
        config = TenantConfig.model_validate(CONFIGURATIONS[name])
        databases.append(await open_database(url))
        tenants[name] = await Tenant.open(
            databases[-1],
            config=config,
            registry=config.provisioning.load_registry(),
            tokens=Tokens(None, [token_from(f"secret-of-{name}", token_id=f"token-{name}")]),
            access=Tokens(None, [token_from(f"access-of-{name}", token_id="access")]),
            limits=replace(LIMITS[name], rate=red_rate if name == "red" else None),
            worker=Worker(thread),
            body_memory=MemoryLimit(BODY_BYTES),
        )
    application = route(
        {
            name: scim_application(tenant, access_log.append, TrustedProxies())
            for name, tenant in tenants.items()
        }
    )

    def start(name: str) -> One:
        tenant = tenants[name]
        return One(
            name,
            tenant,
            httpx.AsyncClient(
                transport=httpx.ASGITransport(application),
                base_url=f"http://scim.example{tenant.config.base_path}",
                headers={"Authorization": f"Bearer secret-of-{name}"},
            ),
            httpx.AsyncClient(
                transport=httpx.ASGITransport(management_application(tenant)),
                base_url="http://management.example",
                headers={"Authorization": f"Bearer access-of-{name}"},
            ),
        )

    red, blue = start("red"), start("blue")
    yield Both(red, blue, access_log)
    for client in (red.http, red.management, blue.http, blue.management):
        await client.aclose()
    for database in databases:
        await database.close()


async def create_users(one: One, number: int) -> list[str]:
    """Create users, and return their ids."""
    ids = []
    for n in range(number):
        body = {
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
            "userName": f"user-{n}",
            "displayName": f"{one.name} {n}",
        }
        answer = await one.http.post("/Users", json=body)
        assert answer.status_code == 201, answer.text
        assert answer.headers["Location"].startswith(str(one.http.base_url))
        ids.append(answer.json()["id"])
    return ids


async def test_interleaved_traffic_stays_apart(both: Both) -> None:
    """The same names, filters and pages at the same time: each tenant has its own resources."""
    numbers = {"red": 40, "blue": 50}

    async def work(one: One) -> set[str]:
        ids = await create_users(one, numbers[one.name])
        group = {
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"],
            "displayName": "everyone",
            "members": [{"value": each} for each in ids],
        }
        assert (await one.http.post("/Groups", json=group)).status_code == 201
        found: list[dict[str, Any]] = []
        while True:
            answer = (await one.http.get(f"/Users?startIndex={len(found) + 1}")).json()
            found += answer["Resources"]
            if len(found) >= answer["totalResults"]:
                break
        assert {each["id"] for each in found} == set(ids)
        assert {each["displayName"].split()[0] for each in found} == {one.name}
        for n in range(numbers[one.name]):
            query = {"filter": f'userName eq "user-{n}"'}
            (user,) = (await one.http.get("/Users", params=query)).json()["Resources"]
            assert user["displayName"] == f"{one.name} {n}"
        return set(ids)

    red, blue = await asyncio.gather(work(both.red), work(both.blue))
    assert not red & blue
    for one, other in ((both.red, blue), (both.blue, red)):
        assert (await one.http.get(f"/Users/{min(other)}")).status_code == 404
        status = await one.status()
        assert (status["tenant"], status["users"], status["groups"]) == (
            one.name,
            numbers[one.name],
            1,
        )
        assert status["writes"] == {"accepted": numbers[one.name] + 1, "refused": 0}
        lines = await one.lines(refused=False)
        assert {line["tokenId"] for line in lines} == {f"token-{one.name}"}
        writes = [line for line in lines if line["status"] < 400]
        assert len(writes) == numbers[one.name] + 1


async def test_members_of_the_other_tenant_are_unknown(both: Both) -> None:
    """An id of one tenant names nobody in the other, as a member or in a filter."""
    (red,) = await create_users(both.red, 1)
    group = {
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"],
        "displayName": "everyone",
        "members": [{"value": red}],
    }
    assert (await both.blue.http.post("/Groups", json=group)).status_code == 400
    query = {"filter": f'members[value eq "{red}"]'}
    assert (await both.blue.http.get("/Groups", params=query)).json()["totalResults"] == 0


async def test_tokens_are_accepted_by_their_tenant_only(both: Both) -> None:
    """The other tenant answers 401, counts it as unauthenticated and proves nothing."""
    for one, other in ((both.red, both.blue), (both.blue, both.red)):
        headers = {"Authorization": f"Bearer secret-of-{other.name}"}
        assert (await one.http.get("/Users", headers=headers)).status_code == 401
        headers = {"Authorization": f"Bearer access-of-{other.name}"}
        assert (await one.management.get("/-/status", headers=headers)).status_code == 401
    assert (await both.red.http.get("/Users")).status_code == 200
    red, blue = await both.red.status(), await both.blue.status()
    assert (red["unauthenticated"], blue["unauthenticated"]) == (1, 1)
    assert red["lastRequest"] is not None
    assert blue["lastRequest"] is None
    assert [token["id"] for token in red["tokens"]] == ["token-red"]
    assert red["tokens"][0]["proof"] is not None
    assert blue["tokens"][0]["proof"] is None


async def test_a_cursor_is_valid_in_its_tenant_only(both: Both) -> None:
    """Each tenant signs its cursors with a key of its own."""
    for one in (both.red, both.blue):
        await create_users(one, 12)
    query = {"cursor": "", "count": "5"}
    first = (await both.red.http.get("/Users", params=query)).json()
    following = query | {"cursor": first["nextCursor"]}
    assert (await both.red.http.get("/Users", params=following)).status_code == 200
    refused = await both.blue.http.get("/Users", params=following)
    assert (refused.status_code, refused.json()["scimType"]) == (400, "invalidCursor")


async def test_the_start_of_a_page_is_known_in_its_tenant_only(both: Both) -> None:
    """A page by index follows the page before it in its tenant, though a user was removed."""
    ids = {one.name: await create_users(one, 12) for one in (both.red, both.blue)}
    for one in (both.red, both.blue):
        await one.http.get("/Users?count=5")
    # In blue the first page is still complete, in red one of its users is gone.
    assert (await both.red.http.delete(f"/Users/{ids['red'][0]}")).status_code == 204
    for one in (both.red, both.blue):
        page = (await one.http.get("/Users?startIndex=6&count=5")).json()
        assert [each["id"] for each in page["Resources"]] == ids[one.name][5:10]


async def test_profiles_and_extensions_are_the_tenants(both: Both) -> None:
    """One request, two profiles: Entra's Booleans, paths and extensions are known in red only."""
    answers: dict[str, list[int]] = {}
    # Twice, and in turns: what one tenant has parsed is in the caches when the other one parses.
    for _ in range(2):
        for one in (both.red, both.blue):
            users = (await one.http.get("/Users?count=1")).json()["Resources"]
            user = users[0]["id"] if users else (await create_users(one, 1))[0]
            statuses = []
            for path, value in (
                ("active", "False"),
                (f"{BADGE}:badge", "7"),
                (f"{DESK}:desk", "12"),
                ('emails[type eq "work"].value', "a@example.com"),
            ):
                patch = {
                    "schemas": [URN_PATCH_OP],
                    "Operations": [{"op": "replace", "path": path, "value": value}],
                }
                statuses.append((await one.http.patch(f"/Users/{user}", json=patch)).status_code)
            for query in ("active eq False", f'{BADGE}:badge eq "7"', f'{DESK}:desk eq "12"'):
                answer = await one.http.get("/Users", params={"filter": query})
                statuses.append(answer.status_code)
            answers.setdefault(one.name, statuses)
            assert answers[one.name] == statuses
    assert answers["red"] != answers["blue"]
    assert (answers["red"][:2], answers["blue"][1:3]) == ([200, 200], [400, 200])
    for one, own, other in ((both.red, BADGE, DESK), (both.blue, DESK, BADGE)):
        assert (await one.http.get(f"/Schemas/{own}")).status_code == 200
        assert (await one.http.get(f"/Schemas/{other}")).status_code == 404
        document = (await one.http.get("/openapi.json")).json()
        assert document["servers"] == [{"url": str(one.http.base_url).rstrip("/")}]
        user = document["components"]["schemas"]["User"]["properties"]
        assert (own in user, other in user) == (True, False)


async def test_rules_and_limits_are_the_tenants(both: Both) -> None:
    """Required attributes, licences, pages, bodies and rates of one do not bind the other."""
    bare = {"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "bare"}
    assert (await both.red.http.post("/Users", json=bare)).status_code == 400
    assert (await both.blue.http.post("/Users", json=bare)).status_code == 201
    for one, pages in ((both.red, 50), (both.blue, 20)):
        config = (await one.http.get("/ServiceProviderConfig")).json()
        assert config["filter"]["maxResults"] == pages
    large = bare | {"userName": "large", "displayName": "x", "title": "y" * 220_000}
    assert (await both.blue.http.post("/Users", json=large)).status_code == 413
    assert (await both.red.http.post("/Users", json=large)).status_code == 201
    await create_users(both.blue, 59)
    full = await both.blue.http.post("/Users", json=bare | {"userName": "one-too-many"})
    assert full.status_code == 400
    await create_users(both.red, 61)


@pytest.mark.parametrize("red_rate", [25.0])
async def test_one_tenants_load_refuses_no_request_of_the_other(both: Both) -> None:
    """The rate limit, the memory for bodies and the work queue of red are full; blue is served."""
    red = both.red.tenant
    red.body_memory.take(BODY_BYTES)
    title = {"title": "x" * 50_000, "displayName": "large"}
    body = {"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], **title}
    refused = await both.red.http.post("/Users", json=body | {"userName": "large"})
    assert refused.status_code == 429
    assert (
        await both.blue.http.post("/Users", json=body | {"userName": "large"})
    ).status_code == 201
    red.body_memory.give_back(BODY_BYTES)

    async def ask(one: One, times: int) -> set[int]:
        answers = (one.http.get("/Users?count=0") for _ in range(times))
        return {answer.status_code for answer in await asyncio.gather(*answers)}

    assert 429 in await ask(both.red, 200)
    assert await ask(both.blue, 20) == {200}


async def test_logs_and_metrics_name_their_tenant(
    both: Both, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each line of the access log, each log record and each metric has the right tenant."""
    lines: list[dict[str, Any]] = []
    formatter = JsonFormatter("process")

    class Collector(logging.Handler):
        """Formats records where they are logged."""

        def emit(self, record: logging.LogRecord) -> None:
            """Keep the line."""
            lines.append(json.loads(formatter.format(record)))

    collector = Collector()
    logging.getLogger().addHandler(collector)
    caplog.set_level(logging.ERROR)

    async def fail(*_: Any, **__: Any) -> Any:
        await asyncio.sleep(0)
        raise RuntimeError("broken")

    try:
        for one in (both.red, both.blue):
            monkeypatch.setattr(type(one.tenant.repository.users), "find", fail)
        answers = await asyncio.gather(
            *(one.http.get(f"/Users?count={one.name}1") for one in (both.red, both.blue)),
            *(one.http.get("/Users") for one in (both.red, both.blue)),
        )
    finally:
        logging.getLogger().removeHandler(collector)
    assert [answer.status_code for answer in answers] == [400, 400, 500, 500]
    failures = {line["message"]: line["tenant"] for line in lines if "failed" in line["message"]}
    ids = {line["request"]: line["tenant"] for line in both.access_log if line["status"] == 500}
    assert failures == {f"request {request} failed": name for request, name in ids.items()}
    assert sorted(ids.values()) == ["blue", "red"]
    for line in both.access_log:
        assert line["path"].startswith(f"/{line['tenant']}/")
        assert line["token"] == f"token-{line['tenant']}"
    for one, other in ((both.red, both.blue), (both.blue, both.red)):
        metrics = (await one.management.get("/metrics")).text
        assert f'tenant="{one.name}"' in metrics
        assert f'tenant="{other.name}"' not in metrics
        assert (await one.status())["failures"] == {"invalidValue": 1, "500": 1}
        refused = await one.lines(refused=True)
        assert {line["tokenId"] for line in refused} == {f"token-{one.name}"}
        assert len(refused) == 2
