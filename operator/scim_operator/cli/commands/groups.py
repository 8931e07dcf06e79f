"""The command ``groups``: the groups that Entra has provisioned."""

from __future__ import annotations

import click

from scim_operator.cli.resource_list import LIMIT, list_resources, show_resources
from scim_operator.cli.session import Session, command
from scim_operator.timestamps import parse_timestamp

_COLUMNS = ("DISPLAY NAME", "MEMBERS", "LAST MODIFIED")


@click.command()
@click.argument("name")
@click.option("--filter", "query", metavar="FILTER", help="SCIM filter on groups.")
@LIMIT
@command
def groups(session: Session, name: str, *, query: str | None, limit: int) -> None:
    """List the groups that Entra has provisioned."""
    found = list_resources(session.cluster, name, "/Groups", query, limit)
    rows = [
        (
            group.get("displayName"),
            len(group.get("members", ())),
            parse_timestamp(group["meta"]["lastModified"]),
        )
        for group in found
    ]
    show_resources(session, found, _COLUMNS, rows, limit)
