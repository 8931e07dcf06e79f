"""Reads the status of each tenant's service from its management port, one tenant after another.

The requests are spread over the interval, so that their rate is steady however many tenants there
are. A tenant is enqueued only if its service status has changed.

A pod may be hostile. The operator reads it only if the tenant's own ReplicaSet controls it. It
follows no redirect, decompresses nothing, and limits the size and the time of the answer. Any error
counts as a failure of that tenant only. One namespace has at most a quarter of the requests in
flight, and the operator reads a tenant less often while its service fails, so that pods that do not
answer delay no other tenant.
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
    MAX_BYTES,
    Problem,
    ServiceStatus,
    UnreadableStatusError,
    parse_service_status,
)
from scim_operator.api.tenant import Key
from scim_operator.controller.observe.cache import Cache
from scim_operator.kube import pod_owners, secret_data
from scim_operator.kube.errors import ApiError
from scim_operator.kube.kinds import DEPLOYMENT, REPLICA_SET, SECRET, Kind, Object
from scim_operator.settings import Settings

_LOG = logging.getLogger(__name__)
_DEADLINE_SECONDS = 5.0
_TOLERATED_FAILURES = 2
"""Failures in a row that are not reported: the pod may just restart."""
_LONGEST_PAUSE_SECONDS = 300.0
_IDLE_SECONDS = 1.0
_NAMESPACE_SHARE = 4
"""A namespace has at most one part in so many of the requests in flight."""
_MAX_FIELDS = 32
_MAX_FIELD_BYTES = 2048

Get = Callable[[Kind, str, str], Awaitable[Object | None]]
"""Reads an object from the API server; returns None if it does not exist."""


class ServicePoller:
    """The latest status of each tenant's service.

    Parameters
    ----------
    get
        For the ReplicaSets, which are not watched.
    enqueue
        Called with a tenant whose service status has changed.
    port
        The services' management port.
    deadline
        Seconds that one request may take.
    """

    def __init__(
        self,
        cache: Cache,
        settings: Settings,
        get: Get,
        enqueue: Callable[[Key], None],
        port: int = names.MANAGEMENT_PORT,
        deadline: float = _DEADLINE_SECONDS,
    ) -> None:
        self._cache = cache
        self._settings = settings
        self._get = get
        self._enqueue = enqueue
        self._port = port
        self._deadline = deadline
        self._slots = asyncio.Semaphore(settings.poll_in_flight)
        share = max(1, settings.poll_in_flight // _NAMESPACE_SHARE)
        self._shares: defaultdict[str, asyncio.Semaphore] = defaultdict(
            lambda: asyncio.Semaphore(share)
        )
        self._in_progress: set[Key] = set()
        self._replica_sets: dict[Key, str] = {}
        self._statuses: dict[Key, ServiceStatus] = {}
        self._failures: dict[Key, int] = {}
        self._problems: dict[Key, Problem] = {}
        self._not_before: dict[Key, float] = {}
        self._credentials: dict[Key, str] = {}

    def latest(self, key: Key) -> ServiceStatus | None:
        """Return the latest status; None if none was read since the operator's start."""
        return self._statuses.get(key)

    def problem(self, key: Key) -> Problem | None:
        """Return why the status of a running service cannot be read; None below three failures."""
        return self._problems.get(key) if self._failures.get(key, 0) > _TOLERATED_FAILURES else None

    async def run(self) -> None:
        """Read until cancelled."""
        async with self._create_session() as session, asyncio.TaskGroup() as group:
            while True:
                await self._read_all(session, group)

    async def _read_all(self, session: aiohttp.ClientSession, group: asyncio.TaskGroup) -> None:
        """Read the status of each tenant once, spread over the interval."""
        keys = self._cache.tenants()
        self._forget_except(set(keys))
        if not keys:
            await asyncio.sleep(_IDLE_SECONDS)
            return
        random.shuffle(keys)
        cycle = max(self._settings.poll_interval, len(keys) / self._settings.poll_rate)
        for key in keys:
            if self._is_due(key):
                self._in_progress.add(key)
                group.create_task(self._attempt(session, key))
            await asyncio.sleep(cycle / len(keys))

    def _create_session(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=self._deadline),
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            max_line_size=_MAX_FIELD_BYTES,
            max_field_size=_MAX_FIELD_BYTES,
            max_headers=_MAX_FIELDS,
        )

    def _is_due(self, key: Key) -> bool:
        return key not in self._in_progress and time.monotonic() >= self._not_before.get(key, 0)

    def _forget_except(self, keys: set[Key]) -> None:
        for known in (
            *(self._statuses, self._failures, self._problems),
            *(self._not_before, self._replica_sets, self._credentials),
        ):
            for key in known.keys() - keys:
                known.pop(key)
        for namespace in self._shares.keys() - {key.namespace for key in keys}:
            # A request in flight still needs its semaphore.
            if not any(key.namespace == namespace for key in self._in_progress):
                self._shares.pop(namespace)

    async def _attempt(self, session: aiohttp.ClientSession, key: Key) -> None:
        try:
            async with self._shares[key.namespace], self._slots:
                await self._read(session, key)
        except UnreadableStatusError as error:
            self._record_failure(key, error.problem)
        except Exception as error:  # any error: it must not end the poller
            self._record_failure(
                key,
                Problem(
                    "Unreachable",
                    "the operator cannot read the status of the service: if the pod runs, check "
                    f"that port {self._port} is reachable from the operator's namespace",
                ),
                error,
            )
        finally:
            self._in_progress.discard(key)

    async def _read(self, session: aiohttp.ClientSession, key: Key) -> None:
        pods = [pod for pod in self._cache.pods(key) if pod_owners.is_ready(pod)]
        own = [pod for pod in pods if await self._is_own(key, pod)]
        if not own:
            self._failures.pop(key, None)
            return
        address = ipaddress.ip_address(random.choice(own)["status"]["podIP"])  # noqa: S311
        host = f"[{address}]" if address.version == 6 else str(address)
        credential = self._choose_credential(key)
        async with session.get(
            f"http://{host}:{self._port}/-/status",
            headers=_create_headers(credential),
            allow_redirects=False,
        ) as response:
            if response.status == 401:
                self._credentials.pop(key, None)
            if response.status != 200:
                raise UnreadableStatusError(_describe_refusal(response.status))
            if response.headers.get("Content-Encoding", "identity") != "identity":
                raise UnreadableStatusError(_describe_refusal("in a compressed form"))
            status = parse_service_status(await _read_body(response))
        if credential:
            self._credentials[key] = credential
        self._record_success(key, status)

    def _choose_credential(self, key: Key) -> str | None:
        """Return the credential that was accepted last, until the service refuses it.

        After a rotation the kubelet takes a minute or two to bring the new digests into the pod.
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
        except ApiError as error:
            raise UnreadableStatusError(
                Problem(
                    "OwnerUnknown",
                    "the operator may not read the ReplicaSet of the pod, so it cannot check that "
                    "the pod is the tenant's own: grant its role the right to get replicasets",
                )
            ) from error
        owner = (
            pod_owners.find_controller(live) if live and live["metadata"]["uid"] == uid else None
        )
        if owner is None or owner["uid"] != deployment["metadata"]["uid"]:
            return False
        self._replica_sets[key] = uid
        return True

    def _record_failure(self, key: Key, problem: Problem, error: Exception | None = None) -> None:
        metrics.READINGS.labels("error").inc()
        _LOG.debug(
            "the service status of %s cannot be read: %s (%s)",
            *(key, problem.reason, type(error).__name__),
            extra={"tenant": str(key)},
        )
        failures = self._failures[key] = self._failures.get(key, 0) + 1
        before, self._problems[key] = self._problems.get(key), problem
        if failures > _TOLERATED_FAILURES:
            pause = self._settings.poll_interval * 2.0 ** min(failures - _TOLERATED_FAILURES, 10)
            self._not_before[key] = time.monotonic() + min(_LONGEST_PAUSE_SECONDS, pause)
            if failures == _TOLERATED_FAILURES + 1 or before != problem:
                self._enqueue(key)

    def _record_success(self, key: Key, status: ServiceStatus) -> None:
        metrics.READINGS.labels("success").inc()
        self._not_before.pop(key, None)
        self._problems.pop(key, None)
        if self._failures.pop(key, 0) > _TOLERATED_FAILURES or self._statuses.get(key) != status:
            self._statuses[key] = status
            self._enqueue(key)


def _create_headers(credential: str | None) -> dict[str, str]:
    headers = {"Accept-Encoding": "identity", "Accept": "application/json"}
    return headers | ({"Authorization": f"Bearer {credential}"} if credential else {})


async def _read_body(response: aiohttp.ClientResponse) -> bytes:
    """Read a body up to the size limit of a service status.

    Raises
    ------
    UnreadableStatusError
        It is larger.
    """
    body = b""
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > MAX_BYTES:
            raise UnreadableStatusError(_describe_refusal(f"with more than {MAX_BYTES} bytes"))
    return body


def _describe_refusal(how: int | str) -> Problem:
    return Problem(
        "ReportInvalid",
        f"the service's management port answers {how} to the operator: check that the pod runs "
        "the image that the tenant's Deployment names; the operator still repairs the tenant and "
        "rotates its tokens",
    )
