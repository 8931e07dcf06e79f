"""Problems of a Deployment: it cannot create its pods, or no longer replaces them."""

from __future__ import annotations

from scim_operator.api.conditions import Finding
from scim_operator.api.names import TENANT_LABEL, workload
from scim_operator.api.tenant import Key
from scim_operator.kube import denials
from scim_operator.kube.kinds import Object


def find_creation_problem(deployment: Object) -> Finding | None:
    """Return why the Deployment cannot create its pods; None if it can."""
    for condition in deployment.get("status", {}).get("conditions", ()):
        if condition["type"] == "ReplicaFailure" and condition["status"] == "True":
            message = condition.get("message", "")
            metadata = deployment["metadata"]
            pod = f"the pod of the Deployment {metadata['name']}"
            if denial := denials.explain(message, pod, metadata["namespace"]):
                return Finding.stalled(*denial)
            reason = denials.strip_pod_names(message)
            return Finding.stalled("PodRefused", f"the API server refuses {pod}: {reason}")
    return None


def find_rollout_problem(key: Key, deployment: Object) -> Finding | None:
    """Return why the Deployment no longer replaces its pods; None if it does."""
    name = workload(key.name)
    if deployment.get("spec", {}).get("paused"):
        return Finding.stalled(
            "DeploymentPaused",
            f"the Deployment {name} is paused, so its pods are not replaced: run kubectl rollout "
            f"resume -n {key.namespace} deployment/{name}",
        )
    for condition in deployment.get("status", {}).get("conditions", ()):
        if condition.get("reason") == "ProgressDeadlineExceeded":
            return Finding.stalled(
                "ProgressDeadlineExceeded",
                f"the pods of the Deployment {name} did not become available in time: see "
                f"kubectl describe pods -n {key.namespace} -l {TENANT_LABEL}={key.name}",
            )
    return None
