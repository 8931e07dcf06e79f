"""Why a tenant is not provisioned: one function a question, over gathered facts. Pure.

Each finding says what to do and whether the SRE or the Entra administrator can do it. A fact that
could not be had makes its checks ``unknown``, and no others.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from scim_operator import conditions, diagnosis, names, pods
from scim_operator.cli import portal
from scim_operator.cli.checks import By, Check, ok, problem, unknown, warning
from scim_operator.kinds import Object
from scim_operator.provisioning import QUARANTINE_EVALUATION, RISK, SILENCE
from scim_operator.report import Report
from scim_operator.tenant import Tenant

EXPIRES_SOON = timedelta(days=14)
_HOSTNAME_MISMATCH = 62
_EXPIRED = 10
_WEAK_KEY = 66
_NO_CHAIN = (18, 19, 20, 21)
"""``X509_V_ERR_...`` of a self-signed certificate, and of one whose issuer is not known."""


class Unknown(str):
    """A fact that could not be had; the text says why."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Handshakes:
    """What came of two TLS handshakes with the host of the Tenant URL.

    Attributes
    ----------
    distrust
        Why the certificate is not accepted, as OpenSSL says it, and its number for it
        (``X509_V_ERR_...``); None and 0 if it is.
    not_after
        When an accepted certificate expires.
    suite
        What was agreed on when only TLS 1.2 and Entra's suites were offered; None if nothing was.
    """

    host: str
    distrust: str | None = None
    code: int = 0
    not_after: datetime | None = None
    suite: str | None = None


