"""Whether requests reach the Tenant URL of a tenant: its condition Exposed. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from scim_operator import conditions, names
from scim_operator.conditions import Finding, Outlook
from scim_operator.faults import Fault, first_of
from scim_operator.kinds import ROUTE
from scim_operator.plan import Observed, Plan


def find(observed: Observed, plan: Plan, faults: Sequence[Fault]) -> Finding:
    """Return whether requests reach the Tenant URL, or what keeps them from it."""
    finding = _of_route(observed, plan, faults)
    if note := observed.hold.note:
        return replace(
            finding, message=f"{finding.message}; a new tenant could not have this URL: {note}"
        )
    return finding


def _of_route(observed: Observed, plan: Plan, faults: Sequence[Fault]) -> Finding:
    where = plan.subject.address
    exposure = observed.tenant.spec.exposure
    if where.host is None:
        return Finding(
            good=False,
            reason="HostMissing",
            message="there is no host for the Tenant URL: set spec.exposure.host, or have the "
            "operator's default host set",
            outlook=Outlook.STALLED,
        )
    if observed.hold.finding:
        return observed.hold.finding
    if finding := first_of(faults, conditions.EXPOSED):
        return finding
    if exposure.gateway:
        return _routed(observed)
    if exposure.ingress:
        return Finding(good=True, reason="Ingress", message="an Ingress leads to the service")
    if where.exposed:
        return Finding(
            good=True,
            reason="External",
            message="spec.exposure has a host and neither ingress nor gateway: the route to the "
            f"Service {names.workload(observed.tenant.key.name)} is somebody else's matter",
        )
    return Finding(
        good=True,
        reason="InCluster",
        message="only the cluster reaches the Tenant URL: for Entra, set spec.exposure.ingress "
        "or spec.exposure.gateway",
    )


def _routed(observed: Observed) -> Finding:
    name = names.workload(observed.tenant.key.name)
    route = observed.children.get((ROUTE, name), {})
    answers = [
        condition
        for parent in route.get("status", {}).get("parents", ())
        for condition in parent.get("conditions", ())
        if condition["type"] in ("Accepted", "ResolvedRefs")
    ]
    refused = next((answer for answer in answers if answer["status"] == "False"), None)
    if refused:
        return Finding(
            good=False,
            reason="RouteRefused",
            message=f"the Gateway refuses the HTTPRoute {name} ({refused['reason']}): "
            f"{refused.get('message', '')}",
            outlook=Outlook.STALLED,
        )
    if not answers:
        return Finding(
            good=False,
            reason="RoutePending",
            message=f"no Gateway has accepted the HTTPRoute {name} yet: see that "
            "spec.exposure.gateway.parentRefs names one that exists",
            outlook=Outlook.PROGRESSING,
        )
    return Finding(good=True, reason="Gateway", message="an HTTPRoute leads to the service")
