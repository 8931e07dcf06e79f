"""Runs all checks of the doctor in the order in which an engineer would look."""

from __future__ import annotations

from scim_operator.cli.doctor.check import Check, unknown
from scim_operator.cli.doctor.checks.conditions import check_conditions
from scim_operator.cli.doctor.checks.pods import check_pods
from scim_operator.cli.doctor.checks.requests import (
    check_members,
    check_quarantine,
    check_skipped_attributes,
    check_traffic,
)
from scim_operator.cli.doctor.checks.tls import check_tls
from scim_operator.cli.doctor.checks.token import check_token
from scim_operator.cli.doctor.checks.users_and_groups import (
    check_licences,
    check_mail,
    check_scope,
    check_user,
)
from scim_operator.cli.doctor.facts import CONNECTION, Facts, Unknown


def examine(facts: Facts) -> list[Check]:
    """Run all checks."""
    connection = facts.connection
    return [
        *check_conditions(facts),
        check_pods(facts),
        check_token(facts),
        *([unknown(CONNECTION, connection)] if isinstance(connection, Unknown) else connection),
        *check_tls(facts),
        check_traffic(facts),
        check_quarantine(facts),
        check_skipped_attributes(facts),
        check_members(facts),
        check_licences(facts),
        check_scope(facts),
        check_mail(facts),
        *check_user(facts),
    ]
