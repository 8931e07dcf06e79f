"""The command ``activity``: a tenant's provisioning log."""

from __future__ import annotations

from typing import Any

import click

from scim_operator.cli.cluster.tenant_client import connect_to_management
from scim_operator.cli.cluster.tenants import read_tenant
from scim_operator.cli.output import create_table, create_text, show
from scim_operator.cli.session import Session, command
from scim_operator.timestamps import parse_timestamp

_MOST = 1000
"""The service returns no more lines."""

_COLUMNS = (
    *("TIME", "OPERATION", "TYPE", "ID", "STATUS", "ERROR", "ATTRIBUTES", "SOURCE", "CLIENT"),
)
_WIDE_COLUMNS = ("TOKEN", "REQUEST", "EDGE REQUEST", "REASON")


@click.command()
@click.argument("name")
@click.option("--failures", is_flag=True, help="Only refused requests.")
@click.option(
    "--request",
    metavar="ID",
    help="Only this request, by the id of the service or of the ingress.",
)
@click.option(
    "--limit",
    type=click.IntRange(1, _MOST),
    default=50,
    show_default=True,
    help="Most lines to show.",
)
@command
def activity(
    session: Session, name: str, *, failures: bool, request: str | None, limit: int
) -> None:
    """Show recent writes and refused requests, the newest first.

    CLIENT is the User-Agent of the sender: Entra sends none, curl and browsers do.
    """
    tenant = read_tenant(session.cluster, name)
    client = connect_to_management(session.cluster, tenant)
    query: dict[str, str | int] = {"limit": limit, "refused": str(failures).lower()}
    if request:
        query |= {"limit": _MOST, "request": request}
    lines = client.fetch("/-/activity", **query).document["activity"]
    if request:
        # An older service ignores the parameter.
        lines = [
            line for line in lines if request in (line["requestId"], line.get("edgeRequestId"))
        ]
    is_wide = bool(request) or session.output == "wide"
    rows = [(*_build_row(line), *(_build_wide_row(line) if is_wide else ())) for line in lines]
    columns = (*_COLUMNS, *(_WIDE_COLUMNS if is_wide else ()))
    empty = create_text(_explain_no_lines(failures, request))
    show(session.output, lines, create_table(columns, rows) if rows else empty)


def _explain_no_lines(failures: bool, request: str | None) -> str:
    if request:
        return (
            f"There is no line of the request {request}: reads and requests without an accepted "
            "token have none, and lines are kept for 30 days."
        )
    return "No request was refused." if failures else "Entra has written nothing yet."


def _build_row(line: dict[str, Any]) -> tuple[object, ...]:
    return (
        parse_timestamp(line["at"]),
        line["operation"],
        line["resourceType"],
        line["resourceId"],
        create_text(line["status"], "red" if line["status"] >= 400 else "green"),
        line["scimType"],
        ", ".join(line["attributes"]),
        line.get("source"),
        line.get("agent"),
    )


def _build_wide_row(line: dict[str, Any]) -> tuple[object, ...]:
    return (line["tokenId"], line["requestId"], line.get("edgeRequestId"), line.get("reason"))
