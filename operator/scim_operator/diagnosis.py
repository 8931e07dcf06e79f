"""Why a tenant's pods do not run, read from the watched Deployment, pods and claim. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from scim_operator.conditions import Finding, Outlook
from scim_operator.kinds import REPLICA_SET, Object
from scim_operator.names import selector, workload
from scim_operator.tenant import Key

_PULL_FAILURES = ("ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName")
_CONFIG_FAILURES = ("CreateContainerConfigError", "CreateContainerError", "RunContainerError")


def is_ready(pod: Object) -> bool:
    """Tell whether a pod takes requests."""
    return "deletionTimestamp" not in pod["metadata"] and any(
        condition["type"] == "Ready" and condition["status"] == "True"
        for condition in pod.get("status", {}).get("conditions", ())
    )


def controller(live: Object) -> Object | None:
    """Return the owner reference of an object's controller; None if it has none."""
    owners = live["metadata"].get("ownerReferences", ())
    return next((owner for owner in owners if owner.get("controller")), None)


def is_own(key: Key, pod: Object) -> bool:
    """Tell whether a pod looks like one of the tenant's Deployment.

    It may be a pretence all the same, for which the cluster's ReplicaSet controller makes up soon:
    it takes such a pod for one too many.
    """
    owner = controller(pod)
    template = (pod["metadata"].get("labels") or {}).get("pod-template-hash")
    return owner is not None and (owner["kind"], owner["name"]) == (
        REPLICA_SET.name,
        f"{workload(key.name)}-{template}",
    )


def intruder(key: Key, pods: Sequence[Object]) -> str | None:
    """Return the name of a pod that gets the tenant's requests and is not its own; None if none."""
    wanted = selector(key.name).items()
    for pod in pods:
        labels = pod["metadata"].get("labels") or {}
        if is_ready(pod) and wanted <= labels.items() and not is_own(key, pod):
            name: str = pod["metadata"]["name"]
            return name
    return None


def pods_trouble(key: Key, pods: Sequence[Object]) -> Finding | None:
    """Return what the pods complain about; None if they are merely starting."""
    for pod in pods:
        if "deletionTimestamp" in pod["metadata"]:
            continue
        status = pod.get("status", {})
        for container in status.get("containerStatuses", ()):
            if finding := _container_trouble(key, container):
                return finding
        for condition in status.get("conditions", ()):
            if condition["type"] == "PodScheduled" and condition["status"] == "False":
                return _bad(
                    "Unschedulable",
                    f"no node takes the pod: {condition.get('message', 'no reason is given')}",
                )
    return None


def _container_trouble(key: Key, container: Object) -> Finding | None:
    waiting = container.get("state", {}).get("waiting", {})
    reason = waiting.get("reason")
    if reason in _PULL_FAILURES:
        return _bad(
            "ImagePullFailed",
            f"the image {container['image']} cannot be pulled: check its name in the operator's "
            "settings, that the registry has it, and the pull secrets",
        )
    if reason in _CONFIG_FAILURES:
        return _bad("ConfigError", f"the container cannot start: {waiting.get('message', reason)}")
    ended = container.get("lastState", {}).get("terminated", {})
    if reason == "CrashLoopBackOff" and ended.get("reason") == "OOMKilled":
        return _bad(
            "OutOfMemory",
            "the service needs more memory than its limit: raise spec.resources.limits.memory",
        )
    if reason == "CrashLoopBackOff":
        return _bad(
            "CrashLoop",
            f"the service ends with exit code {ended.get('exitCode', 'unknown')} again and "
            f"again: see kubectl logs -n {key.namespace} deployment/{workload(key.name)} "
            "--previous",
        )
    return None


def deployment_trouble(deployment: Object) -> Finding | None:
    """Return why the Deployment cannot make its pods; None if it can."""
    for condition in deployment.get("status", {}).get("conditions", ()):
        if condition["type"] == "ReplicaFailure" and condition["status"] == "True":
            message = condition.get("message", "")
            if "exceeded quota" in message:
                return _bad(
                    "QuotaExceeded",
                    "the namespace's quota has no room for the pod: raise it, or free some of it",
                )
            return _bad("PodRefused", f"the pod is refused: {message}")
    return None


def claim_trouble(claim: Object | None, storage_missing: str | None) -> Finding | None:
    """Return why the volume is not there; None if it is bound, or no claim is wanted."""
    if claim is None or claim.get("status", {}).get("phase") == "Bound":
        return None
    name = claim["metadata"]["name"]
    if storage_missing:
        return _bad(
            "StorageClassMissing",
            f"the volume claim {name} waits in vain: {storage_missing}. Make that class "
            "available, or delete the tenant and the claim and choose another class, because a "
            "claim cannot change it",
        )
    return Finding(
        good=False,
        reason="VolumePending",
        message=f"the volume claim {name} waits for its volume: if that lasts, see kubectl "
        f"describe pvc -n {claim['metadata']['namespace']} {name}",
        outlook=Outlook.PROGRESSING,
    )


def _bad(reason: str, message: str) -> Finding:
    return Finding(good=False, reason=reason, message=message, outlook=Outlook.STALLED)
