"""Facts about one pod that several rules read: its conditions, and since when they hold."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from scim_operator.kube.kinds import Object
from scim_operator.timestamps import parse_timestamp

READY_DEADLINE = timedelta(minutes=10)
"""A pod that is not ready for longer counts as stuck; a Deployment waits as long
(``progressDeadlineSeconds``)."""


def iterate_active(pods: Sequence[Object]) -> Iterator[Object]:
    """Yield the pods that should run; Kubernetes replaces those that a node has ended."""
    for pod in pods:
        ended = pod.get("status", {}).get("phase") in ("Failed", "Succeeded")
        if "deletionTimestamp" not in pod["metadata"] and not ended:
            yield pod


def find_condition(pod: Object, kind: str) -> Object:
    """Return a condition of a pod; an empty object if the pod has none of this type."""
    found: Object = next(
        (each for each in pod.get("status", {}).get("conditions") or () if each["type"] == kind),
        {},
    )
    return found


def read_since(pod: Object, condition: Object) -> datetime:
    """Return since when a condition holds; the pod's creation if that is not known."""
    return parse_timestamp(
        condition.get("lastTransitionTime") or pod["metadata"]["creationTimestamp"]
    )
