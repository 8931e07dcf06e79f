"""A new pod template reaches a bounded number of tenants at a time, whatever one owner does."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scim_operator.api.tenant import Key, Tenant
from scim_operator.api.v1alpha1.status import ROLLOUT_STATES, RolloutState, RolloutStatus, Status
from scim_operator.desired.drift.desired_object import DesiredObject
from scim_operator.desired.objects import applied_digest
from scim_operator.desired.rollout import decisions, situation
from scim_operator.desired.rollout.decisions import QUIET, Decision, Rollout
from scim_operator.desired.rollout.situation import Situation
from scim_operator.desired.rollout.slots import WITNESSES
from scim_operator.kube.kinds import DEPLOYMENT
from scim_operator.settings import Settings

from tests.unit.operator.sample import NOW, applied, body, make, observed

TIMEOUT = timedelta(minutes=10)
PATIENCE = timedelta(minutes=15)
STEP = timedelta(minutes=1)
A, B, C = (Key("team-a", name) for name in "abc")
POSTGRES = {"database": {"postgres": {"urlFrom": {"name": "pg", "key": "url"}}}}


def record(template: str = "old", state: RolloutState = "current", **more: Any) -> RolloutStatus:
    """The operator's record of a tenant."""
    fields = {"state": state, "template": template, "spec_generation": 1}
    return RolloutStatus.model_validate(fields | {"deployment_generation": 2} | more)


def deployment(generation: int = 2, wanted: int = 1, **status: int) -> dict[str, Any]:
    """A Deployment of one pod, which is current and available by default."""
    whole = dict.fromkeys(("replicas", "updatedReplicas", "availableReplicas"), wanted)
    return {
        "metadata": {"generation": generation},
        "spec": {"replicas": wanted, "template": {}},
        "status": whole | {"observedGeneration": generation} | status,
    }


def seen(template: str = "new", **more: Any) -> Situation:
    """A tenant on PostgreSQL that serves with the old template."""
    whole = Situation(template, deployment(), is_applied=False, record=record(), generation=1)
    return replace(whole, **more)


OLD = seen()


def on_new(state: RolloutState = "moving", moved_at: datetime = NOW, **status: int) -> Situation:
    """A tenant that was moved to the new template."""
    known = record("new", state, moved_at=moved_at)
    return seen(record=known, is_applied=True, live=deployment(**status))


STUCK = on_new(availableReplicas=0)


def start(limit: int, **states: RolloutState | None) -> Rollout:
    """The operator starts and finds records of tenants."""
    found = [(Key("team-a", name), state) for name, state in states.items()]
    return Rollout(limit, TIMEOUT, PATIENCE, found)


def moves(decision: Decision) -> bool:
    """Whether a tenant gets a slot."""
    return decision.takes_slot and not decision.is_held


class Fleet:
    """Tenants under an operator that carries out what is decided.

    Attributes
    ----------
    now
        What the clock says; a test turns it.
    bad
        Tenants that do not serve with the new template.
    """

    def __init__(self, limit: int, tenants: list[Key], bad: set[Key]) -> None:
        self.now = NOW
        self.bad = bad
        self._limit = limit
        self._seen = dict.fromkeys(tenants, OLD)
        self.restart()

    def restart(self) -> None:
        """Put another operator in the place of this one."""
        states = [(key, seen.record.state) for key, seen in self._seen.items()]
        self._rollout = Rollout(self._limit, TIMEOUT, PATIENCE, states)

    def look(self, key: Key) -> None:
        """Make one pass."""
        known = self._seen[key]
        decision = self._rollout.decide(key, known, self.now)
        live = known.live
        if not decision.is_held:
            good = key not in self.bad
            live = deployment(availableReplicas=int(good), updatedReplicas=1)
        self._seen[key] = replace(
            known, record=decision.record, live=live, is_applied=not decision.is_held
        )

    def run(self, time: timedelta) -> None:
        """Look at everything, and at those that could move, every minute."""
        end = self.now + time
        while self.now < end:
            for key in self._seen:
                self.look(key)
            while waiting := self._rollout.list_movable():
                for key in waiting:
                    self.look(key)
            self.now += STEP

    def moved(self) -> set[Key]:
        """Those whose Deployment has the new template."""
        return {key for key, seen in self._seen.items() if seen.record.template == "new"}


def keys(namespace: str, count: int) -> list[Key]:
    """Tenants of a namespace."""
    return [Key(namespace, f"tenant-{number}") for number in range(count)]


