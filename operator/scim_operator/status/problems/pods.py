"""Why a tenant's pods do not serve: the problems of containers and nodes, and missed deadlines."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from scim_operator.api.conditions import Finding
from scim_operator.api.names import CONTAINER
from scim_operator.api.tenant import Key
from scim_operator.kube.kinds import Object
from scim_operator.status.problems import containers, excerpts, nodes
from scim_operator.status.problems.pod_state import (
    READY_DEADLINE,
    find_condition,
    iterate_active,
    read_since,
)


def find_problem(
    key: Key, pods: Sequence[Object], events: Sequence[Object], now: datetime
) -> Finding | None:
    """Return why the pods do not serve; None if they serve or are only starting.

    Parameters
    ----------
    events
        Events of the pod that `nodes.find_uncreated` has returned.
    """
    for pod in iterate_active(pods):
        for finding in (
            containers.find_problem(key, pod, now),
            nodes.find_scheduling_problem(pod),
            nodes.find_creation_problem(pod, events, now),
            _find_missed_deadline(key, pod, now),
        ):
            if finding:
                return finding
    return None


def next_change(pods: Sequence[Object], now: datetime) -> datetime | None:
    """Return when the passing of time alone changes the finding; None if it cannot."""
    deadlines = []
    for pod in iterate_active(pods):
        if nodes.is_in_creation(pod):
            scheduled = nodes.read_scheduled_time(pod)
            deadlines += [
                scheduled + wait for wait in (nodes.EVENTS_AFTER, nodes.CREATION_DEADLINE)
            ]
        if since := _read_not_ready_since(pod):
            deadlines.append(since + READY_DEADLINE)
    return min((deadline for deadline in deadlines if deadline > now), default=None)


def _find_missed_deadline(key: Key, pod: Object, now: datetime) -> Finding | None:
    """Return the problem of a pod that is not ready for too long."""
    since = _read_not_ready_since(pod)
    if since is None or now - since < READY_DEADLINE:
        return None
    status = pod.get("status", {})
    name = pod["metadata"]["name"]
    describe = f"kubectl describe pod -n {key.namespace} {name}"
    running = [
        container["name"]
        for container in status.get("initContainerStatuses") or ()
        if "running" in container.get("state", {}) and not container.get("ready")
    ]
    if running and find_condition(pod, "Initialized").get("status") == "False":
        return Finding.stalled(
            "InitContainerFailed",
            f"the init container {running[0]}, {containers.INJECTED}, does not end: see {describe}",
        )
    unready = [
        each["name"] for each in status.get("containerStatuses") or () if not each.get("ready")
    ]
    if CONTAINER not in unready and (others := running + unready):
        return Finding.stalled(
            "SidecarFailed",
            f"the container {others[0]}, {containers.INJECTED}, does not become ready, so the "
            f"service receives no requests: see {describe}",
        )
    quote = (
        "" if unready else excerpts.quote_text(find_condition(pod, "Ready").get("message") or "")
    )
    return Finding.stalled(
        "NotReady",
        f"the pod {name} does not become ready{f' ({quote})' if quote else ''}: see {describe}, "
        f"and kubectl logs -n {key.namespace} {name} -c {CONTAINER}",
    )


def _read_not_ready_since(pod: Object) -> datetime | None:
    """Return since when a pod on a node is not ready; None if it is, or has no node."""
    ready = find_condition(pod, "Ready")
    is_scheduled = find_condition(pod, "PodScheduled").get("status") == "True"
    return None if not is_scheduled or ready.get("status") == "True" else read_since(pod, ready)
