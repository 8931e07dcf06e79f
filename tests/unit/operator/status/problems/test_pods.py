"""Problems of pods: which problem decides, and how long a pod may be not ready."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from scim_operator.api.conditions import Finding, Outlook
from scim_operator.api.tenant import Key
from scim_operator.status.problems import pods

from tests.unit.operator.sample import NOW
from tests.unit.operator.status.sample import UID, container, crashing, pod, waiting

KEY = Key("team-a", "contoso")
Object = dict[str, Any]


def find(*live: Object) -> Finding | None:
    """The problem of pods without events."""
    return pods.find_problem(KEY, live, (), NOW)


@pytest.mark.parametrize(
    ("live", "reason", "text"),
    [
        (pod(seconds=600), "NotReady", "logs -n team-a contoso-scim-1-x -c scim"),
        (
            pod(container(ready=True), container("proxy"), seconds=600),
            "SidecarFailed",
            "container proxy",
        ),
        (
            pod(container(ready=True), inits=(container("proxy"),), seconds=600),
            "InitContainerFailed",
            "init container proxy",
        ),
        (
            pod(waiting("scim", "PodInitializing"), inits=(container("vault"),), seconds=600),
            "InitContainerFailed",
            "init container vault",
        ),
        (pod(waiting("scim", "ContainerCreating"), seconds=600), "NotReady", "describe pod"),
    ],
    ids=["the service", "a sidecar", "a native sidecar", "an init container", "no event"],
)
def test_a_pod_is_stuck_after_ten_minutes(live: Object, reason: str, text: str) -> None:
    """A pod that is not ready for ten minutes is stalled; the message names the container."""
    finding = find(live)
    assert finding
    assert (finding.reason, finding.outlook) == (reason, Outlook.STALLED)
    assert text in finding.message


def test_a_pod_is_starting_before() -> None:
    """Before ten minutes a pod has no problem, and `next_change` returns when it will."""
    live = pod(seconds=599)
    assert find(live) is None
    assert pods.next_change([live], NOW) == NOW + timedelta(seconds=1)
    assert pods.next_change([pod(seconds=601)], NOW) is None


def test_a_pod_in_creation_changes_when_events_are_read() -> None:
    """A node has 15 seconds to create the containers before their events are read."""
    live = pod(waiting("scim", "ContainerCreating"), seconds=14)
    assert pods.next_change([live], NOW) == NOW + timedelta(seconds=1)


def test_a_readiness_gate_is_quoted() -> None:
    """If every container is ready, the message quotes the pod's own condition."""
    live = pod(container(ready=True), seconds=600)
    live["status"]["conditions"][-1]["message"] = 'condition "lb/attached" is missing'
    finding = find(live)
    assert finding
    assert '(condition "lb/attached" is missing)' in finding.message


def test_a_pod_without_a_node_has_no_deadline() -> None:
    """A pod that no node accepts is reported as such, however long it waits."""
    live = pod(seconds=6000)
    scheduled = {"type": "PodScheduled", "status": "False", "message": "0/1 nodes are available"}
    live["status"] = {"phase": "Pending", "conditions": [scheduled]}
    finding = find(live)
    assert finding
    assert finding.reason == "Unschedulable"
    assert pods.next_change([live], NOW) is None


def test_a_crash_precedes_the_deadline() -> None:
    """A problem of a container is reported before the missed deadline, which is its effect."""
    finding = find(pod(crashing("scim"), seconds=6000))
    assert finding
    assert finding.reason == "CrashLoop"


@pytest.mark.parametrize(
    "change",
    [
        {"metadata": {"name": "x", "uid": UID, "deletionTimestamp": "2026-11-25T08:00:00Z"}},
        {"status": {"phase": "Failed", "reason": "Evicted"}},
    ],
    ids=["deleted", "ended"],
)
def test_replaced_pods_do_not_count(change: Object) -> None:
    """Kubernetes replaces a pod that is being deleted or that its node has ended."""
    assert find(pod(crashing("scim")) | change) is None


def test_a_serving_pod_has_no_problem() -> None:
    """A ready pod has no problem, however often it has restarted."""
    live = pod(container(ready=True, restartCount=9))
    live["status"]["conditions"][-1]["status"] = "True"
    assert find(live) is None
    assert pods.next_change([live], NOW) is None
