"""ScimTenants in the cluster, and the objects that deleted tenants have left there."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from scim_operator.api import names
from scim_operator.api.tenant import Key, Tenant, UnreadableTenantError
from scim_operator.cli.cluster.client import Cluster
from scim_operator.cli.errors import ClusterError, ForbiddenError, MissingError
from scim_operator.kube import watched_namespaces
from scim_operator.kube.kinds import LEASE, TENANT, Object
from scim_operator.status import retained_objects
from scim_operator.status.retained_objects import RetainedObject


def read_tenant(cluster: Cluster, name: str, *, partial: bool = False) -> Tenant:
    """Read a tenant.

    Parameters
    ----------
    partial
        Whether the fields that this plugin can read are enough; see `Tenant.parse_readable`.

    Raises
    ------
    MissingError
        There is no tenant of that name; the message names the existing ones.
    ClusterError
        The tenant has fields that this plugin cannot read.
    """
    try:
        body = cluster.get(TENANT, name)
    except MissingError as error:
        raise MissingError(
            f"there is no ScimTenant {name} in namespace {cluster.namespace}. "
            f"{_suggest(cluster, name)}"
        ) from error
    if partial:
        return Tenant.parse_readable(body)
    try:
        return Tenant.parse(body)
    except UnreadableTenantError as error:
        raise ClusterError(
            f"this version of the plugin cannot read the ScimTenant {name}: {error}. Install the "
            "plugin of the operator's version"
        ) from error


def _suggest(cluster: Cluster, name: str) -> str:
    """Name the tenants that the user may have meant."""
    try:
        tenants = list_tenants(cluster, everywhere=True)
    except ForbiddenError:
        tenants = list_tenants(cluster)
    elsewhere = [each.key.namespace for each in tenants if each.key.name == name]
    if elsewhere:
        return f"Namespace {', '.join(elsewhere)} has one of that name: use -n."
    here = [each.key.name for each in tenants if each.key.namespace == cluster.namespace]
    if here:
        return f"Tenants in this namespace: {', '.join(here)}."
    if tenants:
        return f"Tenants elsewhere: {', '.join(str(each.key) for each in tenants)}; use -n."
    return "There are no tenants yet: apply one (examples/contoso.yaml)."


def list_tenants(cluster: Cluster, *, everywhere: bool = False) -> list[Tenant]:
    """List the tenants of the namespace, or of all namespaces, in the order of their names.

    Of a tenant that this plugin cannot read wholly, the list has the readable fields.
    """
    bodies = cluster.list_objects(TENANT, everywhere=everywhere)
    return sorted(map(Tenant.parse_readable, bodies), key=lambda tenant: tenant.key)


def annotate_tenant(cluster: Cluster, tenant: Key, annotation: str, value: str) -> None:
    """Set an annotation of a tenant."""
    body = {"metadata": {"annotations": {annotation: value}}}
    cluster.patch(TENANT, tenant.name, tenant.namespace, body)


def find_unattended(cluster: Cluster, tenants: Iterable[Tenant]) -> dict[Key, str]:
    """Find the tenants that no operator serves any more, with the reason.

    This needs the right to get the operator's Lease, and knows only tenants that an operator has
    reconciled before. Each Lease is read once.
    """
    by_lease: dict[str, list[Key]] = {}
    for tenant in tenants:
        if tenant.status.operator:
            by_lease.setdefault(tenant.status.operator, []).append(tenant.key)
    found: dict[Key, str] = {}
    now = datetime.now(UTC)
    for operator, keys in by_lease.items():
        try:
            lease = _read_lease(cluster, operator)
        except ClusterError:
            continue
        problems = {key: watched_namespaces.find_problem(key, operator, lease, now) for key in keys}
        found |= {key: problem for key, problem in problems.items() if problem}
    return found


def _read_lease(cluster: Cluster, operator: str) -> Object | None:
    namespace, _, name = operator.partition("/")
    try:
        return cluster.get(LEASE, name, namespace)
    except MissingError:
        return None


def list_retained(cluster: Cluster, *, everywhere: bool = False) -> list[RetainedObject]:
    """List the objects that deleted tenants have left, in the order of the tenants' names."""
    # The objects first: those of a tenant that is created meanwhile are not left over.
    query = (("labelSelector", names.TENANT_LABEL),)
    bodies = {
        kind: cluster.list_objects(kind, everywhere=everywhere, query=query)
        for kind in retained_objects.KINDS
    }
    tenants = {tenant.key for tenant in list_tenants(cluster, everywhere=everywhere)}
    found = [each for kind in bodies for each in retained_objects.find(kind, bodies[kind], tenants)]
    return sorted(found, key=lambda each: (each.tenant, each.kind.name, each.name))
