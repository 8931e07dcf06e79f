"""Conditions as kstatus, Argo CD and ``kubectl wait`` understand them. Pure.

A finding is what one look at the tenant shows about one aspect. Ready sums the aspects up;
Reconciling and Stalled are true only when something is abnormal: the first says that it is being
worked on, the second that it will not get better by itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from scim_operator.api.conditions import READY, RECONCILING, STALLED, STATUS, Finding, Outlook
from scim_operator.api.v1alpha1.status import Condition
from scim_operator.timestamps import format_timestamp

_HELD_UP = {READY: "False", RECONCILING: "False", STALLED: "True"}
"""What the conditions say of a tenant over which no pass comes to its end."""


def assess_ready(aspects: Sequence[Finding]) -> Finding:
    """Sum up: the first aspect that is not good speaks for the tenant, a stalled one before all."""
    bad = [aspect for aspect in aspects if aspect.is_needed and not aspect.is_good]
    stalled = [aspect for aspect in bad if aspect.outlook is Outlook.STALLED]
    return next(
        iter(stalled or bad),
        Finding(
            is_good=True,
            reason="Ready",
            message="; ".join(
                [
                    "the tenant serves SCIM at its Tenant URL",
                    *(each.message for each in aspects if not (each.is_good or each.is_needed)),
                ]
            ),
        ),
    )


def assess_abnormal(aspects: Sequence[Finding]) -> dict[str, Finding]:
    """Return Reconciling and Stalled; a stalled aspect is not reported as being worked on."""
    outlooks = {aspect.outlook: aspect for aspect in reversed(aspects)}
    stalled = outlooks.get(Outlook.STALLED)
    progressing = None if stalled else outlooks.get(Outlook.PROGRESSING)
    return {
        RECONCILING: Finding(
            is_good=progressing is not None,
            reason=progressing.reason if progressing else "Settled",
            message=progressing.message if progressing else "",
        ),
        STALLED: Finding(
            is_good=stalled is not None,
            reason=stalled.reason if stalled else "NotStalled",
            message=stalled.message if stalled else "",
        ),
    }


def to_conditions(
    findings: Mapping[str, Finding],
    before: Sequence[Condition],
    generation: int,
    now: datetime,
) -> tuple[Condition, ...]:
    """Turn findings into conditions; the time moves only when a status does."""
    known = {condition.type: condition for condition in before}
    result = []
    for kind, finding in findings.items():
        status = STATUS[finding.is_good]
        last = known.get(kind)
        same = last is not None and last.status == status
        result.append(
            Condition(
                type=kind,
                status=status,
                reason=finding.reason,
                message=finding.message,
                last_transition_time=last.last_transition_time if last and same else now,
                observed_generation=generation,
            )
        )
    return tuple(result)


def mark_held_up(
    status: Mapping[str, Any], finding: Finding, generation: int, now: datetime
) -> dict[str, Any] | None:
    """Return the status of a tenant over which no pass comes to its end; None if it says so.

    It takes and returns the status as it is stored, which this version may be unable to read. The
    rest of it stays: what is known of the tenant is not less true than before. The message may
    differ between two passes that fail for one reason, which is not worth a write.
    """
    stored = status.get("conditions")
    known = {
        condition.get("type"): condition
        for condition in (stored if isinstance(stored, list) else ())
        if isinstance(condition, dict) and isinstance(condition.get("type"), str)
    }
    said = [known.get(kind, {}) for kind in (READY, STALLED)]
    if (
        status.get("observedGeneration") == generation
        and [(each.get("status"), each.get("reason")) for each in said]
        == [(_HELD_UP[kind], finding.reason) for kind in (READY, STALLED)]
        and all(each.get("observedGeneration") == generation for each in said)
    ):
        return None
    for kind, state in _HELD_UP.items():
        before = known.get(kind, {})
        since = before.get("lastTransitionTime") if before.get("status") == state else None
        known[kind] = {
            "type": kind,
            "status": state,
            "reason": finding.reason,
            "message": finding.message,
            "lastTransitionTime": since or format_timestamp(now),
            "observedGeneration": generation,
        }
    return {**status, "observedGeneration": generation, "conditions": list(known.values())}
