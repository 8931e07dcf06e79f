"""The condition Exposed: problems of an Ingress or HTTPRoute, and changes by time alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from scim_operator.api.conditions import Finding, Outlook
from scim_operator.api.service_status import ServiceStatus
from scim_operator.api.v1alpha1.status import CertificateStatus
from scim_operator.desired.observed import Observed
from scim_operator.kube.ingress_facts import IngressFacts, TLSSecret
from scim_operator.kube.kinds import Object
from scim_operator.settings import Settings
from scim_operator.status.conditions import exposed

from tests.unit.operator.sample import IMAGE, NOW, make
from tests.unit.operator.status.sample import (
    ADDRESS,
    HOST,
    TLS_SECRET,
    WITH_GATEWAY,
    WITH_INGRESS,
    build,
    routed,
    serving,
)


def find(seen: Observed, **settings: Any) -> Finding:
    """The finding of Exposed."""
    known = Settings(service_image=IMAGE, **settings)
    return exposed.assess(seen, make(seen, known), (), NOW)


def test_an_ingress_with_an_address() -> None:
    """An Ingress with an address exposes the tenant."""
    seen = replace(routed(WITH_INGRESS, found=ADDRESS), ingress=IngressFacts(tls=TLS_SECRET))
    assert (find(seen).is_good, find(seen).reason) == (True, "Ingress")


@pytest.mark.parametrize(("minutes", "outlook"), [(9, Outlook.PROGRESSING), (10, Outlook.STALLED)])
def test_no_address(minutes: int, outlook: Outlook) -> None:
    """An Ingress without an address is Unknown: in progress at first, stalled after ten minutes."""
    seen = routed(WITH_INGRESS, minutes)
    finding = find(seen)
    assert (finding.is_good, finding.reason, finding.outlook) == (None, "IngressPending", outlook)
    assert "IngressClass public" in finding.message
    ready = build(seen).condition("Ready")
    assert ready
    assert (ready.status, ready.reason) == ("Unknown", "IngressPending")


def test_a_controller_that_writes_no_addresses() -> None:
    """The setting says that no controller writes addresses, so none is expected."""
    assert find(routed(WITH_INGRESS, 60), ingress_addresses=False).is_good is True


def test_requests_show_that_it_is_reached() -> None:
    """A request with a token after the creation of the Ingress counts as an address does."""
    seen = routed(WITH_INGRESS, 60)
    known = ServiceStatus(users=0, active_users=0, groups=0)
    early, late = (NOW - timedelta(minutes=minutes) for minutes in (61, 59))
    assert find(replace(seen, service_status=known)).is_good is None
    early_use = known.model_copy(update={"last_request": early})
    assert find(replace(seen, service_status=early_use)).is_good is None
    late_use = known.model_copy(update={"last_request": late})
    assert find(replace(seen, service_status=late_use)).is_good is True


def test_no_class() -> None:
    """An Ingress that no controller can serve is stalled at once; the message names the field."""
    spec: Object = {"exposure": HOST | {"ingress": {}}}
    finding = find(routed(spec))
    assert (finding.is_good, finding.outlook) == (False, Outlook.STALLED)
    assert finding.reason == "IngressClassMissing"
    assert "spec.exposure.ingress.className" in finding.message
    missing = replace(routed(WITH_INGRESS), ingress=IngressFacts(is_class_missing=True))
    assert find(missing).reason == "IngressClassMissing"
    assert "the IngressClass public does not exist" in find(missing).message


@pytest.mark.parametrize(("minutes", "outlook"), [(9, Outlook.PROGRESSING), (10, Outlook.STALLED)])
def test_no_certificate(minutes: int, outlook: Outlook) -> None:
    """A missing TLS Secret is in progress at first and stalled after ten minutes."""
    tls = TLSSecret("tls", "does not exist")
    seen = replace(routed(WITH_INGRESS, minutes, ADDRESS), ingress=IngressFacts(tls=tls))
    finding = find(seen)
    assert (finding.is_good, finding.reason) == (False, "TLSSecretMissing")
    assert finding.outlook is outlook
    assert "the TLS Secret tls" in finding.message


def test_an_expired_certificate() -> None:
    """An expired certificate is reported; the status shows the expiry time."""
    seen = replace(routed(WITH_INGRESS, 60, ADDRESS), ingress=IngressFacts(tls=TLS_SECRET))
    known = build(seen).certificate
    assert known == CertificateStatus(secret_name="tls", not_after=TLS_SECRET.not_after)
    assert exposed.next_change(seen, NOW) == TLS_SECRET.not_after
    expired = IngressFacts(tls=TLS_SECRET._replace(not_after=NOW))
    assert find(replace(seen, ingress=expired)).reason == "CertificateExpired"


def test_only_the_cluster() -> None:
    """A tenant that only the cluster reaches is Ready, and Ready quotes the reason of Exposed."""
    found = build(serving())
    exposed, ready = found.condition("Exposed"), found.condition("Ready")
    assert exposed
    assert ready
    assert (exposed.status, exposed.reason) == ("False", "ClusterOnly")
    assert ready.status == "True"
    assert "only the cluster reaches the Tenant URL" in ready.message
    assert not found.is_true("Stalled")
    assert not found.is_true("Reconciling")


def parent(kind: str, is_so: str, reason: str = "Why", message: str = "") -> Object:
    """The status that a Gateway's controller writes."""
    condition = {"type": kind, "status": is_so, "reason": reason, "message": message}
    return {"parents": [{"conditions": [condition]}]}


@pytest.mark.parametrize(
    ("minutes", "found", "reason", "outlook"),
    [
        (9, {}, "RoutePending", Outlook.PROGRESSING),
        (10, {}, "RoutePending", Outlook.STALLED),
        (1, parent("Accepted", "False", "NotAllowedByListeners"), "RouteRefused", Outlook.STALLED),
        (1, parent("ResolvedRefs", "False", "RefNotPermitted"), "RouteRefused", Outlook.STALLED),
        (1, parent("Accepted", "True"), "Gateway", Outlook.SETTLED),
    ],
)
def test_an_http_route(minutes: float, found: Object, reason: str, outlook: Outlook) -> None:
    """An HTTPRoute that no Gateway accepts is in progress at first, stalled after ten minutes."""
    finding = find(routed(WITH_GATEWAY, minutes, found))
    assert (finding.reason, finding.outlook) == (reason, outlook)
    assert finding.is_good is (reason == "Gateway")
