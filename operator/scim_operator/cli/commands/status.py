"""The command ``status``: the status of one tenant, or a list of tenants."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import click
from rich.text import Text

from scim_operator.api import conditions
from scim_operator.api.tenant import Key, Tenant
from scim_operator.api.v1alpha1.status import ROLLOUT_STATES, RolloutState
from scim_operator.cli.cluster.tenants import find_unattended, list_tenants, read_tenant
from scim_operator.cli.output import create_table, create_text, show
from scim_operator.cli.session import PROBLEM_FOUND, UNKNOWN, Session, command

_COLOURS = {"True": "green", "False": "bold red", "Unknown": "yellow"}
_COLUMNS = (
    *("NAMESPACE", "NAME", "READY", "REASON", "USERS", "GROUPS", "LAST SYNC", "PROVISIONING"),
    *("REFUSED", "ROLLOUT", "TENANT URL"),
)
_WIDE_COLUMNS = ("VERSION", "LAST BACKUP", "MESSAGE")


@click.command()
@click.argument("name", required=False)
@click.option("-A", "--all-namespaces", is_flag=True, help="List the tenants of all namespaces.")
@command
def status(session: Session, name: str | None, *, all_namespaces: bool) -> None:
    """Show one tenant, or list the tenants of the namespace.

    With NAME, show its conditions, counts and tokens. Exit status 1 means that a tenant is not
    ready, 3 that Ready of one is Unknown.
    """
    if name and all_namespaces:
        raise click.UsageError("-A lists the tenants of all namespaces: omit the name")
    if name:
        tenants = [read_tenant(session.cluster, name, partial=True)]
    else:
        tenants = list_tenants(session.cluster, everywhere=all_namespaces)
    unattended = find_unattended(session.cluster, tenants)
    if name:
        _show_tenant(session, tenants[0], unattended)
    else:
        _list_tenants(session, tenants, unattended)
    found = {_find_ready_status(tenant) for tenant in tenants} | {"Unknown" for _ in unattended}
    if found - {"True"}:
        click.get_current_context().exit(PROBLEM_FOUND if "False" in found else UNKNOWN)


def _list_tenants(session: Session, tenants: list[Tenant], unattended: Mapping[Key, str]) -> None:
    is_wide = session.output == "wide"
    columns = (*_COLUMNS, *_WIDE_COLUMNS) if is_wide else _COLUMNS
    rows = [(*_build_row(each), *(_build_wide_row(each) if is_wide else ())) for each in tenants]
    empty = create_text(
        f"There are no tenants in namespace {session.cluster.namespace}; -A lists all tenants."
    )
    show(
        session.output,
        [_to_document(each, unattended) for each in tenants],
        create_table(columns, rows) if rows else empty,
        *_describe_rollout(
            [tenant.status.rollout.state for tenant in tenants if tenant.status.rollout]
        ),
        *map(_describe_unreadable, (tenant for tenant in tenants if tenant.unreadable)),
        *_describe_unattended(unattended),
    )


def _build_row(tenant: Tenant) -> tuple[object, ...]:
    status = tenant.status
    provisioning = status.condition(conditions.PROVISIONING)
    return (
        tenant.key.namespace,
        tenant.key.name,
        _colour(_find_ready_status(tenant)),
        _describe_state(tenant),
        status.users,
        status.groups,
        status.last_provisioned,
        provisioning.reason if provisioning else None,
        status.refused,
        status.rollout.state if status.rollout else None,
        status.tenant_url,
    )


def _build_wide_row(tenant: Tenant) -> tuple[object, ...]:
    ready = tenant.status.condition(conditions.READY)
    return (tenant.status.version, tenant.status.last_backup, ready.message if ready else None)


def _find_ready_status(tenant: Tenant) -> str:
    found = tenant.status.condition(conditions.READY)
    return found.status if found else "Unknown"


def _describe_state(tenant: Tenant) -> str:
    """Return the reasons of a tenant's state for a column."""
    found = tenant.status.condition(conditions.READY)
    reasons = [found.reason if found else "Pending"]
    if tenant.spec.suspended:
        reasons.append("Suspended")
    if tenant.is_paused:
        reasons.append("Paused")
    if tenant.is_deleting:
        reasons.append("Deleting")
    return ", ".join(dict.fromkeys(reasons))


def _describe_rollout(states: list[RolloutState]) -> list[Text]:
    """Describe the progress of a rollout; nothing if it has ended."""
    counts = Counter(states)
    if counts["current"] == len(states):
        return []
    parts = [f"{counts[state]} {state}" for state in ROLLOUT_STATES]
    return [create_text(f"Rollout: {', '.join(parts)}.", "yellow")]


def _show_tenant(session: Session, tenant: Tenant, unattended: Mapping[Key, str]) -> None:
    status = tenant.status
    facts = [
        ("Tenant", str(tenant.key)),
        ("Ready", _colour(_find_ready_status(tenant))),
        ("Reason", _describe_state(tenant)),
        ("Tenant URL", status.tenant_url),
        ("Users", f"{_show_count(status.users)} ({_show_count(status.active_users)} active)"),
        ("Groups", _show_count(status.groups)),
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
        _to_document(tenant, unattended),
        create_table((), facts),
        create_text(""),
        create_table(("CONDITION", "STATUS", "REASON", "MESSAGE"), found),
        create_text(""),
        create_table(("TOKEN", "CREATED", "LAST USED", "RETIRED AT"), accepted),
        *([_describe_unreadable(tenant)] if tenant.unreadable else ()),
        *_describe_unattended(unattended),
    )


def _describe_unattended(unattended: Mapping[Key, str]) -> list[Text]:
    """Name the tenants whose status is out of date, with the reason."""
    return [
        create_text(f"No operator serves {tenant}, and its status is out of date: {why}.", "red")
        for tenant, why in unattended.items()
    ]


def _describe_unreadable(tenant: Tenant) -> Text:
    """Name the fields that this plugin cannot show."""
    return create_text(
        f"This version of the plugin cannot read all fields of {tenant.key}: {tenant.unreadable}.",
        "yellow",
    )


def _to_document(tenant: Tenant, unattended: Mapping[Key, str]) -> dict[str, Any]:
    status = tenant.status.model_dump(mode="json", by_alias=True, exclude_none=True)
    return {
        "namespace": tenant.key.namespace,
        "name": tenant.key.name,
        "ready": _find_ready_status(tenant),
        "suspended": tenant.spec.suspended,
        "paused": tenant.is_paused,
        "unattended": unattended.get(tenant.key),
        **status,
    }


def _colour(status: str) -> Text:
    return create_text(status, _COLOURS[status])


def _show_count(number: int | None) -> object:
    return "?" if number is None else number
