"""Reads of hostile services harm neither the operator nor other tenants."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import gzip
import json
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from scim_operator.api import names
from scim_operator.api.tenant import Key
from scim_operator.controller.observe.cache import Cache
from scim_operator.controller.observe.service_poller import ServicePoller
from scim_operator.kube.errors import ApiError
from scim_operator.kube.kinds import DEPLOYMENT, POD, REPLICA_SET, SECRET, TENANT, Kind
from scim_operator.settings import Settings

from tests.unit.operator.sample import body

Object = dict[str, Any]
Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

GOOD = json.dumps({"users": 1, "activeUsers": 1, "groups": 0}).encode()
KEY = Key("team-a", "contoso")
OTHER = Key("team-a", "fabrikam")


def controlled(kind: Kind, uid: str, name: str) -> list[Object]:
    """The owner reference to a controller."""
    return [{"kind": kind.name, "uid": uid, "name": name, "controller": True}]


class World:
    """Tenants with a pod each, and their ReplicaSets in the API server."""

    def __init__(self) -> None:
        self.settings = Settings(poll_interval=0.05, poll_in_flight=8)
        self.cache = Cache()
        self.replica_sets: dict[str, Object] = {}
        self.requests = 0

    def add(self, key: Key, address: str | None, **pod: Any) -> None:
        """Add a tenant whose pod is ready at an address."""
        tenant = body(key.name)
        tenant["metadata"]["namespace"] = key.namespace
        self.cache.put(TENANT, tenant)
        workload = names.workload(key.name)
        self.cache.put(DEPLOYMENT, self._object(key, workload))
        replica_set = self._object(key, f"{workload}-1")
        replica_set["metadata"]["ownerReferences"] = controlled(
            DEPLOYMENT, f"uid-{workload}", workload
        )
        self.replica_sets[f"{workload}-1"] = replica_set
        self.add_pod(key, f"{workload}-1-a", address, **pod)

    def add_pod(self, key: Key, name: str, address: str | None, **metadata: Any) -> None:
        """Add a pod, by default one of the tenant's ReplicaSet."""
        replica_set = f"{names.workload(key.name)}-1"
        pod = self._object(key, name) | {"spec": {}}
        pod["metadata"]["ownerReferences"] = controlled(
            REPLICA_SET, f"uid-{replica_set}", replica_set
        )
        pod["metadata"] |= metadata
        pod["status"] = {"conditions": [{"type": "Ready", "status": "True"}]}
        if address:
            pod["status"]["podIP"] = address
        self.cache.put(POD, pod)

    async def get(self, kind: Kind, namespace: str, name: str) -> Object | None:
        """Return a ReplicaSet as the API server does."""
        assert kind is REPLICA_SET
        self.requests += 1
        return self.replica_sets.get(name)

    def _object(self, key: Key, name: str) -> Object:
        return {
            "metadata": {
                "name": name,
                "namespace": key.namespace,
                "uid": f"uid-{name}",
                "resourceVersion": "1",
                "creationTimestamp": "2026-11-25T08:00:00Z",
                "labels": names.labels(key.name),
            }
        }

    @asynccontextmanager
    async def polled(
        self, port: int, enqueue: Callable[[Key], None], deadline: float = 5
    ) -> AsyncIterator[ServicePoller]:
        """A running poller."""
        poller = ServicePoller(self.cache, self.settings, self.get, enqueue, port, deadline)
        running = asyncio.create_task(poller.run())
        try:
            yield poller
            assert not running.done()
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


class Pods:
    """HTTP servers on addresses of this machine, all on one port.

    Attributes
    ----------
    sent
        Bytes that each address has sent.
    heads
        The heads of the requests that each address got.
    """

    def __init__(self) -> None:
        self.port = 0
        self.sent: dict[str, int] = {}
        self.heads: dict[str, list[bytes]] = {}
        self._servers: list[asyncio.Server] = []

    async def start(self, answer: Answer) -> str:
        """Start a server; return its address."""
        address = ".".join(["127", *(str(random.randint(1, 254)) for _ in range(3))])

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with contextlib.suppress(ConnectionError):
                head = await reader.readuntil(b"\r\n\r\n")
                self.heads.setdefault(address, []).append(head)
                write = writer.write

                def counted(data: bytes) -> None:
                    self.sent[address] = self.sent.get(address, 0) + len(data)
                    write(data)

                writer.write = counted  # type: ignore[method-assign, assignment]
                await answer(reader, writer)
            writer.close()

        server = await asyncio.start_server(serve, address, self.port)
        self.port = server.sockets[0].getsockname()[1]
        self._servers.append(server)
        return address

    async def stop(self) -> None:
        """Stop them all."""
        for server in self._servers:
            server.close()


