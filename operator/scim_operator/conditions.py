"""Conditions as kstatus, Argo CD and ``kubectl wait`` understand them. Pure.

A finding is what one look at the tenant shows about one aspect. Ready sums the aspects up;
Reconciling and Stalled are true only when something is abnormal: the first says that it is being
worked on, the second that it will not get better by itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any, Literal

from scim_operator.crd import Condition
from scim_operator.moments import show

READY = "Ready"
RECONCILING = "Reconciling"
STALLED = "Stalled"
TOKEN_READY = "TokenReady"  # noqa: S105 (the name of a condition)
AVAILABLE = "Available"
EXPOSED = "Exposed"
PROVISIONING = "Provisioning"
RESTRICTED = "Restricted"
"""Only there while a part of the spec is not passed on."""

CLUSTER_ONLY = "ClusterOnly"
"""The reason of Exposed where no one outside of the cluster can reach the tenant."""

FIELD_CONFLICT = "FieldConflict"
"""Only there while somebody else sets a field of the tenant's objects again and again."""

STATUS: Mapping[bool | None, Literal["True", "False", "Unknown"]] = {
    True: "True",
    False: "False",
    None: "Unknown",
}
"""The status of a condition, by whether its finding is good."""

UNKNOWN_ANNOTATION = "UnknownAnnotation"
"""Only there while a ScimTenant has an annotation of ours that means nothing."""

WEAK_TOKEN = "WeakToken"  # noqa: S105 (the reason of a condition)


_HELD_UP = {READY: "False", RECONCILING: "False", STALLED: "True"}
"""What the conditions say of a tenant over which no pass comes to its end."""


class Outlook(Enum):
    """What to expect of an aspect that is not as wanted."""

    SETTLED = "nothing will change, and nothing needs to"
    PROGRESSING = "it is being worked on"
    STALLED = "somebody has to do something"


@dataclass(frozen=True, slots=True)
class Finding:
    """The state of one aspect.

    Attributes
    ----------
    good
        Whether it is as wanted; None if that is not known.
    reason
        One word in CamelCase, for programs.
    message
        A sentence that says what is wrong and what the reader can do. No timestamp and no
        counter: every change of the text is a write.
    is_needed
        Whether the tenant is Ready only if this is good.
    """

    good: bool | None
    reason: str
    message: str
    outlook: Outlook = Outlook.SETTLED
    is_needed: bool = True


def ready(aspects: Sequence[Finding]) -> Finding:
    """Sum up: the first aspect that is not good speaks for the tenant, a stalled one before all."""
    bad = [aspect for aspect in aspects if aspect.is_needed and not aspect.good]
    stalled = [aspect for aspect in bad if aspect.outlook is Outlook.STALLED]
    return next(
        iter(stalled or bad),
        Finding(
            good=True,
            reason="Ready",
            message="; ".join(
                [
                    "the tenant serves SCIM at its Tenant URL",
                    *(each.message for each in aspects if not (each.good or each.is_needed)),
                ]
            ),
        ),
    )


def abnormal(aspects: Sequence[Finding]) -> dict[str, Finding]:
    """Return Reconciling and Stalled; a stalled aspect is not reported as being worked on."""
    outlooks = {aspect.outlook: aspect for aspect in reversed(aspects)}
    stalled = outlooks.get(Outlook.STALLED)
    progressing = None if stalled else outlooks.get(Outlook.PROGRESSING)
    return {
        RECONCILING: Finding(
            good=progressing is not None,
            reason=progressing.reason if progressing else "Settled",
            message=progressing.message if progressing else "",
        ),
        STALLED: Finding(
            good=stalled is not None,
            reason=stalled.reason if stalled else "NotStalled",
            message=stalled.message if stalled else "",
        ),
    }


def conditions(
    findings: Mapping[str, Finding],
    before: Sequence[Condition],
    generation: int,
    now: datetime,
) -> tuple[Condition, ...]:
    """Turn findings into conditions; the time moves only when a status does."""
    known = {condition.type: condition for condition in before}
    result = []
    for kind, finding in findings.items():
        status = STATUS[finding.good]
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


def held_up(
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
            "lastTransitionTime": since or show(now),
            "observedGeneration": generation,
        }
    return {**status, "observedGeneration": generation, "conditions": list(known.values())}
