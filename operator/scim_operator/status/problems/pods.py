"""Why a tenant's pods get no further, from their statuses and their events. Pure.

Every container of a pod is looked at: a pod with a crashing init container or sidecar serves as
little as one whose service crashes, but someone else has to mend it. What a container or a node
says is quoted within bounds (`scim_operator.status.problems.excerpts`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from scim_operator.api.conditions import Finding, Outlook
from scim_operator.api.names import CONTAINER, workload
from scim_operator.api.tenant import Key
from scim_operator.kube.kinds import Object
from scim_operator.status.problems import excerpts
from scim_operator.timestamps import parse_timestamp

DEADLINE = timedelta(minutes=10)
"""How long a pod may be not ready before it counts as stuck: as long as a Deployment waits
(``progressDeadlineSeconds``)."""

EVENTS_AFTER = timedelta(seconds=15)
"""How long a node may take over a pod's containers before its events are read."""

NODE_DEADLINE = timedelta(minutes=2)
"""How long a node may fail to prepare a pod before that counts as stuck: what it mounts may be
created a moment later, and a volume takes a while to leave the node before."""

NODE_FAILURES = (
    "FailedMount",
    "FailedAttachVolume",
    "FailedMapVolume",
    "FailedCreatePodSandBox",
    "FailedCreatePodContainer",
)
"""Reasons of events that tell why containers are not created."""

_PULL_FAILURES = (
    "ErrImagePull",
    "ImagePullBackOff",
    "ErrImageNeverPull",
    "InvalidImageName",
    "ImageInspectError",
    "RegistryUnavailable",
    "SignatureValidationFailed",
)
_CONFIG_FAILURES = (
    "CreateContainerConfigError",
    "CreateContainerError",
    "RunContainerError",
    "PreCreateHookError",
    "PreStartHookError",
    "PostStartHookError",
)
_CRASHES = 2
"""Restarts from which a container that is not ready is crashing, also between two crashes."""


def find_problem(
    key: Key, pods: Sequence[Object], events: Sequence[Object], now: datetime
) -> Finding | None:
    """Return what keeps the pods from serving; None if they serve or are merely starting.

    Parameters
    ----------
    events
        Events of the pod that `find_uncreated` has named.
    """
    for pod in _alive(pods):
        for finding in (
            _container_problem(key, pod, now),
            _unschedulable(pod),
            _node_problem(pod, events, now),
            _not_ready(key, pod, now),
        ):
            if finding:
                return finding
    return None


def find_uncreated(pods: Sequence[Object], now: datetime) -> Object | None:
    """Return a pod whose containers its node has not created in time; None if there is none."""
    found = (pod for pod in _alive(pods) if _is_in_creation(pod))
    return next((pod for pod in found if now - scheduled_at(pod) >= EVENTS_AFTER), None)


def next_change(pods: Sequence[Object], now: datetime) -> datetime | None:
    """Return when the mere passing of time changes what is said of the pods; None if it cannot."""
    ends = []
    for pod in _alive(pods):
        if _is_in_creation(pod):
            ends += [scheduled_at(pod) + wait for wait in (EVENTS_AFTER, NODE_DEADLINE)]
        if since := _not_ready_since(pod):
            ends.append(since + DEADLINE)
    return min((end for end in ends if end > now), default=None)


def scheduled_at(pod: Object) -> datetime:
    """Return when a pod got its node, or was created if it has none."""
    return _since(pod, _condition(pod, "PodScheduled"))


def _alive(pods: Sequence[Object]) -> Iterator[Object]:
    """Yield the pods that are to run; one that a node has ended is replaced."""
    for pod in pods:
        ended = pod.get("status", {}).get("phase") in ("Failed", "Succeeded")
        if "deletionTimestamp" not in pod["metadata"] and not ended:
            yield pod


