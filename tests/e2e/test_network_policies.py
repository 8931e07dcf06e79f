"""NetworkPolicies in force: who reaches a tenant's ports, and where a tenant's pod gets to."""

import shlex
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from scim_operator.api.names import MANAGEMENT_PORT, SCIM_PORT

from tests.cluster.layout import NODE_ADDRESS
from tests.e2e.conftest import DATABASE_PORT, install_release, make_tenant
from tests.e2e.platform import NAMESPACE, Manifest, Tenant, apply, pods, run, wait_until

API_PORT = 6443
DNS_PORT = 53
OTHER_PORT = 9443

# Listens on its arguments' TCP ports, and answers on UDP port 53.
LISTEN = f"""
import asyncio, sys

class Echo(asyncio.DatagramProtocol):
    def connection_made(self, transport):
        self.transport = transport
    def datagram_received(self, data, address):
        self.transport.sendto(data, address)

async def main():
    for port in sys.argv[1:]:
        await asyncio.start_server(lambda reader, writer: writer.close(), "0.0.0.0", int(port))
    await asyncio.get_running_loop().create_datagram_endpoint(
        Echo, local_addr=("0.0.0.0", {DNS_PORT}))
    await asyncio.Event().wait()

asyncio.run(main())
"""
# Prints whether something answers at a protocol, an address and a port.
REACH = """
import socket, sys
protocol, address, port = sys.argv[1:]
kind = socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM
with socket.socket(socket.AF_INET, kind) as connection:
    connection.settimeout(2)
    try:
        connection.connect((address, int(port)))
        if protocol == "udp":
            connection.send(b"?")
            connection.recv(1)
        print("yes")
    except OSError:
        print("no")
"""


@dataclass(frozen=True)
class Pod:
    """A running pod with Python in it."""

    name: str
    namespace: str
    address: str

    def reaches(self, address: str, port: int, protocol: str = "tcp") -> bool:
        """Try to get there, for at most two seconds."""
        said = run(
            f"kubectl exec -n {self.namespace} {self.name} --"
            f" python3 -c {shlex.quote(REACH)} {protocol} {address} {port}"
        )
        return said.strip() == "yes"


def pod(selector: str, namespace: str) -> Pod:
    """Return the pod that runs with these labels."""
    [found] = pods(selector, namespace)
    return Pod(found["metadata"]["name"], namespace, found["status"]["podIP"])


def pod_of(tenant: Tenant) -> Pod:
    """Return the pod of a tenant."""
    return pod(tenant.selector, tenant.namespace)


@pytest.fixture(scope="module", autouse=True)
def policies(images: dict[str, str], release: None) -> Iterator[None]:
    """Tenants are open to the role ingress, and their management to the role monitoring."""
    del release
    peer = "namespaceSelector.matchLabels.role"
    install_release(
        images,
        f"tenantNetworkPolicies.scimPeers[0].{peer}=ingress",
        f"tenantNetworkPolicies.managementPeers[0].{peer}=monitoring",
    )
    yield
    install_release(images)


@pytest.fixture(scope="module")
def clients(namespace: str, images: dict[str, str]) -> Iterator[dict[str, Pod]]:
    """A pod that listens in a namespace of its own for each role; none is under any policy."""
    made = {}
    for role in ("ingress", "monitoring", "stranger"):
        space = f"{namespace}-{role}"
        metadata = {"name": space, "labels": {"role": role}}
        apply({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
        ports = [str(port) for port in (DNS_PORT, OTHER_PORT)]
        container = {
            "name": "main",
            "image": images["service"],
            "command": ["python3", "-c", LISTEN, *ports],
        }
        apply(
            {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {"name": role, "namespace": space, "labels": {"role": role}},
                "spec": {"containers": [container], "terminationGracePeriodSeconds": 0},
            }
        )
        run(f"kubectl wait pod {role} -n {space} --for=condition=Ready --timeout=60s")
        made[role] = pod(f"role={role}", space)
    yield made
    for each in made.values():
        run(f"kubectl delete namespace {each.namespace} --timeout=60s")


@pytest.fixture(scope="module")
def operator_pod() -> Pod:
    """The operator's pod."""
    return pod("app.kubernetes.io/name=scim-operator", NAMESPACE)


def test_in(tenant: Tenant, clients: dict[str, Pod], operator_pod: Pod) -> None:
    """SCIM from the ingress, management from monitoring and the operator, nothing from others."""
    address = pod_of(tenant).address
    wait_until("the policy", lambda: not clients["stranger"].reaches(address, SCIM_PORT))
    callers = {**clients, "operator": operator_pod}

    def allowed(port: int) -> set[str]:
        return {name for name, caller in callers.items() if caller.reaches(address, port)}

    assert allowed(SCIM_PORT) == {"ingress"}
    assert allowed(MANAGEMENT_PORT) == {"monitoring", "operator"}


@pytest.mark.finding(11)
@pytest.mark.usefixtures("database")
def test_operator_out(tenant: Tenant, clients: dict[str, Pod], operator_pod: Pod) -> None:
    """The operator gets to the API server and its tenants' management ports, and nowhere else."""
    server, inside = clients["stranger"].address, pod_of(tenant).address
    targets = {
        "API server": (NODE_ADDRESS, API_PORT, "tcp"),
        "management": (inside, MANAGEMENT_PORT, "tcp"),
        "names": (server, DNS_PORT, "udp"),
        "names over TCP": (server, DNS_PORT, "tcp"),
        "anything": (server, OTHER_PORT, "tcp"),
        "database": (NODE_ADDRESS, DATABASE_PORT, "tcp"),
    }
    reached = {name for name, target in targets.items() if operator_pod.reaches(*target)}
    assert reached == {"API server", "management"}
    from_monitoring = clients["monitoring"]
    assert all(from_monitoring.reaches(*target) for target in targets.values())


@pytest.mark.usefixtures("database")
def test_out(tenant: Tenant, clients: dict[str, Pod]) -> None:
    """A tenant on SQLite asks for names and gets nowhere else, not even to the API server."""
    inside, server = pod_of(tenant), clients["stranger"].address
    targets = {
        "names": (server, DNS_PORT, "udp"),
        "names over TCP": (server, DNS_PORT, "tcp"),
        "anything": (server, OTHER_PORT, "tcp"),
        "API server": (NODE_ADDRESS, API_PORT, "tcp"),
        "database": (NODE_ADDRESS, DATABASE_PORT, "tcp"),
    }

    def reached(caller: Pod) -> set[str]:
        return {name for name, target in targets.items() if caller.reaches(*target)}

    assert reached(clients["ingress"]) == set(targets), "all there is to reach"
    assert reached(inside) == {"names", "names over TCP"}


def test_database(namespace: str, clients: dict[str, Pod], database: Manifest) -> None:
    """A tenant on PostgreSQL reaches its database as well, and nothing more."""
    inside = pod_of(make_tenant("fabrikam", namespace, database=database))
    assert inside.reaches(NODE_ADDRESS, DATABASE_PORT)
    assert not inside.reaches(NODE_ADDRESS, API_PORT)
    assert not inside.reaches(clients["stranger"].address, OTHER_PORT)
