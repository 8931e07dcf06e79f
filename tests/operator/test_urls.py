"""Who has which Tenant URL, against a real API server: what others try to take it with."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml
from scim_operator.api import names

from tests.cluster import ClusterError, ControlPlane
from tests.operator.install import ACCOUNT, NAMESPACE, Installation
from tests.operator.proxy import Answer, Call, Proxy
from tests.operator.world import Namespace, Object, Operator, eventually

RECORDS = f"/api/v1/namespaces/{NAMESPACE}/configmaps/"
PATH = "/contoso/scim"
RESERVE = timedelta(hours=24)

Start = Callable[..., AbstractContextManager[tuple[Operator, Proxy]]]


@pytest.fixture
def victim(unserved: Namespace) -> Namespace:
    """The namespace of the customer's tenant."""
    return unserved


@pytest.fixture
def rival(fragile: ControlPlane, unserved: Namespace) -> Namespace:
    """Another team's namespace."""
    return Namespace(fragile, f"{unserved.name}-b")


@pytest.fixture
def start(installation: Installation, victim: Namespace, rival: Namespace) -> Start:
    """Start an operator for both; each test has hosts of its own, and all share the records."""
    scope = {"watch_namespaces": f"{victim.name},{rival.name}"}
    return partial(installation.operator, "urls", {}, **scope)


def host(victim: Namespace) -> str:
    """The customer's host."""
    return f"{victim.name}.example.com"


def exposure(victim: Namespace, path: str = PATH, **more: Any) -> Object:
    """The spec of a tenant at the customer's host."""
    return {"exposure": {"host": host(victim), "path": path, "ingress": {}} | more}


def exposed(namespace: Namespace, tenant: str = "contoso") -> str:
    """Wait until a tenant is exposed; return the uid of its Ingress."""
    namespace.settled(tenant)
    eventually(lambda: namespace.condition(tenant, "Exposed").get("status") == "True", 30)
    return str(namespace.get("ingress", names.workload(tenant))["metadata"]["uid"])


def kept_out(namespace: Namespace, tenant: str, reason: str) -> str:
    """Wait until a tenant is told that it has no URL; return the sentence."""

    def told() -> str:
        found = namespace.condition(tenant, "Exposed")
        is_it = (found.get("status"), found.get("reason")) == ("False", reason)
        return str(found["message"]) if is_it else ""

    message = eventually(told)
    assert not namespace.get("ingress", names.workload(tenant))
    assert "tenantURL" not in namespace.get("scimtenant", tenant)["status"]
    assert namespace.secrets()[names.token_secret(tenant)]["tenantUrl"] == ""
    return message


def records(cluster: ControlPlane, victim: Namespace) -> dict[str, dict[str, str]]:
    """The records of a test's hosts, by the URLs."""
    selector = f"{names.CLAIM_LABEL}={ACCOUNT}"
    text = cluster.kubectl("-n", NAMESPACE, "get", "configmap", "-l", selector, "-o", "json")
    found = [body["data"] for body in json.loads(text)["items"]]
    return {
        f"{data['host']}{data['path']}": data
        for data in found
        if data["host"].endswith(host(victim))
    }


def record_writes(proxy: Proxy) -> Counter[str]:
    """How often records were written, by path."""
    return Counter(call.path for call in proxy.writes() if call.path.startswith(RECORDS))


def look_again(namespace: Namespace, tenant: str) -> None:
    """Have a tenant looked at."""
    labels = {"example.com/look": namespace.get("scimtenant", tenant)["metadata"]["uid"][:8]}
    patch = json.dumps({"metadata": {"labels": labels}, "spec": {"displayName": "again"}})
    namespace.kubectl("patch", "scimtenant", tenant, "--type=merge", f"--patch={patch}")


@pytest.mark.finding(3)
@pytest.mark.parametrize("way", ["ingress", "host alone"])
def test_older_tenant_moves_to_the_url(
    start: Start, victim: Namespace, rival: Namespace, way: str
) -> None:
    """An older tenant that edits its host to another's takes no URL, no route and no token."""
    with start() as (_, proxy):
        rival.apply("rival", {"exposure": {"host": f"other.{host(victim)}", "ingress": {}}})
        exposed(rival, "rival")
        victim.apply("contoso", exposure(victim))
        route = exposed(victim)
        seen = len(proxy.calls)
        named = {"host": host(victim), "path": PATH}
        rival.apply("rival", {"exposure": named | ({"ingress": {}} if way == "ingress" else {})})
        assert f"{victim.name}/contoso" in kept_out(rival, "rival", "URLConflict")
        assert exposed(victim) == route
        assert victim.condition("contoso", "Ready")["reason"] != "URLConflict"
        url = f"https://{host(victim)}{PATH}"
        assert victim.secrets()["contoso-scim-token"]["tenantUrl"] == url
        # The rival's own writes, and none for the customer's tenant.
        ours = [call.path for call in proxy.calls[seen:] if call.writes and call.child]
        assert not [path for path in ours if f"/namespaces/{victim.name}/" in path]


