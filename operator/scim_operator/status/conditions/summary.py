"""The conditions Ready, Reconciling and Stalled, and conditions as the status stores them.

kstatus, Argo CD and ``kubectl wait`` read them. Ready summarizes the aspects of a tenant.
Reconciling and Stalled are true only while something is abnormal: Reconciling means that the
operator or Kubernetes is working on it, Stalled that a person must act.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from scim_operator.api.conditions import READY, RECONCILING, STALLED, STATUS, Finding, Outlook
from scim_operator.api.v1alpha1.status import Condition
from scim_operator.timestamps import format_timestamp

_BLOCKED = {READY: "False", RECONCILING: "False", STALLED: "True"}
"""The conditions of a tenant that the operator cannot reconcile."""


def assess_ready(aspects: Sequence[Finding]) -> Finding:
    """Decide Ready: by the first stalled aspect, else by the first aspect that is not good."""
    bad = [aspect for aspect in aspects if aspect.is_needed and not aspect.is_good]
    stalled = [aspect for aspect in bad if aspect.outlook is Outlook.STALLED]
    if bad:
        return (stalled or bad)[0]
    notes = [each.message for each in aspects if not (each.is_good or each.is_needed)]
    message = "; ".join(["the tenant serves SCIM at its Tenant URL", *notes])
    return Finding(is_good=True, reason="Ready", message=message)


def assess_abnormal(aspects: Sequence[Finding]) -> dict[str, Finding]:
    """Decide Reconciling and Stalled; a stalled tenant is not also reconciling."""
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
    """Convert findings to conditions; a transition time changes only with the status."""
    known = {condition.type: condition for condition in before}
    result = []
    for kind, finding in findings.items():
        status = STATUS[finding.is_good]
        last = known.get(kind)
        is_same = last is not None and last.status == status
        result.append(
            Condition(
                type=kind,
                status=status,
                reason=finding.reason,
                message=finding.message,
                last_transition_time=last.last_transition_time if last and is_same else now,
                observed_generation=generation,
            )
        )
    return tuple(result)


def mark_blocked(
    status: Mapping[str, Any], finding: Finding, generation: int, now: datetime
) -> dict[str, Any] | None:
    """Return the status of a tenant that the operator cannot reconcile; None if it is so already.

    The status is taken and returned as it is stored, because this version may be unable to parse
    it. All other fields stay: they are as true as before. A message that differs between two
    reconciles that fail for the same reason is not worth a write.
    """
    stored = status.get("conditions")
    known = {
        condition.get("type"): condition
        for condition in (stored if isinstance(stored, list) else ())
        if isinstance(condition, dict) and isinstance(condition.get("type"), str)
    }
    current = [known.get(kind, {}) for kind in (READY, STALLED)]
    if (
        status.get("observedGeneration") == generation
        and [(each.get("status"), each.get("reason")) for each in current]
        == [(_BLOCKED[kind], finding.reason) for kind in (READY, STALLED)]
        and all(each.get("observedGeneration") == generation for each in current)
    ):
        return None
    for kind, state in _BLOCKED.items():
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
