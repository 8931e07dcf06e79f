"""Whose pods there are, and why a Deployment or claim does not get them to run. Pure."""

from __future__ import annotations

from scim_operator.api.conditions import Finding, Outlook
from scim_operator.api.names import TENANT_LABEL, workload
from scim_operator.api.tenant import Key
from scim_operator.kube import denials
from scim_operator.kube.kinds import Object


def find_deployment_problem(deployment: Object) -> Finding | None:
    """Return why the Deployment cannot make its pods; None if it can."""
    for condition in deployment.get("status", {}).get("conditions", ()):
        if condition["type"] == "ReplicaFailure" and condition["status"] == "True":
            message = condition.get("message", "")
            metadata = deployment["metadata"]
            what = f"the pod of the Deployment {metadata['name']}"
            if denial := denials.explain(message, what, metadata["namespace"]):
                return _bad(*denial)
            return _bad("PodRefused", f"{what} is refused: {denials.strip_pod_names(message)}")
    return None


def find_rollout_problem(key: Key, deployment: Object) -> Finding | None:
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


def find_claim_problem(claim: Object | None, storage_missing: str | None) -> Finding | None:
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
        is_good=False,
        reason="VolumePending",
        message=f"the volume claim {name} waits for its volume: if that lasts, see kubectl "
        f"describe pvc -n {claim['metadata']['namespace']} {name}",
        outlook=Outlook.PROGRESSING,
    )


def _bad(reason: str, message: str) -> Finding:
    return Finding(is_good=False, reason=reason, message=message, outlook=Outlook.STALLED)
