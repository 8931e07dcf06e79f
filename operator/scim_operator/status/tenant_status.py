"""The status of a tenant, built from what the operator observed and planned.

A status is written only when it differs from the one before, so its values stay the same while
nothing happens: messages contain no counters and no times, values that change with every request
are rounded, and a value that is unknown for now keeps its last state.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from scim_operator.api import conditions, names
from scim_operator.api.conditions import Finding
from scim_operator.api.v1alpha1.status import CertificateStatus, Status, TokenStatus
from scim_operator.desired.faults import Fault
from scim_operator.desired.observed import Observed
from scim_operator.desired.ownership import classification
from scim_operator.desired.ownership.seals import SEALED, read_seal
from scim_operator.desired.plan import Plan
from scim_operator.kube.kinds import DEPLOYMENT
from scim_operator.settings import Settings
from scim_operator.status import tenant_conditions
from scim_operator.status.conditions import summary

PROVISIONED_STEP = timedelta(seconds=30)
USED_STEP = timedelta(minutes=10)
"""A time that moves with every request is written again when it has moved by this."""


def build(observed: Observed, plan: Plan, faults: Sequence[Fault], now: datetime) -> Status:
    """Build the status.

    Parameters
    ----------
    faults
        Objects that are not as desired after the reconcile.
    """
    tenant = observed.tenant
    before = tenant.status
    key = tenant.key
    token_secret = tenant.spec.token.existing_secret or names.token_secret(key.name)
    findings = tenant_conditions.assess(observed, plan, faults, token_secret, now)
    known = observed.service_status
    deployment = observed.children.get((DEPLOYMENT, names.workload(key.name)), {})
    return Status(
        observed_generation=tenant.generation,
        conditions=summary.to_conditions(findings, before.conditions, tenant.generation, now),
        tenant_url=plan.context.url,
        token_secret_name=token_secret,
        replicas=deployment.get("status", {}).get("replicas", 0),
        selector=",".join(f"{label}={value}" for label, value in names.selector(key.name).items()),
        users=known.users if known else before.users,
        active_users=known.active_users if known else before.active_users,
        groups=known.groups if known else before.groups,
        certificate=_describe_certificate(observed),
        last_provisioned=_choose_last_provisioned(observed, now),
        refused=_round_to_first_digit(known.refused) if known else before.refused,
        version=known.version if known else before.version,
        last_backup=known.last_backup if known else before.last_backup,
        tokens=_describe_tokens(observed, plan, now),
        rollout=observed.rollout,
        admitted=dict(observed.admitted) or None,
        volume=plan.safeguards.record,
        objects=classification.record_uids(
            {
                identity: live
                for identity, live in observed.children.items()
                if identity not in observed.adopted
            },
            tenant,
        ),
        operator=_name_operator(plan.context.settings),
        sealed_by=_choose_seal_key(observed, plan),
    )


def mark_paused(before: Status, generation: int, now: datetime) -> Status:
    """Return the status of a paused tenant.

    The other fields keep their values; ``observedGeneration`` is that of the last reconcile.
    """
    finding = Finding(
        is_good=False,
        reason="Paused",
        message=f"reconciliation is paused by the annotation {names.PAUSED_ANNOTATION}: remove it "
        "to resume",
    )
    paused = {conditions.RECONCILING: finding}
    (reconciling,) = summary.to_conditions(paused, before.conditions, generation, now)
    others = [known for known in before.conditions if known.type != conditions.RECONCILING]
    return before.model_copy(update={"conditions": (*others, reconciling)})


def _name_operator(settings: Settings) -> str | None:
    return f"{settings.namespace}/{settings.lease_name}" if settings.leader_elect else None


def _choose_seal_key(observed: Observed, plan: Plan) -> str | None:
    """Return the id of the key that seals everything.

    A lost key stays recorded until every object is sealed with the new one: otherwise the facts
    that the status vouches for would be rejected. The status of a new tenant vouches for nothing.
    """
    before = observed.tenant.status
    sealed = (
        (desired, observed.children.get((desired.kind, desired.name)))
        for desired in (*plan.secrets, *plan.objects)
        if desired.kind in SEALED
    )
    if before.is_unseen or all(
        live and read_seal(live) == read_seal(desired.object) for desired, live in sealed
    ):
        return observed.seals.id
    return before.sealed_by


def _describe_certificate(observed: Observed) -> CertificateStatus | None:
    tls = observed.ingress.tls
    if tls is None or tls.not_after is None:
        return None
    return CertificateStatus(secret_name=tls.name, not_after=tls.not_after)


def _round_to_first_digit(count: int) -> int:
    digits = str(count)
    return int(digits[0].ljust(len(digits), "0"))


def _choose_last_provisioned(observed: Observed, now: datetime) -> datetime | None:
    """Return the time of the last write, or the recorded time if it has hardly moved."""
    before = observed.tenant.status
    known = observed.service_status
    if known is None or known.last_provisioned is None:
        return before.last_provisioned
    counts = (known.users, known.active_users, known.groups)
    is_unchanged = counts == (before.users, before.active_users, before.groups)
    provisioned = min(known.last_provisioned, now)
    if is_unchanged and not _has_moved(before.last_provisioned, provisioned, PROVISIONED_STEP):
        return before.last_provisioned
    return provisioned


def _has_moved(before: datetime | None, now: datetime, step: timedelta) -> bool:
    return before is None or abs(now - before) >= step


def _describe_tokens(observed: Observed, plan: Plan, now: datetime) -> tuple[TokenStatus, ...]:
    if plan.token is None:
        return observed.tenant.status.tokens
    before = {token.id: token.last_used for token in observed.tenant.status.tokens}
    confirmed = {token.id: token.confirmed_at for token in observed.tenant.status.tokens}
    last_used = observed.last_used()
    result = []
    for accepted in plan.token.stored.accepted:
        used = last_used.get(accepted.id)
        used = used and min(used, now)
        if used and not _has_moved(before.get(accepted.id), used, USED_STEP):
            used = before[accepted.id]
        proved = now if accepted.id == plan.token.confirmed else None
        result.append(
            TokenStatus(
                id=accepted.id,
                created_at=accepted.created_at,
                not_after=accepted.not_after,
                last_used=used,
                confirmed_at=confirmed.get(accepted.id) or proved,
                seal=observed.seals.seal_token(observed.tenant.key, accepted.id, accepted.sha256),
            )
        )
    return tuple(result)
