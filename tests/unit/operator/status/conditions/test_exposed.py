"""Whether a tenant is reached: what an Ingress or HTTPRoute lacks, and what time changes."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from scim_operator.api import names
from scim_operator.api.conditions import Finding, Outlook
from scim_operator.api.service_status import ServiceStatus
from scim_operator.api.tenant import Tenant
from scim_operator.api.v1alpha1.status import CertificateStatus, Status
from scim_operator.controller.observe.ingresses import IngressReader
from scim_operator.desired.observed import Observed
from scim_operator.kube.errors import ApiError
from scim_operator.kube.ingress_facts import IngressFacts, TLSSecret
from scim_operator.kube.kinds import HTTP_ROUTE, INGRESS, Kind, Object
from scim_operator.settings import Settings
from scim_operator.status import tenant_status
from scim_operator.status.conditions import exposed
from scim_operator.timestamps import format_timestamp

from tests.unit.operator.kube.test_x509 import certificate
from tests.unit.operator.sample import IMAGE, NOW, body, make, observed
from tests.unit.operator.status.test_tenant_status import serving

HOST = {"host": "scim.example.com"}
WITH_INGRESS = {"exposure": HOST | {"ingress": {"className": "public", "tlsSecretName": "tls"}}}
WITH_GATEWAY = {"exposure": HOST | {"gateway": {"parentRefs": [{"name": "public"}]}}}
NAME = names.workload("contoso")
TLS = TLSSecret("tls", not_after=NOW + timedelta(days=30))
ADDRESS = {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}


def routed(
    spec: dict[str, Any], minutes: float = 1, found: Object | None = None, **change: Any
) -> Observed:
    """A tenant whose Ingress or HTTPRoute is some minutes old."""
    seen = serving(spec)
    kind = INGRESS if "ingress" in spec["exposure"] else HTTP_ROUTE
    live = seen.children[kind, NAME]
    created = {"creationTimestamp": format_timestamp(NOW - timedelta(minutes=minutes))}
    changed = live | {"metadata": live["metadata"] | created, "status": found or {}} | change
    return replace(seen, children={**seen.children, (kind, NAME): changed})


def find(seen: Observed, **settings: Any) -> Finding:
    """What Exposed says."""
    known = Settings(service_image=IMAGE, **settings)
    return exposed.assess(seen, make(seen, known), (), NOW)


def result(seen: Observed) -> Status:
    """The status after a pass."""
    return tenant_status.build(seen, make(seen), (), NOW)


def test_an_ingress_with_an_address() -> None:
    """An Ingress that a controller has taken exposes the tenant."""
    seen = replace(routed(WITH_INGRESS, found=ADDRESS), ingress=IngressFacts(tls=TLS))
    assert (find(seen).is_good, find(seen).reason) == (True, "Ingress")


@pytest.mark.parametrize(("minutes", "outlook"), [(9, Outlook.PROGRESSING), (10, Outlook.STALLED)])
def test_no_address(minutes: int, outlook: Outlook) -> None:
    """Whether an Ingress without an address is reached is unknown, and stalled before long."""
    seen = routed(WITH_INGRESS, minutes)
    finding = find(seen)
    assert (finding.is_good, finding.reason, finding.outlook) == (None, "IngressPending", outlook)
    assert "IngressClass public" in finding.message
    ready = result(seen).condition("Ready")
    assert ready
    assert (ready.status, ready.reason) == ("Unknown", "IngressPending")


def test_a_controller_that_writes_no_addresses() -> None:
    """The administrator may say that no address is to be expected."""
    assert find(routed(WITH_INGRESS, 60), ingress_addresses=False).is_good is True


def test_requests_show_that_it_is_reached() -> None:
    """A request with a token since the Ingress was created is as good as an address."""
    seen = routed(WITH_INGRESS, 60)
    report = ServiceStatus(users=0, active_users=0, groups=0)
    early, late = (NOW - timedelta(minutes=minutes) for minutes in (61, 59))
    assert find(replace(seen, service_status=report)).is_good is None
    early_report = report.model_copy(update={"last_request": early})
    assert find(replace(seen, service_status=early_report)).is_good is None
    late_report = report.model_copy(update={"last_request": late})
    assert find(replace(seen, service_status=late_report)).is_good is True


def test_no_class() -> None:
    """An Ingress that no controller can take is told at once, with the field to set."""
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
    """A TLS Secret that is missing is told, and is stalled when nothing has made it in time."""
    tls = TLSSecret("tls", "does not exist")
    seen = replace(routed(WITH_INGRESS, minutes, ADDRESS), ingress=IngressFacts(tls=tls))
    finding = find(seen)
    assert (finding.is_good, finding.reason) == (False, "TLSSecretMissing")
    assert finding.outlook is outlook
    assert "the TLS Secret tls" in finding.message


def test_an_expired_certificate() -> None:
    """A certificate that has expired is told, and when it expires is in the status."""
    seen = replace(routed(WITH_INGRESS, 60, ADDRESS), ingress=IngressFacts(tls=TLS))
    known = result(seen).certificate
    assert known == CertificateStatus(secret_name="tls", not_after=TLS.not_after)
    assert exposed.next_change(seen, NOW) == TLS.not_after
    expired = IngressFacts(tls=TLS._replace(not_after=NOW))
    assert find(replace(seen, ingress=expired)).reason == "CertificateExpired"


def test_only_the_cluster() -> None:
    """A tenant that only the cluster reaches is Ready with a mark: Exposed is false, and why."""
    found = result(serving())
    exposed, ready = found.condition("Exposed"), found.condition("Ready")
    assert exposed
    assert ready
    assert (exposed.status, exposed.reason) == ("False", "ClusterOnly")
    assert ready.status == "True"
    assert "only the cluster reaches the Tenant URL" in ready.message
    assert not found.is_true("Stalled")
    assert not found.is_true("Reconciling")


def parent(kind: str, is_so: str, reason: str = "Why", message: str = "") -> Object:
    """The answer of a Gateway's controller."""
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
    """An HTTPRoute that no Gateway accepts is pending at first, and stalled before long."""
    finding = find(routed(WITH_GATEWAY, minutes, found))
    assert (finding.reason, finding.outlook) == (reason, outlook)
    assert finding.is_good is (reason == "Gateway")


