"""Why a tenant is not provisioned: one function a question, over gathered facts. Pure.

Each finding says what to do and whether the SRE or the Entra administrator can do it. A fact that
could not be had makes its checks ``unknown``, and no others; what the status says in its place
is taken from there.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from scim_operator.api import conditions, names
from scim_operator.api.v1alpha1.status import Condition, TokenStatus
from scim_operator.cli.doctor import distrust
from scim_operator.cli.doctor.checks import By, Check, Outcome, ok, problem, unknown, warning
from scim_operator.cli.doctor.facts import CONNECTION, USER_QUERY, Facts, Handshakes, Unknown
from scim_operator.cli.doctor.provisioning import (
    build_evidence,
    check_licences,
    check_mail,
    check_members,
    check_quarantine,
    check_scope,
    check_skipped,
    check_traffic,
    check_user,
)
from scim_operator.kube import pod_owners
from scim_operator.status.conditions.provisioning import Reason, assess
from scim_operator.status.problems import pods

EXPIRES_SOON = timedelta(days=14)
_SUMMARIES = (conditions.READY, conditions.RECONCILING, conditions.STALLED)
_ASPECTS = (conditions.TOKEN_READY, conditions.AVAILABLE, conditions.EXPOSED)
_BY_SRE = (Reason.SERVICE_PROBLEM,)
"""Reasons of Provisioning that Entra's administrator can do nothing about."""


def examine(facts: Facts) -> list[Check]:
    """Run all checks, in the order in which one would look."""
    return [
        *check_conditions(facts),
        check_pods(facts),
        check_token(facts),
        *check_connection(facts),
        *check_certificate(facts),
        check_traffic(facts),
        check_quarantine(facts),
        check_skipped(facts),
        check_members(facts),
        check_licences(facts),
        check_scope(facts),
        check_mail(facts),
        *check_user(facts),
    ]


def check_conditions(facts: Facts) -> Iterator[Check]:
    """What the operator itself says; what the service reports is looked at below."""
    tenant = facts.tenant
    seen = tenant.status.observed_generation
    told = {each.reason for each in tenant.status.conditions if each.type not in _SUMMARIES}
    stalled = tenant.status.condition(conditions.STALLED)
    if tenant.unreadable:
        yield problem(
            "version",
            f"this version of the plugin cannot read the tenant: {tenant.unreadable}",
            "correct that, or install the plugin's version that the operator has",
            By.SRE,
        )
    if facts.unattended:
        yield problem(
            "operator",
            f"{facts.unattended}: what the status says is of the past",
            "see that an operator runs and that its watchNamespaces have this namespace",
            By.SRE,
        )
    elif stalled and stalled.status == "True" and stalled.reason not in told:
        yield problem("operator", stalled.reason, stalled.message, By.SRE)
    elif tenant.is_paused:
        yield warning(
            "operator",
            "the operator changes nothing while the tenant is paused",
            f"remove the annotation {names.PAUSED_ANNOTATION}",
            By.SRE,
        )
    elif seen is None or seen < tenant.generation:
        yield problem(
            "operator",
            "the operator has not taken up the newest spec",
            "see that it runs, watches this namespace, and has its rights (kubectl logs -l "
            f"app.kubernetes.io/name={names.MANAGER})",
            By.SRE,
        )
    else:
        yield ok("operator", "the operator has taken up the newest spec")
    yield from _told(facts)


def _told(facts: Facts) -> Iterator[Check]:
    """Repeat the conditions, each once; a summary is repeated where nothing else says why."""
    known = facts.tenant.status.conditions
    details = [each for each in known if each.type not in _SUMMARIES]
    for each in details:
        if each.type in _ASPECTS:
            yield _check_aspect(each)
        elif each.type == conditions.PROVISIONING:
            yield _check_provisioning(facts, each)
        elif each.status == "True":
            # All others are there only while something is not as it should be.
            yield warning(each.type, each.reason, each.message, By.SRE)
    stalled = facts.tenant.status.condition(conditions.STALLED)
    ready = facts.tenant.status.condition(conditions.READY)
    told = {each.reason for each in (*details, stalled) if each}
    if ready and ready.status == "False" and ready.reason not in told:
        yield problem(ready.type, f"False: {ready.reason}", ready.message, By.SRE)


def _check_aspect(found: Condition) -> Check:
    if found.reason == conditions.WEAK_TOKEN:
        return warning(found.type, "the token can be guessed", found.message, By.SRE)
    if found.status == "True":
        return ok(found.type, found.message)
    if found.reason == conditions.CLUSTER_ONLY:
        return warning(found.type, "Entra cannot reach the tenant", found.message, By.SRE)
    if found.reason == "Suspended":
        return warning(found.type, found.message, "set spec.suspended to false", By.SRE)
    return problem(found.type, f"{found.status}: {found.reason}", found.message, By.SRE)


