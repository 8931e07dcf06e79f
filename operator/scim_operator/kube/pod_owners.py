"""Whose a pod is, and whether it is ready. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from scim_operator.api.names import selector, workload
from scim_operator.api.tenant import Key
from scim_operator.kube.kinds import REPLICA_SET, Object


def is_ready(pod: Object) -> bool:
    """Tell whether a pod takes requests."""
    return "deletionTimestamp" not in pod["metadata"] and any(
        condition["type"] == "Ready" and condition["status"] == "True"
        for condition in pod.get("status", {}).get("conditions", ())
    )


def find_controller(live: Object) -> Object | None:
    """Return the owner reference of an object's controller; None if it has none."""
    owners = live["metadata"].get("ownerReferences", ())
    return next((owner for owner in owners if owner.get("controller")), None)


def is_own(key: Key, pod: Object) -> bool:
    """Tell whether a pod looks like one of the tenant's Deployment.

    It may be a pretence all the same, for which the cluster's ReplicaSet controller makes up soon:
    it takes such a pod for one too many.
    """
    owner = find_controller(pod)
    template = (pod["metadata"].get("labels") or {}).get("pod-template-hash")
    return owner is not None and (owner["kind"], owner["name"]) == (
        REPLICA_SET.name,
        f"{workload(key.name)}-{template}",
    )


def find_foreign_pod(key: Key, pods: Sequence[Object]) -> str | None:
    """Return the name of a pod that gets the tenant's requests and is not its own; None if none."""
    wanted = selector(key.name).items()
    for pod in pods:
        labels = pod["metadata"].get("labels") or {}
        if is_ready(pod) and wanted <= labels.items() and not is_own(key, pod):
            name: str = pod["metadata"]["name"]
            return name
    return None
