"""How a new pod template reaches many tenants: a bounded number at a time. No I/O.

The wanted template of a tenant changes by its owner's wish, or because the operator or its
settings are others than before. The owner's wish is carried out at once. Of the rest, a tenant
is moved only when it gets a place; until then its Deployment stays exactly as it is, because a
new template around an old image may fit it no longer.

A tenant gives its place back when all its pods are of the new template and available. One that
does not get there within the time-out has failed, and keeps its place: if the new version is bad
the places run out, and the rest stay as they are. That is the halt. Tenants that fail for reasons
of their own must not cause it, so

- a namespace has no more than its share of the places, the failed ones among them;
- for every `WITNESSES` namespaces where the new version serves, one namespace with failed tenants
  stops to count. Witnesses are counted from the start of the process on.
"""

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
    """What one pass knows of a tenant.

    Attributes
    ----------
    template
        Digest of the wanted pod template.
    live
        The Deployment in the cluster; None if there is none.
    is_applied
        Whether it is as wanted already.
    record
        What the operator wrote about the tenant last.
    generation
        Of the spec.
    is_own_change
        Whether the tenant's owner has changed what the pods are made from.
    has_gap
        Whether nobody answers while the pod is replaced.
    last_request
        When the last request came, as far as the service has told.
    is_read
        Whether the service has told, or cannot be asked.
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
    observed: Observed, wanted: DesiredObject, *, is_applied: bool
) -> RolloutStatus | None:
    """Return the record of a tenant about which there is nothing to decide; None if there is.

    Most passes are over such tenants, and this is cheaper than `look`.
    """
    record = observed.tenant.status.rollout
    at_rest = (
        is_applied
        and record is not None
        and record.state == "current"
        and record.spec_generation == observed.tenant.generation
        and wanted.live is not None
        and not is_edited(wanted.live, record)
        and is_complete(wanted.live)
    )
    return record if at_rest else None


def gather(
    observed: Observed, where: Address, wanted: DesiredObject, *, is_applied: bool
) -> Situation:
    """Gather what a decision needs.

    Parameters
    ----------
    where
        Where requests are to come in.
    wanted
        The Deployment.
    is_applied
        Whether it is as wanted already.
    """
    tenant = observed.tenant
    template = applied_digest.compute_digest(wanted.object["spec"]["template"])
    record = tenant.status.rollout or RolloutStatus(
        # Of an operator that kept no record, or did not come to write it.
        template=template if is_applied else "",
        spec_generation=tenant.status.observed_generation or 0,
        deployment_generation=read_generation(wanted.live),
    )
    report = observed.service_status
    return Situation(
        template=template,
        live=wanted.live,
        is_applied=is_applied,
        record=record,
        generation=tenant.generation,
        is_own_change=record.spec_generation != tenant.generation
        or _is_elsewhere(tenant.status.tenant_url, where)
        or _database(wanted.object) not in (None, _database(wanted.live)),
        has_gap=tenant.spec.database.sqlite is not None,
        last_request=report.last_request if report else None,
        is_read=report is not None or observed.status_problem is not None,
    )


def is_edited(live: Object, record: RolloutStatus) -> bool:
    """Tell whether others have changed a Deployment that is to stay as the operator left it."""
    return read_generation(live) != record.deployment_generation


def read_generation(live: Object | None) -> int:
    generation: int = (live or {}).get("metadata", {}).get("generation", 0)
    return generation


def _is_elsewhere(before: str | None, where: Address) -> bool:
    """Tell whether requests come by another path than the pods know."""
    return before is not None and urlsplit(before).path != where.path


def _database(deployment: Object | None) -> str | None:
    if deployment is None:
        return None
    metadata = deployment["spec"]["template"].get("metadata") or {}
    found: str | None = (metadata.get("annotations") or {}).get(names.DATABASE_ANNOTATION)
    return found


def is_complete(deployment: Object) -> bool:
    """Tell whether exactly the wanted pods are there, none of them older, and all available."""
    wanted = deployment["spec"]["replicas"]
    status = deployment.get("status", {})
    kinds = ("replicas", "updatedReplicas", "availableReplicas")
    counts = {status.get(kind, 0) for kind in kinds}
    # A status that is older than the spec counts the pods that are about to go.
    return counts == {wanted} and status.get("observedGeneration", 0) >= read_generation(deployment)
