"""The condition Available: the tenant, its database Secret, its rollout and its pods."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from scim_operator.api import conditions, names
from scim_operator.api.conditions import Finding, Outlook
from scim_operator.api.v1alpha1.status import RolloutState, RolloutStatus, Status
from scim_operator.desired.faults import Fault
from scim_operator.desired.observed import Observed
from scim_operator.kube.kinds import DEPLOYMENT, INGRESS, VOLUME_CLAIM
from scim_operator.status.conditions import available
from scim_operator.timestamps import parse_timestamp

from tests.unit.operator.sample import NOW, applied, make, observed
from tests.unit.operator.status.sample import build, crashing, find, pod, serving

Object = dict[str, Any]
POSTGRES = {"database": {"postgres": {"urlFrom": {"name": "pg", "key": "url"}}}}


def assess(seen: Observed, *faults: Fault) -> Finding:
    """The finding of Available."""
    return available.assess(seen, make(seen), faults, NOW)


def with_deployment(seen: Observed, **status: Any) -> Observed:
    """A tenant whose Deployment has another status."""
    key = (DEPLOYMENT, "contoso-scim")
    live = seen.children[key]
    changed = live | {"status": {"observedGeneration": 1} | status}
    return replace(seen, children={**seen.children, key: changed})


def own_pod(body: Object) -> Object:
    """A pod of the tenant's Deployment."""
    owner = {"kind": "ReplicaSet", "name": "contoso-scim-1", "uid": "1", "controller": True}
    body["metadata"] |= {"labels": {"pod-template-hash": "1"}, "ownerReferences": [owner]}
    return body


def test_serving() -> None:
    """A tenant with an available, current pod is available."""
    assert assess(serving()).reason == "Serving"


def test_starting_and_rolling_out() -> None:
    """Without an available pod the tenant is starting; without a current one it rolls out."""
    starting = assess(with_deployment(serving()))
    assert (starting.is_good, starting.reason) == (False, "Starting")
    rolling = assess(with_deployment(serving(), availableReplicas=1))
    assert (rolling.is_good, rolling.reason) == (True, "RollingOut")
    stale = assess(with_deployment(serving(), observedGeneration=0, availableReplicas=1))
    assert (stale.is_good, stale.reason) == (False, "Starting")


def test_order() -> None:
    """A fault precedes suspension, suspension a database Secret, and that the pods."""
    seen = observed(POSTGRES | {"suspended": True})
    fault = Fault(DEPLOYMENT, "QuotaExceeded", "no room")
    assert assess(seen, fault).reason == "QuotaExceeded"
    assert assess(seen, Fault(INGRESS, "Invalid", "")).reason == "Suspended"
    assert assess(observed(POSTGRES)).reason == "DatabaseSecretMissing"


@pytest.mark.parametrize(("ready", "is_good"), [(0, False), (1, True)])
def test_a_pod_with_a_problem(ready: int, *, is_good: bool) -> None:
    """The problem of a pod is reported; the tenant stays available while another pod serves."""
    crashed = own_pod(pod(crashing("scim")))
    seen = replace(with_deployment(serving(), availableReplicas=ready), pods=[crashed])
    finding = assess(seen)
    assert (finding.is_good, finding.reason) == (is_good, "CrashLoop")
    assert finding.outlook is Outlook.STALLED


def test_a_foreign_pod() -> None:
    """A ready pod with the tenant's labels that is not of its Deployment is stalled."""
    foreign = {
        "metadata": {"name": "intruder", "labels": names.selector("contoso")},
        "status": {"conditions": [{"type": "Ready", "status": "True"}]},
    }
    finding = assess(replace(serving(), pods=[foreign]))
    assert (finding.is_good, finding.reason) == (True, "ForeignPod")
    assert finding.outlook is Outlook.STALLED
    assert "the pod intruder" in finding.message


@pytest.mark.parametrize(("seconds", "is_inherited"), [(-1, False), (0, False), (1, True)])
def test_an_inherited_volume(seconds: int, *, is_inherited: bool) -> None:
    """A volume claim that is older than the tenant holds the users of an earlier tenant."""
    seen = serving()
    claim = seen.children[VOLUME_CLAIM, names.volume_claim("contoso")]
    created = parse_timestamp(claim["metadata"]["creationTimestamp"]) + timedelta(seconds=seconds)
    finding = assess(replace(seen, tenant=replace(seen.tenant, created=created)))
    assert finding.reason == "Serving"
    assert ("an earlier tenant of this name" in finding.message) is is_inherited


def test_missing_storage_class() -> None:
    """A volume claim whose class is missing is the cause, not the pod that waits for it."""
    seen = applied(observed(), make(observed()))
    finding = assess(replace(seen, storage_missing="there is no StorageClass fast"))
    assert (finding.is_good, finding.reason) == (False, "StorageClassMissing")
    assert "there is no StorageClass fast" in finding.message


@pytest.mark.finding(12)
@pytest.mark.parametrize(
    ("secret", "problem"),
    [
        (None, "does not exist in namespace team-a: create it"),
        ({"metadata": {"resourceVersion": "1"}}, "has no key url"),
        ({"metadata": {"resourceVersion": "1"}, "data": {"URL": "eA=="}}, "has no key url"),
    ],
)
def test_a_database_secret_without_the_key_is_named(secret: Object | None, problem: str) -> None:
    """A pod cannot report a file that cannot be mounted, so the condition names the Secret."""
    finding = assess(replace(observed(POSTGRES), database_secret=secret))
    assert finding.reason == "DatabaseSecretMissing"
    assert problem in finding.message
    assert "eA==" not in finding.message


def test_a_database_secret_with_the_key_is_no_problem() -> None:
    """With the key in the Secret the condition reports the pods."""
    secret = {"metadata": {"resourceVersion": "1"}, "data": {"url": "eA=="}}
    assert assess(replace(observed(POSTGRES), database_secret=secret)).reason == "Starting"


def rolled_out(state: RolloutState, *, available: int = 1) -> Status:
    """The status of a tenant in a state of the rollout."""
    seen = with_deployment(serving(), availableReplicas=available, updatedReplicas=1)
    record = RolloutStatus(state=state, template="t", spec_generation=1, deployment_generation=1)
    return build(replace(seen, rollout=record))


@pytest.mark.finding(14)
def test_waiting_for_the_rollout() -> None:
    """A tenant that waits for its slot is ready; its rollout record is in the status."""
    found = rolled_out("waiting")
    assert found.is_true(conditions.READY)
    assert find(found, conditions.RECONCILING).reason == "WaitingForRollout"
    assert found.rollout
    assert found.rollout.state == "waiting"


def test_down_and_waiting_for_the_rollout() -> None:
    """A tenant that is down and waits for its slot reports both."""
    found = find(rolled_out("waiting", available=0), conditions.READY)
    assert (found.status, found.reason) == ("False", "Starting")
    assert "waits for its slot in the rollout" in found.message


@pytest.mark.finding(14)
@pytest.mark.parametrize("available", [0, 1])
def test_failed_in_the_rollout(available: int) -> None:
    """A tenant whose new pod failed is stalled; it is ready while an older pod serves."""
    found = rolled_out("failed", available=available)
    assert found.is_true(conditions.READY) is bool(available)
    assert find(found, conditions.STALLED).reason == "RolloutFailed"
