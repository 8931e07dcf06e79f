"""Tests of the checks of conditions, and of the operator."""

from __future__ import annotations

from dataclasses import replace

import pytest
from scim_operator.cli.doctor.check import By, Outcome
from scim_operator.cli.doctor.examine import examine

from tests.unit.operator.cli.doctor.sample import FACTS, WHY, check, tenant, with_tenant


def test_outdated_status() -> None:
    """A spec that the operator has not reconciled is a problem of the SRE's."""
    found = check("operator", with_tenant(seen=0))
    assert (found.outcome, found.by) == (Outcome.PROBLEM, By.SRE)
    assert "has not reconciled the newest spec" in found.message
    assert found.remedy


def test_unattended_tenant() -> None:
    """A tenant that no operator serves is a problem, because its status is out of date."""
    facts = replace(FACTS, unattended="no operator has renewed its Lease scim/operator")
    found = check("operator", facts)
    assert (found.outcome, found.by) == (Outcome.PROBLEM, By.SRE)
    assert "the status is out of date" in found.message


def test_paused_tenant() -> None:
    """The warning about a paused tenant names the annotation to remove."""
    found = check("operator", with_tenant(annotations={"scim-operator.io/paused": "true"}))
    assert found.outcome is Outcome.WARNING
    assert "scim-operator.io/paused" in found.remedy


def test_false_condition() -> None:
    """A condition that is False is a problem, and its message is the remedy."""
    found = check("Exposed", with_tenant(conditions={"Exposed": "!URLConflict"}))
    assert (found.outcome, found.by) == (Outcome.PROBLEM, By.SRE)
    assert (found.message, found.remedy) == ("False: URLConflict", "about Exposed")


def test_suspended_tenant() -> None:
    """A suspended tenant is a warning only."""
    suspended = tenant({"suspended": True}, conditions={"Available": "!Suspended"})
    found = check("Available", replace(FACTS, tenant=suspended, pods=[]))
    assert found.outcome is Outcome.WARNING
    assert "set spec.suspended to false" in found.remedy


@pytest.mark.parametrize(
    ("reason", "outcome", "by"),
    [
        ("Active", Outcome.OK, None),
        ("PartlyRefused", Outcome.WARNING, By.ENTRA),
        ("!Silent", Outcome.PROBLEM, By.ENTRA),
        ("!ServiceProblem", Outcome.PROBLEM, By.SRE),
        ("!MostlyRefused", Outcome.PROBLEM, By.ENTRA),
        ("?WaitingForEntra", Outcome.PROBLEM, By.ENTRA),
        ("?Unreachable", Outcome.UNKNOWN, None),
        ("?Suspended", Outcome.WARNING, By.SRE),
    ],
)
def test_provisioning(reason: str, outcome: Outcome, by: By | None) -> None:
    """The reason of Provisioning decides the outcome, and who can fix it."""
    seen = replace(FACTS, tenant=tenant(conditions={"Provisioning": reason}), service_status=WHY)
    (found,) = (each for each in examine(seen) if each.name == "Provisioning")
    assert (found.outcome, found.by) == (outcome, by)
    assert "about Provisioning" in found.message + found.remedy


def test_provisioning_by_service_status() -> None:
    """The present status of the service overrides an older condition Provisioning."""
    assert (
        check("Provisioning", with_tenant(conditions={"Provisioning": "?WaitingForEntra"})).outcome
        is Outcome.OK
    )
    full = with_tenant({"provisioning": {"maxUsers": 2}}, conditions={"Provisioning": "Active"})
    found = {each.name: each for each in examine(full)}
    assert found["Provisioning"].message == "False: UserLimitReached"


def test_summary() -> None:
    """Stalled and Ready are repeated once, and only if no other condition has their reason."""
    failing = {"Ready": "!InvalidSpec", "Stalled": "InvalidSpec", "Reconciling": "!Settled"}
    found = check("operator", with_tenant(conditions=failing))
    assert (found.outcome, found.message) == (Outcome.PROBLEM, "InvalidSpec")
    waiting = with_tenant(conditions={"Ready": "!URLPending"})
    assert check("Ready", waiting).message == "False: URLPending"
    repeated = with_tenant(conditions={"Available": "!CrashLoop", "Ready": "!CrashLoop"})
    assert "Ready" not in [each.name for each in examine(repeated)]


def test_other_condition() -> None:
    """A condition that exists only while something is wrong is a warning, whatever its type."""
    facts = with_tenant(conditions={"FieldConflict": "OtherManager"})
    assert check("FieldConflict", facts).outcome is Outcome.WARNING