@pytest.mark.finding(14)
@pytest.mark.parametrize(
    "others",
    [
        pytest.param([f"team-{number}" for number in range(200)], id="200 namespaces"),
        pytest.param(["team-b", "team-c"], id="2 namespaces"),
    ],
)
def test_one_owner_halts_nobody(others: list[str]) -> None:
    """20 failed tenants of one owner do not prevent the update of 200 others."""
    broken = keys("team-a", 20)
    healthy = [key for name in others for key in keys(name, 200 // len(others))]
    fleet = Fleet(20, broken + healthy, set(broken))
    fleet.run(timedelta(minutes=30))
    assert fleet.moved() >= set(healthy)


@pytest.mark.finding(14)
def test_many_broken_owners_give_their_places_back() -> None:
    """Slots of failed owners become free as others succeed, in the documented ratio."""
    broken = [key for number in range(10) for key in keys(f"broken-{number}", 1)]
    healthy = [key for number in range(100) for key in keys(f"team-{number}", 1)]
    fleet = Fleet(10, broken + healthy, set(broken))
    # The broken ones come first and take every place: nobody has shown that the version serves.
    fleet.run(timedelta(hours=1))
    assert fleet.moved() == set(broken)
    fleet.bad -= {*broken[:1]}
    fleet.run(timedelta(hours=1))
    assert len(fleet.moved()) == len(broken + healthy)


@pytest.mark.finding(14)
@settings(deadline=None, max_examples=30)
@given(
    limit=st.integers(1, 8),
    sizes=st.lists(st.integers(1, 12), min_size=1, max_size=12),
    restarts=st.sets(st.integers(0, 5)),
)
def test_halt(limit: int, sizes: list[int], restarts: set[int]) -> None:
    """A version that never serves reaches as many tenants as there are slots, despite restarts."""
    tenants = [key for number, size in enumerate(sizes) for key in keys(f"n-{number}", size)]
    fleet = Fleet(limit, tenants, set(tenants))
    for number in range(6):
        fleet.run(TIMEOUT)
        if number in restarts:
            fleet.restart()
    assert 1 <= len(fleet.moved()) <= limit
    fleet.bad.clear()
    fleet.run(timedelta(hours=2))
    assert fleet.moved() == set(tenants)


@pytest.mark.finding(14)
def test_an_outage_of_many_namespaces_halts() -> None:
    """A version that serves only every second namespace stops, however many tenants there are."""
    tenants = [key for number in range(300) for key in keys(f"n-{number:03}", 1)]
    fleet = Fleet(20, tenants, set(tenants[::2]))
    fleet.run(timedelta(hours=12))
    failed = fleet.moved() & set(tenants[::2])
    assert len(failed) <= 20 + len(fleet.moved()) // (WITNESSES + 1)
    assert len(fleet.moved()) < 100


def test_limit() -> None:
    """Without a free slot the other tenants keep their pods and wait."""
    state = start(2)
    assert [moves(state.decide(key, OLD, NOW)) for key in (A, B)] == [True, True]
    assert state.decide(C, OLD, NOW) == Decision(record(state="waiting"), is_held=True)
    assert state.list_movable() == []
    counts = {at: state.count(at) for at in ROLLOUT_STATES}
    assert counts == {"current": 0, "moving": 2, "waiting": 1, "failed": 0}


@pytest.mark.parametrize(
    "status",
    [
        pytest.param({"availableReplicas": 0}, id="the new pod is not available"),
        pytest.param({"observedGeneration": 1}, id="the status is from before the change"),
        pytest.param({"updatedReplicas": 0}, id="only the old pod is there and available"),
        pytest.param({"replicas": 2, "availableReplicas": 1}, id="the old pod serves beside it"),
        pytest.param({"replicas": 2, "availableReplicas": 2}, id="the old pod is not gone"),
    ],
)
def test_a_place_is_kept(status: dict[str, int]) -> None:
    """A slot becomes free only when all pods have the new template and are available."""
    state = start(1, a="moving", b=None)
    state.decide(A, replace(on_new(), live=deployment(**status)), NOW)
    assert state.decide(B, OLD, NOW).is_held
    state.decide(A, on_new(), NOW)
    assert state.list_movable() == [B]
    assert moves(state.decide(B, OLD, NOW))


def test_a_place_survives_a_restart_before_the_deployment() -> None:
    """A tenant with a slot keeps it until its Deployment is written."""
    state = start(1, a="moving", b=None)
    cut_off = replace(on_new(), is_applied=False)
    assert state.decide(A, cut_off, NOW).record.state == "moving"
    assert state.decide(B, OLD, NOW).is_held


def test_time_out() -> None:
    """A tenant that does not serve in time has failed, and is reconciled at that time."""
    state = start(1)
    assert state.decide(A, OLD, NOW).retry_at == NOW + TIMEOUT
    late = NOW + TIMEOUT
    decision = state.decide(A, STUCK, late)
    assert (decision.record.state, decision.retry_at) == ("failed", None)
    assert state.count("failed") == 1
    # It recovers, and much later its node is drained.
    recovered = state.decide(A, on_new("failed"), late)
    assert recovered.record.state == "current"
    drained = replace(STUCK, record=recovered.record)
    assert state.decide(A, drained, late).record.state == "current"


def test_one_that_stops_again_halts() -> None:
    """A version that serves briefly and then fails takes its slot again."""
    state = start(1)
    state.decide(A, on_new("current"), NOW)
    state.decide(A, on_new("current", availableReplicas=0), NOW)
    assert state.decide(B, OLD, NOW).is_held


@pytest.mark.parametrize(
    "wish",
    [
        pytest.param(seen(is_own_change=True), id="its spec has changed"),
        pytest.param(seen(live=deployment(generation=3)), id="others have changed the Deployment"),
        pytest.param(seen(live=deployment(wanted=0)), id="it is suspended"),
        pytest.param(seen(live=None), id="its Deployment was deleted"),
    ],
)
@pytest.mark.finding(14)
def test_at_once(wish: Situation) -> None:
    """A change of the owner or of another client needs no slot."""
    state = start(1, b="moving")
    decision = state.decide(A, wish, NOW)
    assert not decision.is_held
    assert not decision.takes_slot
    assert decision.record.template == "new"
    assert decision.record.moved_at is None
    assert state.count("moving") == 1


def test_one_that_is_down() -> None:
    """A tenant that is down moves without a slot, but not while all slots are taken."""
    down = seen(live=deployment(availableReplicas=0))
    state = start(1)
    assert not state.decide(A, down, NOW).is_held
    assert moves(state.decide(B, OLD, NOW))
    assert state.decide(C, down, NOW).is_held


def test_an_owners_edit_gives_no_place_back() -> None:
    """Editing a failed tenant does not free its slot."""
    state = start(1, a="moving", b=None)
    state.decide(A, replace(STUCK, template="newer", is_own_change=True), NOW)
    assert state.decide(B, OLD, NOW).is_held


def test_deleted_tenant() -> None:
    """A deleted tenant does not keep its slot."""
    state = start(1)
    state.decide(A, OLD, NOW)
    state.decide(B, OLD, NOW)
    state.forget(A)
    assert state.list_movable() == [B]
    assert moves(state.decide(B, OLD, NOW))


SQLITE = seen(has_gap=True)
BUSY = replace(SQLITE, last_request=NOW - timedelta(seconds=5))


def test_quiet_moment() -> None:
    """A tenant on SQLite moves when Entra sends no requests, and has no slot until then."""
    state = start(1)
    decision = state.decide(A, BUSY, NOW)
    assert (decision.is_held, decision.retry_at) == (True, NOW + QUIET - timedelta(seconds=5))
    # Nobody is woken for nothing, and the place is another's meanwhile.
    assert state.list_movable() == []
    assert moves(state.decide(B, OLD, NOW))
    state.forget(B)
    assert moves(state.decide(A, BUSY, NOW + QUIET))


def test_patience() -> None:
    """A tenant with constant requests moves after the patience, or at once without patience."""
    state = start(1)
    last = NOW + PATIENCE - timedelta(seconds=1)
    assert state.decide(A, BUSY, NOW).is_held
    busy = replace(BUSY, last_request=last)
    assert state.decide(A, busy, last).retry_at == NOW + PATIENCE
    assert moves(state.decide(A, busy, NOW + PATIENCE))
    assert moves(Rollout(1, TIMEOUT, timedelta()).decide(A, BUSY, NOW))


def test_silence_is_not_supposed() -> None:
    """A service whose status has not been read since the start does not count as quiet."""
    state = start(1)
    unread = replace(SQLITE, is_read=False)
    assert state.decide(A, unread, NOW) == Decision(
        record(state="waiting"), is_held=True, retry_at=NOW + PATIENCE
    )
    assert moves(state.decide(A, SQLITE, NOW))


def test_on_postgres_nobody_waits_for_silence() -> None:
    """If another pod answers meanwhile, requests are no reason to wait."""
    assert moves(start(1).decide(A, replace(BUSY, has_gap=False), NOW))


def look(tenant: Tenant, settings: Settings, *, live: Any = None) -> Situation:
    """The situation of a tenant whose objects were applied with the default settings."""
    before = replace(observed(), tenant=tenant)
    children = dict(applied(before, make(before)).children)
    children[DEPLOYMENT, "contoso-scim"] |= live or {}
    now = replace(before, children=children)
    planned = make(now, settings)
    assert planned.deployment
    is_applied = planned.deployment.is_current
    return situation.gather(now, planned.context.address, planned.deployment, is_applied=is_applied)


REST: list[tuple[dict[str, Any], bool]] = [
    ({}, True),
    ({"is_applied": False}, False),
    ({"state": "waiting"}, False),
    ({"spec_generation": 0}, False),
    ({"deployment_generation": 1}, False),
    ({"availableReplicas": 0}, False),
]


@pytest.mark.parametrize(("change", "rests"), REST)
def test_rest(change: dict[str, Any], rests: bool) -> None:
    """Only a tenant that serves with its recorded template needs no decision."""
    change = dict(change)
    status = {"availableReplicas": change.pop("availableReplicas", 1)}
    is_applied = change.pop("is_applied", True)
    known = Status(rollout=record().model_copy(update=change))
    tenant = replace(observed().tenant, status=known)
    wanted = DesiredObject(DEPLOYMENT, {}, deployment(**status))
    found = situation.find_settled_record(
        replace(observed(), tenant=tenant), wanted, is_applied=is_applied
    )
    assert found == (known.rollout if rests else None)
    state = start(1, a=None)
    if found:
        assert state.note_settled(A, found) == Decision(found)
        assert state.count("current") == 1


@pytest.mark.finding(14)
@pytest.mark.parametrize(
    "changed",
    [
        {"service_image": "scim-service:next"},
        {"service_resources": '{"limits": {"memory": "512Mi"}}'},
        {"service_image_pull_secrets": "registry"},
        {"service_image_pull_policy": "Always"},
    ],
)
def test_everything_in_the_template_is_rolled_out(changed: dict[str, str]) -> None:
    """Whichever setting replaces the pods, tenants of an earlier operator wait for a slot."""
    tenant = Tenant.parse(body() | {"status": {"observedGeneration": 1}})
    found = look(tenant, Settings.model_validate(changed))
    assert found.record.template != found.template
    assert start(1, b="moving").decide(A, found, NOW).is_held


def test_a_setting_beside_the_template_moves_nobody() -> None:
    """Tenants of an operator without records are current if nothing has changed."""
    tenant = Tenant.parse(body() | {"status": {"observedGeneration": 1}})
    found = look(tenant, Settings(service_image="scim-service:test", network_policies=False))
    decision = start(1, b="moving").decide(A, found, NOW)
    assert (decision.is_held, decision.record.state) == (False, "current")


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"generation": 2}, id="spec"),
        pytest.param({"path": "/elsewhere"}, id="path"),
    ],
)
def test_own_change(change: dict[str, Any]) -> None:
    """A new spec and a new base path are applied at once."""
    known = body() | {
        "status": {
            "observedGeneration": 1,
            "tenantURL": f"http://contoso{change.get('path', '/team-a/contoso/scim')}",
        }
    }
    known["metadata"] |= {"generation": change.get("generation", 1)}
    settings = Settings(service_image="scim-service:next")
    assert look(Tenant.parse(known), settings).is_own_change