def _container_problem(key: Key, pod: Object, now: datetime) -> Finding | None:
    status = pod.get("status", {})
    for kind, field in (
        ("init container", "initContainerStatuses"),
        ("container", "containerStatuses"),
    ):
        for container in status.get(field) or ():
            if kind == "container" and container["name"] == CONTAINER:
                finding = _service_problem(key, container, now)
            else:
                finding = _other_problem(key, pod, container, kind, now)
            if finding:
                return finding
    return None


def _service_problem(key: Key, container: Object, now: datetime) -> Finding | None:
    waiting = container.get("state", {}).get("waiting", {})
    reason = waiting.get("reason")
    if reason in _PULL_FAILURES:
        return _stuck(
            "ImagePullFailed",
            f"the image {excerpts.quote_text(container['image'])} cannot be pulled: check its name "
            "in the operator's settings, that the registry has it, and the pull secrets",
        )
    if reason in _CONFIG_FAILURES:
        said = excerpts.quote_text(waiting.get("message") or reason)
        return _stuck("ConfigError", f"the container cannot start: {said}")
    ended = _crash(container, now)
    if ended is None:
        return None
    if ended.get("reason") == "OOMKilled":
        return _stuck(
            "OutOfMemory",
            "the service needs more memory than its limit: raise spec.resources.limits.memory",
        )
    return _stuck(
        "CrashLoop",
        f"the service ends with {_end(ended)} again and again{_last_line(ended)}: see kubectl logs "
        f"-n {key.namespace} deployment/{workload(key.name)} -c {CONTAINER} --previous",
    )


def _other_problem(
    key: Key, pod: Object, container: Object, kind: str, now: datetime
) -> Finding | None:
    """Tell of a container that is not the service's: an admission webhook has added it."""
    reason = "SidecarFailed" if kind == "container" else "InitContainerFailed"
    name = container["name"]
    what = f"the {kind} {name}, which the operator has not put into the pod,"
    remedy = "mend what adds it to the pods of the namespace, or exempt the tenant's pods from it"
    waiting = container.get("state", {}).get("waiting", {})
    if waiting.get("reason") in _PULL_FAILURES:
        image = excerpts.quote_text(container["image"])
        return _stuck(reason, f"{what} has an image that cannot be pulled ({image}): {remedy}")
    if waiting.get("reason") in _CONFIG_FAILURES:
        said = excerpts.quote_text(waiting.get("message") or waiting["reason"])
        return _stuck(reason, f"{what} cannot start ({said}): {remedy}")
    ended = _crash(container, now)
    if ended is None:
        return None
    return _stuck(
        reason,
        f"{what} ends with {_end(ended)} again and again{_last_line(ended)}: see kubectl logs "
        f"-n {key.namespace} {pod['metadata']['name']} -c {name} --previous, and {remedy}",
    )


def _crash(container: Object, now: datetime) -> Object | None:
    """Return how a container ended that crashes again and again; None if it does not."""
    ended: Object = container.get("lastState", {}).get("terminated") or {}
    state = container.get("state", {})
    if state.get("waiting", {}).get("reason") == "CrashLoopBackOff":
        return ended
    if container.get("ready") or container.get("restartCount", 0) < _CRASHES:
        return None
    # Between two crashes. One that has run for long is not ready for another reason.
    started = state.get("running", {}).get("startedAt")
    is_new = started is None or now - parse_timestamp(started) < DEADLINE
    return ended if is_new and ended.get("exitCode", 0) != 0 else None


def _end(ended: Object) -> str:
    killed = ", killed for lack of memory," if ended.get("reason") == "OOMKilled" else ""
    return f"exit code {ended.get('exitCode', 'unknown')}{killed}"


def _last_line(ended: Object) -> str:
    said = excerpts.quote_output(ended.get("message") or "")
    return f", and said last: {said}" if said else ""


def _unschedulable(pod: Object) -> Finding | None:
    scheduled = _condition(pod, "PodScheduled")
    if scheduled.get("status") != "False":
        return None
    said = excerpts.quote_text(scheduled.get("message") or "no reason is given")
    return _stuck("Unschedulable", f"no node takes the pod: {said}")


