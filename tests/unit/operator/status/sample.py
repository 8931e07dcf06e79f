"""A tenant that serves, its route, its status after a reconcile, and its pods."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from scim_operator.api import names
from scim_operator.api.v1alpha1.status import Condition, Status
from scim_operator.desired.faults import Fault
from scim_operator.desired.observed import Observed
from scim_operator.kube.ingress_facts import TLSSecret
from scim_operator.kube.kinds import DEPLOYMENT, HTTP_ROUTE, INGRESS, VOLUME_CLAIM
from scim_operator.status import tenant_status
from scim_operator.timestamps import format_timestamp

from tests.unit.operator.sample import NOW, applied, make, observed

Object = dict[str, Any]
UID = "4711"

HOST = {"host": "scim.example.com"}
WITH_INGRESS = {"exposure": HOST | {"ingress": {"className": "public", "tlsSecretName": "tls"}}}
WITH_GATEWAY = {"exposure": HOST | {"gateway": {"parentRefs": [{"name": "public"}]}}}
ROUTE_NAME = names.workload("contoso")
TLS_SECRET = TLSSecret("tls", not_after=NOW + timedelta(days=30))
ADDRESS = {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}


def serving(spec: dict[str, Any] | None = None) -> Observed:
    """A tenant with an available pod and a bound volume claim."""
    seen = applied(observed(spec), make(observed(spec)))
    key = (DEPLOYMENT, "contoso-scim")
    live = seen.children[key] | {
        "status": {"availableReplicas": 1, "updatedReplicas": 1, "observedGeneration": 1}
    }
    claims = {
        known: child | {"status": {"phase": "Bound"}}
        for known, child in seen.children.items()
        if known[0] is VOLUME_CLAIM
    }
    return replace(seen, children={**seen.children, **claims, key: live})


def routed(
    spec: dict[str, Any], minutes: float = 1, found: Object | None = None, **change: Any
) -> Observed:
    """A tenant whose Ingress or HTTPRoute is some minutes old."""
    seen = serving(spec)
    kind = INGRESS if "ingress" in spec["exposure"] else HTTP_ROUTE
    live = seen.children[kind, ROUTE_NAME]
    created = {"creationTimestamp": format_timestamp(NOW - timedelta(minutes=minutes))}
    changed = live | {"metadata": live["metadata"] | created, "status": found or {}} | change
    return replace(seen, children={**seen.children, (kind, ROUTE_NAME): changed})


def build(seen: Observed, *faults: Fault) -> Status:
    """The status after a reconcile."""
    return tenant_status.build(seen, make(seen), faults, NOW)


def find(status: Status, kind: str) -> Condition:
    """One condition."""
    condition = status.condition(kind)
    assert condition is not None
    return condition


def container(name: str = "scim", **fields: Any) -> Object:
    """A container that runs and is not ready."""
    started = {"running": {"startedAt": format_timestamp(NOW - timedelta(seconds=5))}}
    return {"name": name, "image": "example/x:1", "restartCount": 0, "state": started} | fields


def waiting(name: str, reason: str, **more: Any) -> Object:
    """A container that waits for a reason."""
    return container(name, state={"waiting": {"reason": reason, "message": "it says why"}}, **more)


def crashing(name: str, **ended: Any) -> Object:
    """A container that ends repeatedly."""
    last = {"terminated": {"exitCode": 3} | ended}
    return waiting(name, "CrashLoopBackOff", lastState=last, restartCount=4)


def pod(
    *containers: Object, inits: tuple[Object, ...] = (), seconds: float = 60, **more: Any
) -> Object:
    """A pod that got its node some seconds ago and has not been ready since."""
    since = format_timestamp(NOW - timedelta(seconds=seconds))
    conditions = [
        {"type": "PodScheduled", "status": "True", "lastTransitionTime": since},
        {
            "type": "Initialized",
            "status": "True" if all(each.get("ready") for each in inits) else "False",
            "lastTransitionTime": since,
        },
        {"type": "Ready", "status": "False", "lastTransitionTime": since},
    ]
    status = {
        "phase": "Pending",
        "conditions": conditions,
        "containerStatuses": list(containers or (container(),)),
        "initContainerStatuses": list(inits),
    }
    metadata = {"name": "contoso-scim-1-x", "uid": UID, "creationTimestamp": since}
    return {"metadata": metadata, "status": status | more}
