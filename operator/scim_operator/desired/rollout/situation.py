"""Gathers from what was observed of a tenant what a decision about its pods needs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from scim_operator.api import names
from scim_operator.api.v1alpha1.status import RolloutStatus
from scim_operator.desired.drift.desired_object import DesiredObject
from scim_operator.desired.objects import applied_digest
from scim_operator.desired.observed import Observed
from scim_operator.desired.urls.address import Address
from scim_operator.kube.kinds import Object


@dataclass(frozen=True, slots=True)
class Situation:
    """The facts about one tenant that decide about its pods.

    Attributes
    ----------
    template
        Digest of the desired pod template.
    live
        The Deployment in the cluster; None if there is none.
    is_applied
        Whether that is as desired.
    record
        The last record of the operator about the tenant.
    generation
        Generation of the spec.
    is_own_change
        Whether the tenant's owner has changed what the pods are made from.
    has_gap
        Whether requests fail while the pod is replaced.
    last_request
        Time of the last request, from the service status.
    is_read
        Whether the service status was read, or cannot be read.
    """

    template: str
    live: Object | None
    is_applied: bool
    record: RolloutStatus
    generation: int
    is_own_change: bool = False
    has_gap: bool = False
    last_request: datetime | None = None
    is_read: bool = True


def find_settled_record(
    observed: Observed, desired: DesiredObject, *, is_applied: bool
) -> RolloutStatus | None:
    """Return the record of a tenant that needs no decision; None if it needs one.

    Most reconciles are of such tenants, and this is cheaper than `gather`.
    """
    record = observed.tenant.status.rollout
    at_rest = (
        is_applied
        and record is not None
        and record.state == "current"
        and record.spec_generation == observed.tenant.generation
        and desired.live is not None
        and not is_edited(desired.live, record)
        and is_complete(desired.live)
    )
    return record if at_rest else None


def gather(
    observed: Observed, address: Address, desired: DesiredObject, *, is_applied: bool
) -> Situation:
    """Gather the facts about a tenant.

    Parameters
    ----------
    address
        The tenant's address after the reconcile.
    desired
        The Deployment.
    is_applied
        Whether that is as desired, or is left as it is.
    """
    tenant = observed.tenant
    template = applied_digest.compute_digest(desired.object["spec"]["template"])
    record = tenant.status.rollout or RolloutStatus(
        # An earlier operator kept no record, or was interrupted before it wrote one.
        template=template if is_applied else "",
        spec_generation=tenant.status.observed_generation or 0,
        deployment_generation=read_generation(desired.live),
    )
    report = observed.service_status
    return Situation(
        template=template,
        live=desired.live,
        is_applied=is_applied,
        record=record,
        generation=tenant.generation,
        is_own_change=record.spec_generation != tenant.generation
        or _has_moved(tenant.status.tenant_url, address)
        or _read_database_version(desired.object)
        not in (None, _read_database_version(desired.live)),
        has_gap=tenant.spec.database.sqlite is not None,
        last_request=report.last_request if report else None,
        is_read=report is not None or observed.status_problem is not None,
    )


def is_edited(live: Object, record: RolloutStatus) -> bool:
    """Tell whether another client has changed the spec of a Deployment since the record."""
    return read_generation(live) != record.deployment_generation


def read_generation(live: Object | None) -> int:
    """Return the generation of an object; 0 if it does not exist."""
    generation: int = (live or {}).get("metadata", {}).get("generation", 0)
    return generation


def _has_moved(before: str | None, address: Address) -> bool:
    """Tell whether the base path has changed, which the pods know from their configuration."""
    return before is not None and urlsplit(before).path != address.path


def _read_database_version(deployment: Object | None) -> str | None:
    if deployment is None:
        return None
    metadata = deployment["spec"]["template"].get("metadata") or {}
    found: str | None = (metadata.get("annotations") or {}).get(names.DATABASE_ANNOTATION)
    return found


def is_complete(deployment: Object) -> bool:
    """Tell whether all pods have the current template and are available, and none is left over."""
    desired = deployment["spec"]["replicas"]
    status = deployment.get("status", {})
    kinds = ("replicas", "updatedReplicas", "availableReplicas")
    counts = {status.get(kind, 0) for kind in kinds}
    # A status that is older than the spec counts pods that are about to be deleted.
    return counts == {desired} and status.get("observedGeneration", 0) >= read_generation(
        deployment
    )