@pytest.mark.finding(4)
def test_paths_around_a_url(start: Start, victim: Namespace, rival: Namespace) -> None:
    """Nothing above, below or beside a URL on its host is another namespace's."""
    paths = (f"{PATH}/Users", f"{PATH}/v2", "/contoso", "/acme-challenge", "/CONTOSO/scim")
    with start():
        victim.apply("contoso", exposure(victim))
        exposed(victim)
        for number, path in enumerate(paths):
            rival.apply(f"rival-{number}", exposure(victim, path))
        for number in range(len(paths)):
            message = kept_out(rival, f"rival-{number}", "URLConflict")
            assert f"{victim.name}/contoso (https://{host(victim)}{PATH})" in message
        victim.apply("second", exposure(victim, "/second"))
        exposed(victim, "second")


@pytest.mark.finding(3, "S1")
def test_restore(start: Start, fragile: ControlPlane, victim: Namespace, rival: Namespace) -> None:
    """Tenants that are created anew, in another order, have the URLs that they had."""
    with start() as (operator, proxy):
        victim.apply("contoso", exposure(victim))
        exposed(victim)
        rival.apply("rival", exposure(victim))
        kept_out(rival, "rival", "URLConflict")
        assert set(record_writes(proxy).values()) == {1}
        assert operator.stop() == 0
    victim.kubectl("delete", "scimtenant", "contoso")
    rival.kubectl("delete", "scimtenant", "rival")
    eventually(lambda: not victim.get("ingress", "contoso-scim"), 60)
    rival.apply("rival", exposure(victim))
    victim.apply("contoso", exposure(victim))
    before = records(fragile, victim)
    with start():
        exposed(victim)
        kept_out(rival, "rival", "URLConflict")
    assert records(fragile, victim) == before


def _name(victim: Namespace) -> str:
    return names.url_claim(ACCOUNT, host(victim), PATH)


@pytest.mark.finding(3, "S1")
def test_upgrade_without_records(
    start: Start, fragile: ControlPlane, victim: Namespace, rival: Namespace
) -> None:
    """From a version without records, living tenants keep URL and route, and are recorded."""
    with start() as (operator, _):
        rival.apply("rival", {"displayName": "older"})
        rival.settled("rival")
        victim.apply("contoso", exposure(victim))
        route = exposed(victim)
        assert operator.stop() == 0
    fragile.kubectl("-n", NAMESPACE, "delete", "configmap", _name(victim))
    # As that version left them: the older one was kept out of the same URL, another was not.
    rival.apply("rival", exposure(victim))
    _pretend(rival, "rival", host(victim), PATH, "False", "URLConflict")
    rival.apply("neighbour", exposure(victim, "/neighbour/scim"))
    _pretend(rival, "neighbour", host(victim), "/neighbour/scim", "True", "Ingress")
    with start() as (_, proxy):
        exposed(rival, "neighbour")
        kept_out(rival, "rival", "URLConflict")
        assert exposed(victim) == route
        assert {url: data["name"] for url, data in records(fragile, victim).items()} == {
            f"{host(victim)}{PATH}": "contoso",
            f"{host(victim)}/neighbour/scim": "neighbour",
        }
        written = [path for path in proxy.written() if f"/{victim.name}/" in path]
        assert not written
        rival.apply("new", exposure(victim, "/new/scim"))
        assert "used the host first" in kept_out(rival, "new", "URLConflict")


def _pretend(
    namespace: Namespace, tenant: str, host: str, path: str, status: str, reason: str
) -> None:
    condition = {
        "type": "Exposed",
        "status": status,
        "reason": reason,
        "message": "",
        "lastTransitionTime": "2099-01-01T00:00:00Z",
    }
    found = {
        "apiVersion": names.API_VERSION,
        "kind": names.KIND,
        "metadata": {"name": tenant, "namespace": namespace.name},
        "status": {
            "observedGeneration": 1,
            "conditions": [condition],
            "tenantURL": f"https://{host}{path}",
        },
    }
    namespace.kubectl(
        *("apply", "--server-side", "--force-conflicts", "--subresource=status"),
        *(f"--field-manager={names.MANAGER}", "-f", "-"),
        stdin=json.dumps(found),
    )


