"""The records of who has which URL, where the API server is unkind to them."""

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
    """An API server that keeps ConfigMaps, and refuses what it is told to.

    Attributes
    ----------
    refuses
        The answers to requests, by method.
    """

    def __init__(self, *claims: Claim, settings: Settings) -> None:
        self.kept: dict[str, Object] = {}
        for claim in claims:
            self.keep(claim.record(settings))
        self.refuses: dict[str, ApiError | Exception] = {}
        self.asked: list[str] = []
        self.clock = self
        self.time = NOW

    def now(self) -> datetime:
        """Return the time."""
        return self.time

    async def pages(self, *_: object) -> AsyncIterator[tuple[list[Object], str]]:
        """Yield everything."""
        self._answer("list")
        yield list(self.kept.values()), "1"

    async def get(self, _: Kind, __: str, name: str) -> Object | None:
        """Return a record."""
        self._answer("get")
        return self.kept.get(name)

    async def create(self, _: Kind, record: Object) -> Object:
        """Keep a record that is not there."""
        self._answer("create")
        if record["metadata"]["name"] in self.kept:
            raise ApiError(409, "it is there", reason="AlreadyExists")
        return self.keep(record)

    async def apply(self, _: Kind, record: Object, *, force: bool) -> Object:
        """Keep a record."""
        assert force
        self._answer("apply")
        return self.keep(record)

    async def delete(self, _: Kind, __: str, name: str, uid: str) -> None:
        """Delete a record."""
        self._answer("delete")
        assert self.kept.pop(name)["metadata"]["uid"] == uid

    def _answer(self, method: str) -> None:
        self.asked.append(method)
        if method in self.refuses:
            raise self.refuses[method]

    def keep(self, record: Object) -> Object:
        """Keep a record."""
        name = record["metadata"]["name"]
        kept: Object = record | {"metadata": record["metadata"] | {"uid": f"uid-{name}"}}
        self.kept[name] = kept
        return kept


