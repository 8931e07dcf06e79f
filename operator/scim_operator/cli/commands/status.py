"""The command ``status``: what the operator has written of one tenant, or of all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import click
from rich.text import Text

from scim_operator.api import conditions
from scim_operator.api.tenant import Key, Tenant
from scim_operator.api.v1alpha1.status import ROLLOUT_STATES, RolloutState
from scim_operator.cli.output import show, table, text
from scim_operator.cli.session import FOUND, UNKNOWN, Session, command

_COLOURS = {"True": "green", "False": "bold red", "Unknown": "yellow"}
_COLUMNS = (
    *("NAMESPACE", "NAME", "READY", "REASON", "USERS", "GROUPS", "LAST SYNC", "PROVISIONING"),
    *("REFUSED", "ROLLOUT", "TENANT URL"),
)
_WIDE = ("VERSION", "LAST BACKUP", "MESSAGE")


@click.command()
@click.argument("name", required=False)
@click.option("-A", "--all-namespaces", is_flag=True, help="List the tenants of all namespaces.")
@command
def status(session: Session, name: str | None, *, all_namespaces: bool) -> None:
    """Show a tenant's conditions, counts and tokens; without a name, list the tenants.

    Exit status 1 means that one of them is not ready, 3 that it is not known of one.
    """
    if name and all_namespaces:
        raise click.UsageError("-A lists the tenants of all namespaces: omit the name")
    if name:
        tenants = [session.cluster.tenant(name, legible=True)]
    else:
        tenants = session.cluster.tenants(everywhere=all_namespaces)
    unattended = session.cluster.unattended(tenants)
    if name:
        _show_tenant(session, tenants[0], unattended)
    else:
        _list_tenants(session, tenants, unattended)
    verdicts = {_ready(tenant) for tenant in tenants} | {"Unknown" for _ in unattended}
    if verdicts - {"True"}:
        click.get_current_context().exit(FOUND if "False" in verdicts else UNKNOWN)


def _list_tenants(session: Session, tenants: list[Tenant], unattended: Mapping[Key, str]) -> None:
    wide = session.output == "wide"
    columns = (*_COLUMNS, *_WIDE) if wide else _COLUMNS
    rows = [(*_row(each), *(_more(each) if wide else ())) for each in tenants]
    empty = text(f"There are no tenants in namespace {session.cluster.namespace}; -A lists all.")
    show(
        session.output,
        [_document(each, unattended) for each in tenants],
        table(columns, rows) if rows else empty,
        *_rollout([tenant.status.rollout.state for tenant in tenants if tenant.status.rollout]),
        *map(_unreadable, (tenant for tenant in tenants if tenant.unreadable)),
        *_of_the_past(unattended),
    )


def _row(tenant: Tenant) -> tuple[object, ...]:
    status = tenant.status
    provisioning = status.condition(conditions.PROVISIONING)
    return (
        tenant.key.namespace,
        tenant.key.name,
        _verdict(_ready(tenant)),
        _reason(tenant),
        status.users,
        status.groups,
        status.last_provisioned,
        provisioning.reason if provisioning else None,
        status.refused,
        status.rollout.state if status.rollout else None,
        status.tenant_url,
    )


def _more(tenant: Tenant) -> tuple[object, ...]:
    ready = tenant.status.condition(conditions.READY)
    return (tenant.status.version, tenant.status.last_backup, ready.message if ready else None)


def _ready(tenant: Tenant) -> str:
    found = tenant.status.condition(conditions.READY)
    return found.status if found else "Unknown"


def _reason(tenant: Tenant) -> str:
    """Say in words for a column why a tenant is as it is."""
    found = tenant.status.condition(conditions.READY)
    reasons = [found.reason if found else "Pending"]
    if tenant.spec.suspended:
        reasons.append("Suspended")
    if tenant.is_paused:
        reasons.append("Paused")
    if tenant.is_deleting:
        reasons.append("Deleting")
    return ", ".join(dict.fromkeys(reasons))


def _rollout(states: list[RolloutState]) -> list[Text]:
    """Say how far a rollout has come; nothing if it is over."""
    counts = Counter(states)
    if counts["current"] == len(states):
        return []
    parts = [f"{counts[state]} {state}" for state in ROLLOUT_STATES]
    return [text(f"Rollout: {', '.join(parts)}.", "yellow")]


def _show_tenant(session: Session, tenant: Tenant, unattended: Mapping[Key, str]) -> None:
    status = tenant.status
    facts = [
        ("Tenant", str(tenant.key)),
        ("Ready", _verdict(_ready(tenant))),
        ("Reason", _reason(tenant)),
        ("Tenant URL", status.tenant_url),
        ("Users", f"{_count(status.users)} ({_count(status.active_users)} active)"),
        ("Groups", _count(status.groups)),
        ("Last sync", status.last_provisioned),
        ("Refused within a day", status.refused),
        ("Last backup", status.last_backup),
        ("Version", status.version),
        ("Rollout", status.rollout.state if status.rollout else None),
    ]
    found = [(each.type, each.status, each.reason, each.message) for each in status.conditions]
    accepted = [
        (each.id, each.created_at, each.last_used, each.not_after) for each in status.tokens
    ]
    show(
        session.output,
        _document(tenant, unattended),
        table((), facts),
        text(""),
        table(("CONDITION", "STATUS", "REASON", "MESSAGE"), found),
        text(""),
        table(("TOKEN", "CREATED", "LAST USED", "RETIRED AT"), accepted),
        *([_unreadable(tenant)] if tenant.unreadable else ()),
        *_of_the_past(unattended),
    )


def _of_the_past(unattended: Mapping[Key, str]) -> list[Text]:
    """Say of which tenants the status is not kept up to date, and why."""
    return [
        text(f"Nobody looks after {tenant}, and what is shown of it is of the past: {why}.", "red")
        for tenant, why in unattended.items()
    ]


def _unreadable(tenant: Tenant) -> Text:
    """Say of which fields this plugin shows nothing."""
    return text(
        f"This version of the plugin cannot read all of {tenant.key}: {tenant.unreadable}.",
        "yellow",
    )


def _document(tenant: Tenant, unattended: Mapping[Key, str]) -> dict[str, Any]:
    status = tenant.status.model_dump(mode="json", by_alias=True, exclude_none=True)
    return {
        "namespace": tenant.key.namespace,
        "name": tenant.key.name,
        "ready": _ready(tenant),
        "suspended": tenant.spec.suspended,
        "paused": tenant.is_paused,
        "unattended": unattended.get(tenant.key),
        **status,
    }


def _verdict(status: str) -> Text:
    return text(status, _COLOURS[status])


def _count(number: int | None) -> object:
    return "?" if number is None else number
