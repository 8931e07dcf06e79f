"""What breaks around the operator, and how it gets over it by itself."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest
import yaml
from scim_operator.api import names
from scim_operator.controller.next_reconcile import FAULT_SECONDS

from tests.cluster import ControlPlane
from tests.operator.install import Installation
from tests.operator.proxy import Answer, Call, Proxy
from tests.operator.world import Namespace, Operator, eventually

NAMES = [f"tenant-{number}" for number in range(10)]
CHILDREN = 8
KEPT = 3
"""Of them, when the tenant is deleted: the volume claim and both Secrets."""

WATCH_S = 3
"""Silence after which a watch is opened anew."""

PENDING = "StorageClassMissing"
"""What every tenant says on a control plane without volumes."""

Recovery = Callable[[float], None]


@pytest.fixture(scope="module")
def served(installation: Installation) -> Iterator[tuple[Operator, Proxy]]:
    """One operator for all of these tests: it has to bear them all, one after the other."""
    settings = {"watch_timeout": str(WATCH_S), "request_timeout": "5"}
    with installation.operator("faults", **settings) as (operator, proxy):
        yield operator, proxy
        assert operator.stop() == 0


@pytest.fixture
def operator(served: tuple[Operator, Proxy]) -> Operator:
    """The operator."""
    return served[0]


@pytest.fixture
def proxy(served: tuple[Operator, Proxy]) -> Iterator[Proxy]:
    """What is between it and the API server."""
    yield served[1]
    served[1].fault = lambda _: None


@pytest.fixture
def spare(fragile: ControlPlane, unserved: Namespace) -> tuple[Namespace, Namespace]:
    """Two more namespaces."""
    return Namespace(fragile, f"{unserved.name}-b"), Namespace(fragile, f"{unserved.name}-c")


def accepted(namespace: Namespace, tenant: str) -> list[str]:
    """The accepted digests."""
    return list(namespace.digests(tenant))


def sha256(token: str) -> str:
    """The digest that the service compares."""
    return hashlib.sha256(token.encode()).hexdigest()


def one_token(namespace: Namespace, tenants: Iterable[str]) -> bool:
    """Whether of each tenant just the token in its Secret is accepted."""
    secrets = namespace.secrets()
    return all(
        [sha256(secrets[names.token_secret(tenant)]["secretToken"])]
        == [
            entry["sha256"]
            for entry in json.loads(secrets[names.digest_secret(tenant)]["tokens.json"])["tokens"]
        ]
        for tenant in tenants
    )


def within(namespace: Namespace, paths: Iterable[str]) -> set[str]:
    """Those of the paths that are in a namespace."""
    return {path for path in paths if f"/namespaces/{namespace.name}/" in path}


def written_within(namespace: Namespace, proxy: Proxy) -> dict[str, int]:
    """How often each object in a namespace was written."""
    written = proxy.written()
    return {path: written[path] for path in within(namespace, written)}


def test_kill(
    operator: Operator, proxy: Proxy, unserved: Namespace, recovery: Recovery, full: bool
) -> None:
    """Killed in the middle of creations and started again it makes what is missing, once."""
    tenants = [f"tenant-{number}" for number in range(1000)] if full else NAMES
    unserved.apply_all(tenants)

    def begun() -> bool:
        return len(within(unserved, proxy.written())) > len(tenants)

    eventually(begun)
    operator.kill()
    before = within(unserved, proxy.written())
    assert len(before) < len(tenants) * CHILDREN
    operator.start()
    started = time.monotonic()
    unserved.settle(tenants, 300)
    recovery(time.monotonic() - started)
    written = written_within(unserved, proxy)
    assert len(written.keys() | within(unserved, proxy.cut_off())) == len(tenants) * CHILDREN
    assert set(written.values()) == {1}
    assert one_token(unserved, tenants)


@pytest.mark.usefixtures("served")
def test_api_server_restart(fragile: ControlPlane, unserved: Namespace, recovery: Recovery) -> None:
    """After a crash of the API server everything goes on, with the tokens that there were."""
    unserved.apply("contoso")
    token = unserved.settled("contoso")
    fragile.api_server.kill()
    fragile.api_server.start()
    fragile.wait_ready()
    ready = time.monotonic()
    unserved.kubectl("delete", "service", "contoso-scim")
    unserved.apply("fabrikam")
    unserved.settle(["fabrikam"])
    eventually(lambda: unserved.get("service", "contoso-scim"))
    recovery(time.monotonic() - ready)
    assert unserved.token("contoso") == token


@pytest.mark.usefixtures("served")
def test_etcd_outage(
    fragile: ControlPlane, unserved: Namespace, recovery: Recovery, full: bool
) -> None:
    """A store that is away for seconds costs no tenant its state, and stalls none."""
    unserved.apply("contoso")
    token = unserved.settled("contoso")
    fragile.etcd.kill()
    time.sleep(30 if full else 4)
    fragile.etcd.start()
    fragile.wait_ready()
    ready = time.monotonic()
    unserved.kubectl("delete", "service", "contoso-scim")
    unserved.apply("fabrikam")
    unserved.settle(["fabrikam"])
    eventually(lambda: unserved.get("service", "contoso-scim"))
    recovery(time.monotonic() - ready)
    assert unserved.token("contoso") == token
    assert accepted(unserved, "contoso") == [sha256(token)]


def definition(version: int) -> str:
    """The CRD of a later version: with one more property, and a column of it."""
    crd = yaml.safe_load(Path("crds/scim-operator.io_scimtenants.yaml").read_text())
    (served,) = crd["spec"]["versions"]
    name = f"addedIn{version}"
    properties = served["schema"]["openAPIV3Schema"]["properties"]
    properties["spec"]["properties"][name] = {"type": "string"}
    column = {"name": name, "type": "string", "jsonPath": f".spec.{name}"}
    served["additionalPrinterColumns"].append(column)
    return json.dumps(crd)


@pytest.mark.usefixtures("served")
def test_crd_upgrade(fragile: ControlPlane, unserved: Namespace, recovery: Recovery) -> None:
    """While the definition changes under load no tenant is lost and none stands still."""

    def define(crd: str) -> None:
        fragile.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=crd)

    unserved.apply_all(NAMES)
    try:
        for version in range(5):
            define(definition(version))
            unserved.apply_all(
                [*NAMES, *(f"new-{version}-{name}" for name in NAMES)],
                {
                    "displayName": f"Changed {version}",
                    "provisioning": {"maxUsers": version + 1},
                },
            )
        # A field that this operator does not know yet is none of its business.
        eventually(lambda: unserved.refusal("future", {"addedIn4": "text"}) == "")
        unserved.apply("future", {"addedIn4": "text"})
        done = time.monotonic()
        tenants = ["future", *NAMES, *(f"new-{n}-{name}" for n in range(5) for name in NAMES)]
        unserved.settle(tenants, 60)
        recovery(time.monotonic() - done)
    finally:
        define(Path("crds/scim-operator.io_scimtenants.yaml").read_text())
    assert one_token(unserved, tenants)
    for name in NAMES:
        config = unserved.get("configmap", names.config(name))["data"]["config.json"]
        assert json.loads(config)["provisioning"]["maxUsers"] == 5


def test_silent_watches(proxy: Proxy, unserved: Namespace, recovery: Recovery) -> None:
    """Watches that go silent are opened anew, and what happened meanwhile is made up for."""
    unserved.apply("contoso")
    unserved.settle(["contoso"])
    proxy.silence()
    began = time.monotonic()
    unserved.kubectl("delete", "service", "contoso-scim")
    unserved.apply("fabrikam")
    eventually(lambda: unserved.get("service", "contoso-scim"))
    unserved.settle(["fabrikam"])
    recovery(time.monotonic() - began)


def test_end_untold(proxy: Proxy, unserved: Namespace, recovery: Recovery) -> None:
    """While nothing tells of a tenant's end, what goes with it is not made again."""
    unserved.apply("contoso")
    unserved.settle(["contoso"])
    proxy.fault = lambda call: (
        Answer(503, "the test says no") if call.watch and "/scimtenants" in call.path else None
    )
    proxy.silence()
    before = written_within(unserved, proxy)
    seen = len(proxy.calls)
    began = time.monotonic()
    unserved.kubectl("delete", "scimtenant", "contoso")

    def asked() -> bool:
        reads = [call.path for call in proxy.calls[seen:] if call.method == "GET"]
        return any(path.endswith(f"/{unserved.name}/scimtenants/contoso") for path in reads)

    eventually(asked, 20)
    recovery(time.monotonic() - began)
    eventually(lambda: len(unserved.objects("contoso")) == KEPT)
    assert written_within(unserved, proxy) == before
    proxy.fault = lambda _: None
    unserved.apply("contoso")
    unserved.settle(["contoso"])


