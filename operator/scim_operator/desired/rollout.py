"""How a new pod template reaches many tenants: a bounded number at a time. No I/O.

The wanted template of a tenant changes by its owner's wish, or because the operator or its
settings are others than before. The owner's wish is carried out at once. Of the rest, a tenant
is moved only when it gets a place; until then its Deployment stays exactly as it is, because a
new template around an old image may fit it no longer.

A tenant gives its place back when all its pods are of the new template and available. One that
does not get there within the time-out has failed, and keeps its place: if the new version is bad
the places run out, and the rest stay as they are. That is the halt. Tenants that fail for reasons
of their own must not cause it, so

- a namespace has no more than its share of the places, the failed ones among them;
- for every `WITNESSES` namespaces where the new version serves, one namespace with failed tenants
  stops to count. Witnesses are counted from the start of the process on.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple
from urllib.parse import urlsplit

from scim_operator.api import names
from scim_operator.api.tenant import Key
from scim_operator.api.v1alpha1.status import RolloutState, RolloutStatus
from scim_operator.desired.drift import differences
from scim_operator.desired.drift.desired_object import DesiredObject
from scim_operator.desired.observed import Observed
from scim_operator.desired.plan import Plan
from scim_operator.desired.urls.address import Address
from scim_operator.kube.kinds import DEPLOYMENT, Object

WITNESSES = 4
"""Namespaces that must serve for one with failed tenants not to count."""

QUIET = timedelta(seconds=60)
"""Silence after which Entra is between two cycles: within one, its requests follow closely."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What one pass knows of a tenant.

    Attributes
    ----------
    template
        Digest of the wanted pod template.
    live
        The Deployment in the cluster; None if there is none.
    is_applied
        Whether it is as wanted already.
    record
        What the operator wrote about the tenant last.
    generation
        Of the spec.
    is_own_change
        Whether the tenant's owner has changed what the pods are made from.
    has_gap
        Whether nobody answers while the pod is replaced.
    last_request
        When the last request came, as far as the service has told.
    is_read
        Whether the service has told, or cannot be asked.
    """

    template: str
    live: Object | None
    is_applied: bool
    record: RolloutStatus
    generation: int
    is_own_change: bool = False
    has_gap: bool = False
    last_request: datetime | None = None
    is_read: bool = True


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


def rests(observed: Observed, wanted: DesiredObject, *, is_applied: bool) -> RolloutStatus | None:
    """Return the record of a tenant about which there is nothing to decide; None if there is.

    Most passes are over such tenants, and this is cheaper than `look`.
    """
    record = observed.tenant.status.rollout
    at_rest = (
        is_applied
        and record is not None
        and record.state == "current"
        and record.spec_generation == observed.tenant.generation
        and wanted.live is not None
        and not _is_edited(wanted.live, record)
        and _is_complete(wanted.live)
    )
    return record if at_rest else None


def look(observed: Observed, where: Address, wanted: DesiredObject, *, is_applied: bool) -> Seen:
    """Gather what a decision needs.

    Parameters
    ----------
    where
        Where requests are to come in.
    wanted
        The Deployment.
    is_applied
        Whether it is as wanted already.
    """
    tenant = observed.tenant
    template = differences.stamp(wanted.object["spec"]["template"])
    record = tenant.status.rollout or RolloutStatus(
        # Of an operator that kept no record, or did not come to write it.
        template=template if is_applied else "",
        spec_generation=tenant.status.observed_generation or 0,
        deployment_generation=_generation(wanted.live),
    )
    report = observed.report
    return Seen(
        template=template,
        live=wanted.live,
        is_applied=is_applied,
        record=record,
        generation=tenant.generation,
        is_own_change=record.spec_generation != tenant.generation
        or _is_elsewhere(tenant.status.tenant_url, where)
        or _database(wanted.object) not in (None, _database(wanted.live)),
        has_gap=tenant.spec.database.sqlite is not None,
        last_request=report.last_request if report else None,
        is_read=report is not None or observed.unreadable is not None,
    )


def recorded(decision: Decision, planned: Plan, observed: Observed) -> RolloutStatus | None:
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
    if live is None or differences.stamp_of(live) != differences.stamp_of(wanted.object):
        return observed.tenant.status.rollout
    if not _is_edited(live, decision.record):
        return decision.record
    return decision.record.model_copy(update={"deployment_generation": _generation(live)})


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

    def decide(self, key: Key, seen: Seen, now: datetime) -> Decision:
        """Decide whether a tenant gets the wanted template now."""
        record = seen.record
        if seen.live is None:
            record = _untried(record)
        elif record.template != seen.template:
            if not (seen.is_own_change or _is_edited(seen.live, record)):
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

    def _progress(self, key: Key, record: RolloutStatus, seen: Seen, now: datetime) -> RolloutState:
        """Return how far a tenant is that has the wanted template, or gets it in this pass."""
        if record.moved_at is None:
            return "current"
        if seen.is_applied and seen.live and _is_complete(seen.live):
            if record.state in ("moving", "failed"):
                self._served.add(key.namespace)
            return "current"
        if now - record.moved_at < self._timeout:
            return "moving"
        # One that has arrived and is away much later is not the rollout's matter any more.
        return "current" if record.state == "current" else "failed"

    def _ask(self, key: Key, seen: Seen, live: Object, now: datetime) -> Decision:
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

    def _quiet_at(self, key: Key, seen: Seen, now: datetime) -> datetime | None:
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


def _as_wanted(record: RolloutStatus, seen: Seen, state: RolloutState) -> RolloutStatus:
    update = {"template": seen.template, "spec_generation": seen.generation, "state": state}
    return record.model_copy(update=update)


def _is_edited(live: Object, record: RolloutStatus) -> bool:
    """Tell whether others have changed a Deployment that is to stay as the operator left it."""
    return _generation(live) != record.deployment_generation


def _generation(live: Object | None) -> int:
    generation: int = (live or {}).get("metadata", {}).get("generation", 0)
    return generation


def _is_elsewhere(before: str | None, where: Address) -> bool:
    """Tell whether requests come by another path than the pods know."""
    return before is not None and urlsplit(before).path != where.path


def _database(deployment: Object | None) -> str | None:
    if deployment is None:
        return None
    metadata = deployment["spec"]["template"].get("metadata") or {}
    found: str | None = (metadata.get("annotations") or {}).get(names.DATABASE_ANNOTATION)
    return found


def _is_complete(deployment: Object) -> bool:
    """Tell whether exactly the wanted pods are there, none of them older, and all available."""
    wanted = deployment["spec"]["replicas"]
    status = deployment.get("status", {})
    kinds = ("replicas", "updatedReplicas", "availableReplicas")
    counts = {status.get(kind, 0) for kind in kinds}
    # A status that is older than the spec counts the pods that are about to go.
    return counts == {wanted} and status.get("observedGeneration", 0) >= _generation(deployment)
