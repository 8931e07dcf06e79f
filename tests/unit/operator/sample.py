"""A sample tenant, and a simulated cluster that applies a plan."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from scim_operator.api.tenant import Tenant
from scim_operator.desired import plan
from scim_operator.desired.observed import Observed
from scim_operator.desired.ownership import classification
from scim_operator.desired.ownership.classification import Children
from scim_operator.desired.ownership.seals import Seals
from scim_operator.desired.plan import Plan
from scim_operator.kube.kinds import Kind
from scim_operator.settings import Settings

Object = dict[str, Any]

NOW = datetime(2026, 11, 25, 9, 0, tzinfo=UTC)
IMAGE = "scim-service:test"
SEALS = Seals(b"k" * 32)


def body(
    name: str = "contoso",
    *,
    namespace: str = "team-a",
    spec: Object | None = None,
    status: Object | None = None,
    annotations: dict[str, str] | None = None,
    created: str = "2026-11-25T08:00:00Z",
    version: int = 1,
) -> Object:
    """Build a ScimTenant as the API server returns it."""
    return {
        "metadata": {
            "name": name,
            "namespace": namespace,
            "uid": f"uid-{name}",
            "generation": 1,
            "resourceVersion": str(version),
            "creationTimestamp": created,
            "annotations": annotations or {},
        },
        "spec": {"database": {"sqlite": {}}} | (spec or {}),
    } | ({"status": status} if status else {})


def observed(spec: Object | None = None, **annotations: str) -> Observed:
    """Build the observation of a tenant without objects."""
    return Observed(
        tenant=Tenant.parse(body(spec=spec, annotations=annotations)),
        seals=SEALS,
        children={},
    )


def make(seen: Observed, settings: Settings | None = None, now: datetime = NOW) -> Plan:
    """Build the plan of one reconciliation."""
    return plan.build(seen, settings or Settings(service_image=IMAGE), now)


def watched(seen: Observed, children: Children) -> Observed:
    """Return the observation after objects with the tenant's label were found."""
    own, foreign, adopted = classification.classify_all(children, seen.tenant, seen.seals)
    return replace(seen, children=own, foreign=foreign, adopted=adopted)


def applied(seen: Observed, planned: Plan) -> Observed:
    """Return the observation after a plan was applied."""
    children: dict[tuple[Kind, str], Object] = dict(seen.children)
    for wanted in (*planned.secrets, *planned.objects):
        metadata = wanted.object["metadata"] | {
            "uid": wanted.name,
            "resourceVersion": "1",
            "creationTimestamp": "2026-11-25T08:00:00Z",
        }
        children[wanted.kind, wanted.name] = wanted.object | {"metadata": metadata}
    return watched(seen, children)


def objects(planned: Plan) -> dict[tuple[str, str], Object]:
    """Return the desired objects of a plan by the names of kind and object."""
    return {
        (wanted.kind.name, wanted.name): wanted.object
        for wanted in (*planned.secrets, *planned.objects)
    }