def test_a_new_database_secret_is_carried_out_at_once() -> None:
    """A new password of the database needs no slot."""
    tenant = Tenant.parse(body(spec=POSTGRES) | {"status": {"observedGeneration": 1}})
    before = replace(observed(POSTGRES), tenant=tenant)
    secret = {"metadata": {"resourceVersion": "1"}, "data": {}}
    with_secret = replace(before, database_secret=secret)
    rotated = {"metadata": {"resourceVersion": "2"}, "data": {}}
    for first, then, urgent in (
        (with_secret, secret, False),
        (with_secret, rotated, True),
        (before, secret, True),
        (with_secret, None, False),
    ):
        now = replace(applied(first, make(first)), database_secret=then)
        planned = make(now, Settings(service_image="scim-service:next"))
        assert planned.deployment
        found = situation.gather(now, planned.context.address, planned.deployment, is_applied=False)
        assert found.is_own_change is urgent


def test_record() -> None:
    """The record contains what was applied, never what was only decided."""
    before = observed()
    planned = make(before)
    assert planned.deployment
    decided = Decision(record("new"))
    assert decisions.update_record(decided, planned, before) is None
    done = applied(before, planned)
    live = done.children[DEPLOYMENT, "contoso-scim"]
    live["metadata"]["generation"] = 7
    assert applied_digest.read_digest(live)
    found = decisions.update_record(decided, planned, done)
    assert found == record("new", deployment_generation=7)
    held = Decision(record(state="waiting"), is_held=True)
    assert decisions.update_record(held, planned.without_deployment(), done) == held.record
