"""What the commands ``users`` and ``groups`` share: the option, the request and the output."""

from __future__ import annotations

from collections.abc import Sequence

import click

from scim_operator.cli.cluster.client import Cluster
from scim_operator.cli.cluster.tenant_client import connect
from scim_operator.cli.cluster.tenant_secrets import read_token
from scim_operator.cli.cluster.tenants import read_tenant
from scim_operator.cli.output import create_table, create_text, show
from scim_operator.cli.session import Session
from scim_operator.kube.kinds import Object

LIMIT = click.option(
    "--limit",
    type=click.IntRange(min=0),
    default=100,
    show_default=True,
    help="Most resources to list; 0 lists all.",
)


def list_resources(
    cluster: Cluster, name: str, path: str, query: str | None, limit: int
) -> list[Object]:
    """List the resources of a tenant that a SCIM filter matches."""
    tenant = read_tenant(cluster, name)
    client = connect(cluster, tenant, read_token(cluster, tenant))
    parameters = {"filter": query} if query else {}
    return list(client.list_resources(path, limit=limit, **parameters))


def show_resources(
    session: Session,
    found: list[Object],
    columns: Sequence[str],
    rows: Sequence[Sequence[object]],
    limit: int,
) -> None:
    """Print resources, and a note if there may be more."""
    is_cut = len(found) == limit
    note = [create_text(f"The first {limit}; --limit 0 lists all.", "dim")] if is_cut else []
    show(session.output, found, create_table(columns, rows), *note)