class World:
    """A store of claims, its records and its tenants."""

    def __init__(self, *claims: Claim, **settings: Any) -> None:
        self.settings = Settings(**settings)
        self.records = Records(*claims, settings=self.settings)
        self.cache = Cache()
        self.woken: set[Key] = set()
        self.url_claims = UrlClaimStore(
            self.records,  # type: ignore[arg-type]
            self.cache,
            self.settings,
            enqueue=self.woken.add,
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
        """Why a tenant does not have its URL; empty if it does."""
        hold = await self.url_claims.claim(tenant)
        return hold.finding.reason if hold.finding else ""


@pytest.mark.finding(3)
async def test_record_that_came_first() -> None:
    """A record that was not known counts, not the tenant that found it in its way."""
    world = World()
    await world.url_claims.load()
    world.records.keep(Claim(URL, RIVAL, NOW).record(world.settings))
    with pytest.raises(ApiError):
        await world.url_claims.claim(world.tenant())
    assert await world.reason(world.tenant()) == "URLConflict"
    assert await world.reason(world.tenant(RIVAL)) == ""


async def test_answer_that_was_lost() -> None:
    """A record of its own that a tenant finds, because the answer was lost, is its own."""
    world = World()
    await world.url_claims.load()
    world.records.refuses["create"] = TimeoutError()
    with pytest.raises(TimeoutError):
        await world.url_claims.claim(world.tenant())
    del world.records.refuses["create"]
    world.records.keep(Claim(URL, KEY, NOW).record(world.settings))
    with pytest.raises(ApiError):
        await world.url_claims.claim(world.tenant())
    assert await world.reason(world.tenant()) == ""
    assert world.records.asked.count("apply") == 0


@pytest.mark.parametrize(
    "edit", [{"since": "yesterday"}, {"host": "other.example.com"}, {"path": "/other"}]
)
async def test_edited_record(edit: dict[str, str]) -> None:
    """What somebody made of a record keeps the URL from everybody, and is named."""
    world = World()
    record = Claim(URL, RIVAL, NOW).record(world.settings)
    record["data"] |= edit
    world.records.keep(record)
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
    """Without a right to the records a tenant has the route that it had; lists are rare."""
    world = World()
    world.records.refuses["list"] = ApiError(403, "you may not")
    tenant = world.tenant(exposed=exposed)
    assert "you may not" in await world.url_claims.load()
    for _ in range(3):
        hold = await world.url_claims.claim(tenant)
        assert hold.is_routed is exposed
        assert hold.due is not None
    assert world.records.asked == ["list"]


async def test_api_server_away() -> None:
    """An API server that is away delays a claim, and changes nothing."""
    world = World()
    world.records.refuses["list"] = ApiError(500, "not now")
    with pytest.raises(ApiError):
        await world.url_claims.load()
    del world.records.refuses["list"]
    world.records.refuses["create"] = ApiError(500, "not now")
    with pytest.raises(ApiError):
        await world.url_claims.claim(world.tenant())
    # The place is kept meanwhile for the one that asked first.
    assert await world.reason(world.tenant(RIVAL)) == "URLConflict"
    world.records.refuses.clear()
    assert await world.reason(world.tenant()) == ""


@pytest.mark.finding("S2")
async def test_release_is_repeated() -> None:
    """A release that did not arrive is made up for, and the URL is not free meanwhile."""
    world = World(Claim(URL, KEY, NOW))
    await world.url_claims.load()
    assert world.woken == {KEY}
    world.records.refuses["apply"] = ApiError(500, "not now")
    with pytest.raises(ApiError):
        await world.url_claims.release(KEY)
    assert await world.reason(world.tenant(RIVAL)) == "URLConflict"
    del world.records.refuses["apply"]
    await world.url_claims.release(KEY)
    assert RIVAL in world.woken
    assert await world.reason(world.tenant(RIVAL)) == "URLReserved"


async def test_namespaces_of_others() -> None:
    """What tenants hold that are not served here stays theirs."""
    world = World(Claim(URL, KEY, NOW), watch_namespaces="team-b")
    await world.url_claims.load()
    assert world.woken == set()
    assert await world.reason(world.tenant(RIVAL)) == "URLConflict"


async def test_sweep() -> None:
    """What keeps nothing out is deleted; one that cannot be is tried again."""
    left = Claim(URL, KEY, NOW, released=NOW)
    world = World(left, Claim(Place(HOST, "/held"), KEY, NOW))
    await world.url_claims.load()
    await world.url_claims.sweep()
    assert len(world.records.kept) == 2
    world.records.time = NOW + timedelta(hours=24)
    world.records.refuses["delete"] = ApiError(403, "you may not")
    await world.url_claims.sweep()
    del world.records.refuses["delete"]
    await world.url_claims.sweep()
    assert [record["data"]["path"] for record in world.records.kept.values()] == ["/held"]


async def test_inside_the_cluster() -> None:
    """A tenant that is not exposed asks nothing, and releases what it had."""
    world = World()
    await world.url_claims.load()
    tenant = Tenant.parse(body())
    assert (await world.url_claims.claim(tenant)).is_routed
    assert world.records.asked == ["list"]
    await world.url_claims.claim(world.tenant())
    assert (await world.url_claims.claim(tenant)).is_routed
    (record,) = world.records.kept.values()
    assert record["data"]["releasedAt"]


@pytest.mark.parametrize("spec", ["x", [1], None, {"exposure": "x"}])
async def test_a_spec_of_another_shape(spec: object) -> None:
    """A tenant whose stored spec is none keeps no other from its URL."""
    world = World()
    stored = body("odd")
    stored["spec"] = spec
    world.cache.put(TENANT, stored)
    assert await world.url_claims.load() == ""
    assert await world.reason(world.tenant()) == ""
