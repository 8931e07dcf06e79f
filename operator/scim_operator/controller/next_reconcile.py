"""Computes when a tenant is due again without any event."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from scim_operator.controller.observe.referenced_objects import REFERENCE_SECONDS
from scim_operator.controller.observe.storage_classes import BINDING_TIME, is_binding
from scim_operator.desired.faults import Fault
from scim_operator.desired.observed import Observed
from scim_operator.desired.plan import Plan
from scim_operator.desired.rollout.decisions import Decision
from scim_operator.status import tenant_conditions

FAULT_SECONDS = 20.0
"""Pause after which the operator writes a refused object again."""

_SLACK_SECONDS = 1.0
"""Added to each time, which is in whole seconds, so that it has passed for certain."""


def seconds_until_due(
    observed: Observed,
    planned: Plan,
    faults: Sequence[Fault],
    decision: Decision | None,
    now: datetime,
) -> float | None:
    """Return after how many seconds a tenant is due again; None if only an event makes it due."""
    spec = observed.tenant.spec
    times = [tenant_conditions.next_change(observed, now), observed.hold.due]
    if decision:
        times.append(decision.retry_at)
    times += [tokens.due for tokens in (planned.token, planned.access) if tokens]
    pauses = [(time - now).total_seconds() + _SLACK_SECONDS for time in times if time]
    if faults or planned.token is None:
        pauses.append(FAULT_SECONDS)
    if is_binding(planned.context.claim, now):
        pauses.append(BINDING_TIME.total_seconds())
    if observed.storage_missing or observed.ingress.has_problem:
        # The classes are not watched; an administrator creates them, which takes a while.
        pauses.append(2 * REFERENCE_SECONDS)
    if spec.database.postgres or spec.token.existing_secret:
        pauses.append(2 * REFERENCE_SECONDS)
    return min(pauses, default=None)
