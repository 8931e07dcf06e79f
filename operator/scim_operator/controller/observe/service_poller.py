"""Reads each tenant's counts from its service's management port, one after the other.

The readings are spread over the interval, so that they are a steady trickle however many tenants
there are, and a tenant is woken only by a reading that differs from the one before.

A pod may be hostile. It is asked only if the tenant's own ReplicaSet controls it; its answer is
followed nowhere, is not decompressed, and is bounded in size and time; whatever a reading raises is
that tenant's failed reading. One namespace has at most a quarter of the readings in flight, and a
tenant that keeps failing is asked less and less often, so that pods that do not answer hold up no
other tenant's reading.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import random
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable

import aiohttp

from scim_operator import metrics
from scim_operator.api import names
from scim_operator.api.service_status import (
    MOST_BYTES,
    Problem,
    ServiceStatus,
    UnreadableError,
    read,
)
from scim_operator.api.tenant import Key
from scim_operator.controller.observe.cache import Cache, Object
from scim_operator.kube import pod_owners, secret_data
from scim_operator.kube.errors import ApiError
from scim_operator.kube.kinds import DEPLOYMENT, REPLICA_SET, SECRET, Kind
from scim_operator.settings import Settings

_LOG = logging.getLogger(__name__)
_DEADLINE_S = 5.0
_BLIPS = 2
"""Failed readings in a row that may be a restart and are not worth telling."""
_LONGEST_PAUSE_S = 300.0
_SHARE = 4
"""A namespace has at most this part of the readings in flight."""
_MOST_FIELDS = 32
_MOST_FIELD_BYTES = 2048

Get = Callable[[Kind, str, str], Awaitable[Object | None]]
"""Reads an object from the API server; None if it is not there."""


class ServicePoller:
    """The latest readings.

    Parameters
    ----------
    get
        For the ReplicaSets, which are not watched.
    wake
        Called with a tenant whose reading has changed.
    port
        The services' management port.
    deadline
        Seconds that one reading may take.
    """

    def __init__(
        self,
        cache: Cache,
        settings: Settings,
        get: Get,
        enqueue: Callable[[Key], None],
        port: int = names.MANAGEMENT_PORT,
        deadline: float = _DEADLINE_S,
    ) -> None:
        self._cache = cache
        self._settings = settings
        self._get = get
        self._enqueue = enqueue
        self._port = port
        self._deadline = deadline
        self._slots = asyncio.Semaphore(settings.poll_in_flight)
        share = max(1, settings.poll_in_flight // _SHARE)
        self._shares: defaultdict[str, asyncio.Semaphore] = defaultdict(
            lambda: asyncio.Semaphore(share)
        )
        self._reading: set[Key] = set()
        self._replica_sets: dict[Key, str] = {}
        self._reports: dict[Key, ServiceStatus] = {}
        self._failures: dict[Key, int] = {}
        self._problems: dict[Key, Problem] = {}
        self._not_before: dict[Key, float] = {}
        self._credentials: dict[Key, str] = {}

    def report(self, key: Key) -> ServiceStatus | None:
        """Return the last reading; None if there was none since the operator's start."""
        return self._reports.get(key)

    def problem(self, key: Key) -> Problem | None:
        """Return why a service that runs could not be read several times in a row."""
        return self._problems.get(key) if self._failures.get(key, 0) > _BLIPS else None

    async def run(self) -> None:
        """Read until cancelled."""
        settings = self._settings
        async with self._session() as session, asyncio.TaskGroup() as group:
            while True:
                keys = self._cache.tenants()
                self._forget_except(set(keys))
                random.shuffle(keys)
                cycle = max(settings.poll_interval, len(keys) / settings.poll_rate)
                for key in keys:
                    if self._is_due(key):
                        self._reading.add(key)
                        group.create_task(self._attempt(session, key))
                    await asyncio.sleep(cycle / len(keys))
                if not keys:
                    await asyncio.sleep(1)

    def _session(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=self._deadline),
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            max_line_size=_MOST_FIELD_BYTES,
            max_field_size=_MOST_FIELD_BYTES,
            max_headers=_MOST_FIELDS,
        )

    def _is_due(self, key: Key) -> bool:
        return key not in self._reading and time.monotonic() >= self._not_before.get(key, 0)

    def _forget_except(self, keys: set[Key]) -> None:
        for known in (
            *(self._reports, self._failures, self._problems),
            *(self._not_before, self._replica_sets, self._credentials),
        ):
            for key in known.keys() - keys:
                known.pop(key)
        for namespace in self._shares.keys() - {key.namespace for key in keys}:
            # One that a reading still holds is needed until that reading ends.
            if not any(key.namespace == namespace for key in self._reading):
                self._shares.pop(namespace)

    async def _attempt(self, session: aiohttp.ClientSession, key: Key) -> None:
        try:
            async with self._shares[key.namespace], self._slots:
                await self._read(session, key)
        except UnreadableError as error:
            self._fail(key, error.problem)
        except Exception as error:  # whatever it is, it must not end the poller
            self._fail(
                key,
                Problem(
                    "Unreachable",
                    "the operator cannot read the service's counts: if the pod runs, check that "
                    f"port {self._port} may be reached from the operator's namespace",
                ),
                error,
            )
        finally:
            self._reading.discard(key)

    async def _read(self, session: aiohttp.ClientSession, key: Key) -> None:
        pods = [pod for pod in self._cache.pods(key) if pod_owners.is_ready(pod)]
        own = [pod for pod in pods if await self._is_own(key, pod)]
        if not own:
            self._failures.pop(key, None)
            return
        address = ipaddress.ip_address(random.choice(own)["status"]["podIP"])  # noqa: S311
        host = f"[{address}]" if address.version == 6 else str(address)
        credential = self._credential(key)
        async with session.get(
            f"http://{host}:{self._port}/-/status",
            headers=_headers(credential),
            allow_redirects=False,
        ) as response:
            if response.status == 401:
                self._credentials.pop(key, None)
            if response.status != 200:
                raise UnreadableError(_refused(response.status))
            if response.headers.get("Content-Encoding", "identity") != "identity":
                raise UnreadableError(_refused("in a compressed form"))
            report = read(await _body(response))
        if credential:
            self._credentials[key] = credential
        self._succeed(key, report)

    def _credential(self, key: Key) -> str | None:
        """Return the credential to send: the one that was accepted last, until it is refused.

        After a rotation a pod learns of the new one only when the kubelet has brought it the
        digests, which takes a minute or two.
        """
        secret = self._cache.get(SECRET, key.namespace, names.access_secret(key.name))
        return self._credentials.get(key) or secret_data.read(secret, secret_data.ACCESS_KEY)

    async def _is_own(self, key: Key, pod: Object) -> bool:
        """Tell whether a pod's controller is the ReplicaSet of the tenant's own Deployment."""
        replica_set = pod_owners.find_controller(pod)
        deployment = self._cache.get(DEPLOYMENT, key.namespace, names.workload(key.name))
        if replica_set is None or replica_set["kind"] != REPLICA_SET.name or deployment is None:
            return False
        uid: str = replica_set["uid"]
        if self._replica_sets.get(key) == uid:
            return True
        try:
            live = await self._get(REPLICA_SET, key.namespace, replica_set["name"])
        except ApiError as refusal:
            raise UnreadableError(
                Problem(
                    "OwnerUnknown",
                    "the operator may not read the ReplicaSet of the pod, and so cannot tell "
                    "whether the pod is the tenant's own: give its role the right to get "
                    "replicasets",
                )
            ) from refusal
        owner = (
            pod_owners.find_controller(live) if live and live["metadata"]["uid"] == uid else None
        )
        if owner is None or owner["uid"] != deployment["metadata"]["uid"]:
            return False
        self._replica_sets[key] = uid
        return True

    def _fail(self, key: Key, problem: Problem, error: Exception | None = None) -> None:
        metrics.READINGS.labels("error").inc()
        _LOG.debug(
            "counts of %s cannot be read: %s (%s)",
            *(key, problem.reason, type(error).__name__),
            extra={"tenant": str(key)},
        )
        failures = self._failures[key] = self._failures.get(key, 0) + 1
        before, self._problems[key] = self._problems.get(key), problem
        if failures > _BLIPS:
            pause = self._settings.poll_interval * 2.0 ** min(failures - _BLIPS, 10)
            self._not_before[key] = time.monotonic() + min(_LONGEST_PAUSE_S, pause)
            if failures == _BLIPS + 1 or before != problem:
                self._enqueue(key)

    def _succeed(self, key: Key, report: ServiceStatus) -> None:
        metrics.READINGS.labels("success").inc()
        self._not_before.pop(key, None)
        self._problems.pop(key, None)
        if self._failures.pop(key, 0) > _BLIPS or self._reports.get(key) != report:
            self._reports[key] = report
            self._enqueue(key)


def _headers(credential: str | None) -> dict[str, str]:
    headers = {"Accept-Encoding": "identity", "Accept": "application/json"}
    return headers | ({"Authorization": f"Bearer {credential}"} if credential else {})


async def _body(response: aiohttp.ClientResponse) -> bytes:
    """Read a body, and not more than a report may have.

    Raises
    ------
    UnreadableError
        It is larger.
    """
    body = b""
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > MOST_BYTES:
            raise UnreadableError(_refused(f"with more than {MOST_BYTES} bytes"))
    return body


def _refused(how: int | str) -> Problem:
    return Problem(
        "ReportInvalid",
        f"the service's management port answers {how} to the operator's reading: check that the "
        "pod runs the image that the tenant's Deployment names; the tenant is repaired and its "
        "tokens are rotated all the same",
    )
