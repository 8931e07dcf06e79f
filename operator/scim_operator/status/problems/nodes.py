"""Problems of a pod's node: no node accepts the pod, or the node cannot create its containers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from scim_operator.api.conditions import Finding, Outlook
from scim_operator.kube.kinds import Object
from scim_operator.status.problems import excerpts
from scim_operator.status.problems.pod_state import find_condition, iterate_active, read_since

EVENTS_AFTER = timedelta(seconds=15)
"""How long a node may take to create a pod's containers before the operator reads the pod's
events."""

CREATION_DEADLINE = timedelta(minutes=2)
"""How long a node may fail to create the containers before the pod counts as stuck: a mounted
object may be created a little later, and a volume takes time to leave the previous node."""

FAILURES = (
    "FailedMount",
    "FailedAttachVolume",
    "FailedMapVolume",
    "FailedCreatePodSandBox",
    "FailedCreatePodContainer",
)
"""Reasons of events that explain why containers are not created."""


def find_scheduling_problem(pod: Object) -> Finding | None:
    """Return why no node accepts the pod; None if one does."""
    scheduled = find_condition(pod, "PodScheduled")
    if scheduled.get("status") != "False":
        return None
    quote = excerpts.quote_text(scheduled.get("message") or "no reason is given")
    return Finding.stalled("Unschedulable", f"no node accepts the pod: {quote}")


def find_creation_problem(pod: Object, events: Sequence[Object], now: datetime) -> Finding | None:
    """Return why the node does not create the containers, which only events explain."""
    if not is_in_creation(pod):
        return None
    uid = pod["metadata"]["uid"]
    found = [
        event
        for event in events
        if event["involvedObject"].get("uid") == uid and event.get("reason") in FAILURES
    ]
    if not found:
        return None
    # An event about a timeout explains less than one about its cause.
    last = max(found, key=lambda each: ("timed out" not in each.get("message", ""), _time(each)))
    is_stuck = now - read_scheduled_time(pod) >= CREATION_DEADLINE
    return Finding(
        is_good=False,
        reason="ContainerCreating",
        message="the node cannot prepare the pod's containers "
        f"({last['reason']}): {excerpts.quote_text(last.get('message') or '')}",
        outlook=Outlook.STALLED if is_stuck else Outlook.PROGRESSING,
    )


def find_uncreated(pods: Sequence[Object], now: datetime) -> Object | None:
    """Return a pod whose containers its node did not create in time; None if there is none."""
    found = (pod for pod in iterate_active(pods) if is_in_creation(pod))
    return next((pod for pod in found if now - read_scheduled_time(pod) >= EVENTS_AFTER), None)


def is_in_creation(pod: Object) -> bool:
    """Tell whether the node has yet to create the containers."""
    status = pod.get("status", {})
    waiting = [
        container.get("state", {}).get("waiting", {}).get("reason")
        for field in ("initContainerStatuses", "containerStatuses")
        for container in status.get(field) or ()
    ]
    return "ContainerCreating" in waiting or (
        bool(waiting) and all(reason == "PodInitializing" for reason in waiting)
    )


def read_scheduled_time(pod: Object) -> datetime:
    """Return when a pod got its node; its creation if it has none."""
    return read_since(pod, find_condition(pod, "PodScheduled"))


def _time(event: Object) -> str:
    series = event.get("series") or {}
    times = (series.get("lastObservedTime"), event.get("lastTimestamp"), event.get("eventTime"))
    return max(time for time in (*times, "") if time is not None)
