"""Whether requests reach the Tenant URL of a tenant: its condition Exposed. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from scim_operator.api import conditions, names
from scim_operator.api.conditions import Finding, Outlook
from scim_operator.desired.faults import Fault, find_for_condition
from scim_operator.desired.observed import Observed
from scim_operator.desired.plan import Plan
from scim_operator.kube.ingress_facts import has_address, read_class
from scim_operator.kube.kinds import HTTP_ROUTE, INGRESS, Object
from scim_operator.status.problems import excerpts
from scim_operator.timestamps import parse_timestamp

DEADLINE = timedelta(minutes=10)
"""How long a controller may take over a new Ingress or HTTPRoute, or its certificate."""


def assess(observed: Observed, plan: Plan, faults: Sequence[Fault], now: datetime) -> Finding:
    """Return whether requests reach the Tenant URL, or what keeps them from it."""
    finding = _of_route(observed, plan, faults, now)
    if note := observed.hold.note:
        return replace(
            finding, message=f"{finding.message}; a new tenant could not have this URL: {note}"
        )
    return finding


def next_change(observed: Observed, now: datetime) -> datetime | None:
    """Return when the mere passing of time changes the finding; None if it cannot."""
    name = names.workload(observed.tenant.key.name)
    routes = (observed.children.get((kind, name)) for kind in (INGRESS, HTTP_ROUTE))
    moments = [_created(route) + DEADLINE for route in routes if route]
    if (tls := observed.ingress.tls) and tls.not_after:
        moments.append(tls.not_after)
    return min((moment for moment in moments if moment > now), default=None)


def _of_route(observed: Observed, plan: Plan, faults: Sequence[Fault], now: datetime) -> Finding:
    where = plan.context.address
    exposure = observed.tenant.spec.exposure
    if where.host is None:
        return Finding(
            is_good=False,
            reason="HostMissing",
            message="there is no host for the Tenant URL: set spec.exposure.host, or have the "
            "operator's default host set",
            outlook=Outlook.STALLED,
        )
    if observed.hold.finding:
        return observed.hold.finding
    if finding := find_for_condition(faults, conditions.EXPOSED):
        return finding
    if exposure.gateway:
        return _of_http_route(observed, now)
    if exposure.ingress:
        return _of_ingress(observed, plan, now)
    if where.is_exposed:
        return Finding(
            is_good=True,
            reason="External",
            message="spec.exposure has a host and neither ingress nor gateway: the route to the "
            f"Service {names.workload(observed.tenant.key.name)} is somebody else's matter",
        )
    return Finding(
        is_good=False,
        reason=conditions.CLUSTER_ONLY,
        message="only the cluster reaches the Tenant URL: for Entra, set spec.exposure.ingress "
        "or spec.exposure.gateway",
        is_needed=False,
    )


def _of_ingress(observed: Observed, plan: Plan, now: datetime) -> Finding:
    name = names.workload(observed.tenant.key.name)
    exposed = Finding(is_good=True, reason="Ingress", message="an Ingress leads to the service")
    ingress = observed.children.get((INGRESS, name))
    if ingress is None:
        return exposed
    outlook = _outlook(ingress, now)
    if finding := _of_certificate(observed, outlook, now):
        return finding
    is_reached = _is_reached(observed, _created(ingress))
    if has_address(ingress) or is_reached or not plan.context.settings.ingress_addresses:
        return exposed
    class_name = read_class(ingress)
    if class_name is None:
        return Finding(
            is_good=False,
            reason="IngressClassMissing",
            message=f"the Ingress {name} names no class, and none is the cluster's default, so no "
            "controller takes it: set spec.exposure.ingress.className, or have the operator's "
            "default class set",
            outlook=Outlook.STALLED,
        )
    if observed.ingress.is_class_missing:
        return Finding(
            is_good=False,
            reason="IngressClassMissing",
            message=f"there is no IngressClass {class_name}, so no controller takes the Ingress "
            f"{name}: name one of kubectl get ingressclasses in spec.exposure.ingress.className",
            outlook=Outlook.STALLED,
        )
    return Finding(
        is_good=None,
        reason="IngressPending",
        message=f"no controller has given the Ingress {name} an address: check that the one of "
        f"IngressClass {class_name} runs and serves this namespace. If it never writes addresses, "
        "have exposure.ingressAddresses of the operator's chart set to false",
        outlook=outlook,
    )


def _of_certificate(observed: Observed, outlook: Outlook, now: datetime) -> Finding | None:
    tls = observed.ingress.tls
    if tls is None:
        return None
    what = f"the Secret {tls.name} that the Ingress is to serve TLS with"
    if tls.problem:
        return Finding(
            is_good=False,
            reason="TLSSecretMissing",
            message=f"{what} {tls.problem}: create it in namespace {observed.tenant.key.namespace} "
            "with a certificate of a public authority, or have cert-manager do so",
            outlook=outlook,
        )
    if tls.not_after and tls.not_after <= now:
        return Finding(
            is_good=False,
            reason="CertificateExpired",
            message=f"the certificate in {what} has expired, and Entra accepts it no longer: renew "
            "it, and see why that has not happened by itself",
            outlook=Outlook.STALLED,
        )
    return None


def _is_reached(observed: Observed, since: datetime) -> bool:
    """Tell whether a request with a token has come by now: some controllers write no address."""
    uses = [*observed.last_used().values()]
    if observed.service_status and observed.service_status.last_request:
        uses.append(observed.service_status.last_request)
    return any(use >= since for use in uses)


def _outlook(route: Object, now: datetime) -> Outlook:
    return Outlook.PROGRESSING if now - _created(route) < DEADLINE else Outlook.STALLED


def _created(live: Object) -> datetime:
    return parse_timestamp(live["metadata"]["creationTimestamp"])


def _of_http_route(observed: Observed, now: datetime) -> Finding:
    name = names.workload(observed.tenant.key.name)
    route = observed.children.get((HTTP_ROUTE, name), {})
    answers = [
        condition
        for parent in route.get("status", {}).get("parents", ())
        for condition in parent.get("conditions", ())
        if condition["type"] in ("Accepted", "ResolvedRefs")
    ]
    refused = next((answer for answer in answers if answer["status"] == "False"), None)
    if refused:
        return Finding(
            is_good=False,
            reason="RouteRefused",
            message=f"the Gateway refuses the HTTPRoute {name} ({refused['reason']}): "
            f"{excerpts.quote_text(refused.get('message') or '')}",
            outlook=Outlook.STALLED,
        )
    if not answers:
        return Finding(
            is_good=False,
            reason="RoutePending",
            message=f"no Gateway has accepted the HTTPRoute {name} yet: see that "
            "spec.exposure.gateway.parentRefs names one that exists, and that its listeners admit "
            "routes of this namespace",
            outlook=_outlook(route, now) if route else Outlook.PROGRESSING,
        )
    return Finding(is_good=True, reason="Gateway", message="an HTTPRoute leads to the service")
