"""The condition Available: whether the tenant's service answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from scim_operator.api import conditions, names
from scim_operator.api.conditions import Finding, Outlook
from scim_operator.desired.faults import Fault, find_for_condition
from scim_operator.desired.observed import Observed
from scim_operator.desired.ownership import classification
from scim_operator.desired.plan import Plan
from scim_operator.kube import pod_owners
from scim_operator.kube.kinds import DEPLOYMENT, VOLUME_CLAIM, Object
from scim_operator.status.problems import deployments, pods, volume_claims

_SERVING = "Serving"

_ROLLING_OUT = Finding(
    is_good=True,
    reason="RollingOut",
    message="the Deployment replaces its pods",
    outlook=Outlook.PROGRESSING,
)


def assess(observed: Observed, plan: Plan, faults: Sequence[Fault], now: datetime) -> Finding:
    """Decide the condition Available."""
    finding = (
        find_for_condition(faults, conditions.AVAILABLE)
        or _check_suspended(observed)
        or _check_database_secret(observed)
        or _assess_rollout(observed, now)
    )
    if foreign := pod_owners.find_foreign_pod(observed.tenant.key, observed.pods):
        return _report_foreign_pod(observed, foreign, is_good=finding.is_good)
    claim = classification.record_name(VOLUME_CLAIM, names.volume_claim(observed.tenant.key.name))
    if finding.reason == _SERVING and claim in plan.inherited:
        message = f"{finding.message} with the users that an earlier tenant of this name has left"
        return replace(finding, message=message)
    return finding


def _report_foreign_pod(observed: Observed, name: str, *, is_good: bool | None) -> Finding:
    return Finding(
        is_good,
        reason="ForeignPod",
        message=f"the pod {name} has the tenant's labels, does not belong to its Deployment, and "
        "receives a part of Entra's requests with the token: delete the pod, revoke the tokens, "
        f"and check who may create pods in namespace {observed.tenant.key.namespace}",
        outlook=Outlook.STALLED,
    )


def _check_suspended(observed: Observed) -> Finding | None:
    if not observed.tenant.spec.suspended:
        return None
    return Finding(
        is_good=False,
        reason="Suspended",
        message="no pod runs while spec.suspended is true; data and token are kept",
    )


def _check_database_secret(observed: Observed) -> Finding | None:
    """Check the Secret of the database URL for its key, not for its values."""
    tenant = observed.tenant
    if tenant.spec.database.postgres is None:
        return None
    url = tenant.spec.database.postgres.url_from
    if observed.database_secret is None:
        problem, remedy = "does not exist", "create it"
    elif url.key not in (observed.database_secret.get("data") or {}):
        problem, remedy = f"has no key {url.key}", "add it"
    else:
        return None
    return Finding.stalled(
        "DatabaseSecretMissing",
        f"the Secret {url.name} of spec.database.postgres.urlFrom {problem} in namespace "
        f"{tenant.key.namespace}: {remedy}",
    )


def _assess_rollout(observed: Observed, now: datetime) -> Finding:
    """Assess the pods of a tenant that may wait for its slot in a rollout."""
    finding = _assess_pods(observed, now)
    if observed.rollout is None or observed.rollout.state != "waiting":
        return finding
    if finding.outlook is Outlook.SETTLED or finding == _ROLLING_OUT:
        return Finding(
            is_good=True,
            reason="WaitingForRollout",
            message="the service answers, and waits for its slot in the rollout of the current "
            "version",
            outlook=Outlook.PROGRESSING,
        )
    return replace(
        finding,
        message=f"{finding.message}; the tenant also waits for its slot in the rollout of the "
        "service's current version",
    )


def _assess_pods(observed: Observed, now: datetime) -> Finding:
    tenant = observed.tenant
    deployment = observed.children.get((DEPLOYMENT, names.workload(tenant.key.name)), {})
    status = deployment.get("status", {})
    # A status that is older than the spec describes pods that will be replaced.
    is_fresh = status.get("observedGeneration", 0) >= deployment.get("metadata", {}).get(
        "generation", 1
    )
    ready = status.get("availableReplicas", 0) if is_fresh else 0
    problem = _find_problem(observed, deployment, is_available=ready > 0, now=now)
    if problem is None and observed.rollout and observed.rollout.state == "failed":
        return Finding(
            is_good=ready > 0,
            reason="RolloutFailed",
            message="the pod of the current version did not become available in time: see "
            f"kubectl describe pods -n {tenant.key.namespace} -l "
            f"{names.TENANT_LABEL}={tenant.key.name}",
            outlook=Outlook.STALLED,
        )
    halted = deployments.find_rollout_problem(tenant.key, deployment) if is_fresh else None
    if problem and halted:
        problem = replace(problem, outlook=halted.outlook)
    if finding := problem or halted:
        return replace(finding, is_good=ready > 0)
    if ready < 1:
        return Finding(
            is_good=False,
            reason="Starting",
            message="the pod is starting",
            outlook=Outlook.PROGRESSING,
        )
    if status.get("updatedReplicas", 0) < tenant.spec.replicas:
        return _ROLLING_OUT
    return Finding(is_good=True, reason=_SERVING, message="the service answers")


def _find_problem(
    observed: Observed, deployment: Object, *, is_available: bool, now: datetime
) -> Finding | None:
    key = observed.tenant.key
    own = [pod for pod in observed.pods if pod_owners.is_own(key, pod)]
    claim = None if is_available else _find_claim_problem(observed)
    # Without a volume no pod can be scheduled: the volume is the cause.
    return (claim if observed.storage_missing else None) or (
        pods.find_problem(key, own, observed.pod_events, now)
        or deployments.find_creation_problem(deployment)
        or claim
    )


def _find_claim_problem(observed: Observed) -> Finding | None:
    name = names.volume_claim(observed.tenant.key.name)
    claim = observed.children.get((VOLUME_CLAIM, name))
    return volume_claims.find_problem(claim, observed.storage_missing)
