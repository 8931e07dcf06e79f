"""Tests of the check of the token."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from scim_operator.cli.doctor.check import By, Outcome, ok, unknown
from scim_operator.cli.doctor.examine import examine
from scim_operator.cli.doctor.facts import Unknown
from scim_operator.timestamps import format_timestamp

from tests.unit.operator.cli.doctor.sample import (
    FACTS,
    ID,
    NOW_TEXT,
    check,
    check_by_status,
    with_tenant,
)
from tests.unit.operator.sample import NOW


def test_unknown_token() -> None:
    """A token that the service does not accept is a problem of the SRE's."""
    found = check("token", replace(FACTS, token_id=None))
    assert (found.outcome, found.by) == (Outcome.PROBLEM, By.SRE)
    assert "the service does not accept the token" in found.message
    assert found.remedy


def test_expired_token() -> None:
    """An expired token is a problem of the SRE's."""
    expired = {
        "id": ID,
        "createdAt": format_timestamp(NOW - timedelta(days=90)),
        "notAfter": format_timestamp(NOW - timedelta(hours=1)),
    }
    found = check("token", with_tenant(accepted=[expired]))
    assert (found.outcome, found.by) == (Outcome.PROBLEM, By.SRE)
    assert "has expired" in found.message
    assert "kubectl scim rotate contoso" in found.remedy


def test_older_token_in_use() -> None:
    """A new token that Entra does not send yet is a warning."""
    tokens = [
        {"id": "0ld", "createdAt": NOW_TEXT, "lastUsed": NOW_TEXT},
        {"id": ID, "createdAt": NOW_TEXT},
    ]
    found = check("token", with_tenant(accepted=tokens))
    assert found.outcome is Outcome.WARNING
    assert "paste the new token" in found.remedy


@pytest.mark.parametrize(
    "connection",
    [
        Unknown("no pod of team-a/contoso is ready"),
        [ok("connection", ""), unknown("user query", "no pod of team-a/contoso is ready")],
    ],
)
def test_no_response(connection: Any) -> None:
    """Without a response of the service it is unknown whether it accepts the token."""
    found = {each.name: each for each in examine(replace(FACTS, connection=connection))}
    assert found["token"].outcome is Outcome.UNKNOWN
    assert "whether the service accepts it" in found["token"].message


def test_token_by_status() -> None:
    """A user who may not read the Secret gets the answer of the tenant's status."""
    assert check_by_status("Active")["token"].outcome is Outcome.OK
