"""Which Tenant URLs a tenant may name: impossible names, the platform's host, the chart's rules."""

from __future__ import annotations

import json
from typing import Any

import pytest
from scim_operator.api.tenant import Tenant
from scim_operator.desired.urls.address import Address
from scim_operator.desired.urls.rules import Place, UrlPermission, check_url
from scim_operator.settings import Settings, from_environment

from tests.unit.operator.sample import body

HOST = "scim.example.com"
MAY = UrlPermission()
SHARED = UrlPermission(is_shared=True)


def verdict(
    exposure: dict[str, Any],
    *,
    namespace: str = "team-a",
    rules: list[dict[str, list[str]]] | None = None,
    **settings: Any,
) -> UrlPermission:
    """The permission of a tenant `contoso` of a namespace."""
    tenant = Tenant.parse(body(namespace=namespace, spec={"exposure": {"ingress": {}} | exposure}))
    chosen = from_environment({}, exposure_rules=json.dumps(rules or []))
    return check_url(tenant, chosen.model_copy(update=settings))


@pytest.mark.finding(4)
@pytest.mark.parametrize(
    ("one", "other", "meet"),
    [
        ("/contoso/scim", "/contoso/scim", True),
        ("/contoso/scim", "/contoso/scim/v2", True),
        ("/contoso/scim", "/contoso/scim/Users", True),
        ("/contoso/scim", "/contoso", True),
        ("/contoso/scim", "/contoso/scim2", False),
        ("/contoso/scim", "/contoso/sci", False),
        ("/contoso/scim", "/contoso/other", False),
        ("/contoso/scim", "/fabrikam/scim", False),
    ],
)
def test_places_meet(one: str, other: str, meet: bool) -> None:
    """Two URLs of a host overlap if they are equal or one is below the other."""
    first, second = Place(HOST, one), Place(HOST, other)
    assert first.overlaps(second) is second.overlaps(first) is meet
    assert not first.overlaps(Place("scim.example.org", other))


@pytest.mark.finding(4)
def test_case_makes_no_other_place() -> None:
    """Some controllers ignore the case of paths, so URLs that differ in case are equal."""
    upper = Place.of(Address("Scim.Example.com.", "/Contoso/SCIM", is_exposed=True))
    assert upper == Place(HOST, "/contoso/scim")


@pytest.mark.finding(4)
@pytest.mark.parametrize(
    "host",
    [
        "10.0.0.1",
        "127.1",
        "2130706433",
        "0x7f.0x1",
        "1.2.3.0x4",
        "localhost",
        "scim",
        "a.localhost",
        "kubernetes.default.svc",
        "contoso-scim.team-a.svc.cluster.local",
        "contoso-scim.team-a.svc.example.org",
        "anything.cluster.local",
        "api.k8s.example.net",
        f"{'a' * 64}.example.com",
    ],
)
def test_impossible_hosts(host: str) -> None:
    """No tenant may name an address, a name inside the cluster or a name of one part."""
    found = verdict({"host": host}, cluster_domain="k8s.example.net")
    assert (found.reason, found.is_lasting) == ("InvalidURL", True)


@pytest.mark.parametrize("host", [HOST, "xn--bcher-kva.example", "scim.corp.internal", "a.b.c.de"])
def test_possible_hosts(host: str) -> None:
    """Public names, and those inside a company that Microsoft's agent reaches, may be named."""
    assert verdict({"host": host}) == MAY


@pytest.mark.finding(4)
@pytest.mark.parametrize("path", ["/..", "/a/../b", "/./a", "/.well-known/acme-challenge", "/a/.b"])
def test_impossible_paths(path: str) -> None:
    """A part that begins with a dot is the whole host's, or another path."""
    assert verdict({"host": HOST, "path": path}).reason == "InvalidURL"


@pytest.mark.finding(4)
@pytest.mark.parametrize(
    ("path", "may"),
    [
        (None, True),
        ("/team-a/contoso/scim", True),
        ("/team-a/other", True),
        ("/team-a", True),
        ("/team-ab/scim", False),
        ("/team-b/contoso/scim", False),
        ("/contoso/scim", False),
    ],
)
def test_common_host(path: str | None, may: bool) -> None:
    """On the platform's host a namespace has its own paths, and shares the host."""
    found = verdict({"path": path} if path else {}, default_host="SCIM.example.com")
    if may:
        assert found == SHARED
    else:
        assert (found.reason, found.is_lasting) == ("NotAllowed", False)
        assert "https://scim.example.com/team-a" in found.message
        assert "exposure.allow" in found.message


