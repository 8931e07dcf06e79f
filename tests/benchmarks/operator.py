"""The operator at scale: what is measured on a control plane of its own, and what is asked of it.

A tenant counts as done when its last status is written, after all of its objects. The bare client
applies as many ScimTenants and the same objects of theirs, but no status.
"""

import asyncio
import contextlib
import statistics
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from prometheus_client.parser import text_string_to_metric_families
from scim_operator.api import names
from scim_operator.kube.kinds import DEPLOYMENT, POD, SERVICE, TENANT, WATCHED, Kind
from scim_operator.settings import Settings

from tests.benchmarks.bare import Client, Object, children, specified
from tests.benchmarks.samples import Row, Say
from tests.benchmarks.server import Server
from tests.cluster import ControlPlane
from tests.cluster.control_plane import free_ports
from tests.operator.install import Installation, defined
from tests.operator.proxy import Call
from tests.operator.world import Namespace, Operator

SAMPLES = 100
"""Changes to measure the time of an answer by, of each kind."""

GAP_S = 0.05
"""Between two changes."""

RESYNC_S = 20
"""In which every tenant is looked at once more after the restart."""

_LIMIT_S = 1800
_STORAGE_CLASS = """
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata:
  name: none
  annotations: {storageclass.kubernetes.io/is-default-class: "true"}
provisioner: example.com/none
volumeBindingMode: WaitForFirstConsumer
"""
"""Volumes stay pending, as pods do; without a class every tenant's status would say so."""


def measure(tenants: list[int], *, say: Say) -> list[Row]:
    """Measure everything, with each number of tenants on a fresh control plane."""
    rows: list[Row] = []
    times: dict[int, tuple[float, float]] = {}
    with tempfile.TemporaryDirectory(prefix="scim-benchmark-") as name:
        for size in tenants:
            with defined() as cluster:
                cluster.kubectl("apply", "-f", "-", stdin=_STORAGE_CLASS)
                run = _Run(cluster, Path(name), size, say)
                if not rows:
                    rows += run.requests()
                rows += asyncio.run(run.measure())
                times[size] = (run.seconds, run.bare_seconds)
    smallest, largest = min(tenants), max(tenants)
    if largest > smallest:
        subject = f"{largest:,} / {smallest:,} tenants"
        operator, bare = (
            of_largest / largest / (of_smallest / smallest)
            for of_largest, of_smallest in zip(times[largest], times[smallest], strict=True)
        )
        note = f"bare client {bare:.2f}"
        name = "time for each tenant"
        rows.append(Row(name, subject, operator, "", 1.2, higher=False, note=note))
    return rows


class _Change(NamedTuple):
    """Something that the operator answers by writing an object.

    Attributes
    ----------
    kind
        Of the object.
    send
        Makes the change to a tenant.
    is_answered
        Tells from the object before and now whether the operator has done its part.
    """

    kind: Kind
    send: Callable[[Client, str], Awaitable[object]]
    is_answered: Callable[[Object, Object], bool]


_SPEC = _Change(
    DEPLOYMENT,
    lambda client, tenant: client.merge(
        TENANT, "served", tenant, {"spec": {"nodeSelector": {"example.com/changed": "yes"}}}
    ),
    lambda _, now: "nodeSelector" in now["spec"]["template"]["spec"],
)
_EDIT = _Change(
    DEPLOYMENT,
    lambda client, tenant: client.merge(
        DEPLOYMENT, "served", names.workload(tenant), {"spec": {"replicas": 3}}
    ),
    lambda before, now: (
        now["spec"]["replicas"] == before["spec"]["replicas"]
        and now["metadata"]["generation"] > before["metadata"]["generation"]
    ),
)
_DELETION = _Change(
    SERVICE,
    lambda client, tenant: client.request("DELETE", SERVICE.path("served", names.workload(tenant))),
    lambda before, now: now["metadata"]["uid"] != before["metadata"]["uid"],
)


@dataclass(slots=True)
class _Metrics:
    """What the operator says of itself."""

    port: int

    def read(self) -> Counter[tuple[str, str]]:
        """Return the sums of what is counted, by name and HTTP method."""
        url = f"http://127.0.0.1:{self.port}/metrics"
        with urllib.request.urlopen(url, timeout=10) as answer:
            text = answer.read().decode()
        found: Counter[tuple[str, str]] = Counter()
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                found[sample.name, sample.labels.get("method", "")] += sample.value  # type: ignore[assignment]
        return found

    async def wait(self, name: str, least: int) -> None:
        """Wait until something is counted so often."""
        deadline = time.monotonic() + _LIMIT_S
        while True:
            began = time.monotonic()
            with contextlib.suppress(OSError):
                if (await asyncio.to_thread(self.read))[name, ""] >= least:
                    return
            if began > deadline:
                raise TimeoutError(f"{name} does not come to {least}")
            # With thousands of tenants a reading takes the operator from its work for long.
            await asyncio.sleep(max(0.1, 10 * (time.monotonic() - began)))


