"""The condition Provisioning: whether Entra provisions, and what its administrator should do.

Entra does not tell the cluster when it puts a job into quarantine, but the service sees the causes:
wrong tokens, refused requests, and silence. The decision is a chain of checks; the first one that
finds something decides. ``kubectl scim doctor`` runs parts of the same chain.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from scim_operator.api.conditions import Finding
from scim_operator.api.service_status import ServiceStatus
from scim_operator.api.v1alpha1.provisioning import Provisioning

CYCLE = timedelta(minutes=40)
"""The time between two of Entra's provisioning cycles."""

SILENCE = 2 * CYCLE
"""A running job sends requests in every cycle, at least to look for changed members."""

SKEW = timedelta(hours=1)
"""How far a service's clock may be ahead of the API server's."""

QUARANTINE_EVALUATION = 5000
"""The number of failures from which Entra evaluates a job for quarantine."""

RISK = QUARANTINE_EVALUATION // 2
"""The number of failures in a day from which the administrator must act."""

QUARANTINE_SHARE = 0.4
"""The share of failures from which Entra puts an evaluated job into quarantine."""

FEW = 10
"""Fewer refused writes than this say nothing about a tenant with users."""


class Reason(StrEnum):
    """The reasons that the chain gives; the first ones take precedence."""

    REPORT_INVALID = "ReportInvalid"
    SERVICE_PROBLEM = "ServiceProblem"
    UNAUTHORIZED = "Unauthorized"
    WAITING_FOR_ENTRA = "WaitingForEntra"
    SILENT = "Silent"
    QUARANTINE_RISK = "QuarantineRisk"
    USER_LIMIT_REACHED = "UserLimitReached"
    MOSTLY_REFUSED = "MostlyRefused"
    PARTLY_REFUSED = "PartlyRefused"
    ACTIVE = "Active"


@dataclass(frozen=True, slots=True)
class Evidence:
    """The input of the checks.

    Attributes
    ----------
    token_secret
        Name of the Secret that holds the two values to paste into Entra.
    """

    service_status: ServiceStatus
    spec: Provisioning
    token_secret: str
    now: datetime

    @property
    def is_silent(self) -> bool:
        """Whether no request with an accepted token has arrived for `SILENCE`."""
        last = self.service_status.last_request
        return last is None or last + SILENCE <= self.now

    @property
    def most_frequent(self) -> str:
        """The most frequent kind of refusal."""
        failures = self.service_status.failures
        return max(failures, key=lambda kind: failures[kind], default="see the log")


Check = Callable[[Evidence], Finding | None]


def check_clock(evidence: Evidence) -> Finding | None:
    """Check that the service does not report times in the future."""
    if evidence.service_status.latest <= evidence.now + SKEW:
        return None
    return Finding(
        is_good=None,
        reason=Reason.REPORT_INVALID,
        message="the service reports times in the future: check the clock of its node, and check "
        "that the pod runs the image that the tenant's Deployment names; the operator still "
        "repairs the tenant and rotates its tokens",
    )


def check_service(evidence: Evidence) -> Finding | None:
    """Check that the service works as configured."""
    problems = evidence.service_status.problems
    if not problems:
        return None
    return Finding(
        is_good=False,
        reason=Reason.SERVICE_PROBLEM,
        message="the service cannot use its configuration, and without usable tokens it refuses "
        f"every request after one minute: {'; '.join(problems)}. Correct the mounted files, and "
        "read the pod's log",
    )


def check_token(evidence: Evidence) -> Finding | None:
    """Check that requests carry an accepted token.

    Anyone can send requests without a token, so they count only while Entra is silent, and only
    after Entra's first request.
    """
    known = evidence.service_status
    if not (evidence.is_silent and known.last_request and known.unauthenticated):
        return None
    return Finding(
        is_good=False,
        reason=Reason.UNAUTHORIZED,
        message="requests arrive without an accepted token, and none with one. If Entra sends "
        f"them, it puts its job into quarantine: paste secretToken of the Secret "
        f"{evidence.token_secret} into Entra's Provisioning page, test the connection and restart "
        "provisioning",
    )


def check_first_request(evidence: Evidence) -> Finding | None:
    """Check that Entra has sent its first request."""
    if evidence.service_status.last_request is not None:
        return None
    return Finding(
        is_good=None,
        reason=Reason.WAITING_FOR_ENTRA,
        message=(
            "requests have arrived, none of them with an accepted token"
            if evidence.service_status.unauthenticated
            else "no request has arrived yet"
        )
        + f": paste tenantUrl and secretToken of the Secret {evidence.token_secret} into Entra's "
        "Provisioning page, test the connection and start provisioning",
    )


