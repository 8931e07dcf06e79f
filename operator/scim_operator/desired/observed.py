"""Everything that the operator has observed of a tenant: the input of plan and status."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from scim_operator.api.service_status import Problem, ServiceStatus
from scim_operator.api.tenant import Tenant
from scim_operator.api.v1alpha1.status import RolloutStatus
from scim_operator.desired.ownership.seals import Seals
from scim_operator.desired.urls.claims import HELD, Hold
from scim_operator.kube.ingress_facts import NOTHING_READ, IngressFacts
from scim_operator.kube.kinds import Identity, Object


@dataclass(frozen=True, slots=True)
class Observed:
    """Everything that a plan and a status depend on, except settings and time.

    Attributes
    ----------
    seals
        Seals of the operator's key.
    children
        The watched copies of the tenant's objects, by kind and name.
    foreign
        Objects with one of the tenant's names and its label that are not the tenant's.
    adopted
        Objects of the tenant's that the operator has not sealed yet; see
        `ownership.classification.Classified`.
    pods
        The watched copies of the tenant's pods.
    pod_events
        Events of a pod whose node does not create its containers.
    hold
        Whether the tenant has its Tenant URL.
    existing_secret
        The Secret that ``token.existingSecret`` names; None if it does not exist.
    database_secret
        The Secret that ``database.postgres.urlFrom`` names; None if it does not exist.
    deleted_token
        The token Secret as it was when another client deleted it while the operator watched.
    ingress
        The class and the certificate of the tenant's Ingress.
    storage_missing
        The problem of the volume's StorageClass, as a sentence; None if none is known.
    service_status, status_problem
        The last service status, and why the latest attempts to read it failed.
    rollout
        The operator's record of the pods after the reconcile.
    admitted
        Accepted changes of admission rules after the reconcile; see `drift.admission_changes`.
    conflicts
        What other clients change repeatedly, after the reconcile; one sentence each.
    """

    tenant: Tenant
    seals: Seals
    children: Mapping[Identity, Object]
    foreign: Mapping[Identity, Object] = field(default_factory=dict)
    adopted: Collection[Identity] = ()
    pods: Sequence[Object] = ()
    pod_events: Sequence[Object] = ()
    hold: Hold = HELD
    existing_secret: Object | None = None
    database_secret: Object | None = None
    deleted_token: Object | None = None
    ingress: IngressFacts = NOTHING_READ
    storage_missing: str | None = None
    service_status: ServiceStatus | None = None
    status_problem: Problem | None = None
    rollout: RolloutStatus | None = None
    admitted: Mapping[str, str] = field(default_factory=dict)
    conflicts: Sequence[str] = ()

    def last_used(self) -> dict[str, datetime]:
        """Return when each token was last used, by the service status or the tenant's status."""
        known = {
            token.id: token.last_used for token in self.tenant.status.tokens if token.last_used
        }
        return known | (self.service_status.last_used if self.service_status else {})
