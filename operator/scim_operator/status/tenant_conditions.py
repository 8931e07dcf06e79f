"""All conditions of a tenant: which module decides which condition, in the order of the status."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from scim_operator.api import conditions
from scim_operator.api.conditions import Finding
from scim_operator.desired.faults import Fault
from scim_operator.desired.observed import Observed
from scim_operator.desired.plan import Plan
from scim_operator.desired.validation import allowed_fields
from scim_operator.status.conditions import (
    available,
    exposed,
    provisioning,
    summary,
    token_ready,
    unknown_annotations,
)
from scim_operator.status.problems import pods


def assess(
    observed: Observed, plan: Plan, faults: Sequence[Fault], token_secret: str, now: datetime
) -> dict[str, Finding]:
    """Return the finding of each condition by its type.

    Parameters
    ----------
    faults
        Objects that are not as desired after the reconcile.
    token_secret
        Name of the Secret with the token.
    """
    aspects = {
        conditions.TOKEN_READY: token_ready.assess(observed, plan, faults, token_secret),
        conditions.AVAILABLE: available.assess(observed, plan, faults, now),
        conditions.EXPOSED: exposed.assess(observed, plan, faults, now),
    }
    return {
        conditions.READY: summary.assess_ready(list(aspects.values())),
        **summary.assess_abnormal(list(aspects.values())),
        **aspects,
        conditions.PROVISIONING: _assess_provisioning(observed, token_secret, now),
        **_assess_optional(observed, plan),
    }


def next_change(observed: Observed, now: datetime) -> datetime | None:
    """Return when the passing of time alone can change a condition; None if it cannot."""
    known = observed.service_status
    times = (
        known.last_request + provisioning.SILENCE if known and known.last_request else None,
        pods.next_change(observed.pods, now),
        exposed.next_change(observed, now),
    )
    return min((time for time in times if time and time > now), default=None)


def _assess_optional(observed: Observed, plan: Plan) -> dict[str, Finding]:
    """Return the conditions that exist only while something is wrong."""
    optional = {
        conditions.RESTRICTED: (
            allowed_fields.describe_withheld(plan.withheld) if plan.withheld else None
        ),
        conditions.UNKNOWN_ANNOTATION: unknown_annotations.assess(observed.tenant.annotations),
        conditions.FIELD_CONFLICT: (
            Finding(True, conditions.FIELD_CONFLICT, "; ".join(observed.conflicts))
            if observed.conflicts
            else None
        ),
    }
    return {kind: finding for kind, finding in optional.items() if finding}


def _assess_provisioning(observed: Observed, token_secret: str, now: datetime) -> Finding:
    """Decide Provisioning by the service status; keep the condition while none was read."""
    tenant = observed.tenant
    if tenant.spec.suspended:
        return Finding(
            is_good=None,
            reason="Suspended",
            message="nothing is provisioned while spec.suspended is true",
        )
    if observed.status_problem:
        return Finding(is_good=None, **observed.status_problem._asdict())
    if observed.service_status is not None:
        return provisioning.assess(
            provisioning.Evidence(
                observed.service_status, tenant.spec.provisioning, token_secret, now
            )
        )
    if before := tenant.status.condition(conditions.PROVISIONING):
        is_good = {"True": True, "False": False, "Unknown": None}[before.status]
        return Finding(is_good, before.reason, before.message)
    return Finding(
        is_good=None,
        reason="NotReported",
        message="the operator has not read the service's status yet",
    )
