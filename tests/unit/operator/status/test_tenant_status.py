"""Conditions and status: what Ready says, and that nothing moves while nothing happens."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from scim_operator.api import conditions
from scim_operator.api.conditions import Finding, Outlook
from scim_operator.api.service_status import Problem, ServiceStatus, TokenUse
from scim_operator.api.v1alpha1.status import UNSEEN, Condition, RolloutState, RolloutStatus, Status
from scim_operator.desired.faults import Fault
from scim_operator.desired.observed import Observed
from scim_operator.desired.urls.claims import Hold
from scim_operator.kube.kinds import DEPLOYMENT, SECRET
from scim_operator.status import tenant_status
from scim_operator.status.conditions import summary
from scim_operator.timestamps import parse_timestamp

from tests.unit.operator.sample import NOW, applied, make, observed

GOOD = Finding(is_good=True, reason="Serving", message="")
WORKING = Finding(is_good=False, reason="Starting", message="a", outlook=Outlook.PROGRESSING)
STUCK = Finding(is_good=False, reason="HostMissing", message="b", outlook=Outlook.STALLED)
LATER = NOW + timedelta(minutes=5)


def serving(spec: dict[str, Any] | None = None) -> Observed:
    """A tenant whose pod is available."""
    seen = applied(observed(spec), make(observed(spec)))
    key = (DEPLOYMENT, "contoso-scim")
    live = seen.children[key] | {
        "status": {"availableReplicas": 1, "updatedReplicas": 1, "observedGeneration": 1}
    }
    claims = {
        known: child | {"status": {"phase": "Bound"}}
        for known, child in seen.children.items()
        if known[0].name == "PersistentVolumeClaim"
    }
    return replace(seen, children={**seen.children, **claims, key: live})


def result(seen: Observed, *faults: Fault) -> Status:
    """The status after a pass."""
    return tenant_status.build(seen, make(seen), faults, NOW)


def find(found: Status, kind: str) -> Condition:
    """One condition."""
    condition = found.condition(kind)
    assert condition is not None
    return condition


def test_ready_when_all_is_good() -> None:
    """Ready is true only if every aspect is."""
    assert summary.assess_ready([GOOD, GOOD]).is_good is True
    assert summary.assess_ready([GOOD, WORKING]) == WORKING


def test_stalled_speaks_first() -> None:
    """What needs somebody is said before what merely takes time."""
    assert summary.assess_ready([WORKING, STUCK]) == STUCK


def test_abnormal() -> None:
    """Reconciling and Stalled are never true together, and both false when all is well."""
    settled = summary.assess_abnormal([GOOD])
    assert [settled[kind].is_good for kind in ("Reconciling", "Stalled")] == [False, False]
    working = summary.assess_abnormal([GOOD, WORKING])
    assert [working[kind].is_good for kind in ("Reconciling", "Stalled")] == [True, False]
    stuck = summary.assess_abnormal([WORKING, STUCK])
    assert [stuck[kind].is_good for kind in ("Reconciling", "Stalled")] == [False, True]


def test_transition_time_moves_with_the_status() -> None:
    """A new reason keeps the time, a new status moves it."""
    first = summary.to_conditions({"Ready": WORKING}, (), 1, NOW)
    other = summary.to_conditions({"Ready": STUCK}, first, 2, LATER)
    assert (other[0].reason, other[0].last_transition_time) == ("HostMissing", NOW)
    assert other[0].observed_generation == 2
    good = summary.to_conditions({"Ready": GOOD}, other, 2, LATER)
    assert (good[0].status, good[0].last_transition_time) == ("True", LATER)


def test_ready() -> None:
    """A tenant with an available pod is Ready, and says where and with which Secret."""
    found = result(serving())
    assert find(found, "Ready").status == "True"
    assert found.tenant_url == "http://contoso-scim.team-a.svc.cluster.local/team-a/contoso/scim"
    assert found.token_secret_name == "contoso-scim-token"
    assert len(found.tokens) == 1


def test_status_stands_still() -> None:
    """A pass later, with nothing new, the status is the same to the letter."""
    seen = serving()
    before = result(seen)
    seen = replace(seen, tenant=replace(seen.tenant, status=before))
    assert tenant_status.build(seen, make(seen, now=LATER), (), LATER) == before


def test_starting() -> None:
    """Without a pod the tenant is being worked on."""
    found = result(applied(observed(), make(observed())))
    assert find(found, "Ready").status == "False"
    assert find(found, "Reconciling").status == "True"
    assert find(found, "Stalled").status == "False"


def test_missing_storage_class() -> None:
    """A volume that waits for ever is said with its cause."""
    seen = applied(observed(), make(observed()))
    found = find(result(replace(seen, storage_missing="there is no StorageClass fast")), "Ready")
    assert (found.status, found.reason) == ("False", "StorageClassMissing")
    assert "there is no StorageClass fast" in found.message


def test_url_of_another() -> None:
    """A tenant that does not hold its URL says why, and shows no URL."""
    spec = {"exposure": {"host": "scim.example.com"}}
    out = Finding(False, "URLConflict", "belongs to team-b/other", Outlook.STALLED)
    found = result(replace(serving(spec), hold=Hold(is_routed=False, finding=out)))
    assert find(found, "Exposed").reason == "URLConflict"
    assert "team-b/other" in find(found, "Exposed").message
    assert find(found, "Stalled").status == "True"
    assert found.tenant_url is None


def test_url_from_before_a_rule() -> None:
    """A tenant that keeps a URL which a new one could not have says so, and is exposed."""
    spec = {"exposure": {"host": "scim.example.com"}}
    found = result(replace(serving(spec), hold=Hold(is_routed=True, note="it is the platform's")))
    assert find(found, "Exposed").status == "True"
    assert "a new tenant could not have this URL: it is the" in find(found, "Exposed").message


def test_fault_reaches_ready() -> None:
    """An object that was refused is told by the aspect that it belongs to, and by Ready."""
    fault = Fault(DEPLOYMENT, "QuotaExceeded", "no room")
    found = result(serving(), fault)
    assert find(found, "Available").reason == find(found, "Ready").reason == "QuotaExceeded"


def test_counts_stay_while_unreachable() -> None:
    """What is not known right now stays as it was."""
    report = ServiceStatus(users=3, active_users=2, groups=1, last_backup=NOW)
    seen = replace(serving(), service_status=report)
    before = result(seen)
    assert (before.users, before.active_users, before.groups) == (3, 2, 1)
    assert before.last_backup == NOW
    seen = replace(seen, tenant=replace(seen.tenant, status=before), service_status=None)
    seen = replace(seen, status_problem=Problem("Unreachable", "no answer"))
    after = result(seen)
    assert (after.users, after.last_backup) == (3, NOW)
    assert find(after, "Provisioning").status == "Unknown"
    assert find(after, "Ready").status == "True"


@pytest.mark.parametrize(
    ("failures", "shown"),
    [({}, 0), ({"invalidValue": 7}, 7), ({"a": 380, "b": 7, "401": 9}, 300), ({"a": 1000}, 1000)],
)
def test_refusals_are_coarse(failures: dict[str, int], shown: int) -> None:
    """Refused requests are counted by their first digit, so that few of them are a write."""
    report = ServiceStatus(
        users=0, active_users=0, groups=0, failures=failures, version="1.2.3+abc"
    )
    found = result(replace(serving(), service_status=report))
    assert (found.refused, found.version) == (shown, "1.2.3+abc")


def test_use_is_coarse() -> None:
    """A token's last use is written at most every ten minutes."""
    seen = serving()
    before = result(seen)
    (token,) = before.tokens
    earlier = NOW - timedelta(hours=1)

    def reported(minutes: int, known: Status) -> Status:
        use = TokenUse(id=token.id, last_used=earlier + timedelta(minutes=minutes))
        report = ServiceStatus(users=0, active_users=0, groups=0, tokens=(use,))
        tenant = replace(seen.tenant, status=known)
        return result(replace(seen, tenant=tenant, service_status=report))

    first = reported(0, before)
    assert first.tokens[0].last_used == earlier
    assert reported(9, first).tokens[0].last_used == earlier
    assert reported(10, first).tokens[0].last_used == earlier + timedelta(minutes=10)


