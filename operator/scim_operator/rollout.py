"""How a new service image reaches many tenants: a bounded number at a time. Pure.

A tenant that runs an older image moves only when it gets a place, and gives it back when it is
available with the new one. If tenants stop becoming available, the places run out and the others
stay as they are: that is the halt.
"""

from __future__ import annotations

from scim_operator.tenant import Key


class Rollout:
    """The places, and who waits for one."""

    def __init__(self, image: str, limit: int) -> None:
        self._image = image
        self._limit = limit
        self._moving: set[Key] = set()
        self._held: dict[Key, None] = {}

    def image(self, key: Key, running: str | None, *, available: bool) -> str:
        """Return the image that a tenant is to run now.

        Parameters
        ----------
        running
            Image of its Deployment; None if it has none yet.
        available
            Whether a pod of that Deployment serves; a tenant that is down loses nothing by
            moving and takes no place.
        """
        if running is None or running == self._image or not available:
            if running == self._image and available:
                self._moving.discard(key)
            self._held.pop(key, None)
            return self._image
        if key in self._moving or len(self._moving) < self._limit:
            self._moving.add(key)
            self._held.pop(key, None)
            return self._image
        self._held[key] = None
        return running

    def forget(self, key: Key) -> None:
        """Give back the place of a tenant that is gone."""
        self._moving.discard(key)
        self._held.pop(key, None)

    def free(self) -> list[Key]:
        """Return tenants that wait and could move now."""
        return list(self._held)[: max(0, self._limit - len(self._moving))]
