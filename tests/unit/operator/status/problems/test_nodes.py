"""Problems of a pod's node, explained by the scheduler and by events."""

from __future__ import annotations

from typing import Any

from scim_operator.api.conditions import Outlook
from scim_operator.status.problems import nodes

from tests.unit.operator.sample import NOW
from tests.unit.operator.status.sample import UID, container, crashing, pod, waiting

Object = dict[str, Any]


def event(reason: str, message: str, at: str = "2026-11-25T08:59:00Z", uid: str = UID) -> Object:
    """An event of a pod."""
    return {
        "involvedObject": {"uid": uid},
        "reason": reason,
        "message": message,
        "lastTimestamp": at,
    }


def test_the_cause_of_a_failed_mount() -> None:
    """A failed mount is in progress at first and stalled later; the cause precedes a timeout."""
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
    early = nodes.find_creation_problem(pod(status, seconds=60), events, NOW)
    late = nodes.find_creation_problem(pod(status, seconds=120), events, NOW)
    assert early
    assert late
    assert (early.reason, early.outlook) == ("ContainerCreating", Outlook.PROGRESSING)
    assert (late.reason, late.outlook) == ("ContainerCreating", Outlook.STALLED)
    assert late.message.endswith(f"(FailedMount): {message}")


def test_events_of_a_running_pod_do_not_count() -> None:
    """A mount that failed before the containers ran is no problem any more."""
    events = (event("FailedMount", "not found"),)
    assert nodes.find_creation_problem(pod(container(ready=True)), events, NOW) is None


def test_no_node() -> None:
    """The message quotes the scheduler."""
    live = pod()
    scheduled = {"type": "PodScheduled", "status": "False", "message": "0/1 nodes are available"}
    live["status"] = {"phase": "Pending", "conditions": [scheduled]}
    finding = nodes.find_scheduling_problem(live)
    assert finding
    assert finding.reason == "Unschedulable"
    assert "0/1 nodes are available" in finding.message
    assert nodes.find_scheduling_problem(pod()) is None


def test_pods_whose_events_are_read() -> None:
    """Events are read only for a pod that its node has not created in time."""
    young = pod(waiting("scim", "ContainerCreating"), seconds=14)
    old = pod(waiting("scim", "ContainerCreating"), seconds=15)
    assert nodes.find_uncreated([young], NOW) is None
    assert nodes.find_uncreated([young, old], NOW) == old
    assert nodes.find_uncreated([pod(crashing("scim")), pod(container())], NOW) is None
    assert nodes.find_uncreated([{"metadata": old["metadata"], "status": {}}], NOW) is None
