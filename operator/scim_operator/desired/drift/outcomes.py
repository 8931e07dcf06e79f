"""What became of a tenant's objects in a pass, for its status and events. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from scim_operator.desired.faults import Fault


class Outcome(NamedTuple):
    """What became of one object.

    Attributes
    ----------
    name
        Kind and name, as in the tenant's status.
    repaired, kept
        What was repaired of it, and what admission has changed, as sentences.
    admitted
        What its status is to say of what admission has made of it; None if it is as wanted.
    conflicts, begun
        What others set again and again, and what of that is new, as sentences.
    pause
        Seconds after which it is to be looked at again.
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
    """Return what others set again and again, in an order that stands still."""
    return tuple(sorted({text for outcome in outcomes for text in outcome.conflicts}))


def merge_admitted(before: Mapping[str, str] | None, outcomes: Sequence[Outcome]) -> dict[str, str]:
    """Return what admission has made of a tenant's objects, for its status."""
    done = {outcome.name for outcome in outcomes if outcome.fault is None}
    kept = {name: entry for name, entry in (before or {}).items() if name not in done}
    made = {outcome.name: outcome.admitted for outcome in outcomes if outcome.admitted}
    return dict(sorted((kept | made).items()))