@pytest.mark.finding("S2")
@pytest.mark.parametrize("end", ["deleted", "moved", "deleted unseen"])
def test_url_that_is_left(
    start: Start, fragile: ControlPlane, victim: Namespace, rival: Namespace, end: str
) -> None:
    """A URL that a tenant leaves waits a day for its namespace, and is anybody's afterwards."""
    with start() as (operator, _):
        victim.apply("contoso", exposure(victim))
        exposed(victim)
        rival.apply("rival", exposure(victim))
        kept_out(rival, "rival", "URLConflict")
        if end == "deleted unseen":
            assert operator.stop() == 0
        if end == "moved":
            victim.apply("contoso", exposure(victim, host=f"new.{host(victim)}"))
        else:
            victim.kubectl("delete", "scimtenant", "contoso")
        if end != "deleted unseen":
            message = kept_out(rival, "rival", "URLReserved")
            assert f"reserved for namespace {victim.name} for 24h" in message
            assert operator.stop() == 0
    # Another process finds it in the records.
    with start(resync_interval="1") as (_, proxy):
        kept_out(rival, "rival", "URLReserved")
        victim.apply("heir", exposure(victim))
        exposed(victim, "heir")
        kept_out(rival, "rival", "URLConflict")
        victim.kubectl("delete", "scimtenant", "heir")
        kept_out(rival, "rival", "URLReserved")
        proxy.ahead = RESERVE + timedelta(minutes=1)
        exposed(rival, "rival")
    (record,) = [data for data in records(fragile, victim).values() if data["name"] == "rival"]
    assert record["releasedAt"] == ""


@pytest.mark.finding("S2")
def test_reservation_ended_by_hand(
    start: Start, fragile: ControlPlane, victim: Namespace, rival: Namespace
) -> None:
    """The administrator ends a reservation by deleting the record that the condition names."""
    with start():
        victim.apply("contoso", exposure(victim))
        exposed(victim)
        victim.kubectl("delete", "scimtenant", "contoso")
        rival.apply("rival", exposure(victim, "/rival/scim"))
        message = kept_out(rival, "rival", "URLReserved")
        assert f"delete the ConfigMap {_name(victim)} in namespace {NAMESPACE}" in message
        fragile.kubectl("-n", NAMESPACE, "delete", "configmap", _name(victim))
        look_again(rival, "rival")
        exposed(rival, "rival")


def test_reservation_is_swept(start: Start, fragile: ControlPlane, victim: Namespace) -> None:
    """The record of a URL that waits for nobody any more is deleted."""
    with start(reserve_urls_for="1s", resync_interval="1"):
        victim.apply("contoso", exposure(victim))
        exposed(victim)
        assert records(fragile, victim)
        victim.kubectl("delete", "scimtenant", "contoso")
        eventually(lambda: not records(fragile, victim))


@pytest.mark.finding(4)
def test_rules(start: Start, victim: Namespace, rival: Namespace) -> None:
    """The chart's rules end what they do not admit, and give it back when they do again."""
    rules = [{"namespaces": [victim.name], "hosts": [host(victim)], "gateways": ["gateways/*"]}]
    with start(exposure_rules=json.dumps(rules)):
        victim.apply("contoso", exposure(victim))
        exposed(victim)
        rival.apply("rival", exposure(rival))
        assert "exposure.allow" in kept_out(rival, "rival", "NotAllowed")
        parent = {"parentRefs": [{"name": "private", "namespace": "kube-system"}]}
        named = {"host": host(victim), "path": "/x", "gateway": parent}
        victim.apply("fabrikam", {"exposure": named})
        message = kept_out(victim, "fabrikam", "NotAllowed")
        assert "the Gateway kube-system/private" in message
    with start(tenants_may_name="false", default_host=f"common.{host(victim)}"):
        message = kept_out(victim, "contoso", "NotAllowed")
        assert "exposure.tenantsMayName" in message
        rival.apply("rival", {"exposure": {"ingress": {}}})
        exposed(rival, "rival")
    with start():
        exposed(victim)


