"""Whose pods there are, and why a Deployment or claim does not get them to run. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from scim_operator import admission
from scim_operator.conditions import Finding, Outlook
from scim_operator.kinds import REPLICA_SET, Object
from scim_operator.names import TENANT_LABEL, selector, workload
from scim_operator.tenant import Key


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


def deployment_trouble(deployment: Object) -> Finding | None:
    """Return why the Deployment cannot make its pods; None if it can."""
    for condition in deployment.get("status", {}).get("conditions", ()):
        if condition["type"] == "ReplicaFailure" and condition["status"] == "True":
            message = condition.get("message", "")
            metadata = deployment["metadata"]
            what = f"the pod of the Deployment {metadata['name']}"
            if denial := admission.read(message, what, metadata["namespace"]):
                return _bad(*denial)
            return _bad("PodRefused", f"{what} is refused: {admission.steady(message)}")
    return None


def rollout_trouble(key: Key, deployment: Object) -> Finding | None:
    """Return why the Deployment does not replace its pods any further; None if it does."""
    name = workload(key.name)
    if deployment.get("spec", {}).get("paused"):
        return _bad(
            "DeploymentPaused",
            f"the Deployment {name} is paused, so its pods stay as they are: kubectl rollout "
            f"resume -n {key.namespace} deployment/{name}",
        )
    for condition in deployment.get("status", {}).get("conditions", ()):
        if condition.get("reason") == "ProgressDeadlineExceeded":
            return _bad(
                "ProgressDeadlineExceeded",
                f"the pods of the Deployment {name} have not become available in time: see "
                f"kubectl describe pods -n {key.namespace} -l {TENANT_LABEL}={key.name}",
            )
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
            "available, or set deletionPolicy: Delete, delete the tenant and choose another class, "
            "because a claim cannot change it",
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
