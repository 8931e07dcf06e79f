"""The status of a tenant, from what was observed and planned. Pure.

A status is written only when it differs from the one before, so everything in it is chosen to
stand still while nothing happens: no counters and moments in messages, coarse moments for what
moves all the time, and what is not known right now stays as it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from scim_operator.api import conditions, names
from scim_operator.api.conditions import Finding
from scim_operator.api.v1alpha1.status import CertificateStatus, Status, TokenStatus
from scim_operator.desired.faults import Fault, find_for_condition
from scim_operator.desired.observed import Observed
from scim_operator.desired.ownership import classification
from scim_operator.desired.ownership.seals import SEALED, read_seal
from scim_operator.desired.plan import Plan
from scim_operator.desired.validation import allowed
from scim_operator.kube.kinds import DEPLOYMENT, SECRET, VOLUME_CLAIM
from scim_operator.settings import Settings
from scim_operator.status.conditions import (
    available,
    exposed,
    provisioning,
    summary,
    unknown_annotations,
)
from scim_operator.status.problems import pods

PROVISIONED_STEP = timedelta(seconds=30)
USED_STEP = timedelta(minutes=10)
"""How far a moment that moves with every request must have moved to be written again."""


def build(observed: Observed, plan: Plan, faults: Sequence[Fault], now: datetime) -> Status:
    """Build the status.

    Parameters
    ----------
    faults
        Objects that are not as wanted after the pass.
    """
    tenant = observed.tenant
    before = tenant.status
    token_secret = tenant.spec.token.existing_secret or names.token_secret(tenant.key.name)
    aspects = {
        conditions.TOKEN_READY: _token_ready(observed, plan, faults, token_secret),
        conditions.AVAILABLE: _available(observed, plan, faults, now),
        conditions.EXPOSED: exposed.assess(observed, plan, faults, now),
    }
    ready = summary.assess_ready(list(aspects.values()))
    findings = {
        conditions.READY: ready,
        **summary.assess_abnormal(list(aspects.values())),
        **aspects,
        conditions.PROVISIONING: _provisioning(observed, token_secret, now),
    }
    if plan.withheld:
        findings[conditions.RESTRICTED] = allowed.describe_withheld(plan.withheld)
    if slip := unknown_annotations.assess(tenant.annotations):
        findings[conditions.UNKNOWN_ANNOTATION] = slip
    if observed.conflicts:
        findings[conditions.FIELD_CONFLICT] = Finding(
            is_good=True, reason=conditions.FIELD_CONFLICT, message="; ".join(observed.conflicts)
        )
    report = observed.service_status
    deployment = observed.children.get((DEPLOYMENT, names.workload(tenant.key.name)), {})
    selector = ",".join(f"{key}={value}" for key, value in names.selector(tenant.key.name).items())
    return Status(
        observed_generation=tenant.generation,
        conditions=summary.to_conditions(findings, before.conditions, tenant.generation, now),
        tenant_url=plan.context.url,
        token_secret_name=token_secret,
        replicas=deployment.get("status", {}).get("replicas", 0),
        selector=selector,
        users=report.users if report else before.users,
        active_users=report.active_users if report else before.active_users,
        groups=report.groups if report else before.groups,
        certificate=_certificate(observed),
        last_provisioned=_last_provisioned(observed, now),
        refused=_first_digit(report.refused) if report else before.refused,
        version=report.version if report else before.version,
        last_backup=report.last_backup if report else before.last_backup,
        tokens=_tokens(observed, plan, now),
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
        operator=_operator(plan.context.settings),
        sealed_by=_sealed_by(observed, plan),
    )


def _operator(settings: Settings) -> str | None:
    return f"{settings.namespace}/{settings.lease_name}" if settings.leader_elect else None


def _sealed_by(observed: Observed, plan: Plan) -> str | None:
    """Return the id of the key that everything is sealed with.

    One that has been lost counts on until everything is sealed anew: what status vouches for would
    otherwise be refused. A tenant that nobody has looked at before has nothing to vouch for.
    """
    before = observed.tenant.status
    written = (
        (wanted, observed.children.get((wanted.kind, wanted.name)))
        for wanted in (*plan.secrets, *plan.objects)
        if wanted.kind in SEALED
    )
    if before.is_unseen or all(
        live and read_seal(live) == read_seal(wanted.object) for wanted, live in written
    ):
        return observed.seals.id
    return before.sealed_by


def mark_paused(before: Status, generation: int, now: datetime) -> Status:
    """Return the status of a tenant that the operator keeps its hands off.

    The rest of it stays as it was; ``observedGeneration`` shows how far it got.
    """
    finding = Finding(
        is_good=False,
        reason="Paused",
        message=f"nothing is changed while the annotation {names.PAUSED_ANNOTATION} is there: "
        "remove it to go on",
    )
    held = {conditions.RECONCILING: finding}
    (reconciling,) = summary.to_conditions(held, before.conditions, generation, now)
    others = [known for known in before.conditions if known.type != conditions.RECONCILING]
    return before.model_copy(update={"conditions": (*others, reconciling)})


def next_change(observed: Observed, now: datetime) -> datetime | None:
    """Return when the mere passing of time can change the status; None if it cannot."""
    report = observed.service_status
    silence = report.last_request + provisioning.SILENCE if report and report.last_request else now
    moments = (
        silence,
        pods.next_change(observed.pods, now),
        exposed.next_change(observed, now),
    )
    return min((moment for moment in moments if moment and moment > now), default=None)


def _available(observed: Observed, plan: Plan, faults: Sequence[Fault], now: datetime) -> Finding:
    finding = available.assess(observed, faults, now)
    claim = classification.record_name(VOLUME_CLAIM, names.volume_claim(observed.tenant.key.name))
    if finding.reason != available.SERVING or claim not in plan.inherited:
        return finding
    message = f"{finding.message} with the users that an earlier tenant of this name has left"
    return replace(finding, message=message)


def _token_ready(
    observed: Observed, plan: Plan, faults: Sequence[Fault], token_secret: str
) -> Finding:
    refused = (plan.token_fault,) if plan.token_fault else ()
    if finding := find_for_condition((*refused, *faults), conditions.TOKEN_READY):
        return finding
    if plan.weakness:
        return Finding(
            is_good=True,
            reason=conditions.WEAK_TOKEN,
            message=f"the token in the Secret {token_secret} {plan.weakness}, and is accepted only "
            "because an earlier version accepted it: write one of at least 32 random characters "
            "there, and paste it into Entra's Provisioning page",
        )
    if plan.token and (waiting := plan.token.waiting_for):
        return _waiting(observed, waiting, token_secret)
    message = f"the token is in the Secret {token_secret}"
    is_own = observed.tenant.spec.token.existing_secret is None
    # By the times of objects and not of the token: the operator's clock is not the API server's.
    if is_own and classification.record_name(SECRET, token_secret) in plan.inherited:
        message += "; an earlier tenant of this name has left it, and Entra may have it already"
    return Finding(is_good=True, reason="Issued", message=message)


def _waiting(observed: Observed, token_id: str, token_secret: str) -> Finding:
    if observed.service_status and token_id in observed.service_status.last_used:
        return Finding(
            is_good=True,
            reason="WaitingForProof",
            message=f"the service says that the new token {token_id} is in use and does not prove "
            "it, so the older one stays valid: pods of an earlier version cannot and are replaced "
            "with the rollout; otherwise look at what runs in the tenant's pods",
        )
    return Finding(
        is_good=True,
        reason="WaitingForUse",
        message=f"the new token {token_id} has not been used yet, and the "
        f"older one stays valid until it is: paste secretToken of the Secret {token_secret} "
        "into Entra's Provisioning page",
    )


def _provisioning(observed: Observed, token_secret: str, now: datetime) -> Finding:
    tenant = observed.tenant
    if tenant.spec.suspended:
        return Finding(
            is_good=None, reason="Suspended", message="nothing is provisioned while no pod runs"
        )
    if observed.status_problem:
        return Finding(is_good=None, **observed.status_problem._asdict())
    if observed.service_status is not None:
        evidence = provisioning.Evidence(
            observed.service_status, tenant.spec.provisioning, token_secret, now
        )
        return provisioning.assess(evidence)
    if before := tenant.status.condition(conditions.PROVISIONING):
        good = {"True": True, "False": False, "Unknown": None}[before.status]
        return Finding(good, before.reason, before.message)
    return Finding(is_good=None, reason="NotReported", message="the service has not been asked yet")


def _certificate(observed: Observed) -> CertificateStatus | None:
    tls = observed.ingress.tls
    if tls is None or tls.not_after is None:
        return None
    return CertificateStatus(secret_name=tls.name, not_after=tls.not_after)


def _first_digit(count: int) -> int:
    digits = str(count)
    return int(digits[0].ljust(len(digits), "0"))


def _last_provisioned(observed: Observed, now: datetime) -> datetime | None:
    before = observed.tenant.status
    report = observed.service_status
    if report is None or report.last_provisioned is None:
        return before.last_provisioned
    counted = (report.users, report.active_users, report.groups)
    stands = counted == (before.users, before.active_users, before.groups)
    provisioned = min(report.last_provisioned, now)
    if stands and not _moved(before.last_provisioned, provisioned, PROVISIONED_STEP):
        return before.last_provisioned
    return provisioned


def _moved(before: datetime | None, now: datetime, step: timedelta) -> bool:
    return before is None or abs(now - before) >= step


def _tokens(observed: Observed, plan: Plan, now: datetime) -> tuple[TokenStatus, ...]:
    if plan.token is None:
        return observed.tenant.status.tokens
    before = {token.id: token.last_used for token in observed.tenant.status.tokens}
    confirmed = {token.id: token.confirmed_at for token in observed.tenant.status.tokens}
    last_used = observed.last_used()
    result = []
    for accepted in plan.token.stored.accepted:
        used = last_used.get(accepted.id)
        used = used and min(used, now)
        if used and not _moved(before.get(accepted.id), used, USED_STEP):
            used = before[accepted.id]
        proved = now if accepted.id == plan.token.confirmed else None
        result.append(
            TokenStatus(
                id=accepted.id,
                created_at=accepted.created_at,
                not_after=accepted.not_after,
                last_used=used,
                confirmed_at=confirmed.get(accepted.id) or proved,
                seal=observed.seals.seal_token(observed.tenant.key, accepted),
            )
        )
    return tuple(result)