@pytest.mark.finding(4)
def test_common_host(start: Start, victim: Namespace, rival: Namespace) -> None:
    """Under the platform's own host each namespace has its own part and nothing else."""
    with start(default_host=host(victim)):
        rival.apply("rival", exposure(victim, f"/{victim.name}/contoso/scim/v2"))
        message = kept_out(rival, "rival", "NotAllowed")
        assert f"paths under https://{host(victim)}/{rival.name}" in message
        for namespace in (victim, rival):
            namespace.apply("contoso", {"exposure": {"ingress": {}}})
            exposed(namespace)
        rival.apply("rival", exposure(victim, f"/{rival.name}/scim"))
        exposed(rival, "rival")


def test_records_refused(start: Start, victim: Namespace) -> None:
    """Without records no new tenant is exposed, the routes that there are stay, and all is told."""

    def fault(call: Call) -> Answer | None:
        ours = f"/namespaces/{NAMESPACE}/configmaps" in call.path
        return Answer(403, "the test says no") if ours else None

    with start() as (operator, proxy):
        victim.apply("contoso", exposure(victim))
        route = exposed(victim)
        proxy.fault = fault
        victim.apply("fabrikam", exposure(victim, "/fabrikam/scim"))
        message = kept_out(victim, "fabrikam", "ClaimNotRecorded")
        assert "give the operator's role get, list" in message
        assert operator.stop() == 0
        operator.start()
        reason = "ClaimNotRecorded"
        eventually(lambda: victim.condition("contoso", "Exposed").get("reason") == reason, 20)
        assert victim.condition("contoso", "Stalled")["status"] == "True"
        kept_out(victim, "fabrikam", "ClaimNotRecorded")
        assert exposed(victim) == route
        proxy.fault = lambda _: None
        eventually(lambda: victim.get("ingress", "fabrikam-scim"), 60)
        eventually(lambda: victim.condition("contoso", "Exposed").get("reason") == "Ingress", 60)
        assert exposed(victim) == route


def test_a_tenant_at_rest(start: Start, fragile: ControlPlane, victim: Namespace) -> None:
    """A new exposed tenant costs one record, and nothing is written of it afterwards."""
    with start() as (operator, proxy):
        victim.apply("contoso", exposure(victim))
        exposed(victim)
        victim.apply("inside")
        victim.settled("inside")
        victim.repair("contoso")
        assert record_writes(proxy) == {f"{RECORDS}{_name(victim)}": 1}
        before = records(fragile, victim)
        assert operator.stop() == 0
    with start() as (_, proxy):
        victim.repair("contoso")
        assert not record_writes(proxy)
    assert records(fragile, victim) == before


def test_stored_before_the_rules(start: Start, fragile: ControlPlane, victim: Namespace) -> None:
    """What an older definition admitted is read and told, and can be changed to what may be."""
    crd = Path("crds/scim-operator.io_scimtenants.yaml").read_text(encoding="utf-8")
    old = yaml.safe_load(crd)
    schema = old["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    for name in ("host", "path"):
        del schema["properties"]["exposure"]["properties"][name]["x-kubernetes-validations"]

    def define(text: str) -> None:
        fragile.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=text)

    spec = exposure(victim, host="kubernetes.default.svc")
    try:
        define(json.dumps(old))
        eventually(lambda: victim.refusal("contoso", spec) == "")
        victim.apply("contoso", spec)
    finally:
        define(crd)
    eventually(lambda: victim.refusal("other", spec))
    with start():
        assert "set the public name" in kept_out(victim, "contoso", "InvalidURL")
        # Another field may change while it is so.
        victim.apply("contoso", spec | {"displayName": "Contoso"})
        victim.apply("contoso", exposure(victim))
        exposed(victim)


@pytest.mark.finding(3)
def test_nobody_else_writes_records(fragile: ControlPlane, victim: Namespace) -> None:
    """Who may edit all of a tenant's namespace can neither write a record nor a status."""
    user = "--as=owner"
    victim.kubectl("create", "rolebinding", "owner", "--clusterrole=admin", "--user=owner")
    victim.apply("contoso", exposure(victim))
    for refused in (
        ("-n", NAMESPACE, "create", "configmap", _name(victim), user),
        (
            *("-n", victim.name, "patch", "scimtenant", "contoso", "--subresource=status"),
            *("--type=merge", '--patch={"status": {"tenantURL": "https://a.example.com/b"}}', user),
        ),
    ):
        with pytest.raises(ClusterError, match="forbidden"):
            fragile.kubectl(*refused)