def test_paused() -> None:
    """A paused tenant keeps what it had, and says why nothing happens."""
    before = result(serving())
    after = tenant_status.mark_paused(before, 2, LATER)
    assert find(after, "Reconciling").reason == "Paused"
    assert find(after, "Ready") == find(before, "Ready")
    assert after.observed_generation == before.observed_generation


def test_paused_before_the_first_look() -> None:
    """A tenant that was never looked at still counts as new when it is no longer paused."""
    after = tenant_status.mark_paused(UNSEEN, 1, LATER)
    assert after.is_unseen
    assert find(after, "Reconciling").reason == "Paused"
    assert find(after, "Ready").status == "Unknown"


def test_first_transition() -> None:
    """The first status written dates Ready by when it was seen, not by the default's 1970."""
    seen = observed()
    assert seen.tenant.status.is_unseen
    found = result(seen)
    assert not found.is_unseen
    assert find(found, "Ready").last_transition_time == NOW


@pytest.mark.finding(12)
@pytest.mark.parametrize(
    ("secret", "problem"),
    [
        (None, "does not exist in namespace team-a: create it"),
        ({"metadata": {"resourceVersion": "1"}}, "has no key url"),
        ({"metadata": {"resourceVersion": "1"}, "data": {"URL": "eA=="}}, "has no key url"),
    ],
)
def test_a_database_secret_without_the_key_is_named(
    secret: dict[str, Any] | None, problem: str
) -> None:
    """A pod waits without a word for a file that cannot be mounted, so the condition says why."""
    spec = {"database": {"postgres": {"urlFrom": {"name": "pg", "key": "url"}}}}
    found = find(result(replace(observed(spec), database_secret=secret)), conditions.AVAILABLE)
    assert found.reason == "DatabaseSecretMissing"
    assert problem in found.message
    assert "eA==" not in found.message


