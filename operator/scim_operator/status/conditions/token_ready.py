"""The condition TokenReady: whether the service accepts the token in the tenant's Secret."""

from __future__ import annotations

from collections.abc import Sequence

from scim_operator.api import conditions
from scim_operator.api.conditions import Finding
from scim_operator.desired.faults import Fault, find_for_condition
from scim_operator.desired.observed import Observed
from scim_operator.desired.ownership import classification
from scim_operator.desired.plan import Plan
from scim_operator.kube.kinds import SECRET


def assess(observed: Observed, plan: Plan, faults: Sequence[Fault], token_secret: str) -> Finding:
    """Decide the condition TokenReady."""
    token_faults = (plan.token_fault,) if plan.token_fault else ()
    return (
        find_for_condition((*token_faults, *faults), conditions.TOKEN_READY)
        or _check_weakness(plan, token_secret)
        or _check_use(observed, plan, token_secret)
        or _report_issued(observed, plan, token_secret)
    )


def _check_weakness(plan: Plan, token_secret: str) -> Finding | None:
    if not plan.weakness:
        return None
    return Finding(
        is_good=True,
        reason=conditions.WEAK_TOKEN,
        message=f"the token in the Secret {token_secret} {plan.weakness}, and is accepted only "
        "because an earlier version of the operator accepted it: replace it with a token of at "
        "least 32 random characters, and paste the new one into Entra's Provisioning page",
    )


def _check_use(observed: Observed, plan: Plan, token_secret: str) -> Finding | None:
    """Check that a new token is in use, so that the older one can be retired."""
    token_id = plan.token.waiting_for if plan.token else None
    if not token_id:
        return None
    if observed.service_status and token_id in observed.service_status.last_used:
        return Finding(
            is_good=True,
            reason="WaitingForProof",
            message=f"the service reports the new token {token_id} as used but does not prove it, "
            "so the older token stays valid: pods of an earlier version cannot prove it, and the "
            "rollout replaces them; if no rollout is in progress, examine the tenant's pods",
        )
    return Finding(
        is_good=True,
        reason="WaitingForUse",
        message=f"the new token {token_id} has not been used yet, and the older token stays valid "
        f"until it is: paste secretToken of the Secret {token_secret} into Entra's Provisioning "
        "page",
    )


def _report_issued(observed: Observed, plan: Plan, token_secret: str) -> Finding:
    message = f"the token is in the Secret {token_secret}"
    is_own = observed.tenant.spec.token.existing_secret is None
    # The Secret's time is compared, not the token's: the operator's clock differs from the API
    # server's.
    if is_own and classification.record_name(SECRET, token_secret) in plan.inherited:
        message += "; an earlier tenant of this name has left it, and Entra may already have it"
    return Finding(is_good=True, reason="Issued", message=message)
