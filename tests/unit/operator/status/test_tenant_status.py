"""The status of a tenant: its values, and that they stay the same while nothing happens."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from scim_operator.api.service_status import Problem, ServiceStatus, TokenUse
from scim_operator.api.v1alpha1.status import UNSEEN, Status
from scim_operator.status import tenant_status

from tests.unit.operator.sample import NOW, make, observed
from tests.unit.operator.status.sample import build, find, serving

LATER = NOW + timedelta(minutes=5)


def test_a_serving_tenant() -> None:
    """The status of a ready tenant has its URL, its Secret and its token."""
    found = build(serving())
    assert find(found, "Ready").status == "True"
    assert found.tenant_url == "http://contoso-scim.team-a.svc.cluster.local/team-a/contoso/scim"
    assert found.token_secret_name == "contoso-scim-token"
    assert len(found.tokens) == 1


def test_an_unchanged_tenant_has_the_same_status() -> None:
    """A later reconcile without any change builds an equal status."""
    seen = serving()
    before = build(seen)
    seen = replace(seen, tenant=replace(seen.tenant, status=before))
    assert tenant_status.build(seen, make(seen, now=LATER), (), LATER) == before


def test_counts_stay_while_the_service_is_unreachable() -> None:
    """Values that are unknown for now keep their last state."""
    known = ServiceStatus(users=3, active_users=2, groups=1, last_backup=NOW)
    seen = replace(serving(), service_status=known)
    before = build(seen)
    assert (before.users, before.active_users, before.groups) == (3, 2, 1)
    assert before.last_backup == NOW
    seen = replace(seen, tenant=replace(seen.tenant, status=before), service_status=None)
    after = build(replace(seen, status_problem=Problem("Unreachable", "no answer")))
    assert (after.users, after.last_backup) == (3, NOW)
    assert find(after, "Provisioning").status == "Unknown"
    assert find(after, "Ready").status == "True"


@pytest.mark.parametrize(
    ("failures", "shown"),
    [({}, 0), ({"invalidValue": 7}, 7), ({"a": 380, "b": 7, "401": 9}, 300), ({"a": 1000}, 1000)],
)
def test_refusals_are_rounded(failures: dict[str, int], shown: int) -> None:
    """Refused requests are rounded to their first digit, so that few of them cause a write."""
    known = ServiceStatus(users=0, active_users=0, groups=0, failures=failures, version="1.2.3+abc")
    found = build(replace(serving(), service_status=known))
    assert (found.refused, found.version) == (shown, "1.2.3+abc")


def test_the_last_use_is_rounded() -> None:
    """A token's last use is written at most every ten minutes."""
    seen = serving()
    before = build(seen)
    (token,) = before.tokens
    earlier = NOW - timedelta(hours=1)

    def build_used(minutes: int, status: Status) -> Status:
        use = TokenUse(id=token.id, last_used=earlier + timedelta(minutes=minutes))
        known = ServiceStatus(users=0, active_users=0, groups=0, tokens=(use,))
        tenant = replace(seen.tenant, status=status)
        return build(replace(seen, tenant=tenant, service_status=known))

    first = build_used(0, before)
    assert first.tokens[0].last_used == earlier
    assert build_used(9, first).tokens[0].last_used == earlier
    assert build_used(10, first).tokens[0].last_used == earlier + timedelta(minutes=10)


@pytest.mark.parametrize(
    ("seconds", "users", "is_written"), [(29, 3, False), (30, 3, True), (1, 4, True)]
)
def test_the_last_write_is_rounded(seconds: int, users: int, *, is_written: bool) -> None:
    """The time of the last write is written every 30 seconds, or together with new counts."""
    earlier = NOW - timedelta(hours=1)
    known = ServiceStatus(users=3, active_users=3, groups=1, last_provisioned=earlier)
    before = build(replace(serving(), service_status=known))
    later = earlier + timedelta(seconds=seconds)
    seen = replace(
        serving(),
        tenant=replace(serving().tenant, status=before),
        service_status=known.model_copy(update={"users": users, "last_provisioned": later}),
    )
    assert build(seen).last_provisioned == (later if is_written else earlier)


def test_paused() -> None:
    """A paused tenant keeps its status except for the condition Reconciling."""
    before = build(serving())
    after = tenant_status.mark_paused(before, 2, LATER)
    assert find(after, "Reconciling").reason == "Paused"
    assert "remove it to resume" in find(after, "Reconciling").message
    assert find(after, "Ready") == find(before, "Ready")
    assert after.observed_generation == before.observed_generation


def test_paused_before_the_first_reconcile() -> None:
    """A tenant that was never reconciled still counts as new when it is no longer paused."""
    after = tenant_status.mark_paused(UNSEEN, 1, LATER)
    assert after.is_unseen
    assert find(after, "Reconciling").reason == "Paused"
    assert find(after, "Ready").status == "Unknown"


def test_first_transition() -> None:
    """The first status has the current time as the transition time of Ready, not 1970."""
    seen = observed()
    assert seen.tenant.status.is_unseen
    found = build(seen)
    assert not found.is_unseen
    assert find(found, "Ready").last_transition_time == NOW
