"""The checks of Entra's requests: traffic, quarantine, left-out attributes, ended memberships."""

from __future__ import annotations

from datetime import timedelta

from scim_operator.api import conditions
from scim_operator.api.v1alpha1.status import Condition
from scim_operator.cli.doctor.check import By, Check, ok, problem, unknown, warning
from scim_operator.cli.doctor.evidence import build_evidence
from scim_operator.cli.doctor.facts import Facts, Unknown
from scim_operator.status.conditions.provisioning import (
    QUARANTINE_EVALUATION,
    REFUSAL_CHECKS,
    TRAFFIC_CHECKS,
    Reason,
    find_first,
)

_NO_TRAFFIC = (Reason.UNAUTHORIZED, Reason.WAITING_FOR_ENTRA, Reason.SILENT)
"""Reasons of Provisioning while Entra sends no requests."""

_LEFT_OUT = {"unknown": "unknown to the service", "readOnly": "set by the service itself"}

_OLDER = "this version of the service does not report it"

_BY_STATUS = "according to the tenant's status"


def _find_condition(facts: Facts) -> Condition | None:
    """Return the condition Provisioning; None if it says nothing about Entra."""
    found = facts.tenant.status.condition(conditions.PROVISIONING)
    is_known = found and (found.status != "Unknown" or found.reason in _NO_TRAFFIC)
    return found if is_known else None


def check_traffic(facts: Facts) -> Check:
    """Check that Entra sends requests."""
    name = "traffic"
    status = facts.service_status
    if isinstance(status, Unknown):
        seen = _find_condition(facts)
        if seen is None:
            return unknown(name, status)
        if seen.reason in _NO_TRAFFIC:
            return problem(name, f"{seen.reason}, {_BY_STATUS}", seen.message, By.ENTRA)
        return ok(name, f"Entra sends requests, {_BY_STATUS}")
    finding = find_first(TRAFFIC_CHECKS, build_evidence(facts, status))
    if finding and status.unauthenticated:
        return problem(
            name,
            "requests arrive without an accepted token, and none with one: if Entra sends them, "
            "it puts its job into quarantine",
            f"paste the token (kubectl scim connect {facts.tenant.key.name} --show-token), press "
            "Test Connection, save, and restart provisioning",
            By.ENTRA,
        )
    if status.last_request is None:
        return problem(
            name,
            "no request has arrived yet",
            f"follow the steps of kubectl scim connect {facts.tenant.key.name}, down to Start "
            "provisioning",
            By.ENTRA,
        )
    age = _format_age(facts.now - status.last_request)
    if finding:
        return problem(
            name,
            f"the last request arrived {age} ago, and Entra sends some every 40 minutes",
            "see on the Provisioning page whether the job is off or in quarantine, and correct the "
            "causes that the page names before you restart provisioning",
            By.ENTRA,
        )
    return ok(name, f"the last request arrived {age} ago")


def check_quarantine(facts: Facts) -> Check:
    """Check how near the job is to quarantine (40 % of at least 5,000 attempts)."""
    name = "quarantine"
    status = facts.service_status
    if isinstance(status, Unknown):
        return _check_quarantine_by_status(facts, status)
    finding = find_first(REFUSAL_CHECKS, build_evidence(facts, status))
    if finding is None or not status.refused:
        return ok(name, "no request was refused within a day")
    kinds = sorted(status.failures.items(), key=lambda item: -item[1])
    found = f"{status.refused} requests were refused within a day: " + ", ".join(
        f"{kind} {count}" for kind, count in kinds
    )
    log = f"kubectl scim activity {facts.tenant.key.name} --failures"
    remedy = f"find the reasons ({log}, or Entra's provisioning log); correct mapping or scope"
    if finding.reason == Reason.QUARANTINE_RISK:
        found += f". Entra puts a job into quarantine from {QUARANTINE_EVALUATION} failures on"
    elif finding.reason == Reason.MOSTLY_REFUSED:
        found += ": so many that users are missing"
    judge = warning if finding.is_good else problem
    return judge(name, found, remedy, By.ENTRA)


def _check_quarantine_by_status(facts: Facts, why: Unknown) -> Check:
    name = "quarantine"
    seen = _find_condition(facts)
    if seen is None or seen.reason in (*_NO_TRAFFIC, Reason.USER_LIMIT_REACHED):
        return unknown(name, why)
    if seen.reason == Reason.ACTIVE:
        return ok(name, f"no request was refused within a day, {_BY_STATUS}")
    found = warning if seen.status == "True" else problem
    return found(name, f"{seen.reason}, {_BY_STATUS}", seen.message, By.ENTRA)


def check_skipped_attributes(facts: Facts) -> Check:
    """Check that the service stores every attribute that Entra sends."""
    name = "attributes"
    status = facts.service_status
    if isinstance(status, Unknown):
        return unknown(name, status)
    if "skipped_attributes" not in status.model_fields_set:
        return unknown(name, _OLDER)
    if not status.skipped_attributes:
        return ok(name, "the service left out no attribute within a day")
    skipped = [
        f"{each.attribute} of {each.resource_type} ({_LEFT_OUT.get(each.reason, each.reason)}, "
        f"requests: {each.requests})"
        for each in status.skipped_attributes
    ]
    return warning(
        name,
        f"left out of successful requests within a day: {'; '.join(skipped)}",
        "correct the target attribute under Mappings, or delete the mapping; define your own "
        "attributes in spec.provisioning.schemaExtensions",
        By.ENTRA,
    )


def check_members(facts: Facts) -> Check:
    """Check that no request that replaced all members of a group has removed some."""
    name = "members"
    status = facts.service_status
    if isinstance(status, Unknown):
        return unknown(name, status)
    if "members_dropped" not in status.model_fields_set:
        return unknown(name, _OLDER)
    if not status.members_dropped:
        return ok(name, "no request that replaced all members of a group removed some within a day")
    return warning(
        name,
        f"{status.members_dropped} memberships ended within a day because a request that "
        "replaced all members of a group did not name them",
        f"find the groups (kubectl scim activity {facts.tenant.key.name}: members(-N)) and compare "
        "them with Entra's; where members are missing, restart provisioning",
        By.ENTRA,
    )


def _format_age(span: timedelta) -> str:
    minutes = int(span.total_seconds() // 60)
    if minutes < 120:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 48 * 60 else f"{minutes // (24 * 60)} d"
