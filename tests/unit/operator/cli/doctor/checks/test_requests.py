"""Tests of the checks of Entra's requests."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from scim_operator.api.service_status import SkippedAttribute, Writes
from scim_operator.cli.doctor.check import By, Outcome
from scim_operator.cli.doctor.examine import examine
from scim_operator.cli.doctor.facts import Facts

from tests.unit.operator.cli.doctor.sample import (
    FACTS,
    SERVICE_STATUS,
    check,
    check_by_status,
    with_status,
)
from tests.unit.operator.sample import NOW


@pytest.mark.parametrize(
    ("name", "facts", "words"),
    [
        ("traffic", with_status(last_request=None), "no request has arrived yet"),
        ("traffic", with_status(last_request=NOW - timedelta(minutes=80)), "80 min ago"),
        (
            "quarantine",
            with_status(failures={"uniqueness": 3, "invalidValue": 2600}),
            "2603 requests were refused within a day: invalidValue 2600, uniqueness 3",
        ),
        (
            "quarantine",
            with_status(failures={"invalidValue": 30}, writes=Writes(refused=30)),
            "so many that users are missing",
        ),
    ],
)
def test_problem(name: str, facts: Facts, words: str) -> None:
    """Only the check of its subject finds a problem, with a remedy for the Entra administrator."""
    found = check(name, facts)
    assert (found.outcome, found.by) == (Outcome.PROBLEM, By.ENTRA)
    assert words in found.message
    assert found.remedy


def test_refused_writes_without_refused_requests() -> None:
    """A service status that contradicts itself is not reported as 0 refused requests."""
    assert check("quarantine", with_status(writes=Writes(refused=100))).outcome is Outcome.OK


def skipping(reason: str) -> Facts:
    """Return facts with an attribute that the service has left out."""
    skipped = SkippedAttribute(
        resource_type="User", attribute="costCentreOld", reason=reason, requests=12
    )
    return with_status(skipped_attributes=(skipped,))


@pytest.mark.parametrize(
    ("name", "facts", "words"),
    [
        (
            "quarantine",
            with_status(failures={"invalidValue": 1}),
            "kubectl scim activity contoso --failures",
        ),
        ("attributes", skipping("unknown"), "under Mappings"),
        ("attributes", skipping("readOnly"), "under Mappings"),
        ("members", with_status(members_dropped=118), "kubectl scim activity contoso: members(-N)"),
    ],
)
def test_warning(name: str, facts: Facts, words: str) -> None:
    """A state that works but needs a change is a warning with a remedy."""
    found = check(name, facts)
    assert found.outcome is Outcome.WARNING
    assert words in found.remedy


def test_skipped_attributes() -> None:
    """Each left-out attribute is named, with the reason and the number of requests."""
    found = check("attributes", skipping("unknown"))
    assert "costCentreOld of User (unknown to the service, requests: 12)" in found.message


def test_older_service() -> None:
    """A fact that an earlier version of the service does not report is unknown, not ok."""
    older = SERVICE_STATUS.model_validate(SERVICE_STATUS.model_dump(exclude={"skipped_attributes"}))
    found = {each.name: each for each in examine(replace(FACTS, service_status=older))}
    assert found["attributes"].outcome is Outcome.UNKNOWN
    assert found["members"].outcome is Outcome.OK


def test_wrong_token() -> None:
    """Silence with refused tokens has another remedy than silence alone."""
    facts = with_status(last_request=None, unauthenticated=4)
    found = {each.name: each for each in examine(facts)}
    assert "without an accepted token" in found["traffic"].message
    assert "restart provisioning" in found["traffic"].remedy


@pytest.mark.parametrize(
    ("reason", "traffic", "quarantine"),
    [
        ("Active", Outcome.OK, Outcome.OK),
        ("PartlyRefused", Outcome.OK, Outcome.WARNING),
        ("!QuarantineRisk", Outcome.OK, Outcome.PROBLEM),
        ("!MostlyRefused", Outcome.OK, Outcome.PROBLEM),
        ("!UserLimitReached", Outcome.OK, Outcome.UNKNOWN),
        ("!Silent", Outcome.PROBLEM, Outcome.UNKNOWN),
        ("!Unauthorized", Outcome.PROBLEM, Outcome.UNKNOWN),
        ("?WaitingForEntra", Outcome.PROBLEM, Outcome.UNKNOWN),
        ("?Unreachable", Outcome.UNKNOWN, Outcome.UNKNOWN),
    ],
)
def test_requests_by_status(reason: str, traffic: Outcome, quarantine: Outcome) -> None:
    """A user who may read only the tenant gets the answers of its condition Provisioning."""
    found = check_by_status(reason)
    assert (found["traffic"].outcome, found["quarantine"].outcome) == (traffic, quarantine)
