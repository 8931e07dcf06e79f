"""Whether Entra provisions, and what its administrator should do: a tenant's Provisioning. Pure.

Entra tells nobody in the cluster that it has put a job into quarantine, but the service sees what
leads there: wrong tokens, refused requests, and silence.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from scim_operator.conditions import Finding
from scim_operator.crd import Provisioning
from scim_operator.report import Report

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


def assess(report: Report, wanted: Provisioning, token_secret: str, now: datetime) -> Finding:
    """Read a report; the first finding that an administrator must act upon wins.

    Parameters
    ----------
    token_secret
        Name of the Secret that holds the two values to paste into Entra.
    """
    if report.latest > now + SKEW:
        return Finding(
            good=None,
            reason="ReportInvalid",
            message="the service reports times in the future: check the clock of its node, and "
            "that the pod runs the image that the tenant's Deployment names; the tenant is "
            "repaired and its tokens are rotated all the same",
        )
    if report.problems:
        return Finding(
            good=False,
            reason="ServiceProblem",
            message="the service does not work as it is configured, and without usable tokens it "
            f"lets nobody in a minute later: {'; '.join(report.problems)}. Correct what is mounted "
            "there, and see the pod's log",
        )
    silent = report.last_request is None or report.last_request + SILENCE <= now
    # Anybody can send requests without a token: they are told only while Entra's stay out, and
    # alarm nobody before Entra has come for the first time.
    if silent and report.last_request and report.unauthenticated:
        return Finding(
            good=False,
            reason="Unauthorized",
            message="requests come without an accepted token, and none with one. If they are "
            "Entra's, its job goes into quarantine: "
            f"paste secretToken of the Secret {token_secret} into Entra's Provisioning page, "
            "test the connection and restart provisioning",
        )
    if report.last_request is None:
        return Finding(
            good=None,
            reason="WaitingForEntra",
            message=(
                "requests have come, none of them with an accepted token"
                if report.unauthenticated
                else "no request has come yet"
            )
            + f": paste tenantUrl and secretToken of the Secret {token_secret} into Entra's "
            "Provisioning page, test the connection and start provisioning",
        )
    if silent:
        return Finding(
            good=False,
            reason="Silent",
            message="no request has come for two provisioning cycles of Entra (80 minutes): "
            "see in Entra whether provisioning is on and the job is not in quarantine, and that "
            "the Tenant URL can be reached from the Internet",
        )
    refused = report.refused
    if refused >= RISK:
        return Finding(
            good=False,
            reason="QuarantineRisk",
            message=f"thousands of requests were refused within a day, and Entra puts a job into "
            f"quarantine from {QUARANTINE_EVALUATION} failures on (most often: "
            f"{_most_frequent(report)}): read Entra's provisioning log and correct mapping or "
            "scope",
        )
    if wanted.max_users is not None and report.active_users >= wanted.max_users:
        return Finding(
            good=False,
            reason="UserLimitReached",
            message=f"all {wanted.max_users} active users that the tenant may have are there, and "
            "further ones are refused: raise spec.provisioning.maxUsers, or take users out of "
            "scope in Entra",
        )
    if refused:
        return Finding(
            good=True,
            reason="PartlyRefused",
            message="Entra provisions, but some requests were refused within a day (most often: "
            f"{_most_frequent(report)}): read Entra's provisioning log"
            + (
                "; every user needs a value for "
                + ", ".join(wanted.required_attributes)
                + ", so map these attributes"
                if wanted.required_attributes
                else ""
            ),
        )
    return Finding(good=True, reason="Active", message="Entra provisions into the tenant")


def _most_frequent(report: Report) -> str:
    return max(report.failures, key=lambda kind: report.failures[kind])
