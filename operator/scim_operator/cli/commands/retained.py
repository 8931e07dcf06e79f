"""The command ``retained``: objects that deleted tenants have left, and how to erase them."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from scim_operator.api import names
from scim_operator.cli.cluster.tenants import list_retained
from scim_operator.cli.output import create_table, create_text, show
from scim_operator.cli.session import Session, command
from scim_operator.status.retained_objects import RetainedObject

_COLUMNS = ("NAMESPACE", "TENANT", "KIND", "NAME", "SIZE", "VOLUME", "AGE")
_ADVICE = (
    "A new ScimTenant of the same name uses them again. To erase them, check that each "
    "PersistentVolume has the reclaim policy Delete, which deletes it with its claim, and run:"
)


@click.command()
@click.option("-A", "--all-namespaces", is_flag=True, help="Search all namespaces.")
@command
def retained(session: Session, *, all_namespaces: bool) -> None:
    """List the volumes and token Secrets of deleted tenants.

    They hold users and a token of a customer. The age is that of the object; the time of the
    tenant's deletion is not recorded.
    """
    found = list_retained(session.cluster, everywhere=all_namespaces)
    where = "any namespace" if all_namespaces else f"namespace {session.cluster.namespace}"
    if not found:
        show(session.output, [], create_text(f"Deleted tenants have left nothing in {where}."))
        return
    now = datetime.now(UTC)
    tenants = dict.fromkeys(each.tenant for each in found)
    commands = [
        f"kubectl delete pvc,secret -n {tenant.namespace} "
        f"-l {names.TENANT_LABEL}={tenant.name},{names.MANAGED_BY_LABEL}={names.MANAGER}"
        for tenant in tenants
    ]
    show(
        session.output,
        [_to_document(each) for each in found],
        create_table(_COLUMNS, [_build_row(each, now) for each in found]),
        create_text(""),
        create_text(_ADVICE),
        *map(create_text, commands),
    )


def _build_row(each: RetainedObject, now: datetime) -> tuple[object, ...]:
    age = f"{(now - each.created).days}d"
    tenant = each.tenant
    kind = each.kind.name
    return (tenant.namespace, tenant.name, kind, each.name, each.size, each.volume, age)


def _to_document(each: RetainedObject) -> dict[str, object]:
    return {
        "namespace": each.tenant.namespace,
        "tenant": each.tenant.name,
        "kind": each.kind.name,
        "name": each.name,
        "created": each.created,
        "size": each.size,
        "volume": each.volume,
    }
