"""Tests of all checks together."""

from __future__ import annotations

from dataclasses import replace

from scim_operator.cli.doctor.check import Outcome
from scim_operator.cli.doctor.examine import examine

from tests.unit.operator.cli.doctor.sample import FACTS, NO_FACTS, WHY, tenant


def test_healthy_tenant() -> None:
    """Every check of a healthy tenant is ok."""
    found = examine(FACTS)
    assert [each.name for each in found] == [
        *("operator", "TokenReady", "Available", "Exposed", "pods", "token"),
        *("connection", "user query", "TLS", "certificate"),
        *("traffic", "quarantine", "attributes", "members"),
        *("licences", "scope", "mail"),
    ]
    assert {each.outcome for each in found} == {Outcome.OK}


def test_missing_facts() -> None:
    """A missing fact makes its checks unknown, with the reason, and neither ok nor a problem."""
    facts = replace(NO_FACTS, tenant=tenant(conditions={"Available": "?Unknown"}, accepted=[]))
    found = [each for each in examine(replace(facts, user="ada")) if each.message == WHY]
    assert [each.name for each in found] == [
        *("pods", "token", "connection", "certificate", "traffic", "quarantine"),
        *("attributes", "members", "licences", "scope", "mail", "user ada"),
    ]
    assert {each.outcome for each in found} == {Outcome.UNKNOWN}