class Store:
    """An API server that counts what it is asked for."""

    def __init__(self, **objects: Object) -> None:
        self.objects = objects
        self.asked: list[tuple[str, str | None, str]] = []
        self.refuses = False

    async def get(self, kind: Kind, namespace: str | None, name: str) -> Object | None:
        """An object."""
        self.asked.append((kind.name, namespace, name))
        if self.refuses:
            raise ApiError(403, "no")
        return self.objects.get(name)


def secret(**change: str | None) -> Object:
    """A TLS Secret."""
    data = {
        "tls.crt": base64.b64encode(certificate(NOW + timedelta(days=30))).decode(),
        "tls.key": "eA==",
    } | change
    return {"data": {key: text for key, text in data.items() if text is not None}}


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The steady clock, which a test sets."""
    moment = [1000.0]
    monkeypatch.setattr(
        "scim_operator.controller.observe.ingresses.time.monotonic", lambda: moment[0]
    )
    return moment


async def read(reader: IngressReader, seen: Observed, known: Tenant | None = None) -> IngressFacts:
    """Read what the Ingress of a tenant needs."""
    return await reader.read(known or seen.tenant, seen.children[INGRESS, NAME], NOW)


async def test_a_tenant_at_rest_costs_nothing(now: list[float]) -> None:
    """The TLS Secret is read once in hours, and the class not at all once there is an address."""
    store = Store(tls=secret())
    reader = IngressReader(store)  # type: ignore[arg-type]
    seen = routed(WITH_INGRESS, found=ADDRESS)
    for _ in range(18):
        facts = await read(reader, seen)
        assert facts == IngressFacts(tls=TLS)
        now[0] += 600
    assert store.asked == [("Secret", "team-a", "tls")]
    now[0] += 6 * 3600
    await read(reader, seen)
    assert len(store.asked) == 2


async def test_a_restart_costs_nothing(now: list[float]) -> None:
    """A restarted operator takes the date from the status, and reads the Secret within hours."""
    store = Store(tls=secret())
    reader = IngressReader(store)  # type: ignore[arg-type]
    seen = routed(WITH_INGRESS, found=ADDRESS)
    known = Status(certificate=CertificateStatus(secret_name="tls", not_after=TLS.not_after))
    tenant = replace(seen.tenant, status=known)
    assert (await read(reader, seen, tenant)).tls == TLS
    assert not store.asked
    now[0] += 6 * 3600
    await read(reader, seen, tenant)
    assert len(store.asked) == 1


async def test_what_is_missing_is_read_again_soon(now: list[float]) -> None:
    """A class or Secret that is missing is looked for once a minute, until it is there."""
    store = Store()
    reader = IngressReader(store)  # type: ignore[arg-type]
    seen = routed(WITH_INGRESS)
    missing = TLSSecret("tls", "does not exist")
    assert await read(reader, seen) == IngressFacts(is_class_missing=True, tls=missing)
    assert await read(reader, seen) == IngressFacts(is_class_missing=True, tls=missing)
    assert len(store.asked) == 2
    store.objects = {"tls": secret(), "public": {}}
    now[0] += 60
    assert await read(reader, seen) == IngressFacts(tls=TLS)


@pytest.mark.parametrize(
    ("found", "problem"),
    [
        (secret(**{"tls.crt": None}), "has no key tls.crt"),
        (secret(**{"tls.key": None}), "has no key tls.key"),
        (secret(**{"tls.crt": "eA=="}), "has no certificate under its key tls.crt"),
        (secret(**{"tls.crt": "?"}), "has no certificate under its key tls.crt"),
        ({}, "has no key tls.crt"),
    ],
)
@pytest.mark.usefixtures("now")
async def test_a_secret_of_no_use(found: Object, problem: str) -> None:
    """A Secret that no controller can serve TLS with is told with what it lacks."""
    reader = IngressReader(Store(tls=found))  # type: ignore[arg-type]
    tls = (await read(reader, routed(WITH_INGRESS, found=ADDRESS))).tls
    assert tls == TLSSecret("tls", problem)


@pytest.mark.usefixtures("now")
async def test_without_the_right_to_look() -> None:
    """An operator that may not read classes or the Secret says less, and works on."""
    store = Store()
    store.refuses = True
    reader = IngressReader(store)  # type: ignore[arg-type]
    assert await read(reader, routed(WITH_INGRESS)) == IngressFacts()
    assert await reader.read(Tenant.parse(body()), None, NOW) == IngressFacts()
    assert observed().ingress == IngressFacts()
