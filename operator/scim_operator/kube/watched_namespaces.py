"""Tells from the operator's Lease whether the operator watches a tenant's namespace.

A tenant keeps its last status when no operator watches it any more. The status names a Lease. Its
holder renews it every few seconds and writes the watched namespaces into an annotation, so every
client that may read the Lease can check that an operator runs and watches the tenant.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from scim_operator.api import names
from scim_operator.api.tenant import Key
from scim_operator.kube.kinds import Object
from scim_operator.timestamps import parse_timestamp

PATIENCE = timedelta(minutes=2)
"""Longest time without a renewal: longer than the replacement of an operator takes."""


def annotate(namespaces: tuple[str, ...]) -> dict[str, str]:
    """Return the annotation of the Lease that lists the watched namespaces."""
    return {names.WATCHES_ANNOTATION: ",".join(namespaces)}


def find_problem(tenant: Key, operator: str, lease: Object | None, now: datetime) -> str | None:
    """Return why no operator reconciles a tenant; None if one does.

    Parameters
    ----------
    operator
        Namespace and name of the Lease, from the tenant's status.
    lease
        None if it does not exist.
    """
    if lease is None:
        return f"the operator's Lease {operator} is gone, so no operator is installed there"
    renewed = lease.get("spec", {}).get("renewTime")
    if renewed is None or now - parse_timestamp(renewed) > PATIENCE:
        since = f" since {parse_timestamp(renewed):%Y-%m-%d %H:%M} UTC" if renewed else ""
        return f"no operator has renewed its Lease {operator}{since}, so none is running"
    annotations = lease["metadata"].get("annotations") or {}
    watched = [each for each in annotations.get(names.WATCHES_ANNOTATION, "").split(",") if each]
    if watched and tenant.namespace not in watched:
        return f"the operator of the Lease {operator} does not watch namespace {tenant.namespace}"
    return None
