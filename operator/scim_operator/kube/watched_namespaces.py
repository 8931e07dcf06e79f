"""Whether an operator looks after a tenant, from the Lease that the tenant's status names. Pure.

A tenant that no operator watches any more keeps its last status, and nobody with the right to
write that status knows. The holder of the Lease renews it every few seconds and says there which
namespaces it watches, so whoever may read the Lease can tell.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from scim_operator.api import names
from scim_operator.api.tenant import Key
from scim_operator.kube.kinds import Object
from scim_operator.timestamps import parse_timestamp

PATIENCE = timedelta(minutes=2)
"""How long a Lease may not be renewed: longer than an operator takes to be replaced."""


def watches(namespaces: tuple[str, ...]) -> dict[str, str]:
    """Return the annotation of the Lease that says which namespaces its holder watches."""
    return {names.WATCHES_ANNOTATION: ",".join(namespaces)}


def problem(tenant: Key, operator: str, lease: Object | None, now: datetime) -> str | None:
    """Return why no operator looks after a tenant; None if one does.

    Parameters
    ----------
    operator
        Namespace and name of the Lease, from the tenant's status.
    lease
        None if it is not there.
    """
    if lease is None:
        return f"the operator's Lease {operator} is gone, so none is installed there any more"
    renewed = lease.get("spec", {}).get("renewTime")
    if renewed is None or now - parse_timestamp(renewed) > PATIENCE:
        since = f" since {parse_timestamp(renewed):%Y-%m-%d %H:%M} UTC" if renewed else ""
        return f"no operator has renewed its Lease {operator}{since}, so none is at work"
    annotations = lease["metadata"].get("annotations") or {}
    watched = [each for each in annotations.get(names.WATCHES_ANNOTATION, "").split(",") if each]
    if watched and tenant.namespace not in watched:
        return f"the operator of the Lease {operator} does not watch namespace {tenant.namespace}"
    return None