def _check_provisioning(facts: Facts, condition: Condition) -> Check:
    """Judge as the operator does what the service says now, which the condition may not yet."""
    name = condition.type
    status, reason, message = condition.status, condition.reason, condition.message
    if not isinstance(facts.report, Unknown):
        found = assess(build_evidence(facts, facts.report))
        status = conditions.STATUS[found.is_good]
        reason, message = found.reason, found.message
    if reason == Reason.ACTIVE:
        return ok(name, message)
    if reason == "Suspended":
        return warning(name, message, "set spec.suspended to false", By.SRE)
    if status == "Unknown" and reason != Reason.WAITING_FOR_ENTRA:
        return unknown(name, f"{reason}: {message}")
    by = By.SRE if reason in _BY_SRE else By.ENTRA
    judge = warning if status == "True" else problem
    return judge(name, f"{status}: {reason}", message, by)


def check_pods(facts: Facts) -> Check:
    """Whether the pods run."""
    name = "pods"
    if isinstance(facts.pods, Unknown):
        if facts.tenant.status.is_true(conditions.AVAILABLE):
            return ok(name, "enough are ready, as the tenant's status says")
        return unknown(name, facts.pods)
    if facts.tenant.spec.suspended:
        return ok(name, "none, as spec.suspended has it")
    ready = sum(map(pod_owners.is_ready, facts.pods))
    wanted = facts.tenant.spec.replicas
    restarts = sum(
        container["restartCount"]
        for pod in facts.pods
        for container in pod.get("status", {}).get("containerStatuses", ())
    )
    found = f"{ready} of {wanted} ready, {restarts} restarts"
    if trouble := pods.find_problem(facts.tenant.key, facts.pods, (), facts.now):
        return problem(name, f"{found}: {trouble.reason}", trouble.message, By.SRE)
    if not ready:
        key = facts.tenant.key
        return problem(
            name,
            found,
            f"see kubectl describe deployment -n {key.namespace} {names.workload(key.name)}",
            By.SRE,
        )
    return ok(name, found)


def check_token(facts: Facts) -> Check:
    """Whether the token to paste is one that the service accepts, and that Entra has it."""
    name = "token"
    accepted = {each.id: each for each in facts.tenant.status.tokens}
    if isinstance(facts.token_id, Unknown):
        return _check_newest_token(facts, facts.token_id)
    current = accepted.get(facts.token_id) if facts.token_id else None
    if current is None:
        return problem(
            name,
            "the token in the Secret is not among those that the service accepts",
            "see the condition TokenReady and the operator's log; the operator accepts it in its "
            "next pass",
            By.SRE,
        )
    if trouble := _token_problem(facts, current):
        return trouble
    queries = () if isinstance(facts.connection, Unknown) else facts.connection
    if any(each.name == USER_QUERY and each.outcome is Outcome.OK for each in queries):
        return ok(name, f"the token {current.id} is accepted")
    return unknown(
        name,
        f"the operator has issued the token {current.id}; no answer has shown whether the service "
        "accepts it",
    )


def _check_newest_token(facts: Facts, why: Unknown) -> Check:
    """Say what the status knows of the newest token, where the Secret may not be read."""
    name = "token"
    newest = next(reversed(facts.tenant.status.tokens), None)
    if newest is None:
        return unknown(name, why)
    if trouble := _token_problem(facts, newest):
        return trouble
    if newest.last_used:
        return ok(
            name,
            f"the newest token {newest.id} was used last on {newest.last_used:%Y-%m-%d %H:%M}Z",
        )
    return unknown(name, why)


def _token_problem(facts: Facts, token: TokenStatus) -> Check | None:
    connect = f"kubectl scim connect {facts.tenant.key.name} --show-token"
    if token.not_after and token.not_after <= facts.now:
        return problem(
            "token",
            f"the token {token.id} has expired",
            f"kubectl scim rotate {facts.tenant.key.name}, then paste the new one ({connect})",
            By.SRE,
        )
    if token.last_used is None and len(facts.tenant.status.tokens) > 1:
        return warning(
            "token",
            f"Entra still sends an older token than {token.id}",
            f"paste the new one ({connect}), press Test Connection and save",
            By.ENTRA,
        )
    return None


def check_connection(facts: Facts) -> Iterator[Check]:
    """What Test Connection would find."""
    if isinstance(facts.connection, Unknown):
        yield unknown(CONNECTION, facts.connection)
    else:
        yield from facts.connection


def check_certificate(facts: Facts) -> Iterator[Check]:
    """Whether the certificate and the protocol are fit for Entra."""
    found = facts.handshakes
    if found is None:
        return
    if isinstance(found, Unknown):
        yield unknown("certificate", found)
        return
    if found.suite:
        yield ok("TLS", f"TLS 1.2 with {found.suite}")
    else:
        yield problem(
            "TLS",
            f"{found.host} does not agree on TLS 1.2 with a cipher suite that Entra offers",
            "enable TLS 1.2 in the ingress or gateway, with ECDHE-ECDSA or ECDHE-RSA and AES GCM",
            By.SRE,
        )
    yield _check_trust(facts, found)


def _check_trust(facts: Facts, found: Handshakes) -> Check:
    name = "certificate"
    if found.distrust:
        return problem(
            name, f"refused: {found.distrust}", distrust.remedy(found.host, found.code), By.SRE
        )
    if found.not_after and found.not_after - facts.now < EXPIRES_SOON:
        return warning(
            name,
            f"it expires on {found.not_after:%Y-%m-%d}",
            "renew it; without a valid certificate Entra puts the job into quarantine",
            By.SRE,
        )
    return ok(name, f"of a public authority and for {found.host}")
