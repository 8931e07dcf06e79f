"""How a new service image reaches many tenants: a bounded number at a time. Pure.

A tenant that runs an older image moves only when it gets a place, and gives it back when the
Deployment has no pod of the older image left and all of the new one are available. If tenants
stop becoming available, the places run out and the others stay as they are: that is the halt.

The image that a tenant was moved from is written on its Deployment, so that the places are still
taken after a restart of the operator.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from scim_operator import names
from scim_operator.children.deployment import CONTAINER
from scim_operator.tenant import Key

Object = dict[str, Any]


class Choice(NamedTuple):
    """What a tenant is to run now, and what it was moved from; None if it never served before."""

    image: str
    previous: str | None = None


class Rollout:
    """The places, and who waits for one.

    Parameters
    ----------
    deployments
        Those that there are at the start.
    """

    def __init__(self, image: str, limit: int, deployments: Iterable[tuple[Key, Object]]) -> None:
        self._image = image
        self._limit = limit
        self._moving = {key for key, live in deployments if self._is_moving(_choice(live), live)}
        self._held: dict[Key, None] = {}

    def choose(self, key: Key, deployment: Object | None) -> Choice:
        """Return what a tenant is to run now.

        Parameters
        ----------
        deployment
            As it is in the cluster; None if there is none yet.
        """
        self._held.pop(key, None)
        if deployment is None:
            return Choice(self._image)
        running = _choice(deployment)
        if running.image == self._image:
            if self._is_moving(running, deployment):
                self._moving.add(key)
            else:
                self._moving.discard(key)
            return running
        if not running.image or deployment.get("status", {}).get("availableReplicas", 0) == 0:
            # One that is down loses nothing by moving and takes no place.
            return Choice(self._image)
        if key in self._moving or len(self._moving) < self._limit:
            self._moving.add(key)
            return Choice(self._image, previous=running.image)
        self._held[key] = None
        return running

    def forget(self, key: Key) -> None:
        """Give back the place of a tenant that is gone."""
        self._moving.discard(key)
        self._held.pop(key, None)

    def free(self) -> list[Key]:
        """Return tenants that wait and could move now."""
        return list(self._held)[: max(0, self._limit - len(self._moving))]

    def _is_moving(self, running: Choice, deployment: Object) -> bool:
        moved = running.image == self._image and running.previous is not None
        return moved and not _is_complete(deployment)


def _choice(deployment: Object) -> Choice:
    # Others may have added containers.
    containers = deployment["spec"]["template"]["spec"]["containers"]
    images = {container["name"]: container["image"] for container in containers}
    annotations = deployment["metadata"].get("annotations") or {}
    return Choice(images.get(CONTAINER, ""), annotations.get(names.PREVIOUS_IMAGE_ANNOTATION))


def _is_complete(deployment: Object) -> bool:
    """Tell whether exactly the wanted pods are there, none of them older, and all available."""
    wanted = deployment["spec"]["replicas"]
    status = deployment.get("status", {})
    kinds = ("replicas", "updatedReplicas", "availableReplicas")
    counts = {status.get(kind, 0) for kind in kinds}
    # A status that is older than the spec counts the pods that are about to go.
    return counts == {wanted} and (
        status.get("observedGeneration", 0) >= deployment["metadata"]["generation"]
    )
