"""What Provisioning says of a report: one finding a case, the most urgent first."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from scim_operator.api.service_status import ServiceStatus, Writes
from scim_operator.api.v1alpha1.provisioning import Provisioning
from scim_operator.status.conditions import provisioning

from tests.unit.operator.sample import NOW

LATELY = NOW - timedelta(minutes=5)
REPORT = ServiceStatus(users=300, active_users=300, groups=5, last_request=LATELY)


def report(**change: Any) -> ServiceStatus:
    """A report of a tenant at work, with some fields changed."""
    return REPORT.model_copy(update=change)


def refusing(refused: int, accepted: int = 0, users: int = 300) -> ServiceStatus:
    """A report of refused and accepted writes."""
    writes = Writes(accepted=accepted, refused=refused)
    return report(users=users, failures={"invalidValue": refused}, writes=writes)


CASES: list[tuple[str, ServiceStatus, bool | None, str]] = [
    ("all is well", report(), True, "Active"),
    ("its clock is wrong", report(last_request=NOW + timedelta(hours=2)), None, "ReportInvalid"),
    ("its files are unusable", report(problems=("no tokens",)), False, "ServiceProblem"),
    ("nobody has come", report(last_request=None), None, "WaitingForEntra"),
    (
        "strangers have come",
        report(last_request=None, unauthenticated=9),
        None,
        "WaitingForEntra",
    ),
    ("Entra stays out", report(last_request=NOW - timedelta(minutes=80)), False, "Silent"),
    (
        "Entra has a wrong token",
        report(last_request=NOW - timedelta(minutes=80), unauthenticated=1),
        False,
        "Unauthorized",
    ),
    ("strangers come beside Entra", report(unauthenticated=9), True, "Active"),
    ("thousands are refused", refusing(2500, 9000, 9000), False, "QuarantineRisk"),
    ("not thousands yet", refusing(2499, 9000, 9000), True, "PartlyRefused"),
    ("every place is taken", report(users=500, active_users=500), False, "UserLimitReached"),
    ("one place is free", report(active_users=499), True, "Active"),
    ("nobody gets in", refusing(300, users=0), False, "MostlyRefused"),
    ("one on demand does not get in", refusing(1, users=0), False, "MostlyRefused"),
    ("the first of many gets in", refusing(9, accepted=1, users=1), True, "PartlyRefused"),
    ("a third of a customer is missing", refusing(100, 200, 200), True, "PartlyRefused"),
    ("40 % of a customer are missing", refusing(120, 180, 180), False, "MostlyRefused"),
    ("one user is sent again and again", refusing(36), True, "PartlyRefused"),
    ("a few are sent again and again", refusing(119), True, "PartlyRefused"),
    ("everything is refused by now", refusing(120), False, "MostlyRefused"),
    ("only reads are refused", report(users=0, failures={"404": 5}, writes=Writes()), True, ""),
    ("an older service lets nobody in", report(users=0, failures={"409": 5}), False, ""),
    ("an older service refuses some", report(failures={"409": 900}), True, "PartlyRefused"),
    ("requests of an older service have no token", report(failures={"401": 900}), True, "Active"),
]


@pytest.mark.parametrize(
    ("seen", "good", "reason"), [pytest.param(*case[1:], id=case[0]) for case in CASES]
)
def test_cases(seen: ServiceStatus, good: bool | None, reason: str) -> None:
    """The finding of each case, by status and reason."""
    finding = provisioning.assess(seen, Provisioning(max_users=500), "contoso-scim-token", NOW)
    wanted = reason or ("PartlyRefused" if good else "MostlyRefused")
    assert (finding.is_good, finding.reason) == (good, wanted)


def test_urgent_first() -> None:
    """Of everything at once, what keeps the service from working is told, and then less and less.

    Each step mends what was told before.
    """
    steps: list[dict[str, Any]] = [
        {
            "last_request": NOW + timedelta(hours=2),
            "problems": ("no tokens",),
            "unauthenticated": 5,
            "failures": {"invalidValue": 2500},
            "writes": Writes(refused=2500),
            "users": 500,
            "active_users": 500,
        },
        {"last_request": NOW - timedelta(hours=2)},
        {"problems": ()},
        {"unauthenticated": 0},
        {"last_request": LATELY},
        {"failures": {"invalidValue": 2499}, "writes": Writes(refused=2499)},
        {"active_users": 499},
        {"writes": Writes(accepted=9000, refused=2499)},
        {"failures": {}},
    ]
    seen, told = REPORT, []
    for step in steps:
        seen = seen.model_copy(update=step)
        wanted = Provisioning(max_users=500)
        told.append(provisioning.assess(seen, wanted, "contoso-scim-token", NOW).reason)
    assert told == [
        "ReportInvalid",
        "ServiceProblem",
        "Unauthorized",
        "Silent",
        "QuarantineRisk",
        "UserLimitReached",
        "MostlyRefused",
        "PartlyRefused",
        "Active",
    ]


@pytest.mark.parametrize("seen", [refusing(300, users=0), refusing(1, 99)])
def test_required_attributes_are_named(seen: ServiceStatus) -> None:
    """Where the tenant demands attributes, they are named as what to map."""
    wanted = Provisioning(required_attributes=("emails", "title"))
    finding = provisioning.assess(seen, wanted, "contoso-scim-token", NOW)
    assert "every user needs a value for emails, title" in finding.message
    assert "most often: invalidValue" in finding.message
