"""Prints checks, and sets the exit status by their outcomes."""

from __future__ import annotations

from dataclasses import asdict

import click

from scim_operator.api.tenant import Tenant
from scim_operator.cli.doctor.check import Check, Outcome
from scim_operator.cli.output import create_table, create_text, show
from scim_operator.cli.session import PROBLEM_FOUND, UNKNOWN, Session

COLOURS = {
    Outcome.OK: "green",
    Outcome.WARNING: "yellow",
    Outcome.PROBLEM: "bold red",
    Outcome.UNKNOWN: "dim",
}


def show_checks(session: Session, tenant: Tenant, checks: list[Check]) -> None:
    """Print the checks; end with another exit status than 0 unless all are known and no problem."""
    outcomes = {check.outcome for check in checks}
    rows: list[tuple[object, ...]] = []
    for check in checks:
        rows.append((check.name, create_text(check.outcome, COLOURS[check.outcome]), check.message))
        if check.remedy:
            rows.append(
                (
                    create_text(""),
                    create_text(""),
                    create_text(f"{check.by}: {check.remedy}", "bold"),
                )
            )
    show(
        session.output,
        {
            "tenant": str(tenant.key),
            "ok": Outcome.PROBLEM not in outcomes,
            "complete": Outcome.UNKNOWN not in outcomes,
            "checks": [asdict(check) for check in checks],
        },
        create_table(("CHECK", "RESULT", "FOUND"), rows),
    )
    if Outcome.PROBLEM in outcomes:
        click.get_current_context().exit(PROBLEM_FOUND)
    if Outcome.UNKNOWN in outcomes:
        click.get_current_context().exit(UNKNOWN)
