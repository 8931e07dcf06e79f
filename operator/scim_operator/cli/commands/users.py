"""The command ``users``: the users that Entra has provisioned."""

from __future__ import annotations

import click

from scim_operator.cli.resource_list import LIMIT, list_resources, show_resources
from scim_operator.cli.session import Session, command
from scim_operator.timestamps import parse_timestamp

_COLUMNS = ("USERNAME", "DISPLAY NAME", "MAIL", "ACTIVE", "GROUPS", "LAST MODIFIED")


@click.command()
@click.argument("name")
@click.option("--filter", "query", metavar="FILTER", help="SCIM filter, such as 'active eq false'.")
@LIMIT
@command
def users(session: Session, name: str, *, query: str | None, limit: int) -> None:
    """List the users that Entra has provisioned."""
    found = list_resources(session.cluster, name, "/Users", query, limit)
    rows = [
        (
            user.get("userName"),
            user.get("displayName"),
            ", ".join(mail["value"] for mail in user.get("emails", ()) if mail.get("value")),
            user.get("active", True),
            ", ".join(group.get("display", "?") for group in user.get("groups", ())),
            parse_timestamp(user["meta"]["lastModified"]),
        )
        for user in found
    ]
    show_resources(session, found, _COLUMNS, rows, limit)