@pytest.mark.finding(4)
@pytest.mark.parametrize(
    ("host", "path", "may"),
    [
        (None, None, True),
        ("contoso.scim.example.com", "/scim", True),
        ("contoso.scim.example.com", "/team-a/x", True),
        ("contoso.scim.example.com", "/other", False),
        ("fabrikam.scim.example.com", "/scim", False),
        ("1fabrikam.scim.example.com", "/team-a/scim", False),
        ("a.contoso.scim.example.com", "/scim", True),
        ("scim.example.org", "/scim", True),
    ],
)
def test_host_of_a_template(host: str | None, path: str | None, may: bool) -> None:
    """A host that the template could give another tenant is that tenant's."""
    named = {"host": host, "path": path} if host else {}
    found = verdict(named, default_host="{name}.scim.example.com", default_path="/scim")
    assert found == MAY if may else found.reason == "NotAllowed"


@pytest.mark.finding(4)
def test_names_forbidden() -> None:
    """If tenants may name no URL, only the default is permitted."""
    settings: dict[str, Any] = {"tenants_may_name": False, "default_host": HOST}
    assert verdict({}, **settings) == SHARED
    assert verdict({"host": HOST, "path": "/team-a/contoso/scim"}, **settings) == SHARED
    for named in ({"host": "other.example.com"}, {"path": "/team-a/x"}):
        found = verdict(named, **settings)
        assert (found.reason, found.is_lasting) == ("NotAllowed", True)
        assert "exposure.tenantsMayName" in found.message


RULES: list[dict[str, list[str]]] = [
    {"namespaces": ["team-a"], "hosts": ["*.a.example.com"], "gateways": ["gateways/public"]},
    {"namespaces": ["team-*"], "hosts": ["shared.example.com"], "paths": ["/{namespace}/*"]},
    {"namespaces": ["*"], "hosts": ["{namespace}.example.net"]},
]


def gateway(namespace: str | None, name: str = "public") -> dict[str, Any]:
    """An exposure by a Gateway."""
    parent = {"name": name} | ({"namespace": namespace} if namespace else {})
    return {"ingress": None, "gateway": {"parentRefs": [parent]}}


@pytest.mark.finding(4)
@pytest.mark.parametrize(
    ("namespace", "exposure", "expected"),
    [
        ("team-a", {"host": "x.a.example.com"}, MAY),
        ("team-b", {"host": "x.a.example.com"}, None),
        ("team-a", {"host": "a.example.com"}, None),
        ("team-a", {"host": "shared.example.com", "path": "/team-a/x"}, SHARED),
        ("team-a", {"host": "shared.example.com", "path": "/team-b/x"}, None),
        ("other", {"host": "shared.example.com", "path": "/other/x"}, None),
        ("other", {"host": "other.example.net"}, MAY),
        ("other", {"host": "team-a.example.net"}, None),
        ("team-a", {"host": "x.a.example.com"} | gateway("gateways"), MAY),
        ("team-a", {"host": "x.a.example.com"} | gateway("gateways", "private"), None),
        ("team-a", {"host": "x.a.example.com"} | gateway(None), MAY),
        ("other", {"host": "other.example.net"} | gateway("gateways"), MAY),
        ("team-a", gateway("gateways"), SHARED),
        ("team-b", gateway("elsewhere"), SHARED),
        ("team-b", {}, SHARED),
    ],
)
def test_rules(namespace: str, exposure: dict[str, Any], expected: UrlPermission | None) -> None:
    """With rules a tenant may name only what one of them admits, or the defaults."""
    found = verdict(exposure, namespace=namespace, rules=RULES, default_host=HOST)
    if expected is not None:
        assert found == expected
    else:
        assert (found.reason, found.is_lasting) == ("NotAllowed", True)
        assert f"lets namespace {namespace} name" in found.message
        assert "exposure.allow" in found.message


@pytest.mark.finding(4)
def test_gateway_without_a_rule() -> None:
    """The message names a Gateway that no rule admits, also with the default URL."""
    rules = [{"namespaces": ["*"], "gateways": ["gateways/*"]}]
    found = verdict(gateway("kube-system"), rules=rules, default_host=HOST)
    assert "the Gateway kube-system/public" in found.message


@pytest.mark.finding(4)
def test_rule_without_paths_keeps_the_common_host() -> None:
    """A rule that admits the platform's host leaves each namespace its own paths."""
    whole = [{"namespaces": ["*"], "hosts": ["*"]}]
    found = verdict({"path": "/team-b/x"}, rules=whole, default_host=HOST)
    assert (found.reason, found.is_lasting) == ("NotAllowed", False)
    part = [{"namespaces": ["team-a"], "hosts": [HOST], "paths": ["/team-b/x"]}]
    assert verdict({"path": "/team-b/x"}, rules=part, default_host=HOST) == SHARED


def test_not_exposed() -> None:
    """An exposed tenant without a host is not refused for that."""
    assert verdict({}) == MAY
    assert Settings().exposure_rules == ()
