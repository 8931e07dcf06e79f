"""The owners of pods, and whether a pod is ready."""

from __future__ import annotations

from collections.abc import Sequence

from scim_operator.api.names import selector, workload
from scim_operator.api.tenant import Key
from scim_operator.kube.kinds import REPLICA_SET, Object


def is_ready(pod: Object) -> bool:
    """Tell whether a pod receives requests."""
    return "deletionTimestamp" not in pod["metadata"] and any(
        condition["type"] == "Ready" and condition["status"] == "True"
        for condition in pod.get("status", {}).get("conditions", ())
    )


def find_controller(live: Object) -> Object | None:
    """Return the owner reference of an object's controller; None if it has none."""
    owners = live["metadata"].get("ownerReferences", ())
    return next((owner for owner in owners if owner.get("controller")), None)


def is_own(key: Key, pod: Object) -> bool:
    """Tell whether a pod names the tenant's Deployment as the owner of its ReplicaSet.

    A pod may claim that falsely, but not for long: the ReplicaSet controller counts such a pod as
    one of its own and deletes one.
    """
    owner = find_controller(pod)
    template = (pod["metadata"].get("labels") or {}).get("pod-template-hash")
    return owner is not None and (owner["kind"], owner["name"]) == (
        REPLICA_SET.name,
        f"{workload(key.name)}-{template}",
    )


def find_foreign_pod(key: Key, pods: Sequence[Object]) -> str | None:
    """Return the name of a pod that receives the tenant's requests but is not its own, or None."""
    required = selector(key.name).items()
    for pod in pods:
        labels = pod["metadata"].get("labels") or {}
        if is_ready(pod) and required <= labels.items() and not is_own(key, pod):
            name: str = pod["metadata"]["name"]
            return name
    return None
