"""Problems of a pod's containers: images, configuration and crashes.

Every container is examined: a pod with a crashing init container or sidecar serves as little as one
with a crashing service, but another person must repair it.
"""

from __future__ import annotations

from datetime import datetime

from scim_operator.api.conditions import Finding
from scim_operator.api.names import CONTAINER, workload
from scim_operator.api.tenant import Key
from scim_operator.kube.kinds import Object
from scim_operator.status.problems import excerpts
from scim_operator.status.problems.pod_state import READY_DEADLINE
from scim_operator.timestamps import parse_timestamp

INJECTED = "which the operator did not add to the pod"
"""The operator's pods have one container and no init container; all others are injected."""

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
"""A container that is not ready after as many restarts crashes, even while it runs."""


def find_problem(key: Key, pod: Object, now: datetime) -> Finding | None:
    """Return the problem of the first container that has one; None if none has."""
    status = pod.get("status", {})
    for kind, field in (
        ("init container", "initContainerStatuses"),
        ("container", "containerStatuses"),
    ):
        for container in status.get(field) or ():
            if kind == "container" and container["name"] == CONTAINER:
                finding = _find_service_problem(key, container, now)
            else:
                finding = _find_injected_problem(key, pod, container, kind, now)
            if finding:
                return finding
    return None


def _find_service_problem(key: Key, container: Object, now: datetime) -> Finding | None:
    waiting = container.get("state", {}).get("waiting", {})
    reason = waiting.get("reason")
    if reason in _PULL_FAILURES:
        return Finding.stalled(
            "ImagePullFailed",
            f"the image {excerpts.quote_text(container['image'])} cannot be pulled: check its name "
            "in the operator's settings, check that the registry has it, and check the pull "
            "secrets",
        )
    if reason in _CONFIG_FAILURES:
        quote = excerpts.quote_text(waiting.get("message") or reason)
        return Finding.stalled("ConfigError", f"the container cannot start: {quote}")
    ended = _find_crash(container, now)
    if ended is None:
        return None
    if ended.get("reason") == "OOMKilled":
        return Finding.stalled(
            "OutOfMemory",
            "the service needs more memory than its limit: raise spec.resources.limits.memory",
        )
    return Finding.stalled(
        "CrashLoop",
        f"the service ends repeatedly with {_describe_end(ended)}: see kubectl logs "
        f"-n {key.namespace} deployment/{workload(key.name)} -c {CONTAINER} --previous",
    )


def _find_injected_problem(
    key: Key, pod: Object, container: Object, kind: str, now: datetime
) -> Finding | None:
    reason = "SidecarFailed" if kind == "container" else "InitContainerFailed"
    name = container["name"]
    subject = f"the {kind} {name}, {INJECTED},"
    remedy = (
        "repair what adds it to the pods of the namespace (usually an admission rule), or exempt "
        "the tenant's pods from it"
    )
    waiting = container.get("state", {}).get("waiting", {})
    if waiting.get("reason") in _PULL_FAILURES:
        image = excerpts.quote_text(container["image"])
        return Finding.stalled(
            reason, f"{subject} has an image that cannot be pulled ({image}): {remedy}"
        )
    if waiting.get("reason") in _CONFIG_FAILURES:
        quote = excerpts.quote_text(waiting.get("message") or waiting["reason"])
        return Finding.stalled(reason, f"{subject} cannot start ({quote}): {remedy}")
    ended = _find_crash(container, now)
    if ended is None:
        return None
    return Finding.stalled(
        reason,
        f"{subject} ends repeatedly with {_describe_end(ended)}: see kubectl logs "
        f"-n {key.namespace} {pod['metadata']['name']} -c {name} --previous, and {remedy}",
    )


def _find_crash(container: Object, now: datetime) -> Object | None:
    """Return how a container ended that crashes repeatedly; None if it does not."""
    ended: Object = container.get("lastState", {}).get("terminated") or {}
    state = container.get("state", {})
    if state.get("waiting", {}).get("reason") == "CrashLoopBackOff":
        return ended
    if container.get("ready") or container.get("restartCount", 0) < _CRASHES:
        return None
    # Between two crashes. A container that has run for long is not ready for another reason.
    started = state.get("running", {}).get("startedAt")
    is_new = started is None or now - parse_timestamp(started) < READY_DEADLINE
    return ended if is_new and ended.get("exitCode", 0) != 0 else None


def _describe_end(ended: Object) -> str:
    killed = ", killed for lack of memory" if ended.get("reason") == "OOMKilled" else ""
    quote = excerpts.quote_output(ended.get("message") or "")
    output = f" (last output: {quote})" if quote else ""
    return f"exit code {ended.get('exitCode', 'unknown')}{killed}{output}"
