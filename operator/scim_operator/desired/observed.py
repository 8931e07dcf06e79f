"""What the operator has observed of a tenant: the input of plan and status."""

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
from scim_operator.kube.kinds import Kind, Object


@dataclass(frozen=True, slots=True)
class Observed:
    """Everything that a plan and a status depend on, beside settings and clock.

    Attributes
    ----------
    seals
        The operator's key.
    children
        The watched copies of the tenant's objects, by kind and name.
    foreign
        Those that have one of its names and its label, and are not the tenant's.
    adopted
        Those of its own that the operator has yet to make so; see `ownership.Sorted`.
    pods
        The watched copies of its pods.
    pod_events
        Events of a pod whose node does not create its containers.
    hold
        Whether it has its Tenant URL.
    existing_secret
        The Secret that ``token.existingSecret`` names; None if it is not there.
    database_secret
        The Secret that ``database.postgres.urlFrom`` names; None if it is not there.
    deleted_token
        The token Secret as it was when somebody deleted it under the operator's eyes.
    ingress
        What its Ingress needs beside itself.
    storage_missing
        What is wrong with the volume's StorageClass, as words; None if nothing is known.
    service_status, status_problem
        The last reading of the service's counts, and why the latest attempts failed.
    rollout
        The operator's record of the pods, as it is after the pass.
    admitted
        What admission has made of its objects, as it is after the pass; see `admitted.Admitted`.
    conflicts
        What others set again and again, after the pass; one sentence each.
    """

    tenant: Tenant
    seals: Seals
    children: Mapping[tuple[Kind, str], Object]
    foreign: Mapping[tuple[Kind, str], Object] = field(default_factory=dict)
    adopted: Collection[tuple[Kind, str]] = ()
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
        """When each token was used last, from the latest reading and from status before it."""
        known = {
            token.id: token.last_used for token in self.tenant.status.tokens if token.last_used
        }
        return known | (self.service_status.last_used if self.service_status else {})
