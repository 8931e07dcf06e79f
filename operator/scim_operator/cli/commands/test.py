"""The command ``test``: Entra's Test Connection, explained."""

from __future__ import annotations

import click

from scim_operator.cli.check_table import show_checks
from scim_operator.cli.cluster.tenant_secrets import read_token
from scim_operator.cli.cluster.tenants import read_tenant
from scim_operator.cli.doctor.test_connection import test_connection
from scim_operator.cli.session import Session, command


@click.command()
@click.argument("name")
@command
def test(session: Session, name: str) -> None:
    """Do what Entra's Test Connection does, and explain the responses."""
    tenant = read_tenant(session.cluster, name)
    token = read_token(session.cluster, tenant)
    show_checks(session, tenant, test_connection(session.cluster, tenant, token))