@pytest.mark.parametrize("code", [409, 429, 500])
def test_storm(proxy: Proxy, unserved: Namespace, recovery: Recovery, code: int) -> None:
    """Refusals for seconds delay the work and leave no trace: no Stalled, no second token."""
    until = time.monotonic() + 3
    headers = {"Retry-After": "1"} if code == 429 else {}

    def fault(call: Call) -> Answer | None:
        if call.writes and time.monotonic() < until:
            return Answer(code, "the test says no", headers)
        return None

    proxy.fault = fault
    unserved.apply_all(NAMES)
    time.sleep(max(0, until - time.monotonic()))
    unserved.settle(NAMES)
    recovery(time.monotonic() - until)
    # The API server warns of what it repairs after its store was away, which is not ours.
    events = json.loads(unserved.kubectl("get", "events", "-o", "json"))["items"]
    own = [event for event in events if event["reportingComponent"] == names.MANAGER]
    assert own
    assert {event["reason"] for event in own if event["type"] == "Warning"} <= {PENDING}
    written = written_within(unserved, proxy)
    assert len(written) == len(NAMES) * CHILDREN
    assert one_token(unserved, NAMES)


def test_retry_after(proxy: Proxy, unserved: Namespace) -> None:
    """A Retry-After is obeyed by every request, not only by the one that was refused."""
    refused: list[float] = []

    def fault(call: Call) -> Answer | None:
        if call.writes and not refused:
            refused.append(time.monotonic())
            return Answer(429, "too many requests", {"Retry-After": "2"})
        return None

    proxy.fault = fault
    unserved.apply_all(NAMES)
    unserved.settle(NAMES)
    (moment,) = refused
    # What was on its way already is let pass.
    late = [call.began - moment for call in proxy.calls if call.writes]
    assert not [seconds for seconds in late if 0.2 < seconds < 2]
    assert [seconds for seconds in late if seconds >= 2]