def check_silence(evidence: Evidence) -> Finding | None:
    """Check that Entra's requests go on."""
    if not evidence.is_silent:
        return None
    return Finding(
        is_good=False,
        reason=Reason.SILENT,
        message="no request has arrived for two of Entra's provisioning cycles (80 minutes): check "
        "in Entra that provisioning is on and that the job is not in quarantine, and check that "
        "the Internet reaches the Tenant URL",
    )


def check_quarantine(evidence: Evidence) -> Finding | None:
    """Check that the failures of a day stay far below the number that Entra evaluates."""
    if evidence.service_status.refused < RISK:
        return None
    return Finding(
        is_good=False,
        reason=Reason.QUARANTINE_RISK,
        message="the tenant refused thousands of requests within a day, and Entra puts a job into "
        f"quarantine from {QUARANTINE_EVALUATION} failures on (most frequent: "
        f"{evidence.most_frequent}): read Entra's provisioning log, and correct the mapping or the "
        "scope",
    )


def check_user_limit(evidence: Evidence) -> Finding | None:
    """Check that the tenant may have another active user."""
    most = evidence.spec.max_users
    if most is None or evidence.service_status.active_users < most:
        return None
    return Finding(
        is_good=False,
        reason=Reason.USER_LIMIT_REACHED,
        message=f"the tenant has all {most} active users that it may have, and refuses further "
        "ones: raise spec.provisioning.maxUsers, or remove users from the scope in Entra",
    )


def check_refused_share(evidence: Evidence) -> Finding | None:
    """Check that the tenant does not refuse so much that users are missing."""
    if not _is_mostly_refused(evidence.service_status):
        return None
    return Finding(
        is_good=False,
        reason=Reason.MOSTLY_REFUSED,
        message="the tenant refuses so many of Entra's requests that users are missing (most "
        f"frequent: {evidence.most_frequent}): read Entra's provisioning log, and correct the "
        "mapping" + _describe_required_attributes(evidence.spec),
    )


def check_refusals(evidence: Evidence) -> Finding | None:
    """Check that the tenant refuses nothing."""
    if not evidence.service_status.refused:
        return None
    return Finding(
        is_good=True,
        reason=Reason.PARTLY_REFUSED,
        message="Entra provisions, but the tenant refused some requests within a day (most "
        f"frequent: {evidence.most_frequent}): read Entra's provisioning log"
        + _describe_required_attributes(evidence.spec),
    )


TRAFFIC_CHECKS: tuple[Check, ...] = (check_token, check_first_request, check_silence)
"""The checks that Entra's requests arrive; each finding implies that Entra is silent."""

REFUSAL_CHECKS: tuple[Check, ...] = (check_quarantine, check_refused_share, check_refusals)
"""The checks that the tenant does not refuse Entra's requests."""

CHECKS: tuple[Check, ...] = (
    check_clock,
    check_service,
    *TRAFFIC_CHECKS,
    check_quarantine,
    check_user_limit,
    check_refused_share,
    check_refusals,
)
"""All checks, in the order of precedence."""

_ACTIVE = Finding(is_good=True, reason=Reason.ACTIVE, message="Entra provisions into the tenant")


def assess(evidence: Evidence) -> Finding:
    """Decide the condition Provisioning."""
    return find_first(CHECKS, evidence) or _ACTIVE


def find_first(checks: Iterable[Check], evidence: Evidence) -> Finding | None:
    """Return the finding of the first check that has one; None if all checks pass."""
    findings = (check(evidence) for check in checks)
    return next((finding for finding in findings if finding), None)


def _is_mostly_refused(known: ServiceStatus) -> bool:
    """Tell whether the tenant refuses so much that a customer of any size would miss users.

    A single user whom Entra sends again in every cycle may be the only write of a day, so the
    refusals are also compared with the number of existing users. An older service reports refused
    requests only: for that, the answer is known only while there are no users.
    """
    if known.writes is None:
        return known.refused > 0 and known.users == 0
    accepted, refused = known.writes.accepted, known.writes.refused
    if known.users == 0 and accepted == 0:
        return refused > 0
    return (
        refused >= FEW
        and refused >= QUARANTINE_SHARE * (accepted + refused)
        and refused >= QUARANTINE_SHARE * known.users
    )


def _describe_required_attributes(spec: Provisioning) -> str:
    attributes = ", ".join(spec.required_attributes)
    if not attributes:
        return ""
    return f"; every user needs a value for {attributes}, so map these attributes"
