"""Why pods get no further: which container, of whom, and whether time will mend it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from scim_operator.api.conditions import Finding, Outlook
from scim_operator.api.tenant import Key
from scim_operator.status.problems import nodes, pods
from scim_operator.timestamps import format_timestamp

from tests.unit.operator.sample import NOW

KEY = Key("team-a", "contoso")
UID = "4711"
Object = dict[str, Any]


def container(name: str = "scim", **fields: Any) -> Object:
    """A container that runs and is not ready."""
    started = {"running": {"startedAt": format_timestamp(NOW - timedelta(seconds=5))}}
    return {"name": name, "image": "example/x:1", "restartCount": 0, "state": started} | fields


def waiting(name: str, reason: str, **more: Any) -> Object:
    """A container that waits for a reason."""
    return container(name, state={"waiting": {"reason": reason, "message": "it says why"}}, **more)


def crashing(name: str, **ended: Any) -> Object:
    """A container that ends again and again."""
    last = {"terminated": {"exitCode": 3} | ended}
    return waiting(name, "CrashLoopBackOff", lastState=last, restartCount=4)


def pod(
    *containers: Object, inits: tuple[Object, ...] = (), seconds: float = 60, **more: Any
) -> Object:
    """A pod that got its node some time ago and is not ready since."""
    since = format_timestamp(NOW - timedelta(seconds=seconds))
    conditions = [
        {"type": "PodScheduled", "status": "True", "lastTransitionTime": since},
        {
            "type": "Initialized",
            "status": "True" if all(each.get("ready") for each in inits) else "False",
            "lastTransitionTime": since,
        },
        {"type": "Ready", "status": "False", "lastTransitionTime": since},
    ]
    status = {
        "phase": "Pending",
        "conditions": conditions,
        "containerStatuses": list(containers or (container(),)),
        "initContainerStatuses": list(inits),
    }
    metadata = {"name": "contoso-scim-1-x", "uid": UID, "creationTimestamp": since}
    return {"metadata": metadata, "status": status | more}


def event(reason: str, message: str, at: str = "2026-11-25T08:59:00Z", uid: str = UID) -> Object:
    """An event of a pod."""
    return {
        "involvedObject": {"uid": uid},
        "reason": reason,
        "message": message,
        "lastTimestamp": at,
    }


def found(*live: Object, events: tuple[Object, ...] = ()) -> Finding:
    """The problem of pods that have one."""
    finding = pods.find_problem(KEY, live, events, NOW)
    assert finding is not None
    return finding


SERVICE = [
    (waiting("scim", "ImagePullBackOff"), "ImagePullFailed", "example/x:1"),
    (waiting("scim", "ErrImageNeverPull"), "ImagePullFailed", "example/x:1"),
    (waiting("scim", "CreateContainerConfigError"), "ConfigError", "it says why"),
    (waiting("scim", "RunContainerError"), "ConfigError", "it says why"),
    (crashing("scim"), "CrashLoop", "exit code 3"),
    (crashing("scim", reason="OOMKilled"), "OutOfMemory", "spec.resources.limits.memory"),
]


@pytest.mark.parametrize(("status", "reason", "text"), SERVICE)
def test_the_service(status: Object, reason: str, text: str) -> None:
    """What keeps the service's own container from running is stalled, and says what to do."""
    finding = found(pod(status))
    assert (finding.is_good, finding.reason, finding.outlook) == (False, reason, Outlook.STALLED)
    assert text in finding.message


OTHERS = [
    (waiting("proxy", "ImagePullBackOff"), "cannot be pulled (example/x:1)"),
    (waiting("proxy", "CreateContainerError"), "it says why"),
    (crashing("proxy"), "exit code 3"),
    (crashing("proxy", reason="OOMKilled"), "killed for lack of memory"),
]


@pytest.mark.parametrize(("status", "text"), OTHERS)
@pytest.mark.parametrize("is_init", [False, True], ids=["sidecar", "init container"])
def test_injected_containers(status: Object, text: str, *, is_init: bool) -> None:
    """A container that was injected is named as such and is not taken for the service."""
    held = waiting("scim", "PodInitializing")
    live = pod(held, inits=(status,)) if is_init else pod(container(ready=True), status)
    finding = found(live)
    assert finding.reason == ("InitContainerFailed" if is_init else "SidecarFailed")
    assert finding.outlook is Outlook.STALLED
    assert text in finding.message
    assert (
        "container proxy, added to the pod by an admission rule of the cluster" in finding.message
    )
    assert "spec.resources" not in finding.message


def test_between_two_crashes() -> None:
    """A crash loop is told also while the container runs for a moment: the condition stands."""
    again = container("scim", restartCount=3, lastState={"terminated": {"exitCode": 3}})
    assert found(pod(again)).reason == "CrashLoop"


