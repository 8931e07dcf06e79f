"""Which tenants get a new pod template now, and which wait."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

from scim_operator.api.tenant import Key
from scim_operator.api.v1alpha1.status import RolloutState, RolloutStatus
from scim_operator.desired.objects import applied_digest
from scim_operator.desired.observed import Observed
from scim_operator.desired.plan import Plan
from scim_operator.desired.rollout.situation import (
    Situation,
    is_complete,
    is_edited,
    read_generation,
)
from scim_operator.kube.kinds import DEPLOYMENT, Object

WITNESSES = 4
"""Namespaces that must serve for one with failed tenants not to count."""


QUIET = timedelta(seconds=60)
"""Silence after which Entra is between two cycles: within one, its requests follow closely."""


class Decision(NamedTuple):
    """What becomes of a tenant in this pass.

    Attributes
    ----------
    record
        What to write about it when the pass is done.
    held
        Whether its Deployment stays as it is.
    begins
        Whether it takes a place now: the record has to be written before the Deployment, or a
        restart between the two would lose the place.
    again
        When to look again, if nothing happens until then.
    """

    record: RolloutStatus
    held: bool = False
    begins: bool = False
    again: datetime | None = None


def update_record(decision: Decision, planned: Plan, observed: Observed) -> RolloutStatus | None:
    """Return the record after a pass: that of the decision only if it was carried out.

    Parameters
    ----------
    observed
        With the objects as they are now.
    """
    wanted = planned.deployment
    if decision.held or wanted is None:
        return decision.record
    live = observed.children.get((DEPLOYMENT, wanted.name))
    if live is None or applied_digest.read_digest(live) != applied_digest.read_digest(
        wanted.object
    ):
        return observed.tenant.status.rollout
    if not is_edited(live, decision.record):
        return decision.record
    return decision.record.model_copy(update={"deployment_generation": read_generation(live)})


class Rollout:
    """The places, who has one, and who waits for one.

    Parameters
    ----------
    limit
        Places.
    timeout
        Time after which a tenant that was moved and does not serve has failed.
    patience
        How long a tenant with a gap waits for a quiet moment at most; zero: not at all.
    recorded
        The state that each tenant had when the operator started.
    """

    def __init__(
        self,
        limit: int,
        timeout: timedelta,
        patience: timedelta,
        recorded: Iterable[tuple[Key, RolloutState | None]] = (),
    ) -> None:
        self._limit = limit
        self._timeout = timeout
        self._patience = patience
        self._states: dict[Key, RolloutState | None] = {}
        self._totals: Counter[RolloutState | None] = Counter()
        self._tenants: dict[RolloutState | None, Counter[str]] = {}
        self._open: Counter[str] = Counter()
        self._served: set[str] = set()
        self._waiting: dict[str, dict[Key, None]] = {}
        self._deferred_since: dict[Key, datetime] = {}
        for key, state in recorded:
            # Until it is looked at, one that had failed has its place as well.
            self._enter(key, "moving" if state in ("moving", "failed") else None)

    def decide(self, key: Key, seen: Situation, now: datetime) -> Decision:
        """Decide whether a tenant gets the wanted template now."""
        record = seen.record
        if seen.live is None:
            record = _untried(record)
        elif record.template != seen.template:
            if not (seen.is_own_change or is_edited(seen.live, record)):
                return self._ask(key, seen, seen.live, now)
            if record.state not in ("moving", "failed"):
                record = _untried(record)
        state = self._progress(key, record, seen, now)
        self._enter(key, state)
        again = record.moved_at + self._timeout if state == "moving" and record.moved_at else None
        return Decision(_as_wanted(record, seen, state), again=again)

    def settle(self, key: Key, record: RolloutStatus) -> Decision:
        """Take note of a tenant about which there is nothing to decide."""
        self._enter(key, "current")
        return Decision(record)

    def forget(self, key: Key) -> None:
        """Give back the place of a tenant that is gone or is left alone."""
        self._leave(key)
        self._deferred_since.pop(key, None)

    def free(self) -> list[Key]:
        """Return tenants that wait and could move now, of namespaces with few places first."""
        if not self._waiting or (room := self._limit - self._taken()) <= 0:
            return []
        share = self._share()
        found: list[Key] = []
        for namespace in sorted(self._waiting, key=self._held_by):
            found += list(self._waiting[namespace])[: max(0, share - self._held_by(namespace))]
        return found[:room]

    def count(self, state: RolloutState) -> int:
        """Return how many tenants are in a state."""
        return self._totals[state]

    def _progress(
        self, key: Key, record: RolloutStatus, seen: Situation, now: datetime
    ) -> RolloutState:
        """Return how far a tenant is that has the wanted template, or gets it in this pass."""
        if record.moved_at is None:
            return "current"
        if seen.is_applied and seen.live and is_complete(seen.live):
            if record.state in ("moving", "failed"):
                self._served.add(key.namespace)
            return "current"
        if now - record.moved_at < self._timeout:
            return "moving"
        # One that has arrived and is away much later is not the rollout's matter any more.
        return "current" if record.state == "current" else "failed"

    def _ask(self, key: Key, seen: Situation, live: Object, now: datetime) -> Decision:
        """Give a tenant a place, or leave it as it is."""
        is_down = live.get("status", {}).get("availableReplicas", 0) == 0
        if live["spec"].get("replicas", 1) == 0 or (is_down and self._taken() < self._limit):
            # It loses nothing. But one that is down for the moment, as its node is drained, would
            # be lost to a version that does not serve: while the places are taken it waits.
            self._enter(key, "current")
            return Decision(_as_wanted(_untried(seen.record), seen, "current"))
        waiting = Decision(seen.record.model_copy(update={"state": "waiting"}), held=True)
        if self._states.get(key) != "moving" and not self._has_room(key.namespace):
            self._enter(key, "waiting")
            self._waiting.setdefault(key.namespace, {})[key] = None
            return waiting
        if not is_down and (again := self._quiet_at(key, seen, now)):
            self._enter(key, "waiting")
            return waiting._replace(again=again)
        self._enter(key, "moving")
        moved = seen.record.model_copy(update={"moved_at": now})
        again = now + self._timeout
        return Decision(_as_wanted(moved, seen, "moving"), begins=True, again=again)

    def _quiet_at(self, key: Key, seen: Situation, now: datetime) -> datetime | None:
        """Return when to ask again whether nobody notices the gap; None if now is well."""
        if not seen.has_gap or not self._patience:
            return None
        quiet = seen.last_request + QUIET if seen.last_request else now
        if seen.is_read and quiet <= now:
            return None
        end = self._deferred_since.setdefault(key, now) + self._patience
        if end <= now:
            return None
        # The first reading wakes the tenant.
        return min(quiet, end) if seen.is_read else end

    def _has_room(self, namespace: str) -> bool:
        return self._taken() < self._limit and self._held_by(namespace) < self._share()

    def _share(self) -> int:
        """Return the places that one namespace may have."""
        return max(1, math.ceil(self._limit / max(1, len(self._open))))

    def _held_by(self, namespace: str) -> int:
        return self._in("moving")[namespace] + self._in("failed")[namespace]

    def _taken(self) -> int:
        """Return how many places are taken."""
        failed = self._in("failed")
        excused = len(self._served - failed.keys()) // WITNESSES
        return self._totals["moving"] + sum(sorted(failed.values(), reverse=True)[excused:])

    def _in(self, state: RolloutState | None) -> Counter[str]:
        return self._tenants.setdefault(state, Counter())

    def _enter(self, key: Key, state: RolloutState | None) -> None:
        if state == "current" and self._states.get(key) == "current":
            return
        self._leave(key)
        self._states[key] = state
        self._totals[state] += 1
        self._in(state)[key.namespace] += 1
        if state in _OPEN:
            self._open[key.namespace] += 1
        if state != "waiting":
            self._deferred_since.pop(key, None)

    def _leave(self, key: Key) -> None:
        if key not in self._states:
            return
        state = self._states.pop(key)
        self._totals[state] -= 1
        _decrease(self._in(state), key.namespace)
        if state in _OPEN:
            _decrease(self._open, key.namespace)
        if (queue := self._waiting.get(key.namespace)) is not None:
            queue.pop(key, None)
            if not queue:
                del self._waiting[key.namespace]


_OPEN: tuple[RolloutState | None, ...] = (None, "waiting", "moving")
"""States of tenants that take a place, or may want one; None: not looked at yet."""


def _decrease(counter: Counter[str], namespace: str) -> None:
    counter[namespace] -= 1
    if not counter[namespace]:
        del counter[namespace]


def _untried(record: RolloutStatus) -> RolloutStatus:
    """Return the record of a tenant whose pods were not replaced by the rollout."""
    return record.model_copy(update={"moved_at": None, "state": "current"})


def _as_wanted(record: RolloutStatus, seen: Situation, state: RolloutState) -> RolloutStatus:
    update = {"template": seen.template, "spec_generation": seen.generation, "state": state}
    return record.model_copy(update=update)