class _Run:
    """One number of tenants on one control plane."""

    def __init__(self, cluster: ControlPlane, folder: Path, size: int, say: Say) -> None:
        self.seconds = 0.0
        self.bare_seconds = 0.0
        self._cluster = cluster
        self._folder = folder
        self._size = size
        self._say = say
        self._subject = f"{size:,} tenants"
        self._settings = Settings()

    def requests(self) -> list[Row]:
        """Count what one new tenant costs, by a proxy that sees every request."""
        self._say("one tenant")
        namespace = Namespace(self._cluster, "one")
        installation = Installation(self._cluster, self._folder)
        with installation.operator("one") as (operator, proxy):
            namespace.apply("first")
            namespace.settle(["first"])
            before = len(proxy.calls)
            namespace.apply("second")
            namespace.settle(["second"])
            # Until the Deployment's last word on a pod that no node takes has been told.
            time.sleep(5)
            calls = [call for call in proxy.calls[before:] if not call.watch]
            operator.stop()
        listed = Counter(_summary(call) for call in calls)
        note = ", ".join(f"{number} {what}" for what, number in sorted(listed.items()))
        return [Row("API requests", "a new tenant", len(calls), "", 15, higher=False, note=note)]

    async def measure(self) -> list[Row]:
        """Measure with many tenants."""
        async with Client(self._cluster) as client:
            self.bare_seconds = await self._bare(client)
            (port,) = free_ports(1)
            self._metrics = _Metrics(port)
            self._cluster.kubectl("create", "namespace", "served")
            operator = self._operator(port)
            try:
                rows = await self._creation(client, operator)
                rows += await self._answers(client)
                rows += self._memory(operator)
            finally:
                operator.stop()
            again = self._operator(port, resync_interval=str(RESYNC_S))
            try:
                rows += await self._restart()
            finally:
                again.stop()
        return rows

    def _operator(self, port: int, **settings: str) -> Operator:
        operator = Operator(
            self._cluster,
            self._folder / f"{self._size}.log",
            port=str(port),
            log_level="info",
            watch_namespaces="served",
            **settings,
        )
        operator.start()
        return operator

    async def _bare(self, client: Client) -> float:
        self._say(f"{self._subject}, by a bare client")
        self._cluster.kubectl("create", "namespace", "bare")
        began = time.perf_counter()
        made = await client.apply_all(specified("bare", self._size))
        seconds = time.perf_counter() - began
        objects = [each for tenant in made for each in children(tenant, self._settings)]
        began = time.perf_counter()
        await client.apply_all(objects)
        seconds += time.perf_counter() - began
        # The controllers' work on them is not to fall into the operator's time.
        await self._settled(client, "bare")
        return seconds

    async def _settled(self, client: Client, namespace: str) -> None:
        deadline = time.monotonic() + _LIMIT_S
        while len((await client.list(POD, namespace))["items"]) < self._size:
            assert time.monotonic() < deadline, f"not every Deployment in {namespace} has a pod"
            await asyncio.sleep(1)

    async def _creation(self, client: Client, operator: Operator) -> list[Row]:
        self._say(f"{self._subject}, by the operator")
        await self._metrics.wait("process_start_time_seconds", 1)
        began = time.perf_counter()
        await client.apply_all(specified("served", self._size))
        await self._metrics.wait("scim_operator_tenants", self._size)
        self.seconds = time.perf_counter() - began
        await self._verify(client)
        await self._settled(client, "served")
        note = f"operator {self.seconds:.1f} s, bare client {self.bare_seconds:.1f} s"
        ratio = self.seconds / self.bare_seconds
        name = "all applied, all statuses written / bare client"
        return [Row(name, self._subject, ratio, "", 2.0, higher=False, note=note)]

    async def _verify(self, client: Client) -> None:
        """Hold what the operator says against what is there."""
        for tenant in (await client.list(TENANT, "served"))["items"]:
            status = tenant["status"]
            assert status["observedGeneration"] == tenant["metadata"]["generation"], tenant
            assert status["tokens"], tenant
        expected = len(children(tenant, self._settings)) * self._size
        kinds = [kind for kind in WATCHED if kind is not POD and not kind.optional]
        label = names.TENANT_LABEL
        listed = [(await client.list(kind, "served"))["items"] for kind in kinds]
        found = sum(label in body["metadata"].get("labels", {}) for each in listed for body in each)
        assert found == expected, f"{found} objects instead of {expected}"
        assert not (await asyncio.to_thread(self._metrics.read))[
            "controller_runtime_reconcile_errors_total", ""
        ]

    async def _answers(self, client: Client) -> list[Row]:
        """Change specs and objects of tenants at rest, and see how soon that is answered."""
        self._say(f"{self._subject}, changes")
        spec = await self._latencies(client, _SPEC)
        edited = await self._latencies(client, _EDIT)
        deleted = await self._latencies(client, _DELETION)
        return [
            Row(name, self._subject, _p95(found), "s", target, False, f"p50 {_p50(found):.2f} s")
            for name, found, target in (
                ("spec change to Deployment patched, p95", spec, 1.0),
                ("edited Deployment to repaired, p95", edited, 2.0),
                ("deleted Service to repaired, p95", deleted, 2.0),
            )
        ]

    async def _latencies(self, client: Client, change: _Change) -> list[float]:
        kind = change.kind
        listed = await client.list(kind, "served")
        bodies = {body["metadata"]["name"]: body for body in listed["items"]}
        waiting: dict[str, float] = {}
        seconds: list[float] = []

        count = min(SAMPLES, self._size)

        async def look() -> None:
            version = listed["metadata"]["resourceVersion"]
            async for body in client.watch(kind, "served", version):
                name = body["metadata"]["name"]
                if name in waiting and change.is_answered(bodies[name], body):
                    seconds.append(time.perf_counter() - waiting.pop(name))
                    if len(seconds) == count:
                        return

        async with asyncio.timeout(120), asyncio.TaskGroup() as group:
            group.create_task(look())
            for number in range(count):
                # Spread over all tenants, not the first ones only.
                tenant = f"tenant-{number * self._size // count}"
                # Before it is sent: the answer may be seen before the request returns.
                waiting[names.workload(tenant)] = time.perf_counter()
                await change.send(client, tenant)
                await asyncio.sleep(GAP_S)
        return seconds

    def _memory(self, operator: Operator) -> list[Row]:
        target = 150 if self._size <= 1000 else 250
        peak = Server("", operator.pid, 0).memory("VmHWM")
        return [Row("memory, peak", self._subject, peak, "MB", target, higher=False)]

    async def _restart(self) -> list[Row]:
        """Count what a start with nothing to do and a resync of everything ask and write."""
        self._say(f"{self._subject}, restart and resync")
        began = time.perf_counter()
        passes = "controller_runtime_reconcile_total"
        await self._metrics.wait(passes, self._size)
        seconds = time.perf_counter() - began
        first = await asyncio.to_thread(self._metrics.read)
        await self._metrics.wait(passes, 2 * self._size)
        second = await asyncio.to_thread(self._metrics.read)
        return [
            *self._counted("restart", first, f"{seconds:.1f} s to the last tenant"),
            *self._counted("resync", second - first, ""),
        ]

    def _counted(self, when: str, metrics: Counter[tuple[str, str]], note: str) -> list[Row]:
        name = "rest_client_requests_total"
        reads = metrics[name, "GET"]
        writes = sum(metrics[name, method] for method in ("PATCH", "POST", "PUT", "DELETE"))
        return [
            Row(f"{when}: writes", self._subject, writes, "", 0, False, note),
            # Lists come in pages of 200 objects, and a tenant has eight with its pod.
            Row(f"{when}: reads", self._subject, reads, "", 100 + self._size / 10, False),
        ]


def _summary(call: Call) -> str:
    """Name a request by its method, kind and subresource: ``PATCH scimtenants/status``."""
    _, root, *rest = call.path.split("/")
    rest = rest[1:] if root == "api" else rest[2:]
    kind, *more = rest[2:] if rest[0] == "namespaces" else rest
    return "/".join([f"{call.method} {kind}", *more[1:]])


def _p50(seconds: list[float]) -> float:
    return statistics.median(seconds)


def _p95(seconds: list[float]) -> float:
    return statistics.quantiles(seconds, n=20, method="inclusive")[-1]