@pytest.mark.parametrize(
    "status",
    [
        container("scim", restartCount=1, lastState={"terminated": {"exitCode": 3}}),
        container("scim", restartCount=9, ready=True, lastState={"terminated": {"exitCode": 3}}),
        container(
            "scim",
            restartCount=9,
            lastState={"terminated": {"exitCode": 3}},
            state={"running": {"startedAt": "2026-11-25T08:00:00Z"}},
        ),
        waiting("scim", "ContainerCreating"),
        waiting("scim", "PodInitializing"),
    ],
    ids=["restarted once", "recovered", "runs for an hour", "being created", "being initialized"],
)
def test_merely_starting(status: Object) -> None:
    """A pod on its way is no problem."""
    assert pods.find_problem(KEY, [pod(status)], (), NOW) is None


def test_the_last_line() -> None:
    """What a container said when it ended is quoted, bounded and without what may be a secret."""
    said = 'Traceback\nOperationalError: postgresql://scim:hunter2@db/scim is away: "no route"\n'
    finding = found(pod(crashing("scim", message=said)))
    assert 'last output: OperationalError: postgresql://***@db/scim is away: "no route"' in (
        finding.message
    )


def test_what_a_node_cannot_prepare() -> None:
    """A mount that fails is told with the node's words, at first as in progress, then stalled."""
    message = (
        'MountVolume.SetUp failed for volume "tokens": secret "contoso-scim-digests" not found'
    )
    events = (
        event("Scheduled", "Successfully assigned", "2026-11-25T08:59:59Z"),
        event("FailedMount", message),
        event("FailedMount", "another pod's", "2026-11-25T08:59:58Z", uid="another"),
        event("FailedMount", "timed out waiting for the condition", "2026-11-25T08:59:57Z"),
    )
    status = waiting("scim", "ContainerCreating")
    early = found(pod(status, seconds=60), events=events)
    assert (early.reason, early.outlook) == ("ContainerCreating", Outlook.PROGRESSING)
    late = found(pod(status, seconds=120), events=events)
    assert (late.reason, late.outlook) == ("ContainerCreating", Outlook.STALLED)
    assert late.message.endswith(f"(FailedMount): {message}")


def test_events_of_a_pod_that_runs_say_nothing() -> None:
    """A mount that failed once, before the containers ran, is past."""
    events = (event("FailedMount", "not found"),)
    assert pods.find_problem(KEY, [pod(container(ready=True))], events, NOW) is None


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
    ids=["the service", "a sidecar", "a native sidecar", "an init container", "no event tells"],
)
def test_never_ready(live: Object, reason: str, text: str) -> None:
    """After ten minutes a pod that is not ready is stalled, with the container that is not."""
    finding = found(live)
    assert (finding.reason, finding.outlook) == (reason, Outlook.STALLED)
    assert text in finding.message


def test_not_ready_yet() -> None:
    """Until then it is starting, and the moment in which that changes is known."""
    live = pod(seconds=599)
    assert pods.find_problem(KEY, [live], (), NOW) is None
    assert pods.next_change([live], NOW) == NOW + timedelta(seconds=1)
    assert pods.next_change([pod(seconds=601)], NOW) is None


def test_a_readiness_gate_is_quoted() -> None:
    """Where every container is ready, the pod's own words tell what it waits for."""
    live = pod(container(ready=True), seconds=600)
    live["status"]["conditions"][-1]["message"] = 'condition "lb/attached" is missing'
    assert '(condition "lb/attached" is missing)' in found(live).message


def test_no_node() -> None:
    """A pod that no node takes is told with the scheduler's words, and has no deadline."""
    live = pod(seconds=6000)
    scheduled = {"type": "PodScheduled", "status": "False", "message": "0/1 nodes are available"}
    live["status"] = {"phase": "Pending", "conditions": [scheduled]}
    assert found(live).reason == "Unschedulable"
    assert "0/1 nodes are available" in found(live).message
    assert pods.next_change([live], NOW) is None


@pytest.mark.parametrize(
    "change",
    [
        {"metadata": {"name": "x", "uid": UID, "deletionTimestamp": "2026-11-25T08:00:00Z"}},
        {"status": {"phase": "Failed", "reason": "Evicted"}},
    ],
)
def test_pods_that_go(change: Object) -> None:
    """A pod that is on its way out, or that its node has ended, is not the one to wait for."""
    assert pods.find_problem(KEY, [pod(crashing("scim")) | change], (), NOW) is None


def test_when_events_are_read() -> None:
    """Events are read only of a pod that its node takes long to create."""
    young = pod(waiting("scim", "ContainerCreating"), seconds=14)
    old = pod(waiting("scim", "ContainerCreating"), seconds=15)
    assert nodes.find_uncreated([young], NOW) is None
    assert pods.next_change([young], NOW) == NOW + timedelta(seconds=1)
    assert nodes.find_uncreated([young, old], NOW) == old
    assert nodes.find_uncreated([pod(crashing("scim")), pod(container())], NOW) is None
    assert nodes.find_uncreated([{"metadata": old["metadata"], "status": {}}], NOW) is None