def test_a_database_secret_with_the_key_is_no_problem() -> None:
    """With the key there the condition is about the pods."""
    spec = {"database": {"postgres": {"urlFrom": {"name": "pg", "key": "url"}}}}
    secret = {"metadata": {"resourceVersion": "1"}, "data": {"url": "eA=="}}
    found = find(result(replace(observed(spec), database_secret=secret)), conditions.AVAILABLE)
    assert found.reason == "Starting"


def rolled_out(state: RolloutState, *, available: int = 1) -> Status:
    """The status of a tenant in a state of the rollout."""
    seen = serving()
    key = (DEPLOYMENT, "contoso-scim")
    live = seen.children[key] | {
        "status": {"availableReplicas": available, "updatedReplicas": 1, "observedGeneration": 1}
    }
    record = RolloutStatus(state=state, template="t", spec_generation=1, deployment_generation=1)
    return result(replace(seen, children={**seen.children, key: live}, rollout=record))


@pytest.mark.finding(14)
def test_waiting_for_the_rollout() -> None:
    """A tenant that waits is ready and says what it waits for; its record is in the status."""
    found = rolled_out("waiting")
    assert found.is_true(conditions.READY)
    assert find(found, conditions.RECONCILING).reason == "WaitingForRollout"
    assert found.rollout
    assert found.rollout.state == "waiting"


def test_down_and_waiting_for_the_rollout() -> None:
    """A tenant that is down and waits for its place says both, and is not said to answer."""
    found = find(rolled_out("waiting", available=0), conditions.READY)
    assert (found.status, found.reason) == ("False", "Starting")
    assert "waits for its slot in the rollout" in found.message


@pytest.mark.finding(14)
@pytest.mark.parametrize("available", [0, 1])
def test_failed_in_the_rollout(available: int) -> None:
    """A tenant that did not come back is stalled; it is ready as long as an older pod serves."""
    found = rolled_out("failed", available=available)
    assert found.is_true(conditions.READY) is bool(available)
    assert find(found, conditions.STALLED).reason == "RolloutFailed"


@pytest.mark.parametrize(("seconds", "is_left"), [(-1, False), (0, False), (1, True)])
def test_token_of_an_earlier_tenant(seconds: int, is_left: bool) -> None:
    """A token whose Secret is older than its tenant is told as left, whatever its own time is."""
    seen = serving()
    secret = seen.children[SECRET, "contoso-scim-token"]
    made = parse_timestamp(secret["metadata"]["creationTimestamp"])
    created = made + timedelta(seconds=seconds)
    seen = replace(seen, tenant=replace(seen.tenant, created=created))
    message = find(result(seen), "TokenReady").message
    assert message.endswith("Entra may already have it") == is_left
