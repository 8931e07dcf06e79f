"""Tests of the checks of users and groups."""

from __future__ import annotations

from dataclasses import replace

import pytest
from scim_operator.cli.doctor.check import By, Outcome
from scim_operator.cli.doctor.facts import Contents, Facts

from tests.unit.operator.cli.doctor.sample import (
    FACTS,
    check,
    check_by_status,
    with_status,
    with_tenant,
)


@pytest.mark.parametrize(
    ("name", "facts", "words"),
    [
        ("licences", with_tenant({"provisioning": {"maxUsers": 2}}), "2 of 2 active users"),
        ("user ada", replace(FACTS, user="ada"), "there is no user with this userName"),
        (
            "user ada",
            replace(FACTS, user="ada", contents=Contents(0, {"userName": "ada", "active": False})),
            "inactive",
        ),
    ],
)
def test_problem(name: str, facts: Facts, words: str) -> None:
    """Only the check of its subject finds a problem, with a remedy for the Entra administrator."""
    found = check(name, facts)
    assert (found.outcome, found.by) == (Outcome.PROBLEM, By.ENTRA)
    assert words in found.message
    assert found.remedy


@pytest.mark.parametrize(
    ("name", "facts", "words"),
    [
        ("scope", with_status(groups=0), "Provision Microsoft Entra ID Groups"),
        ("mail", replace(FACTS, contents=Contents(2)), 'emails[type eq "work"].value'),
        (
            "user ada",
            replace(FACTS, user="ada", contents=Contents(0, {"userName": "ada"})),
            'emails[type eq "work"].value',
        ),
    ],
)
def test_warning(name: str, facts: Facts, words: str) -> None:
    """A state that works but needs a change is a warning with a remedy."""
    found = check(name, facts)
    assert found.outcome is Outcome.WARNING
    assert words in found.remedy


def test_counts_by_status() -> None:
    """A user who may read only the tenant gets the counts of its status."""
    found = check_by_status("Active", users=3, activeUsers=2, groups=1)
    assert found["licences"].message == "2 of 9 active users"
    assert found["scope"].message == "3 users and 1 groups"
    full = check_by_status("Active", users=9, activeUsers=9, groups=1)
    assert full["licences"].outcome is Outcome.PROBLEM