def stalled(namespace: Namespace, tenant: str, reason: str) -> str:
    """Wait until a tenant is stalled for a reason; return its message."""

    def seen() -> str:
        found = namespace.condition(tenant, "Stalled")
        is_it = (found.get("status"), found.get("reason")) == ("True", reason)
        return str(found["message"]) if is_it else ""

    return eventually(seen, 20)


def recovered(namespace: Namespace, tenant: str) -> float:
    """Wait until a tenant has everything; return the moment."""

    def seen() -> bool:
        condition = namespace.condition(tenant, "Stalled")
        return (
            condition.get("reason") in (None, PENDING)
            and len(namespace.objects(tenant)) == CHILDREN
        )

    eventually(seen, FAULT_SECONDS + 15)
    return time.monotonic()


@pytest.mark.usefixtures("served")
def test_obstacles(
    installation: Installation,
    unserved: Namespace,
    spare: tuple[Namespace, Namespace],
    recovery: Recovery,
) -> None:
    """A missing right, a full quota and a foreign owner are named, and waited out."""
    full, occupied = spare
    occupied.kubectl("create", "service", "clusterip", "contoso-scim", "--tcp=80")
    full.kubectl("create", "quota", "small", "--hard=services=0")
    # Without it the API server knows only that there is a quota.
    eventually(lambda: full.get("quota", "small").get("status", {}).get("hard"))
    installation.revoke("networkpolicies", "patch")
    try:
        for namespace in (unserved, full, occupied):
            namespace.apply("contoso")
        message = stalled(unserved, "contoso", "Forbidden")
    finally:
        # Other tests of the same control plane need the right, whatever becomes of this one.
        installation.grant()
    assert message == (
        f"the operator may not patch networkpolicies in namespace {unserved.name}: "
        "grant its role that right"
    )
    message = stalled(full, "contoso", "QuotaExceeded")
    assert "the quota small" in message
    assert "Service contoso-scim" in message
    full.kubectl("delete", "quota", "small")
    message = stalled(occupied, "contoso", "ForeignOwner")
    assert message.startswith("the Service contoso-scim was not created by the operator")
    assert "scim-operator.io/applied" not in json.dumps(occupied.get("service", "contoso-scim"))
    occupied.kubectl("delete", "service", "contoso-scim")
    removed = time.monotonic()
    last = max(recovered(namespace, "contoso") for namespace in (unserved, full, occupied))
    recovery(last - removed)


