"""Whether Entra provisions, and what its administrator should do: a tenant's Provisioning. Pure.

Entra tells nobody in the cluster that it has put a job into quarantine, but the service sees what
leads there: wrong tokens, refused requests, and silence.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from scim_operator.api.conditions import Finding
from scim_operator.api.service_status import ServiceStatus
from scim_operator.api.v1alpha1.provisioning import Provisioning

CYCLE = timedelta(minutes=40)
"""The time between two of Entra's provisioning cycles."""

SILENCE = 2 * CYCLE
"""A job that runs sends something in every cycle, if only to look for changed members."""

QUARANTINE_EVALUATION = 5000
"""Failures from which Entra evaluates a job for quarantine."""

SKEW = timedelta(hours=1)
"""How far a service's clock may be ahead of the API server's."""

RISK = QUARANTINE_EVALUATION // 2
"""Failures in a day that are too many to wait for more."""


QUARANTINE_SHARE = 0.4
"""The share of failures from which Entra puts a job that it evaluates into quarantine."""

FEW = 10
"""Refused writes that are too few to judge a tenant with users by."""


def is_silent(report: ServiceStatus, now: datetime) -> bool:
    """Tell whether Entra has stayed out for longer than a job that runs does."""
    return report.last_request is None or report.last_request + SILENCE <= now


def is_mostly_refused(report: ServiceStatus) -> bool:
    """Tell whether so much is refused that a customer of any size would miss people.

    A single user whom Entra sends again in every cycle may be all that is written in a day, so the
    refusals are compared with the users that are there as well. An older service tells of refused
    requests only: of it this is known only while there are no users.
    """
    if report.writes is None:
        return report.refused > 0 and report.users == 0
    accepted, refused = report.writes.accepted, report.writes.refused
    if report.users == 0 and accepted == 0:
        return refused > 0
    return (
        refused >= FEW
        and refused >= QUARANTINE_SHARE * (accepted + refused)
        and refused >= QUARANTINE_SHARE * report.users
    )


def assess(
    report: ServiceStatus, wanted: Provisioning, token_secret: str, now: datetime
) -> Finding:
    """Read a report; the first finding that an administrator must act upon wins.

    Parameters
    ----------
    token_secret
        Name of the Secret that holds the two values to paste into Entra.
    """
    case = _Case(report, wanted, token_secret, now)
    found = (check(case) for check in _CHECKS)
    return next((finding for finding in found if finding), _ACTIVE)


_ACTIVE = Finding(is_good=True, reason="Active", message="Entra provisions into the tenant")


@dataclass(frozen=True, slots=True)
class _Case:
    report: ServiceStatus
    wanted: Provisioning
    token_secret: str
    now: datetime

    @property
    def is_silent(self) -> bool:
        return is_silent(self.report, self.now)

    @property
    def most_frequent(self) -> str:
        failures = self.report.failures
        return max(failures, key=lambda kind: failures[kind], default="the log names them")


def _check_clock(case: _Case) -> Finding | None:
    if case.report.latest <= case.now + SKEW:
        return None
    return Finding(
        is_good=None,
        reason="ReportInvalid",
        message="the service reports times in the future: check the clock of its node, and "
        "that the pod runs the image that the tenant's Deployment names; the tenant is "
        "repaired and its tokens are rotated all the same",
    )


def _check_problems(case: _Case) -> Finding | None:
    if not case.report.problems:
        return None
    return Finding(
        is_good=False,
        reason="ServiceProblem",
        message="the service does not work as it is configured, and without usable tokens it "
        f"lets nobody in a minute later: {'; '.join(case.report.problems)}. Correct what is "
        "mounted there, and see the pod's log",
    )


def _check_token(case: _Case) -> Finding | None:
    # Anybody can send requests without a token: they are told only while Entra's stay out, and
    # alarm nobody before Entra has come for the first time.
    if not (case.is_silent and case.report.last_request and case.report.unauthenticated):
        return None
    return Finding(
        is_good=False,
        reason="Unauthorized",
        message="requests come without an accepted token, and none with one. If they are "
        "Entra's, its job goes into quarantine: "
        f"paste secretToken of the Secret {case.token_secret} into Entra's Provisioning page, "
        "test the connection and restart provisioning",
    )


def _check_start(case: _Case) -> Finding | None:
    if case.report.last_request is not None:
        return None
    return Finding(
        is_good=None,
        reason="WaitingForEntra",
        message=(
            "requests have come, none of them with an accepted token"
            if case.report.unauthenticated
            else "no request has come yet"
        )
        + f": paste tenantUrl and secretToken of the Secret {case.token_secret} into Entra's "
        "Provisioning page, test the connection and start provisioning",
    )


def _check_silence(case: _Case) -> Finding | None:
    if not case.is_silent:
        return None
    return Finding(
        is_good=False,
        reason="Silent",
        message="no request has come for two provisioning cycles of Entra (80 minutes): "
        "see in Entra whether provisioning is on and the job is not in quarantine, and that "
        "the Tenant URL can be reached from the Internet",
    )


def _check_quarantine(case: _Case) -> Finding | None:
    if case.report.refused < RISK:
        return None
    return Finding(
        is_good=False,
        reason="QuarantineRisk",
        message=f"thousands of requests were refused within a day, and Entra puts a job into "
        f"quarantine from {QUARANTINE_EVALUATION} failures on (most often: "
        f"{case.most_frequent}): read Entra's provisioning log and correct mapping or "
        "scope",
    )


def _check_limit(case: _Case) -> Finding | None:
    most = case.wanted.max_users
    if most is None or case.report.active_users < most:
        return None
    return Finding(
        is_good=False,
        reason="UserLimitReached",
        message=f"all {most} active users that the tenant may have are there, and "
        "further ones are refused: raise spec.provisioning.maxUsers, or take users out of "
        "scope in Entra",
    )


def _check_share(case: _Case) -> Finding | None:
    if not is_mostly_refused(case.report):
        return None
    return Finding(
        is_good=False,
        reason="MostlyRefused",
        message="so much of what Entra sends is refused that people are missing (most often: "
        f"{case.most_frequent}): read Entra's provisioning log and correct the mapping"
        + _required(case),
    )


def _check_refusals(case: _Case) -> Finding | None:
    if not case.report.refused:
        return None
    return Finding(
        is_good=True,
        reason="PartlyRefused",
        message="Entra provisions, but some requests were refused within a day (most often: "
        f"{case.most_frequent}): read Entra's provisioning log" + _required(case),
    )


def _required(case: _Case) -> str:
    attributes = ", ".join(case.wanted.required_attributes)
    if not attributes:
        return ""
    return f"; every user needs a value for {attributes}, so map these attributes"


_CHECKS: tuple[Callable[[_Case], Finding | None], ...] = (
    _check_clock,
    _check_problems,
    _check_token,
    _check_start,
    _check_silence,
    _check_quarantine,
    _check_limit,
    _check_share,
    _check_refusals,
)
"""The first that finds something speaks."""
