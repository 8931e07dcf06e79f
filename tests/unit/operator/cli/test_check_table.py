"""Tests of the exit status of checks."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import click
import pytest
from click.testing import CliRunner
from scim_operator.cli.check_table import show_checks
from scim_operator.cli.doctor.check import By, Check, ok, problem, unknown, warning

from tests.unit.operator.cli.doctor.sample import tenant

OK = ok("a", "fine")
WARNING = warning("b", "soon", "renew it", By.SRE)
PROBLEM = problem("c", "broken", "repair it", By.ENTRA)
UNKNOWN = unknown("d", "no pod")


def run(checks: list[Check], output: str) -> tuple[int, str]:
    """Print checks; return the exit status and the output."""
    session: Any = SimpleNamespace(output=output)
    command = click.Command("x", callback=lambda: show_checks(session, tenant(), checks))
    found = CliRunner().invoke(command)
    return found.exit_code, found.output


@pytest.mark.parametrize(
    ("checks", "code", "flags"),
    [
        ([OK, WARNING], 0, (True, True)),
        ([OK, UNKNOWN], 3, (True, False)),
        ([UNKNOWN, PROBLEM], 1, (False, False)),
    ],
)
def test_exit_status(checks: list[Check], code: int, flags: tuple[bool, bool]) -> None:
    """A problem is status 1, otherwise an unknown check is 3; JSON has the same facts."""
    status, text = run(checks, "json")
    document = json.loads(text)
    assert (status, document["ok"], document["complete"]) == (code, *flags)
    assert [each["name"] for each in document["checks"]] == [each.name for each in checks]


def test_remedy() -> None:
    """A remedy has a line of its own, which names who can fix the problem."""
    _, text = run([OK, PROBLEM], "table")
    lines = [line.strip() for line in text.splitlines()]
    assert lines[-1] == "Entra administrator: repair it"
