"""The condition Provisioning: each reason, and the order in which the checks decide."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from scim_operator.api.conditions import Finding
from scim_operator.api.service_status import ServiceStatus, Writes
from scim_operator.api.v1alpha1.provisioning import Provisioning
from scim_operator.status.conditions.provisioning import (
    CHECKS,
    REFUSAL_CHECKS,
    TRAFFIC_CHECKS,
    Evidence,
    Reason,
    assess,
    find_first,
)

from tests.unit.operator.sample import NOW

LATELY = NOW - timedelta(minutes=5)
LONG_AGO = NOW - timedelta(minutes=80)
AT_WORK = ServiceStatus(users=300, active_users=300, groups=5, last_request=LATELY)


def status(**change: Any) -> ServiceStatus:
    """The service status of a tenant at work, with some fields changed."""
    return AT_WORK.model_copy(update=change)


def refusing(refused: int, accepted: int = 0, users: int = 300) -> ServiceStatus:
    """A service status with refused and accepted writes."""
    writes = Writes(accepted=accepted, refused=refused)
    return status(users=users, failures={"invalidValue": refused}, writes=writes)


def evidence(known: ServiceStatus, **spec: Any) -> Evidence:
    """The input of the checks for a tenant that may have 500 active users."""
    limits = Provisioning(**{"max_users": 500} | spec)
    return Evidence(known, limits, "contoso-scim-token", NOW)


CASES: list[tuple[str, ServiceStatus, bool | None, str]] = [
    ("no check finds anything", status(), True, "Active"),
    ("the clock is ahead", status(last_request=NOW + timedelta(hours=2)), None, "ReportInvalid"),
    ("the files are unusable", status(problems=("no tokens",)), False, "ServiceProblem"),
    ("no request has arrived", status(last_request=None), None, "WaitingForEntra"),
    (
        "only requests without a token have arrived",
        status(last_request=None, unauthenticated=9),
        None,
        "WaitingForEntra",
    ),
    ("Entra has stopped", status(last_request=LONG_AGO), False, "Silent"),
    (
        "Entra has a wrong token",
        status(last_request=LONG_AGO, unauthenticated=1),
        False,
        "Unauthorized",
    ),
    ("strangers send requests beside Entra", status(unauthenticated=9), True, "Active"),
    ("thousands are refused", refusing(2500, 9000, 9000), False, "QuarantineRisk"),
    ("one less than thousands", refusing(2499, 9000, 9000), True, "PartlyRefused"),
    ("the limit is reached", status(users=500, active_users=500), False, "UserLimitReached"),
    ("one below the limit", status(active_users=499), True, "Active"),
    ("every user is refused", refusing(300, users=0), False, "MostlyRefused"),
    ("the only user is refused", refusing(1, users=0), False, "MostlyRefused"),
    ("the first of ten is accepted", refusing(9, accepted=1, users=1), True, "PartlyRefused"),
    ("a third of the users is missing", refusing(100, 200, 200), True, "PartlyRefused"),
    ("40 % of the users are missing", refusing(120, 180, 180), False, "MostlyRefused"),
    ("one user is sent repeatedly", refusing(36), True, "PartlyRefused"),
    ("a few users are sent repeatedly", refusing(119), True, "PartlyRefused"),
    ("every write is refused", refusing(120), False, "MostlyRefused"),
    ("only reads are refused", status(users=0, failures={"404": 5}, writes=Writes()), True, ""),
    ("an older service refuses every user", status(users=0, failures={"409": 5}), False, ""),
    ("an older service refuses some", status(failures={"409": 900}), True, "PartlyRefused"),
    ("an older service counts missing tokens", status(failures={"401": 900}), True, "Active"),
]


@pytest.mark.parametrize(
    ("known", "good", "reason"), [pytest.param(*case[1:], id=case[0]) for case in CASES]
)
def test_cases(known: ServiceStatus, good: bool | None, reason: str) -> None:
    """Each case gives its status and reason."""
    finding = assess(evidence(known))
    expected = reason or ("PartlyRefused" if good else "MostlyRefused")
    assert (finding.is_good, finding.reason) == (good, expected)


def test_every_reason_has_a_case() -> None:
    """The table above names every reason that the chain gives."""
    assert {case[3] for case in CASES if case[3]} == set(Reason)


STEPS: list[tuple[Reason, dict[str, Any]]] = [
    (Reason.REPORT_INVALID, {"last_request": LONG_AGO}),
    (Reason.SERVICE_PROBLEM, {"problems": ()}),
    (Reason.UNAUTHORIZED, {"last_request": None}),
    (Reason.WAITING_FOR_ENTRA, {"last_request": LONG_AGO, "unauthenticated": 0}),
    (Reason.SILENT, {"last_request": LATELY}),
    (Reason.QUARANTINE_RISK, {"failures": {"invalidValue": 2499}}),
    (Reason.USER_LIMIT_REACHED, {"active_users": 499}),
    (Reason.MOSTLY_REFUSED, {"writes": Writes(accepted=9000, refused=2499)}),
    (Reason.PARTLY_REFUSED, {"failures": {}}),
    (Reason.ACTIVE, {}),
]
"""The reasons in the order of precedence, each with the change that ends it."""


def test_order() -> None:
    """A tenant with every problem shows them in the order of `Reason`, each after the last."""
    known = status(
        last_request=NOW + timedelta(hours=2),
        problems=("no tokens",),
        unauthenticated=5,
        failures={"invalidValue": 2500},
        writes=Writes(refused=2500),
        users=500,
        active_users=500,
    )
    seen = []
    for _, repair in STEPS:
        seen.append(assess(evidence(known)).reason)
        known = known.model_copy(update=repair)
    assert seen == [reason for reason, _ in STEPS] == list(Reason)


def test_a_check_does_not_depend_on_the_order() -> None:
    """The doctor runs parts of the chain: for each check they find what the whole chain would."""
    for name, known, _, _ in CASES:
        found = [check(evidence(known)) for check in CHECKS]
        traffic = find_first(TRAFFIC_CHECKS, evidence(known))
        refusals = find_first(REFUSAL_CHECKS, evidence(known))
        assert traffic in (*found, None), name
        assert refusals in (*found, None), name
        assert (traffic is None) or evidence(known).is_silent, name
    assert {*TRAFFIC_CHECKS, *REFUSAL_CHECKS} < set(CHECKS)


def test_reasons_are_plain_text() -> None:
    """A reason is stored and compared as text."""
    finding = assess(evidence(status()))
    assert finding == Finding(True, "Active", finding.message)
    assert f"{finding.reason}" == "Active"


@pytest.mark.parametrize("known", [refusing(300, users=0), refusing(1, 99)])
def test_required_attributes_are_named(known: ServiceStatus) -> None:
    """The message names the attributes that the tenant requires as the ones to map."""
    finding = assess(evidence(known, required_attributes=("emails", "title")))
    assert "every user needs a value for emails, title" in finding.message
    assert "most frequent: invalidValue" in finding.message


@pytest.mark.finding(21)
def test_times_in_the_future() -> None:
    """A service status from the future gives Unknown: it could hide that Entra is silent."""
    finding = assess(evidence(status(last_request=NOW + timedelta(days=400))))
    assert (finding.is_good, finding.reason) == (None, "ReportInvalid")


@pytest.mark.finding(9)
@pytest.mark.parametrize(
    ("known", "good", "reason"),
    [
        (status(unauthenticated=10**6), True, "Active"),
        (status(failures={"401": 10**6}), True, "Active"),
        (status(failures={"401": 10**6, "uniqueness": 1}), True, "PartlyRefused"),
        (status(last_request=None, unauthenticated=3), None, "WaitingForEntra"),
        (status(last_request=NOW - timedelta(days=1), unauthenticated=3), False, "Unauthorized"),
        (status(last_request=NOW - timedelta(days=1)), False, "Silent"),
    ],
)
def test_strangers_raise_no_alarm(known: ServiceStatus, good: bool | None, reason: str) -> None:
    """Requests without a token count only while Entra is silent."""
    finding = assess(evidence(known))
    assert (finding.is_good, finding.reason) == (good, reason)


@pytest.mark.finding(9)
def test_strangers_hide_no_limit() -> None:
    """A flood of requests without a token does not hide that the user limit is reached."""
    known = status(failures={"401": 10**6}, unauthenticated=10**6, active_users=2)
    assert assess(evidence(known, max_users=2)).reason == "UserLimitReached"


@pytest.mark.finding(23)
def test_a_problem_of_the_service_is_reported() -> None:
    """A problem of the service precedes all other findings, which may be its effects."""
    problem = "cannot read /etc/scim/tokens/tokens.json: Permission denied"
    finding = assess(evidence(status(problems=(problem,), last_request=None)))
    assert (finding.is_good, finding.reason) == (False, "ServiceProblem")
    assert problem in finding.message
