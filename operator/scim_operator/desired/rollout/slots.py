"""Counts how many tenants are being moved to a new pod template, in which namespaces.

A tenant that is moved takes a slot, and gives it back when it serves with the new template. A
tenant that failed keeps its slot: if the new version is bad, no slot is left, and the other tenants
stay as they are. Tenants that fail for reasons of their own must not have that effect, so

- a namespace has no more than its share of the slots, which include those of its failed tenants;
- for every `WITNESSES` namespaces where the new version serves, the failed tenants of one namespace
  do not count. Witnesses are counted since the process started.
"""

from __future__ import annotations

import math
from collections import Counter

from scim_operator.api.tenant import Key
from scim_operator.api.v1alpha1.status import RolloutState

WITNESSES = 4
"""Namespaces that must serve so that the failed tenants of one namespace do not count."""

_OPEN: tuple[RolloutState | None, ...] = (None, "waiting", "moving")
"""States of tenants that have a slot or may need one; None: not reconciled yet."""


class Slots:
    """The state of each tenant, and the slots that follow from the states.

    Parameters
    ----------
    limit
        Number of slots.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._states: dict[Key, RolloutState | None] = {}
        self._totals: Counter[RolloutState | None] = Counter()
        self._by_namespace: dict[RolloutState | None, Counter[str]] = {}
        self._open: Counter[str] = Counter()
        self._serving: set[str] = set()
        self._queues: dict[str, dict[Key, None]] = {}

    def set_state(self, key: Key, state: RolloutState | None) -> None:
        """Note the state of a tenant, which is in no queue from then on."""
        self.remove(key)
        self._states[key] = state
        self._totals[state] += 1
        self._count_in(state)[key.namespace] += 1
        if state in _OPEN:
            self._open[key.namespace] += 1

    def get_state(self, key: Key) -> RolloutState | None:
        """Return the state of a tenant; None if it has not been reconciled yet."""
        return self._states.get(key)

    def remove(self, key: Key) -> None:
        """Remove a tenant, and with it its slot and its position in the queue."""
        if key not in self._states:
            return
        state = self._states.pop(key)
        self._totals[state] -= 1
        _decrease(self._count_in(state), key.namespace)
        if state in _OPEN:
            _decrease(self._open, key.namespace)
        if (queue := self._queues.get(key.namespace)) is not None:
            queue.pop(key, None)
            if not queue:
                del self._queues[key.namespace]

    def add_to_queue(self, key: Key) -> None:
        """Let a tenant that waits have the next free slot."""
        self._queues.setdefault(key.namespace, {})[key] = None

    def note_serving(self, namespace: str) -> None:
        """Note that a tenant of a namespace serves with the new version."""
        self._serving.add(namespace)

    def count(self, state: RolloutState) -> int:
        """Return how many tenants are in a state."""
        return self._totals[state]

    def has_free(self) -> bool:
        """Tell whether a slot is free."""
        return self._count_taken() < self._limit

    def has_free_for(self, namespace: str) -> bool:
        """Tell whether a slot is free for a namespace, within its share."""
        return self.has_free() and self._count_held(namespace) < self._compute_share()

    def list_movable(self) -> list[Key]:
        """Return queued tenants for the free slots, first those of namespaces with few slots."""
        if not self._queues or (free := self._limit - self._count_taken()) <= 0:
            return []
        share = self._compute_share()
        found: list[Key] = []
        for namespace in sorted(self._queues, key=self._count_held):
            found += list(self._queues[namespace])[: max(0, share - self._count_held(namespace))]
        return found[:free]

    def _compute_share(self) -> int:
        """Return how many slots one namespace may have."""
        return max(1, math.ceil(self._limit / max(1, len(self._open))))

    def _count_held(self, namespace: str) -> int:
        return self._count_in("moving")[namespace] + self._count_in("failed")[namespace]

    def _count_taken(self) -> int:
        failed = self._count_in("failed")
        excused = len(self._serving - failed.keys()) // WITNESSES
        return self._totals["moving"] + sum(sorted(failed.values(), reverse=True)[excused:])

    def _count_in(self, state: RolloutState | None) -> Counter[str]:
        return self._by_namespace.setdefault(state, Counter())


def _decrease(counter: Counter[str], namespace: str) -> None:
    counter[namespace] -= 1
    if not counter[namespace]:
        del counter[namespace]
