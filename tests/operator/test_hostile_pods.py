"""Pods that were taken over, or planted, beside an operator at work."""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from scim_operator.api import names
from scim_operator.cli.cluster.client import Cluster
from scim_operator.cli.cluster.kubeconfig import Choice
from scim_operator.cli.cluster.pods import find_ready_pod
from scim_operator.cli.cluster.tenant_client import connect, connect_directly
from scim_operator.cli.cluster.tenants import read_tenant
from scim_operator.cli.errors import ClusterError
from scim_operator.desired.tokens import token_format

from tests.cluster import ControlPlane
from tests.operator.world import Namespace, Object, Operator, eventually
from tests.service.program import free_port

PORT = names.MANAGEMENT_PORT


class Impostor:
    """An HTTP server in a pod's place.

    Attributes
    ----------
    address
        Where it listens.
    answer
        Status, header fields and body of each answer.
    tokens
        The Authorization of each request that it got.
    """

    def __init__(self) -> None:
        self.address = ".".join(["127", *(str(random.randint(1, 254)) for _ in range(3))])
        self.answer: tuple[int, dict[str, str], bytes] = (200, {}, b"{}")
        self.tokens: list[str | None] = []

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Listen on the management port."""
        impostor = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                impostor.tokens.append(self.headers.get("Authorization"))
                status, fields, payload = impostor.answer
                self.send_response(status)
                for name, value in fields.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(payload)))
                self.end_headers()
                self.wfile.write(payload)

            def log_message(self, *_: object) -> None:
                pass

        server = ThreadingHTTPServer((self.address, PORT), Handler)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()
            server.server_close()


@pytest.fixture
def impostor() -> Iterator[Impostor]:
    """One that listens."""
    found = Impostor()
    with found.listening():
        yield found


@pytest.fixture
def metrics() -> str:
    """The page with the operator's metrics."""
    return f"http://127.0.0.1:{free_port()}/metrics"


@pytest.fixture
def poller(
    cluster: ControlPlane, admission: Namespace, metrics: str, tmp_path: Path
) -> Iterator[Operator]:
    """An operator that reads the pods of one namespace often."""
    process = Operator(
        cluster,
        tmp_path / "log",
        watch_namespaces=admission.name,
        poll_interval="0.3",
        leader_elect="false",
        port=str(httpx.URL(metrics).port),
    )
    process.start()
    yield process
    assert process.stop() == 0


def _serving(namespace: Namespace, impostor: Impostor) -> None:
    """Have a tenant whose own pod is the impostor."""
    namespace.apply("contoso", {"token": {"overlap": "40m"}})
    namespace.settled("contoso")
    (pod,) = eventually(lambda: namespace.pods("contoso"))
    namespace.run(pod["metadata"]["name"], impostor.address)


def _told(namespace: Namespace, reason: str) -> None:
    """Wait until the condition Provisioning has a reason."""
    eventually(lambda: namespace.condition("contoso", "Provisioning").get("reason") == reason)


LIES: dict[str, tuple[int, dict[str, str], bytes]] = {
    "a name that cannot be": (302, {"Location": f"http://{'a' * 64}.example/"}, b""),
    "an empty label": (302, {"Location": "http://a..b/"}, b""),
    "a number beyond all": (
        200,
        {},
        json.dumps({"users": 10**400, "activeUsers": 1, "groups": 1}).encode(),
    ),
    "the year 9999": (
        200,
        {},
        json.dumps(
            {"users": 1, "activeUsers": 1, "groups": 1, "lastRequest": "9999-12-31T23:59:59Z"}
        ).encode(),
    ),
    "a long key": (
        200,
        {},
        json.dumps(
            {"users": 1, "activeUsers": 1, "groups": 1, "failures": {"x" * 40_000: 1}}
        ).encode(),
    ),
}


@pytest.mark.finding(1, 8, 11, 21)
def test_lying_pod(
    poller: Operator, admission: Namespace, impostor: Impostor, metrics: str
) -> None:
    """A lie is Provisioning=Unknown; the tenant is repaired and rotated, and /metrics answers."""
    _serving(admission, impostor)
    for number, answer in enumerate(LIES.values()):
        impostor.answer = (
            200,
            {},
            json.dumps(dict.fromkeys(("users", "activeUsers", "groups"), number)).encode(),
        )
        _told(admission, "WaitingForEntra")
        impostor.answer = answer
        _told(admission, "ReportInvalid")
        assert admission.condition("contoso", "Provisioning")["status"] == "Unknown"
        admission.repair("contoso")
        token = admission.token("contoso")
        admission.kubectl(
            *("annotate", "sct", "contoso", "--overwrite"),
            f"scim-operator.io/rotate-token=force-{number}",
        )
        eventually(lambda: admission.token("contoso") != token)  # noqa: B023
        assert httpx.get(metrics).status_code == 200


