"""Keeps the cache up to date: one list and one endless watch for each kind and namespace.

kopf watches the ScimTenants only. There are ten owned objects and dozens of events for each tenant,
and most events change nothing; and a kind that cannot be watched (its CRD or a right is missing)
must not stop the other watches.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

from scim_operator import metrics
from scim_operator.api import names
from scim_operator.api.conditions import Outlook
from scim_operator.api.tenant import Key
from scim_operator.controller.backoff import backoff_seconds
from scim_operator.controller.observe.cache import Cache, identify
from scim_operator.desired.faults import Fault
from scim_operator.kube.client import KubeClient
from scim_operator.kube.errors import ApiError
from scim_operator.kube.kinds import NAMESPACE, TENANT, WATCHED, Kind, Object
from scim_operator.kube.transport import UNREACHABLE
from scim_operator.settings import Settings

_LOG = logging.getLogger(__name__)
_LONGEST_BACKOFF_SECONDS = 30.0
_MISSING_KIND_SECONDS = 60.0
_RECONNECT_SECONDS = 0.1

_MISSING = (
    "namespace %s, which watch_namespaces of the settings names, does not exist. Its tenants are "
    "served once it exists: create it, or remove it from watchNamespaces"
)
_REFUSED = (
    "namespace %s, which watch_namespaces of the settings names, is not served, because the API "
    "server refuses to list its ScimTenants: the namespace is missing, or the operator's Role and "
    "RoleBinding in it; create them (helm upgrade does once the namespace exists), or remove it "
    "from watchNamespaces"
)


@dataclass
class _Position:
    """Where a watch continues, and how often in a row it has failed."""

    version: str | None = None
    failures: int = 0


class Informers:
    """The watches of all owned kinds.

    Attributes
    ----------
    synced
        Set once every kind is listed and watched. A namespace of the settings that refuses a watch
        does not count while another namespace allows it.

    Parameters
    ----------
    enqueue
        Called with every tenant that an event changes.
    """

    def __init__(
        self, kube: KubeClient, cache: Cache, settings: Settings, *, enqueue: Callable[[Key], None]
    ) -> None:
        self._kube = kube
        self._cache = cache
        self._enqueue = enqueue
        self._namespaces: tuple[str | None, ...] = settings.watch_namespaces or (None,)
        self._scopes = [(kind, namespace) for kind in WATCHED for namespace in self._namespaces]
        self._unsynced = set(self._scopes)
        self.synced = asyncio.Event()
        self._listing = asyncio.Lock()
        self._faults: dict[tuple[Kind, str | None], Fault] = {}
        self._problems: dict[str, str] = {}

    def find_faults(self, namespace: str) -> Iterable[Fault]:
        """Return which kinds are not watched in a namespace, and why."""
        return [
            fault
            for (_, scope), fault in self._faults.items()
            if scope is None or scope == namespace
        ]

    def find_unlisted(self, namespace: str) -> Fault | None:
        """Return why a namespace's objects are not known; None if they are.

        Without them a tenant would look as if it had no objects.
        """
        for kind, scope in self._unsynced:
            if scope in (None, namespace) and (fault := self._faults.get((kind, scope))):
                return fault
        return None

    async def run(self) -> None:
        """Watch until cancelled."""
        async with asyncio.TaskGroup() as group:
            for kind, namespace in self._scopes:
                group.create_task(self._follow(kind, namespace))

    async def list_tenants(self) -> None:
        """List all tenants into the cache.

        kopf watches them, but does not say when it has delivered all, and misses a deletion during
        a long interruption of its watch.

        Raises
        ------
        ApiError, aiohttp.ClientError, TimeoutError, OSError
            They cannot be listed now.
        """
        await self._request_each(lambda namespace: self._list(TENANT, namespace))

    async def find_definition(self) -> None:
        """Check that the API server knows ScimTenants and lets the operator list them.

        Raises
        ------
        ApiError, aiohttp.ClientError, TimeoutError, OSError
            It does not, in any namespace.
        """
        await self._request_each(
            lambda namespace: self._kube.request(
                "GET", TENANT.path(namespace), params={"limit": "1"}
            )
        )

    async def _request_each(self, request: Callable[[str | None], Awaitable[object]]) -> None:
        """Send a request for each namespace; a refusing one must not stop the service of others."""
        errors = []
        for namespace in self._namespaces:
            try:
                await request(namespace)
            except ApiError as error:
                if namespace is None or error.code != 403:
                    raise
                errors.append(error)
                self._set_problem(namespace, _REFUSED)
            else:
                if namespace is not None:
                    self._set_problem(namespace, "" if await self._exists(namespace) else _MISSING)
        if len(errors) == len(self._namespaces):
            raise errors[0]

    async def _exists(self, namespace: str) -> bool:
        try:
            return await self._kube.get(NAMESPACE, None, namespace) is not None
        except ApiError:
            # Without the right to read namespaces: the operator could list the objects in it.
            return True

    def _set_problem(self, namespace: str, problem: str) -> None:
        """Log once when a namespace of the settings appears or disappears."""
        metrics.set_namespace_served(namespace, is_served=not problem)
        before = self._problems.get(namespace, "")
        self._problems[namespace] = problem
        if problem and problem != before:
            _LOG.error(problem, namespace)
        elif before and not problem:
            _LOG.info("namespace %s exists and is served", namespace)

    async def _follow(self, kind: Kind, namespace: str | None) -> None:
        position = _Position()
        while True:
            try:
                await self._watch(kind, namespace, position)
            except ApiError as error:
                position.failures += 1
                if error.code in (403, 404, 410):
                    position.version = None
                pause = self._record_refusal(kind, namespace, error, position.failures)
            except UNREACHABLE as error:
                position.failures += 1
                _LOG.debug("the watch of %s is interrupted: %r", kind.plural, error)
                pause = backoff_seconds(position.failures, _LONGEST_BACKOFF_SECONDS)
            else:
                pause = _RECONNECT_SECONDS
            await asyncio.sleep(pause)

    async def _watch(self, kind: Kind, namespace: str | None, position: _Position) -> None:
        """Watch from the position until the API server ends the stream; list first if needed."""
        if position.version is None:
            position.version = await self._list(kind, namespace)
        async with self._kube.watch(
            kind, namespace, names.TENANT_LABEL, position.version
        ) as events:
            # Only now: to watch is a right of its own, beside the right to list. The first event
            # would be too late, because a quiet kind may never have one.
            position.failures = 0
            self._record_success(kind, namespace)
            async for event, body in events:
                position.version = body["metadata"]["resourceVersion"]
                self._update(kind, event, body)

    async def _list(self, kind: Kind, namespace: str | None) -> str:
        listed = set()
        version = ""
        # Tenants have no label of their own.
        selector = "" if kind is TENANT else names.TENANT_LABEL
        # One kind at a time: memory used to parse a list is never returned.
        async with self._listing:
            async for page in self._kube.pages(kind, namespace, selector):
                bodies, version = page
                for body in bodies:
                    listed.add(identify(kind, body))
                    self._enqueue_each(self._cache.put(kind, body))
        self._enqueue_each(self._cache.retain(kind, namespace, listed, int(version)))
        return version

    def _enqueue_each(self, keys: Iterable[Key]) -> None:
        for key in keys:
            self._enqueue(key)

    def _update(self, kind: Kind, event: str, body: Object) -> None:
        if event == "BOOKMARK":
            return
        change = self._cache.remove if event == "DELETED" else self._cache.put
        self._enqueue_each(change(kind, body))

    def _record_success(self, kind: Kind, namespace: str | None) -> None:
        self._unsynced.discard((kind, namespace))
        if self._faults.pop((kind, namespace), None):
            self._enqueue_each(self._cache.tenants())
        if namespace is not None and self._problems.get(namespace):
            self._set_problem(namespace, "")
        self._check_sync()

    def _record_refusal(
        self, kind: Kind, namespace: str | None, error: ApiError, failures: int
    ) -> float:
        """Record a refused list or watch; return the pause in seconds."""
        if error.code == 404 and kind.optional:
            self._record_success(kind, namespace)
            return _MISSING_KIND_SECONDS
        if error.code == 403 and (kind, namespace) not in self._faults:
            where = f"namespace {namespace}" if namespace else "all namespaces"
            message = (
                f"the operator may not list and watch {kind.plural} in {where}: grant its role "
                "that right"
            )
            _LOG.error(message)
            self._faults[kind, namespace] = Fault(kind, "Forbidden", message, Outlook.STALLED)
            self._enqueue_each(self._cache.tenants())
            self._check_sync()
        if error.code == 410:
            return 0
        return backoff_seconds(failures, _LONGEST_BACKOFF_SECONDS)

    def _check_sync(self) -> None:
        refused = {scope for scope in self._faults if scope[1] is not None}
        if self._unsynced <= refused and len(self._unsynced) < len(self._scopes):
            self.synced.set()
