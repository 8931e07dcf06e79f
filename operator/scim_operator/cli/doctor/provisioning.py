"""What the doctor concludes about provisioning: traffic, refusals, licences, users. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from scim_operator.api import conditions, names
from scim_operator.api.service_status import ServiceStatus
from scim_operator.api.v1alpha1.status import Condition
from scim_operator.cli.doctor import portal
from scim_operator.cli.doctor.checks import By, Check, ok, problem, unknown, warning
from scim_operator.cli.doctor.facts import Facts, Unknown
from scim_operator.status.conditions.provisioning import (
    QUARANTINE_EVALUATION,
    REFUSAL_CHECKS,
    TRAFFIC_CHECKS,
    Evidence,
    Reason,
    find_first,
)

_NO_TRAFFIC = (Reason.UNAUTHORIZED, Reason.WAITING_FOR_ENTRA, Reason.SILENT)
"""Reasons of Provisioning while Entra's requests do not arrive."""

_LEFT_OUT = {"unknown": "not known here", "readOnly": "made by the service"}

_OLDER = "this version of the service does not tell"

_AS_THE_STATUS_SAYS = "as the tenant's status says"


def _provisioning(facts: Facts) -> Condition | None:
    """Return what the operator has seen last of Entra; None if that is nothing."""
    found = facts.tenant.status.condition(conditions.PROVISIONING)
    known = found and (found.status != "Unknown" or found.reason in _NO_TRAFFIC)
    return found if known else None


def build_evidence(facts: Facts, report: ServiceStatus) -> Evidence:
    """Return the input of the operator's own checks of provisioning."""
    tenant = facts.tenant
    secret = tenant.status.token_secret_name or names.token_secret(tenant.key.name)
    return Evidence(report, tenant.spec.provisioning, secret, facts.now)


def check_traffic(facts: Facts) -> Check:
    """Whether Entra comes at all."""
    name = "traffic"
    report = facts.report
    if isinstance(report, Unknown):
        seen = _provisioning(facts)
        if seen is None:
            return unknown(name, report)
        if seen.reason in _NO_TRAFFIC:
            said = f"{seen.reason}, {_AS_THE_STATUS_SAYS}"
            return problem(name, said, seen.message, By.ENTRA)
        return ok(name, f"Entra's requests arrive, {_AS_THE_STATUS_SAYS}")
    finding = find_first(TRAFFIC_CHECKS, build_evidence(facts, report))
    if finding and report.unauthenticated:
        return problem(
            name,
            "requests arrive without an accepted token, and none with one: if Entra sends them, it "
            "puts its job into quarantine",
            f"paste the token (kubectl scim connect {facts.tenant.key.name} --show-token), press "
            "Test Connection, save, and restart provisioning",
            By.ENTRA,
        )
    if report.last_request is None:
        return problem(
            name,
            "no request has arrived yet",
            f"follow kubectl scim connect {facts.tenant.key.name} to the end: Start provisioning",
            By.ENTRA,
        )
    ago = _ago(facts.now - report.last_request)
    if finding:
        return problem(
            name,
            f"the last request arrived {ago} ago, and Entra sends some every 40 minutes",
            "check on the Provisioning page whether it is on or in quarantine, and correct what it "
            "names before Restart provisioning",
            By.ENTRA,
        )
    return ok(name, f"the last request arrived {ago} ago")


def check_quarantine(facts: Facts) -> Check:
    """How near the job is to quarantine (40 % of at least 5,000 attempts)."""
    name = "quarantine"
    report = facts.report
    if isinstance(report, Unknown):
        return _check_quarantine_by_status(facts, report)
    finding = find_first(REFUSAL_CHECKS, build_evidence(facts, report))
    if finding is None:
        return ok(name, "no request was refused within a day")
    kinds = sorted(report.failures.items(), key=lambda item: -item[1])
    found = f"{report.refused} requests were refused within a day: " + ", ".join(
        f"{kind} {count}" for kind, count in kinds
    )
    log = f"kubectl scim activity {facts.tenant.key.name} --failures"
    remedy = f"read the reasons in Entra's provisioning log (here: {log}); correct mapping or scope"
    if finding.reason == Reason.QUARANTINE_RISK:
        found += f". Entra puts a job into quarantine from {QUARANTINE_EVALUATION} failures on"
    elif finding.reason == Reason.MOSTLY_REFUSED:
        found += ": so many that users are missing"
    judge = warning if finding.is_good else problem
    return judge(name, found, remedy, By.ENTRA)


def _check_quarantine_by_status(facts: Facts, why: Unknown) -> Check:
    name = "quarantine"
    seen = _provisioning(facts)
    if seen is None or seen.reason in (*_NO_TRAFFIC, Reason.USER_LIMIT_REACHED):
        return unknown(name, why)
    if seen.reason == Reason.ACTIVE:
        return ok(name, f"no request was refused within a day, {_AS_THE_STATUS_SAYS}")
    found = warning if seen.status == "True" else problem
    return found(name, f"{seen.reason}, {_AS_THE_STATUS_SAYS}", seen.message, By.ENTRA)


