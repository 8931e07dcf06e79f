"""Which tenant has which URL: by prefix, by host, and after a release."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from scim_operator.api.tenant import Key, Tenant
from scim_operator.desired.urls.address import derive_address
from scim_operator.desired.urls.claims import (
    MOST_RESERVED,
    Claim,
    Register,
    explain_unrecorded,
    keep_out,
    seed,
)
from scim_operator.desired.urls.rules import Place
from scim_operator.settings import Settings

from tests.unit.operator.sample import NOW, body

HOST = "scim.example.com"
URL = Place(HOST, "/contoso/scim")
VICTIM = Key("team-a", "contoso")
SIBLING = Key("team-a", "fabrikam")
RIVAL = Key("team-b", "rival")
RESERVE = timedelta(hours=24)
EARLIER = NOW - timedelta(days=2)


def held(
    place: Place = URL,
    key: Key = VICTIM,
    *,
    since: datetime = EARLIER,
    left: datetime | None = None,
) -> Claim:
    """A claim."""
    return Claim(place, key, since, left)


def register(*claims: Claim) -> Register:
    """A register with claims."""
    made = Register(RESERVE)
    for claim in claims:
        made.put(claim)
    return made


@pytest.mark.finding(3, 4)
@pytest.mark.parametrize(
    ("path", "blocked"),
    [
        ("/contoso/scim", True),
        ("/contoso/scim/v2", True),
        ("/contoso/scim/Users", True),
        ("/contoso", True),
        ("/contoso/scim2", False),
        ("/fabrikam/scim", False),
    ],
)
@pytest.mark.parametrize("key", [RIVAL, SIBLING])
def test_prefix(path: str, blocked: bool, key: Key) -> None:
    """A URL below or above a claimed one is refused to every other tenant."""
    found = register(held()).find_obstacle(Place(HOST, path), key, NOW, needs_host=False)
    assert found == (held() if blocked else None)


@pytest.mark.finding(4)
@pytest.mark.parametrize(("whole", "blocked"), [(True, True), (False, False)])
def test_host(whole: bool, blocked: bool) -> None:
    """A host with all its paths belongs to the first namespace, unless it is shared."""
    claims = register(held(), held(Place(HOST, "/later"), RIVAL, since=NOW))
    other = Place(HOST, "/.well-known/acme-challenge")
    assert (claims.find_obstacle(other, RIVAL, NOW, needs_host=whole) == held()) is blocked
    assert claims.find_obstacle(other, SIBLING, NOW, needs_host=whole) is None
    elsewhere = Place("www.example.com", "/contoso/scim")
    assert claims.find_obstacle(elsewhere, RIVAL, NOW, needs_host=whole) is None


def test_own_url_is_no_obstacle() -> None:
    """A tenant may move below or above its own URL."""
    assert (
        register(held()).find_obstacle(Place(HOST, "/contoso"), VICTIM, NOW, needs_host=True)
        is None
    )


@pytest.mark.finding("S2")
@pytest.mark.parametrize(
    ("after", "blocked"),
    [(timedelta(0), True), (RESERVE - timedelta(seconds=1), True), (RESERVE, False)],
)
@pytest.mark.parametrize("path", ["/contoso/scim", "/contoso/scim/v2", "/other"])
def test_reservation(after: timedelta, blocked: bool, path: str) -> None:
    """A released URL and its host are reserved for their namespace until the reservation ends."""
    claims = register(held(left=NOW))
    place = Place(HOST, path)
    assert (claims.find_obstacle(place, RIVAL, NOW + after, needs_host=True) is not None) is blocked
    assert claims.find_obstacle(place, SIBLING, NOW + after, needs_host=True) is None


@pytest.mark.finding("S2")
def test_take() -> None:
    """A namespace continues its claim with its age; another one starts a new claim after it."""
    claims = register(held(left=NOW))
    assert claims.take(URL, SIBLING, NOW, since=NOW) == held(key=SIBLING)
    assert claims.list_held(SIBLING) == [URL]
    assert claims.list_held(VICTIM) == []
    claims = register(held(left=NOW))
    late = NOW + RESERVE
    assert claims.take(URL, RIVAL, late, since=late) == held(key=RIVAL, since=late)
    claims = register(held(left=NOW))
    assert claims.take(URL, VICTIM, late, since=late).since == late


def test_outlived() -> None:
    """Expired claims are listed, and the oldest of a namespace with too many."""
    many = [
        held(Place(HOST, f"/{number}"), left=NOW + timedelta(seconds=number))
        for number in range(MOST_RESERVED + 2)
    ]
    few = held(Place(HOST, "/few"), RIVAL, left=NOW)
    claims = register(held(), few, *many)
    assert claims.list_expired(NOW) == many[:2]
    over = NOW + RESERVE
    assert few in claims.list_expired(over)
    assert held() not in claims.list_expired(over + timedelta(days=9))


def test_removed() -> None:
    """A removed claim keeps no tenant out and leaves nothing in the index."""
    claims = register(held())
    claims.remove(URL)
    claims.remove(URL)
    assert claims.find_obstacle(URL, RIVAL, NOW, needs_host=True) is None
    assert claims.list_holders() == []
    assert claims.get(URL) is None


def test_record() -> None:
    """A claim is read as it was written, and each URL has a ConfigMap of its own."""
    settings = Settings()
    for claim in (held(), held(left=NOW)):
        assert Claim.from_config_map(claim.to_config_map(settings)) == claim
    record = held().to_config_map(settings)
    assert record["metadata"]["namespace"] == settings.namespace
    other = held(Place(HOST, "/other")).to_config_map(settings)
    assert other["metadata"]["name"] != record["metadata"]["name"]
    second = held().to_config_map(settings.model_copy(update={"lease_name": "second"}))
    assert second["metadata"]["name"] != record["metadata"]["name"]


@pytest.mark.parametrize("data", [None, {}, {"host": "a", "path": "/b"}])
def test_broken_record(data: dict[str, str] | None) -> None:
    """A ConfigMap that is no claim raises an error."""
    with pytest.raises((KeyError, ValueError)):
        Claim.from_config_map({"data": data})


def tenant(
    key: Key,
    *,
    path: str = "/contoso/scim",
    created: str = "2026-11-25T08:00:00Z",
    exposed: str = "",
    reason: str = "Ingress",
    url: str | None = None,
    annotations: dict[str, str] | None = None,
) -> Tenant:
    """A tenant with a URL, and the status of an operator that knew no claims."""
    status: dict[str, Any] | None = None
    if exposed:
        condition = {
            "type": "Exposed",
            "status": "True" if reason == "Ingress" else "False",
            "reason": reason,
            "message": "",
            "lastTransitionTime": exposed,
        }
        status = {
            "observedGeneration": 1,
            "conditions": [condition],
            "tenantURL": url or f"https://{HOST}{path}",
        }
    return Tenant.parse(
        body(
            key.name,
            namespace=key.namespace,
            spec={"exposure": {"host": HOST, "path": path, "ingress": {}}},
            status=status,
            created=created,
            annotations=annotations,
        )
    )


def seeded(*tenants: Tenant, claims: Register | None = None) -> Register:
    """The places that tenants get when a process starts to lead."""
    made = claims or register()
    seed(made, tenants, Settings(), NOW)
    return made


OLD = "2026-11-20T08:00:00Z"
YOUNG = "2026-11-25T08:30:00Z"


@pytest.mark.finding(3, "S1")
@pytest.mark.parametrize(
    ("victim", "rival"),
    [
        pytest.param(
            {"created": YOUNG, "exposed": OLD},
            {"created": OLD},
            id="has it, against an older tenant",
        ),
        pytest.param(
            {"created": YOUNG, "exposed": OLD},
            {"created": OLD, "exposed": YOUNG},
            id="had it first",
        ),
        pytest.param(
            {"created": YOUNG, "exposed": YOUNG},
            {"created": OLD, "exposed": OLD, "reason": "URLConflict"},
            id="the other was told of a conflict",
        ),
        pytest.param(
            {"created": YOUNG, "exposed": YOUNG},
            {"created": OLD, "exposed": OLD, "url": "https://elsewhere.example.com/x"},
            id="the other has moved",
        ),
        pytest.param(
            {"created": YOUNG, "exposed": YOUNG, "reason": "RoutePending"},
            {"created": OLD},
            id="its Gateway is away",
        ),
        pytest.param({"created": OLD}, {"created": YOUNG}, id="nobody has it: the older"),
    ],
)
@pytest.mark.parametrize("path", ["/contoso/scim", "/contoso/scim/v2", "/contoso"])
def test_seed(victim: dict[str, Any], rival: dict[str, Any], path: str) -> None:
    """Without records the status decides about a URL, and then the age of the tenants."""
    claims = seeded(tenant(RIVAL, path=path, **rival), tenant(VICTIM, **victim))
    assert claims.list_held(VICTIM) == [URL]
    assert claims.list_held(RIVAL) == []


@pytest.mark.finding("S1")
def test_seed_after_records() -> None:
    """A record has priority over any status or age."""
    claims = register(held())
    seeded(tenant(RIVAL, created=OLD, exposed=OLD), tenant(VICTIM, created=YOUNG), claims=claims)
    assert claims.list_held(VICTIM) == [URL]
    assert claims.list_held(RIVAL) == []


@pytest.mark.finding("S1")
def test_seed_keeps_the_moment() -> None:
    """A URL in a status was claimed at the time in it; any other URL is claimed now."""
    claims = seeded(tenant(VICTIM, exposed=OLD), tenant(SIBLING, path="/new", created=OLD))
    claim = claims.get(URL)
    assert claim is not None
    assert claim.since == datetime.fromisoformat(OLD)
    new = claims.get(Place(HOST, "/new"))
    assert new is not None
    assert new.since == NOW


@pytest.mark.finding(4)
def test_seed_of_a_shared_host() -> None:
    """Tenants of several namespaces keep their paths of one host; a new one gets none."""
    claims = seeded(
        tenant(VICTIM, exposed=OLD),
        tenant(RIVAL, path="/rival/scim", exposed=YOUNG),
        tenant(Key("team-c", "new"), path="/new/scim", created=OLD),
    )
    assert claims.list_held(VICTIM) == [URL]
    assert claims.list_held(RIVAL) == [Place(HOST, "/rival/scim")]
    assert claims.list_held(Key("team-c", "new")) == []


def test_seed_of_what_may_not_be() -> None:
    """A name that cannot be a URL is not claimed, whatever the status says."""
    claims = seeded(tenant(VICTIM, path="/.well-known/x", exposed=OLD))
    assert claims.list_held(VICTIM) == []


def test_seed_of_the_paused() -> None:
    """A paused tenant keeps its URL and claims no new one."""
    paused = {"scim-operator.io/paused": "true"}
    claims = seeded(
        tenant(VICTIM, exposed=OLD, annotations=paused),
        tenant(RIVAL, path="/rival", annotations=paused),
    )
    assert claims.list_held(VICTIM) == [URL]
    assert claims.list_held(RIVAL) == []


@pytest.mark.parametrize(
    ("path", "claim", "reason", "words"),
    [
        ("/contoso/scim", held(), "URLConflict", "belongs to tenant team-a/contoso"),
        ("/contoso", held(), "URLConflict", f"team-a/contoso (https://{HOST}/contoso/scim)"),
        ("/other", held(), "URLConflict", "its namespace team-a used the host first"),
        ("/contoso/scim", held(left=NOW), "URLReserved", "reserved for namespace team-a for 24h"),
    ],
)
def test_reasons(path: str, claim: Claim, reason: str, words: str) -> None:
    """The message of a refused tenant says which tenant has the URL, why, and what to do."""
    settings = Settings()
    where = derive_address(tenant(RIVAL, path=path), settings)
    hold = keep_out(where, claim, None, settings)
    assert not hold.is_routed
    assert hold.finding is not None
    assert hold.finding.reason == reason
    assert words in hold.finding.message
    assert "choose another" in hold.finding.message


@pytest.mark.parametrize("old", [True, False])
def test_unrecorded(old: bool) -> None:
    """While no claim can be recorded, a route and its condition stay, and no new one is created."""
    seen = tenant(VICTIM, exposed=OLD) if old else tenant(VICTIM)
    where = derive_address(seen, Settings())
    hold = explain_unrecorded(seen, where, "no right", NOW)
    assert hold.is_routed is old
    assert hold.finding is not None
    assert hold.finding.is_good is old
    assert hold.finding.reason == "ClaimNotRecorded"
