"""The command ``doctor``: why a tenant, or one of its users, is not provisioned."""

from __future__ import annotations

import click

from scim_operator.cli.check_table import show_checks
from scim_operator.cli.cluster.tenants import read_tenant
from scim_operator.cli.doctor.collect_facts import collect_facts
from scim_operator.cli.doctor.examine import examine
from scim_operator.cli.session import Session, command


@click.command()
@click.argument("name")
@click.option("--user", metavar="NAME", help="A user who is missing: userName or e-mail address.")
@command
def doctor(session: Session, name: str, *, user: str | None) -> None:
    """Find out why users are not provisioned, and who can fix it."""
    tenant = read_tenant(session.cluster, name, partial=True)
    show_checks(session, tenant, examine(collect_facts(session.cluster, tenant, user)))