def check_skipped(facts: Facts) -> Check:
    """Whether what Entra sends arrives whole."""
    name = "attributes"
    report = facts.report
    if isinstance(report, Unknown):
        return unknown(name, report)
    if "skipped_attributes" not in report.model_fields_set:
        return unknown(name, _OLDER)
    if not report.skipped_attributes:
        return ok(name, "no attribute was left out within a day")
    told = [
        f"{each.attribute} of {each.resource_type} ({_LEFT_OUT.get(each.reason, each.reason)}, "
        f"requests: {each.requests})"
        for each in report.skipped_attributes
    ]
    return warning(
        name,
        f"left out within a day, though the requests succeeded: {'; '.join(told)}",
        "correct the target attribute under Mappings, or delete the mapping; an attribute of the "
        "tenant's own is defined in spec.provisioning.schemaExtensions",
        By.ENTRA,
    )


def check_members(facts: Facts) -> Check:
    """Whether a request for all members of a group has taken some away."""
    name = "members"
    report = facts.report
    if isinstance(report, Unknown):
        return unknown(name, report)
    if "members_dropped" not in report.model_fields_set:
        return unknown(name, _OLDER)
    if not report.members_dropped:
        return ok(name, "no request for all members of a group took any away within a day")
    return warning(
        name,
        f"{report.members_dropped} memberships ended within a day because a request for all "
        "members of a group did not name them",
        f"see which groups (kubectl scim activity {facts.tenant.key.name}: members(-N)) and "
        "compare them with Entra's; where members are missing, restart provisioning",
        By.ENTRA,
    )


def check_licences(facts: Facts) -> Check:
    """Whether another user fits in."""
    name = "licences"
    active = facts.report_or_status.active_users
    most = facts.tenant.spec.provisioning.max_users
    if active is None:
        return unknown(name, str(facts.report))
    if most is None:
        return ok(name, f"{active} active users, and no limit")
    found = f"{active} of {most} active users"
    if active >= most:
        return problem(
            name,
            f"{found}: further ones are refused",
            f'set the scope to "{portal.SCOPE}" and assign only those who need it, or have '
            "spec.provisioning.maxUsers raised",
            By.ENTRA,
        )
    return ok(name, found)


def check_scope(facts: Facts) -> Check:
    """Whether both kinds of objects are provisioned."""
    name = "scope"
    users, groups = facts.report_or_status.users, facts.report_or_status.groups
    if users is None or groups is None:
        return unknown(name, str(facts.report))
    if users and not groups:
        return warning(
            name,
            "users are provisioned, but no group",
            "where groups are wanted, assign them to the application and enable Provision "
            "Microsoft Entra ID Groups under Mappings; members of nested groups are not in scope",
            By.ENTRA,
        )
    if not users:
        return warning(
            name,
            "no user has been provisioned",
            f'with the scope "{portal.SCOPE}", assign users or groups to the application',
            By.ENTRA,
        )
    return ok(name, f"{users} users and {groups} groups")


def check_mail(facts: Facts) -> Check:
    """Whether mail is mapped."""
    name = "mail"
    found = facts.contents
    if isinstance(found, Unknown):
        return unknown(name, found)
    if not found.without_mail:
        return ok(name, "every active user has an e-mail address")
    return warning(
        name,
        f"{found.without_mail} active users have no e-mail address",
        f"map the source attribute mail to {portal.MAIL}; where it is mapped, these users have no "
        "mail in Entra",
        By.ENTRA,
    )


def check_user(facts: Facts) -> Iterator[Check]:
    """Why one user is not there, or cannot sign in."""
    if facts.user is None:
        return
    name = f"user {facts.user}"
    if isinstance(facts.contents, Unknown):
        yield unknown(name, facts.contents)
        return
    sought = facts.contents.sought
    if sought is None:
        yield problem(
            name,
            "there is no user with this userName or e-mail address",
            "it is out of scope, or was refused: assign it to the application (directly, or by a "
            "group that is assigned itself), see the scoping filter under Mappings, and use "
            "Provision on demand, which names the reason",
            By.ENTRA,
        )
    elif not sought.get("active", True):
        yield problem(
            name,
            "the user is there and inactive",
            "it was unassigned, disabled or deleted in Entra: assign it again, or enable it; the "
            "next cycle makes it active",
            By.ENTRA,
        )
    elif not any(mail.get("value") for mail in sought.get("emails", ())):
        yield warning(
            name,
            "the user is there and active, but has no e-mail address",
            f"map mail to {portal.MAIL}, or give the user a mail in Entra",
            By.ENTRA,
        )
    else:
        yield ok(name, f"the user is there and active, as {sought['userName']}")


def _ago(span: timedelta) -> str:
    minutes = int(span.total_seconds() // 60)
    if minutes < 120:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 48 * 60 else f"{minutes // (24 * 60)} d"