@dataclass(frozen=True, slots=True)
class Contents:
    """What the tenant holds.

    Attributes
    ----------
    without_mail
        How many active users have no e-mail address.
    sought
        The user that was asked for; None if there is none.
    """

    without_mail: int
    sought: Object | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that the checks look at.

    Attributes
    ----------
    token_id
        Id of the token to paste into Entra; None if it is not among the accepted ones.
    connection
        The checks of Test Connection.
    handshakes
        None if the Tenant URL is not https.
    user
        Name of the user that somebody misses; None if it is not about one.
    """

    tenant: Tenant
    now: datetime
    pods: Sequence[Object] | Unknown
    token_id: str | Unknown | None
    report: Report | Unknown
    connection: Sequence[Check] | Unknown
    handshakes: Handshakes | Unknown | None
    contents: Contents | Unknown
    user: str | None = None


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
        check_licences(facts),
        check_scope(facts),
        check_mail(facts),
        *check_user(facts),
    ]


def check_conditions(facts: Facts) -> Iterator[Check]:
    """What the operator itself says; what the service reports is looked at below."""
    tenant = facts.tenant
    seen = tenant.status.observed_generation
    aspects = (conditions.TOKEN_READY, conditions.AVAILABLE, conditions.EXPOSED)
    told = {each.reason for each in tenant.status.conditions if each.type in aspects}
    stalled = tenant.status.condition(conditions.STALLED)
    if tenant.unreadable:
        yield problem(
            "version",
            f"this version of the plugin cannot read the tenant: {tenant.unreadable}",
            "correct that, or install the plugin's version that the operator has",
            By.SRE,
        )
    if stalled and stalled.status == "True" and stalled.reason not in told:
        yield problem("operator", stalled.reason, stalled.message, By.SRE)
    elif tenant.paused:
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
    for each in tenant.status.conditions:
        if each.type not in aspects:
            continue
        if each.reason == conditions.WEAK_TOKEN:
            yield warning(each.type, "the token can be guessed", each.message, By.SRE)
        elif each.status == "True":
            yield ok(each.type, each.message)
        elif each.reason == conditions.CLUSTER_ONLY:
            yield warning(each.type, "Entra cannot reach the tenant", each.message, By.SRE)
        elif each.reason == "Suspended":
            yield warning(each.type, each.message, "set spec.suspended to false", By.SRE)
        else:
            yield problem(each.type, f"{each.status}: {each.reason}", each.message, By.SRE)


def check_pods(facts: Facts) -> Check:
    """Whether the pods run."""
    name = "pods"
    if isinstance(facts.pods, Unknown):
        return unknown(name, facts.pods)
    if facts.tenant.spec.suspended:
        return ok(name, "none, as spec.suspended has it")
    ready = sum(map(diagnosis.is_ready, facts.pods))
    wanted = facts.tenant.spec.replicas
    restarts = sum(
        container["restartCount"]
        for pod in facts.pods
        for container in pod.get("status", {}).get("containerStatuses", ())
    )
    found = f"{ready} of {wanted} ready, {restarts} restarts"
    if trouble := pods.problem(facts.tenant.key, facts.pods, (), facts.now):
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
        return unknown(name, facts.token_id)
    current = accepted.get(facts.token_id) if facts.token_id else None
    connect = f"kubectl scim connect {facts.tenant.key.name} --show-token"
    if current is None:
        return problem(
            name,
            "the token in the Secret is not among those that the service accepts",
            "see the condition TokenReady and the operator's log; the operator accepts it in its "
            "next pass",
            By.SRE,
        )
    if current.not_after and current.not_after <= facts.now:
        return problem(
            name,
            f"the token {current.id} has expired",
            f"kubectl scim rotate {facts.tenant.key.name}, then paste the new one ({connect})",
            By.SRE,
        )
    if current.last_used is None and len(accepted) > 1:
        return warning(
            name,
            f"Entra still sends an older token than {current.id}",
            f"paste the new one ({connect}), press Test Connection and save",
            By.ENTRA,
        )
    return ok(name, f"the token {current.id} is accepted")


def check_connection(facts: Facts) -> Iterator[Check]:
    """What Test Connection would find."""
    if isinstance(facts.connection, Unknown):
        yield unknown("connection", facts.connection)
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
        remedies = {
            _HOSTNAME_MISMATCH: f"have one issued that names {found.host}, and see that the "
            "ingress or gateway serves it for this host and not its default one",
            _EXPIRED: "renew it, and see why that has not happened by itself (cert-manager)",
            _WEAK_KEY: "have one issued for an RSA key of 2048 bits or an elliptic one of 256",
        } | dict.fromkeys(
            _NO_CHAIN,
            "use one of a public authority and serve the intermediate certificates with it "
            "(tls.crt holds the whole chain): Entra accepts no private authority",
        )
        remedy = remedies.get(found.code, "see what the ingress or gateway serves on port 443")
        return problem(name, f"refused: {found.distrust}", remedy, By.SRE)
    if found.not_after and found.not_after - facts.now < EXPIRES_SOON:
        return warning(
            name,
            f"it expires on {found.not_after:%Y-%m-%d}",
            "renew it; without a valid certificate Entra puts the job into quarantine",
            By.SRE,
        )
    return ok(name, f"of a public authority and for {found.host}")


def check_traffic(facts: Facts) -> Check:
    """Whether Entra comes at all."""
    name = "traffic"
    report = facts.report
    if isinstance(report, Unknown):
        return unknown(name, report)
    silent = report.last_request is None or report.last_request + SILENCE <= facts.now
    if silent and report.unauthenticated:
        return problem(
            name,
            "requests come without an accepted token, and none with one: if they are Entra's, its "
            "job goes into quarantine",
            f"paste the token (kubectl scim connect {facts.tenant.key.name} --show-token), press "
            "Test Connection, save, and restart provisioning",
            By.ENTRA,
        )
    if report.last_request is None:
        return problem(
            name,
            "no request has come yet",
            f"follow kubectl scim connect {facts.tenant.key.name} to the end: Start provisioning",
            By.ENTRA,
        )
    if silent:
        return problem(
            name,
            f"the last request came {_ago(facts.now - report.last_request)} ago, and Entra comes "
            "every 40 minutes",
            "see on the Provisioning page whether it is on or in quarantine, and correct what it "
            "names before Restart provisioning",
            By.ENTRA,
        )
    return ok(name, f"the last request came {_ago(facts.now - report.last_request)} ago")


def check_quarantine(facts: Facts) -> Check:
    """How near the job is to quarantine (40 % of at least 5,000 attempts)."""
    name = "quarantine"
    report = facts.report
    if isinstance(report, Unknown):
        return unknown(name, report)
    refused = report.refused
    if not refused:
        return ok(name, "no request was refused within a day")
    kinds = sorted(report.failures.items(), key=lambda item: -item[1])
    found = f"{refused} requests were refused within a day: " + ", ".join(
        f"{kind} {count}" for kind, count in kinds
    )
    log = f"kubectl scim activity {facts.tenant.key.name} --failures"
    remedy = f"read the reasons in Entra's provisioning log (here: {log}); correct mapping or scope"
    if refused >= RISK:
        return problem(
            name,
            f"{found}. Entra puts a job into quarantine from {QUARANTINE_EVALUATION} failures on",
            remedy,
            By.ENTRA,
        )
    return warning(name, found, remedy, By.ENTRA)


def check_licences(facts: Facts) -> Check:
    """Whether another user fits in."""
    name = "licences"
    report = facts.report
    most = facts.tenant.spec.provisioning.max_users
    if isinstance(report, Unknown):
        return unknown(name, report)
    if most is None:
        return ok(name, f"{report.active_users} active users, and no limit")
    found = f"{report.active_users} of {most} active users"
    if report.active_users >= most:
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
    report = facts.report
    if isinstance(report, Unknown):
        return unknown(name, report)
    if report.users and not report.groups:
        return warning(
            name,
            "users are provisioned, but no group",
            "where groups are wanted, assign them to the application and enable Provision "
            "Microsoft Entra ID Groups under Mappings; members of nested groups are not in scope",
            By.ENTRA,
        )
    if not report.users:
        return warning(
            name,
            "no user has been provisioned",
            f'with the scope "{portal.SCOPE}", assign users or groups to the application',
            By.ENTRA,
        )
    return ok(name, f"{report.users} users and {report.groups} groups")


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
