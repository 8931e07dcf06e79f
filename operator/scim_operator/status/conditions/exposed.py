"""The condition Exposed: whether requests reach the Tenant URL."""

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
"""How long a controller may take to serve a new Ingress or HTTPRoute, or to issue its
certificate."""


def assess(observed: Observed, plan: Plan, faults: Sequence[Fault], now: datetime) -> Finding:
    """Decide the condition Exposed."""
    finding = (
        _check_host(plan)
        or observed.hold.finding
        or find_for_condition(faults, conditions.EXPOSED)
        or _assess_route(observed, plan, now)
    )
    if note := observed.hold.note:
        return replace(
            finding, message=f"{finding.message}; a new tenant could not have this URL: {note}"
        )
    return finding


def next_change(observed: Observed, now: datetime) -> datetime | None:
    """Return when the passing of time alone changes the finding; None if it cannot."""
    name = names.workload(observed.tenant.key.name)
    routes = (observed.children.get((kind, name)) for kind in (INGRESS, HTTP_ROUTE))
    times = [_read_created(route) + DEADLINE for route in routes if route]
    if (tls := observed.ingress.tls) and tls.not_after:
        times.append(tls.not_after)
    return min((time for time in times if time > now), default=None)


def _check_host(plan: Plan) -> Finding | None:
    if plan.context.address.host is not None:
        return None
    return Finding.stalled(
        "HostMissing",
        "the Tenant URL has no host: set spec.exposure.host, or let the operator's administrator "
        "set a default host",
    )


def _assess_route(observed: Observed, plan: Plan, now: datetime) -> Finding:
    exposure = observed.tenant.spec.exposure
    if exposure.gateway:
        return _assess_http_route(observed, now)
    if exposure.ingress:
        return _assess_ingress(observed, plan, now)
    if plan.context.address.is_exposed:
        return Finding(
            is_good=True,
            reason="External",
            message="spec.exposure has a host and neither ingress nor gateway: you manage the "
            f"route to the Service {names.workload(observed.tenant.key.name)} yourself",
        )
    return Finding(
        is_good=False,
        reason=conditions.CLUSTER_ONLY,
        message="only the cluster reaches the Tenant URL: for Entra, set spec.exposure.ingress "
        "or spec.exposure.gateway",
        is_needed=False,
    )


def _assess_ingress(observed: Observed, plan: Plan, now: datetime) -> Finding:
    ingress = observed.children.get((INGRESS, names.workload(observed.tenant.key.name)))
    problem = ingress and (
        _check_certificate(observed, ingress, now) or _check_address(observed, plan, ingress, now)
    )
    return problem or Finding(
        is_good=True, reason="Ingress", message="an Ingress routes requests to the service"
    )


def _check_certificate(observed: Observed, ingress: Object, now: datetime) -> Finding | None:
    tls = observed.ingress.tls
    if tls is None:
        return None
    secret = f"the TLS Secret {tls.name} of the Ingress"
    if tls.problem:
        return Finding(
            is_good=False,
            reason="TLSSecretMissing",
            message=f"{secret} {tls.problem}: create it in namespace "
            f"{observed.tenant.key.namespace} with a certificate of a public authority, or let "
            "cert-manager create it",
            outlook=_choose_outlook(ingress, now),
        )
    if tls.not_after and tls.not_after <= now:
        return Finding.stalled(
            "CertificateExpired",
            f"the certificate in {secret} has expired, and Entra rejects it: renew it, and find "
            "out why it was not renewed automatically",
        )
    return None


def _check_address(
    observed: Observed, plan: Plan, ingress: Object, now: datetime
) -> Finding | None:
    is_reached = _has_requests_since(observed, _read_created(ingress))
    if has_address(ingress) or is_reached or not plan.context.settings.ingress_addresses:
        return None
    name = ingress["metadata"]["name"]
    class_name = read_class(ingress)
    if class_name is None:
        return Finding.stalled(
            "IngressClassMissing",
            f"the Ingress {name} names no class, and the cluster has no default class, so no "
            "controller serves it: set spec.exposure.ingress.className, or let the operator's "
            "administrator set a default class",
        )
    if observed.ingress.is_class_missing:
        return Finding.stalled(
            "IngressClassMissing",
            f"the IngressClass {class_name} does not exist, so no controller serves the Ingress "
            f"{name}: set spec.exposure.ingress.className to one of kubectl get ingressclasses",
        )
    return Finding(
        is_good=None,
        reason="IngressPending",
        message=f"the Ingress {name} has no address: check that the controller of IngressClass "
        f"{class_name} runs and serves this namespace. If it never writes addresses, let the "
        "operator's administrator set exposure.ingressAddresses of the chart to false",
        outlook=_choose_outlook(ingress, now),
    )


def _has_requests_since(observed: Observed, created: datetime) -> bool:
    """Tell whether a request with a token has arrived: some controllers write no address."""
    uses = [*observed.last_used().values()]
    if observed.service_status and observed.service_status.last_request:
        uses.append(observed.service_status.last_request)
    return any(use >= created for use in uses)


def _assess_http_route(observed: Observed, now: datetime) -> Finding:
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
        return Finding.stalled(
            "RouteRefused",
            f"the Gateway refuses the HTTPRoute {name} ({refused['reason']}): "
            f"{excerpts.quote_text(refused.get('message') or '')}",
        )
    if not answers:
        return Finding(
            is_good=False,
            reason="RoutePending",
            message=f"no Gateway has accepted the HTTPRoute {name} yet: check that "
            "spec.exposure.gateway.parentRefs names an existing Gateway, and that its listeners "
            "admit routes of this namespace",
            outlook=_choose_outlook(route, now) if route else Outlook.PROGRESSING,
        )
    return Finding(
        is_good=True, reason="Gateway", message="an HTTPRoute routes requests to the service"
    )


def _choose_outlook(route: Object, now: datetime) -> Outlook:
    return Outlook.PROGRESSING if now - _read_created(route) < DEADLINE else Outlook.STALLED


def _read_created(live: Object) -> datetime:
    return parse_timestamp(live["metadata"]["creationTimestamp"])