@pytest.mark.usefixtures("served")
def test_watch_right(installation: Installation, unserved: Namespace, recovery: Recovery) -> None:
    """A kind that cannot be watched is named by every tenant, once, until the right is back."""
    unserved.apply("contoso")
    unserved.settle(["contoso"])
    installation.revoke("poddisruptionbudgets", "watch")
    message = stalled(unserved, "contoso", "Forbidden")
    assert message.startswith("the operator may not list and watch poddisruptionbudgets")
    before = unserved.condition("contoso", "Stalled")["lastTransitionTime"]
    # As long as it takes to ask again more than once.
    time.sleep(4)
    assert unserved.condition("contoso", "Stalled")["lastTransitionTime"] == before
    installation.grant()
    granted = time.monotonic()
    recovery(recovered(unserved, "contoso") - granted)


def test_namespace_deleted(operator: Operator, unserved: Namespace, recovery: Recovery) -> None:
    """A namespace goes with its tenants, nothing holds it up, and its name can be used anew."""
    unserved.apply_all(["contoso", "fabrikam"])
    unserved.settle(["contoso", "fabrikam"])
    token = unserved.token("contoso")
    began = time.monotonic()
    unserved.kubectl("delete", "namespace", unserved.name, "--timeout=30s")
    recovery(time.monotonic() - began)
    unserved.kubectl("create", "namespace", unserved.name)
    unserved.apply("contoso")
    assert unserved.settled("contoso") != token
    assert not [
        line for line in operator.log().splitlines() if "WARNING" in line and unserved.name in line
    ]


def test_token_deleted_unseen(operator: Operator, unserved: Namespace, recovery: Recovery) -> None:
    """A token that is lost while no operator runs is replaced, and Entra's stays accepted."""
    unserved.apply("contoso")
    old = unserved.settled("contoso")
    assert operator.stop() == 0
    unserved.kubectl("delete", "secret", "contoso-scim-token")
    operator.start()
    started = time.monotonic()
    new = eventually(lambda: unserved.token("contoso"), 20)
    recovery(time.monotonic() - started)
    assert new != old
    eventually(lambda: accepted(unserved, "contoso") == [sha256(old), sha256(new)])
    assert unserved.digests("contoso")[sha256(old)]["notAfter"] is None
    eventually(lambda: unserved.condition("contoso", "TokenReady").get("reason") == "WaitingForUse")


@pytest.mark.usefixtures("served")
def test_foreign_manager(unserved: Namespace, recovery: Recovery) -> None:
    """What another manager forces on an object is undone; what it adds is left to it."""
    unserved.apply("contoso")
    unserved.settle(["contoso"])
    wanted = unserved.get("deployment", "contoso-scim")["spec"]["template"]["spec"]
    foreign = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "contoso-scim", "annotations": {"example.com/owner": "team-a"}},
        "spec": {"template": {"spec": {"automountServiceAccountToken": True}}},
    }
    unserved.kubectl(
        *("apply", "--server-side", "--force-conflicts", "--field-manager=team-a", "-f", "-"),
        stdin=json.dumps(foreign),
    )
    began = time.monotonic()
    eventually(
        lambda: unserved.get("deployment", "contoso-scim")["spec"]["template"]["spec"] == wanted
    )
    recovery(time.monotonic() - began)
    kept = unserved.get("deployment", "contoso-scim")["metadata"]["annotations"]
    assert kept["example.com/owner"] == "team-a"