@pytest.mark.finding(21)
def test_lie_about_use(poller: Operator, admission: Namespace, impostor: Impostor) -> None:
    """A pod that says that the new token is used ends the old one only with the proof of it."""
    _serving(admission, impostor)
    old = admission.token("contoso")
    admission.kubectl("annotate", "sct", "contoso", "scim-operator.io/rotate-token=1")
    eventually(lambda: len(admission.digests("contoso")) == 2)
    token = admission.token("contoso")
    before, new = admission.digests("contoso").values()

    def say(proof: str | None) -> None:
        use = {"id": new["id"], "lastUsed": "2031-01-01T00:00:00Z", "proof": proof}
        status = dict.fromkeys(("users", "activeUsers", "groups"), 1) | {"tokens": [use]}
        impostor.answer = (200, {}, json.dumps(status).encode())

    def waits() -> bool:
        found = admission.condition("contoso", "TokenReady").get("reason")
        return bool(found == "WaitingForProof")

    for lie in (None, "0" * 64, new["sha256"], token_format.compute_proof(old, new["id"])):
        say(lie)
        eventually(waits)
        admission.repair("contoso")
        assert admission.digests("contoso")[before["sha256"]]["notAfter"] is None

    say(token_format.compute_proof(token, new["id"]))
    eventually(lambda: admission.digests("contoso")[before["sha256"]]["notAfter"])
    shown = admission.get("sct", "contoso")["status"]["tokens"]
    assert [("confirmedAt" in each) for each in shown] == [False, True]
    assert token_format.compute_proof(token, new["id"]) not in json.dumps(
        admission.get("sct", "contoso")
    )


@pytest.mark.finding(1, 17)
def test_planted_pod(
    cluster: ControlPlane,
    poller: Operator,
    admission: Namespace,
    impostor: Impostor,
    request: pytest.FixtureRequest,
) -> None:
    """A pod with the labels of a tenant that does not own it gets no request and no token."""
    admission.apply("contoso")
    admission.settled("contoso")
    (own,) = eventually(lambda: admission.pods("contoso"))
    planted: Object = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "a-planted", "labels": {names.TENANT_LABEL: "contoso"}},
        "spec": {"containers": [{"name": "scim", "image": "planted"}]},
    }
    admission.kubectl("apply", "-f", "-", stdin=json.dumps(planted))
    admission.run("a-planted", impostor.address)
    # In every other respect it is as the tenant's own.
    labels = [f"{key}={value}" for key, value in names.labels("contoso").items()]
    admission.kubectl("label", "pod", "a-planted", "--overwrite", *labels)

    plugin = Cluster.connect(Choice(str(cluster.kubeconfig), namespace=admission.name))
    request.addfinalizer(plugin.close)
    tenant = read_tenant(plugin, "contoso")
    with pytest.raises(ClusterError, match=r"no pod of .* is ready"):
        find_ready_pod(plugin, tenant)
    honest = Impostor()
    honest.answer = (200, {}, json.dumps({"users": 7, "activeUsers": 7, "groups": 7}).encode())
    with honest.listening():
        admission.run(own["metadata"]["name"], honest.address)
        eventually(lambda: admission.get("sct", "contoso")["status"].get("users") == 7)
        assert find_ready_pod(plugin, tenant) == own["metadata"]["name"]
    assert impostor.tokens == []


@pytest.mark.finding(17)
def test_no_token_in_the_clear(
    cluster: ControlPlane,
    namespace: Namespace,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    """The plugin sends nothing to a Tenant URL without https, whichever host its name leads to."""
    namespace.apply("contoso")
    token = namespace.settled("contoso")
    plugin = Cluster.connect(Choice(str(cluster.kubeconfig), namespace=namespace.name))
    request.addfinalizer(plugin.close)
    tenant = read_tenant(plugin, "contoso")
    assert (tenant.status.tenant_url or "").startswith("http://")

    def resolve(*_: object, **__: object) -> None:
        raise AssertionError("a name was looked up")

    monkeypatch.setattr("socket.create_connection", resolve)
    with pytest.raises(ClusterError, match="inside the cluster only"):
        connect_directly(tenant, token)
    monkeypatch.setattr("scim_operator.cli.cluster.port_forward.open_port", resolve)
    with pytest.raises(ClusterError, match=r"no pod of .* is ready"):
        connect(plugin, tenant, token)
