"""Whether the service of a tenant is available: its condition Available. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from scim_operator.api import conditions, names
from scim_operator.api.conditions import Finding, Outlook
from scim_operator.desired.faults import Fault, find_for_condition
from scim_operator.desired.observed import Observed
from scim_operator.kube import pod_owners
from scim_operator.kube.kinds import DEPLOYMENT, VOLUME_CLAIM, Object
from scim_operator.status.problems import pods, workload

SERVING = "Serving"


def assess(observed: Observed, faults: Sequence[Fault], now: datetime) -> Finding:
    """Return whether the service is available, or what keeps it from being so."""
    finding = _of_tenant(observed, faults, now)
    key = observed.tenant.key
    if (name := pod_owners.find_foreign_pod(key, observed.pods)) is None:
        return finding
    return Finding(
        finding.is_good,
        reason="ForeignPod",
        message=f"the pod {name} has the tenant's labels, is not of its Deployment, and gets a "
        "part of Entra's requests with the token: delete it, revoke the tokens, and see who may "
        f"create pods in namespace {key.namespace}",
        outlook=Outlook.STALLED,
    )


def _of_tenant(observed: Observed, faults: Sequence[Fault], now: datetime) -> Finding:
    if finding := find_for_condition(faults, conditions.AVAILABLE):
        return finding
    if observed.tenant.spec.suspended:
        return Finding(
            is_good=False,
            reason="Suspended",
            message="no pod runs while spec.suspended is true; data and token are kept",
        )
    if finding := _database_secret(observed):
        return finding
    finding = _of_pods(observed, now)
    if observed.rollout is None or observed.rollout.state != "waiting":
        return finding
    if finding.outlook is Outlook.SETTLED or finding == _REPLACED:
        return Finding(
            is_good=True,
            reason="WaitingForRollout",
            message="the service answers and waits for its place in the rollout of the current "
            "version",
            outlook=Outlook.PROGRESSING,
        )
    return replace(
        finding,
        message=f"{finding.message}; the current version of the service waits for its place in the "
        "rollout",
    )


_REPLACED = Finding(
    is_good=True,
    reason="RollingOut",
    message="pods are being replaced",
    outlook=Outlook.PROGRESSING,
)


def _of_pods(observed: Observed, now: datetime) -> Finding:
    tenant = observed.tenant
    deployment = observed.children.get((DEPLOYMENT, names.workload(tenant.key.name)), {})
    status = deployment.get("status", {})
    # A status that is older than the spec speaks about pods that are about to go.
    fresh = status.get("observedGeneration", 0) >= deployment.get("metadata", {}).get(
        "generation", 1
    )
    ready = status.get("availableReplicas", 0) if fresh else 0
    trouble = _trouble(observed, deployment, is_available=ready > 0, now=now)
    if trouble is None and observed.rollout and observed.rollout.state == "failed":
        return Finding(
            is_good=ready > 0,
            reason="RolloutFailed",
            message="the pod of the current version has not become available in time: see "
            f"kubectl describe pods -n {tenant.key.namespace} -l "
            f"{names.TENANT_LABEL}={tenant.key.name}",
            outlook=Outlook.STALLED,
        )
    halted = workload.find_rollout_problem(tenant.key, deployment) if fresh else None
    if trouble and halted:
        trouble = replace(trouble, outlook=halted.outlook)
    if finding := trouble or halted:
        return replace(finding, is_good=ready > 0)
    if ready < 1:
        return Finding(
            is_good=False,
            reason="Starting",
            message="the pod is starting",
            outlook=Outlook.PROGRESSING,
        )
    if status.get("updatedReplicas", 0) < tenant.spec.replicas:
        return _REPLACED
    return Finding(is_good=True, reason=SERVING, message="the service answers")


def _trouble(
    observed: Observed, deployment: Object, *, is_available: bool, now: datetime
) -> Finding | None:
    key = observed.tenant.key
    own = [pod for pod in observed.pods if pod_owners.is_own(key, pod)]
    claim = None if is_available else _claim_trouble(observed)
    # A pod that cannot be scheduled is only the effect of a volume that cannot be made.
    return (claim if observed.storage_missing else None) or (
        pods.find_problem(key, own, observed.pod_events, now)
        or workload.find_deployment_problem(deployment)
        or claim
    )


def _database_secret(observed: Observed) -> Finding | None:
    """Return what is wrong with the Secret of the database URL; its values are not looked at."""
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
    return Finding(
        is_good=False,
        reason="DatabaseSecretMissing",
        message=f"the Secret {url.name} of spec.database.postgres.urlFrom {problem} in namespace "
        f"{tenant.key.namespace}: {remedy}",
        outlook=Outlook.STALLED,
    )


def _claim_trouble(observed: Observed) -> Finding | None:
    tenant = observed.tenant
    claim = observed.children.get((VOLUME_CLAIM, names.volume_claim(tenant.key.name)))
    return workload.find_claim_problem(claim, observed.storage_missing)
