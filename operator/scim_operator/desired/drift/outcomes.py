"""What a reconcile did with each object of a tenant, for its status and events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from scim_operator.desired.faults import Fault


class Outcome(NamedTuple):
    """What a reconcile did with one object.

    Attributes
    ----------
    name
        Kind and name, as in the tenant's status.
    repaired, kept
        Sentences: what was repaired, and which changes of admission rules are kept.
    admitted
        The entry of the tenant's status for accepted differences; None if there are none.
    conflicts, begun
        Sentences: all conflicts about the object, and those that begin now.
    pause
        Seconds until the object needs another reconcile.
    """

    name: str
    fault: Fault | None = None
    repaired: str | None = None
    kept: str | None = None
    admitted: str | None = None
    conflicts: tuple[str, ...] = ()
    begun: tuple[str, ...] = ()
    pause: float | None = None


def list_conflicts(outcomes: Sequence[Outcome]) -> tuple[str, ...]:
    """List the conflicts, in an order that does not change."""
    return tuple(sorted({text for outcome in outcomes for text in outcome.conflicts}))


def merge_admitted(before: Mapping[str, str] | None, outcomes: Sequence[Outcome]) -> dict[str, str]:
    """Return the accepted differences of a tenant's objects, for its status."""
    done = {outcome.name for outcome in outcomes if outcome.fault is None}
    kept = {name: entry for name, entry in (before or {}).items() if name not in done}
    made = {outcome.name: outcome.admitted for outcome in outcomes if outcome.admitted}
    return dict(sorted((kept | made).items()))