def _is_in_creation(pod: Object) -> bool:
    status = pod.get("status", {})
    waiting = [
        container.get("state", {}).get("waiting", {}).get("reason")
        for field in ("initContainerStatuses", "containerStatuses")
        for container in status.get(field) or ()
    ]
    return "ContainerCreating" in waiting or (
        bool(waiting) and all(reason == "PodInitializing" for reason in waiting)
    )


def _node_problem(pod: Object, events: Sequence[Object], now: datetime) -> Finding | None:
    """Tell why a node does not create the containers, of which only events tell."""
    if not _is_in_creation(pod):
        return None
    uid = pod["metadata"]["uid"]
    found = [
        event
        for event in events
        if event["involvedObject"].get("uid") == uid and event.get("reason") in NODE_FAILURES
    ]
    if not found:
        return None
    # That something took too long says less than what it was.
    last = max(found, key=lambda each: ("timed out" not in each.get("message", ""), _at(each)))
    is_stuck = now - scheduled_at(pod) >= NODE_DEADLINE
    return Finding(
        is_good=False,
        reason="ContainerCreating",
        message="the node cannot prepare the pod's containers "
        f"({last['reason']}): {excerpts.quote_text(last.get('message') or '')}",
        outlook=Outlook.STALLED if is_stuck else Outlook.PROGRESSING,
    )


def _at(event: Object) -> str:
    series = event.get("series") or {}
    times = (series.get("lastObservedTime"), event.get("lastTimestamp"), event.get("eventTime"))
    return max(time for time in (*times, "") if time is not None)


def _not_ready(key: Key, pod: Object, now: datetime) -> Finding | None:
    since = _not_ready_since(pod)
    if since is None or now - since < DEADLINE:
        return None
    status = pod.get("status", {})
    name = pod["metadata"]["name"]
    describe = f"kubectl describe pod -n {key.namespace} {name}"
    begun = [
        container["name"]
        for container in status.get("initContainerStatuses") or ()
        if "running" in container.get("state", {}) and not container.get("ready")
    ]
    if begun and _condition(pod, "Initialized").get("status") == "False":
        return _stuck(
            "InitContainerFailed",
            f"the init container {begun[0]}, which the operator has not put into the pod, does "
            f"not come to its end: see {describe}",
        )
    unready = [
        each["name"] for each in status.get("containerStatuses") or () if not each.get("ready")
    ]
    if CONTAINER not in unready and (others := begun + unready):
        return _stuck(
            "SidecarFailed",
            f"the container {others[0]}, which the operator has not put into the pod, does not "
            f"become ready, and so the service gets no requests: see {describe}",
        )
    said = "" if unready else excerpts.quote_text(_condition(pod, "Ready").get("message") or "")
    return _stuck(
        "NotReady",
        f"the pod {name} does not become ready{f' ({said})' if said else ''}: see {describe}, and "
        f"kubectl logs -n {key.namespace} {name} -c {CONTAINER}",
    )


def _not_ready_since(pod: Object) -> datetime | None:
    """Return since when a pod with a node is not ready; None if it is, or waits for a node."""
    ready = _condition(pod, "Ready")
    if _condition(pod, "PodScheduled").get("status") != "True" or ready.get("status") == "True":
        return None
    return _since(pod, ready)


def _since(pod: Object, condition: Object) -> datetime:
    return parse_timestamp(
        condition.get("lastTransitionTime") or pod["metadata"]["creationTimestamp"]
    )


def _condition(pod: Object, kind: str) -> Object:
    found: Object = next(
        (each for each in pod.get("status", {}).get("conditions") or () if each["type"] == kind),
        {},
    )
    return found


def _stuck(reason: str, message: str) -> Finding:
    return Finding(is_good=False, reason=reason, message=message, outlook=Outlook.STALLED)
