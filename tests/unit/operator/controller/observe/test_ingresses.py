"""Reading the class and TLS Secret of an Ingress: what is read, and how often."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import timedelta

import pytest
from scim_operator.api.tenant import Tenant
from scim_operator.api.v1alpha1.status import CertificateStatus, Status
from scim_operator.controller.observe.ingresses import IngressReader
from scim_operator.desired.observed import Observed
from scim_operator.kube.errors import ApiError
from scim_operator.kube.ingress_facts import IngressFacts, TLSSecret
from scim_operator.kube.kinds import INGRESS, Kind, Object

from tests.unit.operator.kube.test_x509 import certificate
from tests.unit.operator.sample import NOW, body, observed
from tests.unit.operator.status.sample import ADDRESS, ROUTE_NAME, TLS_SECRET, WITH_INGRESS, routed


class Store:
    """An API server that records its requests."""

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


def secret() -> Object:
    """A TLS Secret."""
    pem = base64.b64encode(certificate(NOW + timedelta(days=30))).decode()
    return {"data": {"tls.crt": pem, "tls.key": "eA=="}}


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The monotonic clock, which a test sets."""
    seconds = [1000.0]
    monkeypatch.setattr(
        "scim_operator.controller.observe.ingresses.time.monotonic", lambda: seconds[0]
    )
    return seconds


async def read(reader: IngressReader, seen: Observed, known: Tenant | None = None) -> IngressFacts:
    """Read what the Ingress of a tenant needs."""
    return await reader.read(known or seen.tenant, seen.children[INGRESS, ROUTE_NAME], NOW)


async def test_an_unchanged_tenant_costs_nothing(now: list[float]) -> None:
    """The TLS Secret is read once in hours, and the class only while there is no address."""
    store = Store(tls=secret())
    reader = IngressReader(store)  # type: ignore[arg-type]
    seen = routed(WITH_INGRESS, found=ADDRESS)
    for _ in range(18):
        facts = await read(reader, seen)
        assert facts == IngressFacts(tls=TLS_SECRET)
        now[0] += 600
    assert store.asked == [("Secret", "team-a", "tls")]
    now[0] += 6 * 3600
    await read(reader, seen)
    assert len(store.asked) == 2


async def test_a_restart_costs_nothing(now: list[float]) -> None:
    """A restarted operator takes the expiry from the status, and reads the Secret hours later."""
    store = Store(tls=secret())
    reader = IngressReader(store)  # type: ignore[arg-type]
    seen = routed(WITH_INGRESS, found=ADDRESS)
    known = Status(certificate=CertificateStatus(secret_name="tls", not_after=TLS_SECRET.not_after))
    tenant = replace(seen.tenant, status=known)
    assert (await read(reader, seen, tenant)).tls == TLS_SECRET
    assert not store.asked
    now[0] += 6 * 3600
    await read(reader, seen, tenant)
    assert len(store.asked) == 1


async def test_a_missing_object_is_read_again_soon(now: list[float]) -> None:
    """A missing class or Secret is read once a minute until it exists."""
    store = Store()
    reader = IngressReader(store)  # type: ignore[arg-type]
    seen = routed(WITH_INGRESS)
    missing = TLSSecret("tls", "does not exist")
    assert await read(reader, seen) == IngressFacts(is_class_missing=True, tls=missing)
    assert await read(reader, seen) == IngressFacts(is_class_missing=True, tls=missing)
    assert len(store.asked) == 2
    store.objects = {"tls": secret(), "public": {}}
    now[0] += 60
    assert await read(reader, seen) == IngressFacts(tls=TLS_SECRET)


@pytest.mark.usefixtures("now")
async def test_without_the_right_to_read() -> None:
    """Without the right to read the class or the Secret the operator reports no problem of them."""
    store = Store()
    store.refuses = True
    reader = IngressReader(store)  # type: ignore[arg-type]
    assert await read(reader, routed(WITH_INGRESS)) == IngressFacts()
    assert await reader.read(Tenant.parse(body()), None, NOW) == IngressFacts()
    assert observed().ingress == IngressFacts()
