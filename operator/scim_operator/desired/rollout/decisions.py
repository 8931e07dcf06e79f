"""Decides which tenants get a new pod template now, and which wait.

The desired template of a tenant changes because its owner changed the tenant, or because the
operator or its settings are new. A change of the owner is applied at once. For any other change a
tenant needs a slot (`desired.rollout.slots`); until it has one its Deployment stays exactly as it
is, because a new template around an old image may not fit it.

A tenant has arrived when all its pods have the new template and are available. A tenant that does
not arrive within the time-out has failed.
"""

from __future__ import annotations

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
from scim_operator.desired.rollout.slots import Slots
from scim_operator.kube.kinds import DEPLOYMENT, Object

QUIET = timedelta(seconds=60)
"""Time without a request after which Entra is between two cycles: within a cycle, requests follow
one another closely."""


class Decision(NamedTuple):
    """What a reconcile does with the pods of a tenant.

    Attributes
    ----------
    record
        The record to write after the reconcile.
    is_held
        Whether the Deployment stays as it is.
    takes_slot
        Whether the tenant takes a slot now: the record must be written before the Deployment, or a
        restart of the operator between the two would lose the slot.
    retry_at
        When to decide again, if nothing happens until then.
    """

    record: RolloutStatus
    is_held: bool = False
    takes_slot: bool = False
    retry_at: datetime | None = None


def update_record(decision: Decision, planned: Plan, observed: Observed) -> RolloutStatus | None:
    """Return the record after a reconcile: that of the decision only if it was applied.

    Parameters
    ----------
    observed
        With the objects after the reconcile.
    """
    desired = planned.deployment
    if decision.is_held or desired is None:
        return decision.record
    live = observed.children.get((DEPLOYMENT, desired.name))
    digest = applied_digest.read_digest(desired.object)
    if live is None or applied_digest.read_digest(live) != digest:
        return observed.tenant.status.rollout
    if not is_edited(live, decision.record):
        return decision.record
    return decision.record.model_copy(update={"deployment_generation": read_generation(live)})


class Rollout:
    """The progress of all tenants.

    Parameters
    ----------
    limit
        Number of slots.
    timeout
        Time after which a moved tenant that does not serve has failed.
    patience
        How long a tenant with a gap waits at most for a time without requests; zero: not at all.
    recorded
        The state of each tenant when the operator started.
    """

    def __init__(
        self,
        limit: int,
        timeout: timedelta,
        patience: timedelta,
        recorded: Iterable[tuple[Key, RolloutState | None]] = (),
    ) -> None:
        self._timeout = timeout
        self._patience = patience
        self._slots = Slots(limit)
        self._deferred_since: dict[Key, datetime] = {}
        for key, state in recorded:
            # Until its first reconcile, a tenant that had failed keeps its slot as well.
            self._slots.set_state(key, "moving" if state in ("moving", "failed") else None)

    def decide(self, key: Key, situation: Situation, now: datetime) -> Decision:
        """Decide whether a tenant gets the desired template now."""
        record = situation.record
        if situation.live is None:
            record = _clear_move(record)
        elif record.template != situation.template:
            if not (situation.is_own_change or is_edited(situation.live, record)):
                return self._request_slot(key, situation, situation.live, now)
            if record.state not in ("moving", "failed"):
                record = _clear_move(record)
        state = self._measure_progress(key, record, situation, now)
        self._set_state(key, state)
        retry_at = None
        if state == "moving" and record.moved_at:
            retry_at = record.moved_at + self._timeout
        return Decision(_update(record, situation, state), retry_at=retry_at)

    def note_settled(self, key: Key, record: RolloutStatus) -> Decision:
        """Note a tenant that needs no decision (`situation.find_settled_record`)."""
        self._set_state(key, "current")
        return Decision(record)

    def forget(self, key: Key) -> None:
        """Give back the slot of a tenant that is deleted or left alone."""
        self._slots.remove(key)
        self._deferred_since.pop(key, None)

    def list_movable(self) -> list[Key]:
        """Return waiting tenants that could move now, first those of namespaces with few slots."""
        return self._slots.list_movable()

    def count(self, state: RolloutState) -> int:
        """Return how many tenants are in a state."""
        return self._slots.count(state)

    def _measure_progress(
        self, key: Key, record: RolloutStatus, situation: Situation, now: datetime
    ) -> RolloutState:
        """Return the state of a tenant that has the desired template, or gets it now."""
        if record.moved_at is None:
            return "current"
        if situation.is_applied and situation.live and is_complete(situation.live):
            if record.state in ("moving", "failed"):
                self._slots.note_serving(key.namespace)
            return "current"
        if now - record.moved_at < self._timeout:
            return "moving"
        # A tenant that has arrived and stops serving much later did not fail in the rollout.
        return "current" if record.state == "current" else "failed"

    def _request_slot(
        self, key: Key, situation: Situation, live: Object, now: datetime
    ) -> Decision:
        """Give a tenant a slot, or leave it as it is."""
        is_down = live.get("status", {}).get("availableReplicas", 0) == 0
        if live["spec"].get("replicas", 1) == 0 or (is_down and self._slots.has_free()):
            # It loses nothing. But a tenant that is down briefly, as its node is drained, would
            # stay down with a version that does not serve: while all slots are taken it waits.
            self._set_state(key, "current")
            return Decision(_update(_clear_move(situation.record), situation, "current"))
        waiting = Decision(situation.record.model_copy(update={"state": "waiting"}), is_held=True)
        if self._slots.get_state(key) != "moving" and not self._slots.has_free_for(key.namespace):
            self._set_state(key, "waiting")
            self._slots.add_to_queue(key)
            return waiting
        if not is_down and (retry_at := self._find_quiet_time(key, situation, now)):
            self._set_state(key, "waiting")
            return waiting._replace(retry_at=retry_at)
        self._set_state(key, "moving")
        moved = situation.record.model_copy(update={"moved_at": now})
        record = _update(moved, situation, "moving")
        return Decision(record, takes_slot=True, retry_at=now + self._timeout)

    def _find_quiet_time(self, key: Key, situation: Situation, now: datetime) -> datetime | None:
        """Return when to check again whether no request comes in a gap; None if now is good."""
        if not situation.has_gap or not self._patience:
            return None
        quiet = situation.last_request + QUIET if situation.last_request else now
        if situation.is_read and quiet <= now:
            return None
        end = self._deferred_since.setdefault(key, now) + self._patience
        if end <= now:
            return None
        # The first service status causes a reconcile.
        return min(quiet, end) if situation.is_read else end

    def _set_state(self, key: Key, state: RolloutState) -> None:
        if state == "current" and self._slots.get_state(key) == "current":
            return
        self._slots.set_state(key, state)
        if state != "waiting":
            self._deferred_since.pop(key, None)


def _clear_move(record: RolloutStatus) -> RolloutStatus:
    """Return the record of a tenant whose pods the rollout does not replace."""
    return record.model_copy(update={"moved_at": None, "state": "current"})


def _update(record: RolloutStatus, situation: Situation, state: RolloutState) -> RolloutStatus:
    update = {
        "template": situation.template,
        "spec_generation": situation.generation,
        "state": state,
    }
    return record.model_copy(update=update)
