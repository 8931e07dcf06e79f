"""Records of claims, when the API server refuses requests or others edit the records."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from scim_operator.api.tenant import Key, Tenant
from scim_operator.controller.observe.cache import Cache
from scim_operator.controller.records.url_claim_store import UrlClaimStore
from scim_operator.desired.urls.claims import Claim
from scim_operator.desired.urls.rules import Place
from scim_operator.kube.errors import ApiError
from scim_operator.kube.kinds import TENANT, Kind
from scim_operator.settings import Settings

from tests.unit.operator.sample import NOW, body

Object = dict[str, Any]

HOST = "scim.example.com"
URL = Place(HOST, "/scim")
KEY = Key("team-a", "contoso")
RIVAL = Key("team-b", "rival")


class Records:
    """An API server that stores ConfigMaps and refuses some requests.

    Attributes
    ----------
    refuses
        The answers to requests, by method.
    """

    def __init__(self, *claims: Claim, settings: Settings) -> None:
        self.stored: dict[str, Object] = {}
        for claim in claims:
            self.store(claim.to_config_map(settings))
        self.refuses: dict[str, ApiError | Exception] = {}
        self.requests: list[str] = []
        self.clock = self
        self.time = NOW

    def now(self) -> datetime:
        """Return the time."""
        return self.time

    async def pages(self, *_: object) -> AsyncIterator[tuple[list[Object], str]]:
        """Yield all records."""
        self._answer("list")
        yield list(self.stored.values()), "1"

    async def get(self, _: Kind, __: str, name: str) -> Object | None:
        """Return a record."""
        self._answer("get")
        return self.stored.get(name)

    async def create(self, _: Kind, record: Object) -> Object:
        """Store a new record."""
        self._answer("create")
        if record["metadata"]["name"] in self.stored:
            raise ApiError(409, "it is there", reason="AlreadyExists")
        return self.store(record)

    async def apply(self, _: Kind, record: Object, *, force: bool) -> Object:
        """Store a record."""
        assert force
        self._answer("apply")
        return self.store(record)

    async def delete(self, _: Kind, __: str, name: str, uid: str) -> None:
        """Delete a record."""
        self._answer("delete")
        assert self.stored.pop(name)["metadata"]["uid"] == uid

    def _answer(self, method: str) -> None:
        self.requests.append(method)
        if method in self.refuses:
            raise self.refuses[method]

    def store(self, record: Object) -> Object:
        """Store a record."""
        name = record["metadata"]["name"]
        stored: Object = record | {"metadata": record["metadata"] | {"uid": f"uid-{name}"}}
        self.stored[name] = stored
        return stored


class World:
    """A store of claims, its records and its tenants."""

    def __init__(self, *claims: Claim, **settings: Any) -> None:
        self.settings = Settings(**settings)
        self.records = Records(*claims, settings=self.settings)
        self.cache = Cache()
        self.enqueued: set[Key] = set()
        self.url_claims = UrlClaimStore(
            self.records,  # type: ignore[arg-type]
            self.cache,
            self.settings,
            enqueue=self.enqueued.add,
        )

    def tenant(self, key: Key = KEY, *, path: str = URL.path, exposed: bool = False) -> Tenant:
        """A tenant at a path of the host, which is in the cache."""
        condition = {
            "type": "Exposed",
            "status": "True",
            "reason": "Ingress",
            "message": "",
            "lastTransitionTime": "2026-11-20T08:00:00Z",
        }
        status = {
            "observedGeneration": 1,
            "tenantURL": f"https://{HOST}{path}",
            "conditions": [condition],
        }
        stored = body(
            key.name,
            namespace=key.namespace,
            spec={"exposure": {"host": HOST, "path": path, "ingress": {}}},
            status=status if exposed else None,
        )
        self.cache.put(TENANT, stored)
        return Tenant.parse(stored)

    async def reason(self, tenant: Tenant) -> str:
        """The reason why a tenant cannot claim its URL; empty if it can."""
        hold = await self.url_claims.claim(tenant)
        return hold.finding.reason if hold.finding else ""


@pytest.mark.finding(3)
async def test_record_that_came_first() -> None:
    """An existing record that was not known counts, not the tenant that runs into it."""
    world = World()
    await world.url_claims.load()
    world.records.store(Claim(URL, RIVAL, NOW).to_config_map(world.settings))
    with pytest.raises(ApiError):
        await world.url_claims.claim(world.tenant())
    assert await world.reason(world.tenant()) == "URLConflict"
    assert await world.reason(world.tenant(RIVAL)) == ""


async def test_lost_answer() -> None:
    """A tenant that finds its own record, because the answer to its write was lost, has the URL."""
    world = World()
    await world.url_claims.load()
    world.records.refuses["create"] = TimeoutError()
    with pytest.raises(TimeoutError):
        await world.url_claims.claim(world.tenant())
    del world.records.refuses["create"]
    world.records.store(Claim(URL, KEY, NOW).to_config_map(world.settings))
    with pytest.raises(ApiError):
        await world.url_claims.claim(world.tenant())
    assert await world.reason(world.tenant()) == ""
    assert world.records.requests.count("apply") == 0


@pytest.mark.parametrize(
    "edit", [{"since": "yesterday"}, {"host": "other.example.com"}, {"path": "/other"}]
)
async def test_edited_record(edit: dict[str, str]) -> None:
    """An edited record keeps the URL from all tenants, and the message names it."""
    world = World()
    record = Claim(URL, RIVAL, NOW).to_config_map(world.settings)
    record["data"] |= edit
    world.records.store(record)
    await world.url_claims.load()
    hold = await world.url_claims.claim(world.tenant())
    assert not hold.is_routed
    assert hold.finding is not None
    assert (
        f"{record['metadata']['name']} is not a valid record of a URL: delete it"
        in hold.finding.message
    )
    assert "role" not in hold.finding.message


@pytest.mark.parametrize("exposed", [True, False])
async def test_refused_list(exposed: bool) -> None:
    """Without the right to list records a tenant keeps its route; lists are rarely repeated."""
    world = World()
    world.records.refuses["list"] = ApiError(403, "you may not")
    tenant = world.tenant(exposed=exposed)
    assert "you may not" in await world.url_claims.load()
    for _ in range(3):
        hold = await world.url_claims.claim(tenant)
        assert hold.is_routed is exposed
        assert hold.due is not None
    assert world.records.requests == ["list"]


async def test_api_server_fails() -> None:
    """A failing API server delays a claim, and the claims stay as they are."""
    world = World()
    world.records.refuses["list"] = ApiError(500, "not now")
    with pytest.raises(ApiError):
        await world.url_claims.load()
    del world.records.refuses["list"]
    world.records.refuses["create"] = ApiError(500, "not now")
    with pytest.raises(ApiError):
        await world.url_claims.claim(world.tenant())
    # The URL stays with the first tenant meanwhile.
    assert await world.reason(world.tenant(RIVAL)) == "URLConflict"
    world.records.refuses.clear()
    assert await world.reason(world.tenant()) == ""


@pytest.mark.finding("S2")
async def test_release_is_repeated() -> None:
    """A failed release is repeated, and the URL is not free meanwhile."""
    world = World(Claim(URL, KEY, NOW))
    await world.url_claims.load()
    assert world.enqueued == {KEY}
    world.records.refuses["apply"] = ApiError(500, "not now")
    with pytest.raises(ApiError):
        await world.url_claims.release(KEY)
    assert await world.reason(world.tenant(RIVAL)) == "URLConflict"
    del world.records.refuses["apply"]
    await world.url_claims.release(KEY)
    assert RIVAL in world.enqueued
    assert await world.reason(world.tenant(RIVAL)) == "URLReserved"


async def test_unwatched_namespaces() -> None:
    """A tenant of a namespace that is not watched keeps its claim."""
    world = World(Claim(URL, KEY, NOW), watch_namespaces="team-b")
    await world.url_claims.load()
    assert world.enqueued == set()
    assert await world.reason(world.tenant(RIVAL)) == "URLConflict"


async def test_sweep() -> None:
    """A record whose reservation has ended is deleted; a failed deletion is repeated."""
    released = Claim(URL, KEY, NOW, released=NOW)
    world = World(released, Claim(Place(HOST, "/held"), KEY, NOW))
    await world.url_claims.load()
    await world.url_claims.sweep()
    assert len(world.records.stored) == 2
    world.records.time = NOW + timedelta(hours=24)
    world.records.refuses["delete"] = ApiError(403, "you may not")
    await world.url_claims.sweep()
    del world.records.refuses["delete"]
    await world.url_claims.sweep()
    assert [record["data"]["path"] for record in world.records.stored.values()] == ["/held"]


async def test_inside_the_cluster() -> None:
    """A tenant that is not exposed sends no request, and releases its former URL."""
    world = World()
    await world.url_claims.load()
    tenant = Tenant.parse(body())
    assert (await world.url_claims.claim(tenant)).is_routed
    assert world.records.requests == ["list"]
    await world.url_claims.claim(world.tenant())
    assert (await world.url_claims.claim(tenant)).is_routed
    (record,) = world.records.stored.values()
    assert record["data"]["releasedAt"]


@pytest.mark.parametrize("spec", ["x", [1], None, {"exposure": "x"}])
async def test_spec_of_another_shape(spec: object) -> None:
    """A tenant with a malformed stored spec does not block the claims of others."""
    world = World()
    stored = body("odd")
    stored["spec"] = spec
    world.cache.put(TENANT, stored)
    assert await world.url_claims.load() == ""
    assert await world.reason(world.tenant()) == ""