@pytest.fixture
async def pods() -> AsyncIterator[Pods]:
    """Servers that stop after the test."""
    servers = Pods()
    yield servers
    await servers.stop()


def answer_with(payload: bytes, *fields: str, status: str = "200 OK") -> Answer:
    """Answer with a body."""

    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = [f"HTTP/1.1 {status}", f"Content-Length: {len(payload)}", *fields, "", ""]
        writer.write("\r\n".join(head).encode() + payload)
        await writer.drain()

    return answer


def answer_endlessly(head: bytes, again: bytes) -> Answer:
    """Answer endlessly."""

    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        while True:
            writer.write(again)
            await writer.drain()

    return answer


async def never_answer(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    """Never answer; end with the connection."""
    await reader.read()


OK = b"HTTP/1.1 200 OK\r\n"
MANY = json.dumps({**json.loads(GOOD), "failures": {f"k{n}": 1 for n in range(100_000)}}).encode()
HUGE = json.dumps({**json.loads(GOOD), "failures": {"x": 10**400}}).encode()
HOSTILE = {
    "an unknown host": answer_with(
        b"", f"Location: http://{'a' * 64}.example/", status="302 Found"
    ),
    "an empty label": answer_with(b"", "Location: http://a..b/", status="302 Found"),
    "500": answer_with(b"no", status="500 Internal Server Error"),
    "another protocol": answer_with(b"", "Upgrade: h2c", status="101 Switching Protocols"),
    "no HTTP": answer_endlessly(b"", b"\x00" * 1000),
    "a body without end": answer_endlessly(OK + b"\r\n", b" " * 65536),
    "chunks without end": answer_endlessly(
        OK + b"Transfer-Encoding: chunked\r\n\r\n", b"10000\r\n" + b" " * 65536 + b"\r\n"
    ),
    "header fields without end": answer_endlessly(OK, b"a:1\r\n" * 1000),
    "a header field without end": answer_endlessly(OK + b"a: ", b"b" * 65536),
    "a gzip bomb": answer_with(gzip.compress(b" " * 50_000_000), "Content-Encoding: gzip"),
    "100,000 keys": answer_with(MANY),
    "a number beyond all": answer_with(HUGE),
    "nothing": answer_with(b""),
    "an end before the end": answer_with(b"", "Content-Length: 10"),
    "interim answers without end": answer_endlessly(b"", b"HTTP/1.1 102 Processing\r\n\r\n" * 100),
}


@pytest.mark.finding(1, 2, 8, 11)
@pytest.mark.parametrize("name", HOSTILE)
async def test_hostile_answers(pods: Pods, name: str) -> None:
    """Any hostile answer is a failure of that tenant only; the others are still read."""
    world, enqueued = World(), asyncio.Event()
    world.add(KEY, await pods.start(HOSTILE[name]))
    world.add(OTHER, await pods.start(answer_with(GOOD)))

    def enqueue(key: Key) -> None:
        if key == KEY:
            enqueued.set()

    async with world.polled(pods.port, enqueue, deadline=1) as poller:
        async with asyncio.timeout(25):
            await enqueued.wait()
        assert poller.problem(KEY)
        assert poller.latest(KEY) is None
        assert poller.latest(OTHER)
        assert poller.problem(OTHER) is None


@pytest.mark.finding(2)
@pytest.mark.parametrize(
    "name", ["a body without end", "chunks without end", "header fields without end"]
)
async def test_size_limit(pods: Pods, name: str) -> None:
    """An endless answer is dropped after a bounded number of bytes, before the deadline."""
    world, enqueued = World(), asyncio.Event()
    address = await pods.start(HOSTILE[name])
    world.add(KEY, address)
    async with world.polled(pods.port, lambda _: enqueued.set()):
        async with asyncio.timeout(4):
            await enqueued.wait()
        requests = len(pods.heads[address])
    # The kernel's buffers on both sides take more than the operator reads.
    assert pods.sent[address] <= requests * 16 * 2**20


@pytest.mark.finding(1, 11)
async def test_only_the_tenants_own_pods(pods: Pods) -> None:
    """A pod with the labels of a tenant gets no request unless the tenant's ReplicaSet owns it."""
    stranger = await pods.start(answer_with(GOOD))
    world = World()
    world.add(KEY, await pods.start(answer_with(GOOD)))
    forged = controlled(REPLICA_SET, "uid-of-another", "contoso-scim-1")
    missing = controlled(REPLICA_SET, "uid-missing", "missing")
    foreign = controlled(REPLICA_SET, "uid-foreign", "foreign")
    world.replica_sets["foreign"] = {
        "metadata": {
            "uid": "uid-foreign",
            "ownerReferences": controlled(DEPLOYMENT, "uid-x", "contoso-scim"),
        }
    }
    for number, owners in enumerate(([], forged, missing, foreign)):
        world.add_pod(KEY, f"planted-{number}", stranger, ownerReferences=owners)
    read = asyncio.Event()
    async with world.polled(pods.port, lambda _: read.set()):
        async with asyncio.timeout(5):
            await read.wait()
        await asyncio.sleep(10 * world.settings.poll_interval)
    assert stranger not in pods.heads


@pytest.mark.finding(1)
@pytest.mark.parametrize("address", [None, "a..b", "::ffff:0:0%eth0 x", "metadata.example"])
async def test_pod_without_a_usable_address(pods: Pods, address: str | None) -> None:
    """A ready pod whose status has no address, or a name instead, is a problem of its tenant."""
    world, enqueued = World(), asyncio.Event()
    world.add(KEY, address)
    async with world.polled(1, lambda _: enqueued.set()) as poller:
        async with asyncio.timeout(5):
            await enqueued.wait()
        assert poller.problem(KEY)


@pytest.mark.finding("S6")
async def test_pods_that_hang(pods: Pods) -> None:
    """Pods of one namespace that never answer do not delay the reads of other namespaces."""
    world = World()
    silent = await pods.start(never_answer)
    for number in range(40):
        world.add(Key("team-a", f"silent-{number}"), silent)
    honest = Key("team-b", "honest")
    world.add(honest, await pods.start(answer_with(GOOD)))
    read = asyncio.Event()

    def enqueue(key: Key) -> None:
        if key == honest:
            read.set()

    async with world.polled(pods.port, enqueue):
        # Less than the deadline of one request.
        async with asyncio.timeout(3):
            await read.wait()


async def test_owner_is_read_once(pods: Pods) -> None:
    """The owner of a pod is read once, not before every request."""
    world = World()
    address = await pods.start(answer_with(GOOD))
    world.add(KEY, address)
    async with world.polled(pods.port, lambda _: None):
        await asyncio.sleep(10 * world.settings.poll_interval)
    assert len(pods.heads[address]) > 1
    assert world.requests == 1


async def test_owner_cannot_be_read(pods: Pods) -> None:
    """Without the right to read ReplicaSets no pod gets a request, and the problem says so."""
    world, enqueued = World(), asyncio.Event()
    world.add(KEY, await pods.start(answer_with(GOOD)))

    async def refuse(*_: object) -> None:
        raise ApiError(403, "cannot get resource replicasets")

    world.get = refuse  # type: ignore[method-assign, assignment]
    async with world.polled(pods.port, lambda _: enqueued.set()) as poller:
        async with asyncio.timeout(5):
            await enqueued.wait()
        problem = poller.problem(KEY)
    assert problem
    assert "replicasets" in problem.message


def access(credential: bytes, version: int) -> Object:
    """The Secret with the credential of the management port."""
    return {
        "metadata": {
            "name": names.access_secret(KEY.name),
            "namespace": KEY.namespace,
            "resourceVersion": str(version),
            "labels": names.labels(KEY.name),
        },
        "data": {"token": base64.b64encode(credential).decode()},
    }


async def test_credential(pods: Pods) -> None:
    """A request has the tenant's own credential, and asks for uncompressed JSON."""
    world, read = World(), asyncio.Event()
    address = await pods.start(answer_with(GOOD))
    world.add(KEY, address)
    world.cache.put(SECRET, access(b"secret", 1))
    async with world.polled(pods.port, lambda _: read.set()), asyncio.timeout(5):
        await read.wait()
    head = pods.heads[address][0].decode()
    assert "Authorization: Bearer secret\r\n" in head
    assert "Accept-Encoding: identity\r\n" in head


async def test_rotated_credential(pods: Pods) -> None:
    """The old credential is sent until the pod refuses it: the pod gets the new one later."""
    world, accepted = World(), b"old"
    sent = asyncio.Queue[bytes]()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        _, _, rest = pods.heads[address][-1].partition(b"Authorization: Bearer ")
        credential = rest.partition(b"\r\n")[0]
        is_good = credential == accepted
        status = "200 OK" if is_good else "401 Unauthorized"
        await answer_with(GOOD if is_good else b"", status=status)(reader, writer)
        sent.put_nowait(credential)

    address = await pods.start(answer)
    world.add(KEY, address)
    world.cache.put(SECRET, access(b"old", 1))
    async with world.polled(pods.port, lambda _: None) as poller, asyncio.timeout(10):
        await sent.get()
        world.cache.put(SECRET, access(b"new", 2))
        assert {await sent.get() for _ in range(5)} == {b"old"}
        accepted = b"new"
        # One request may have been in flight during the change, and one is refused.
        later = [await sent.get() for _ in range(8)]
        assert later.count(b"old") <= 2
        assert later[2:] == [b"new"] * 6
        assert poller.problem(KEY) is None
