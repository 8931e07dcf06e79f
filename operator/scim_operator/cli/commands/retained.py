"""The command ``retained``: what tenants that are gone have left, and how it is erased."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from scim_operator.api import names
from scim_operator.cli.output import show, table, text
from scim_operator.cli.session import Session, command
from scim_operator.status.retained_objects import RetainedObject

_COLUMNS = ("NAMESPACE", "TENANT", "KIND", "NAME", "SIZE", "VOLUME", "AGE")
_ADVICE = (
    "A ScimTenant of the same name goes on with them. To erase them for good, see that each "
    "PersistentVolume has the reclaim policy Delete, so that it goes with its claim, and then:"
)


@click.command()
@click.option("-A", "--all-namespaces", is_flag=True, help="Look in all namespaces.")
@command
def retained(session: Session, *, all_namespaces: bool) -> None:
    """List the volumes and token Secrets of tenants that are gone, with their age and size.

    They hold users and a token of a customer. The age is that of the object: when its tenant was
    deleted is recorded nowhere.
    """
    found = session.cluster.leftovers(everywhere=all_namespaces)
    where = "any namespace" if all_namespaces else f"namespace {session.cluster.namespace}"
    if not found:
        show(session.output, [], text(f"Nothing is left of tenants that are gone in {where}."))
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
        [_document(each) for each in found],
        table(_COLUMNS, [_row(each, now) for each in found]),
        text(""),
        text(_ADVICE),
        *map(text, commands),
    )


def _row(each: RetainedObject, now: datetime) -> tuple[object, ...]:
    age = f"{(now - each.created).days}d"
    tenant = each.tenant
    kind = each.kind.name
    return (tenant.namespace, tenant.name, kind, each.name, each.size, each.volume, age)


def _document(each: RetainedObject) -> dict[str, object]:
    return {
        "namespace": each.tenant.namespace,
        "tenant": each.tenant.name,
        "kind": each.kind.name,
        "name": each.name,
        "created": each.created,
        "size": each.size,
        "volume": each.volume,
    }
