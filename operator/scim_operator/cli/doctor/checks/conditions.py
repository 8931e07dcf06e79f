"""Checks of the tenant's conditions, and of the operator that writes them."""

from __future__ import annotations

from collections.abc import Iterator

from scim_operator.api import conditions, names
from scim_operator.api.v1alpha1.status import Condition
from scim_operator.cli.doctor.check import By, Check, ok, problem, unknown, warning
from scim_operator.cli.doctor.evidence import build_evidence
from scim_operator.cli.doctor.facts import Facts, Unknown
from scim_operator.status.conditions.provisioning import Reason, assess

_SUMMARIES = (conditions.READY, conditions.RECONCILING, conditions.STALLED)
_ASPECTS = (conditions.TOKEN_READY, conditions.AVAILABLE, conditions.EXPOSED)
_BY_SRE = (Reason.SERVICE_PROBLEM,)
"""Reasons of Provisioning that the Entra administrator cannot fix."""


def check_conditions(facts: Facts) -> Iterator[Check]:
    """Check that an operator serves the tenant, and repeat its conditions."""
    if facts.tenant.unreadable:
        yield problem(
            "version",
            f"this version of the plugin cannot read the tenant: {facts.tenant.unreadable}",
            "correct the tenant, or install the plugin of the operator's version",
            By.SRE,
        )
    yield _check_operator(facts)
    yield from _repeat_conditions(facts)


def _check_operator(facts: Facts) -> Check:
    name = "operator"
    tenant = facts.tenant
    seen = tenant.status.observed_generation
    stalled = tenant.status.condition(conditions.STALLED)
    reasons = {each.reason for each in tenant.status.conditions if each.type not in _SUMMARIES}
    if facts.unattended:
        return problem(
            name,
            f"{facts.unattended}: the status is out of date",
            "check that an operator runs and that its watchNamespaces include this namespace",
            By.SRE,
        )
    if stalled and stalled.status == "True" and stalled.reason not in reasons:
        return problem(name, stalled.reason, stalled.message, By.SRE)
    if tenant.is_paused:
        return warning(
            name,
            "the operator changes nothing while the tenant is paused",
            f"remove the annotation {names.PAUSED_ANNOTATION}",
            By.SRE,
        )
    if seen is None or seen < tenant.generation:
        return problem(
            name,
            "the operator has not reconciled the newest spec",
            "check that it runs, watches this namespace, and has its rights (kubectl logs -l "
            f"app.kubernetes.io/name={names.MANAGER})",
            By.SRE,
        )
    return ok(name, "the operator has reconciled the newest spec")


def _repeat_conditions(facts: Facts) -> Iterator[Check]:
    """Repeat each condition once; Ready only if no other condition has its reason."""
    known = facts.tenant.status.conditions
    details = [each for each in known if each.type not in _SUMMARIES]
    for each in details:
        if each.type in _ASPECTS:
            yield _check_aspect(each)
        elif each.type == conditions.PROVISIONING:
            yield _check_provisioning(facts, each)
        elif each.status == "True":
            # All other conditions exist only while something is wrong.
            yield warning(each.type, each.reason, each.message, By.SRE)
    stalled = facts.tenant.status.condition(conditions.STALLED)
    ready = facts.tenant.status.condition(conditions.READY)
    reasons = {each.reason for each in (*details, stalled) if each}
    if ready and ready.status == "False" and ready.reason not in reasons:
        yield problem(ready.type, f"False: {ready.reason}", ready.message, By.SRE)


def _check_aspect(condition: Condition) -> Check:
    name, reason, message = condition.type, condition.reason, condition.message
    if reason == conditions.WEAK_TOKEN:
        return warning(name, "the token can be guessed", message, By.SRE)
    if condition.status == "True":
        return ok(name, message)
    if reason == conditions.CLUSTER_ONLY:
        return warning(name, "Entra cannot reach the tenant", message, By.SRE)
    if reason == "Suspended":
        return warning(name, message, "set spec.suspended to false", By.SRE)
    return problem(name, f"{condition.status}: {reason}", message, By.SRE)


def _check_provisioning(facts: Facts, condition: Condition) -> Check:
    """Judge the service's present status by the operator's rules; the condition may be older."""
    name = condition.type
    status, reason, message = condition.status, condition.reason, condition.message
    if not isinstance(facts.service_status, Unknown):
        found = assess(build_evidence(facts, facts.service_status))
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
