"""Keeps the cache up to date: one list and one endless watch for each kind and namespace.

They are separate from the framework's watch of the tenants because there are ten owned objects
and dozens of events for every tenant, of which most are no news, and because a kind that cannot
be watched (its CRD or a right is missing) must not stop the others.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Iterable

from scim_operator import metrics
from scim_operator.api import names
from scim_operator.api.conditions import Outlook
from scim_operator.api.tenant import Key
from scim_operator.controller.observe.cache import Cache, identify
from scim_operator.desired.faults import Fault
from scim_operator.kube.client import KubeClient
from scim_operator.kube.errors import ApiError
from scim_operator.kube.kinds import NAMESPACE, TENANT, WATCHED, Kind
from scim_operator.kube.transport import UNREACHABLE
from scim_operator.settings import Settings

_LOG = logging.getLogger(__name__)
_LONGEST_PAUSE = 30.0
_MISSING_KIND_PAUSE = 60.0

_MISSING = (
    "namespace %s, which the settings name in watch_namespaces, is not there: its tenants are "
    "served when it is; create it, or remove it from watchNamespaces"
)
_REFUSED = (
    "namespace %s, which the settings name in watch_namespaces, is not served, because the API "
    "server refuses to list its ScimTenants: the namespace is missing, or the operator's Role and "
    "RoleBinding in it; create them (helm upgrade does once the namespace is there), or remove it "
    "from watchNamespaces"
)


class Informers:
    """The watches of all owned kinds.

    Attributes
    ----------
    synced
        Set once every kind has been listed and is watched, but for the namespaces of the settings
        that refuse it while another does not.

    Parameters
    ----------
    wake
        Called with every tenant that an event is news for.
    """

    def __init__(
        self, kube: KubeClient, cache: Cache, settings: Settings, *, enqueue: Callable[[Key], None]
    ) -> None:
        self._kube = kube
        self._cache = cache
        self._enqueue = enqueue
        self._namespaces: tuple[str | None, ...] = settings.watch_namespaces or (None,)
        self._scopes = [(kind, namespace) for kind in WATCHED for namespace in self._namespaces]
        self._waiting = set(self._scopes)
        self.synced = asyncio.Event()
        self._listing = asyncio.Lock()
        self._faults: dict[tuple[Kind, str | None], Fault] = {}
        self._problems: dict[str, str] = {}

    def faults(self, namespace: str) -> Iterable[Fault]:
        """Return which kinds are not watched in a namespace, and why."""
        return [
            fault
            for (_, scope), fault in self._faults.items()
            if scope is None or scope == namespace
        ]

    def unlisted(self, namespace: str) -> Fault | None:
        """Return why a namespace's objects are not known; None if they are.

        Without them a tenant would look as if it had nothing.
        """
        for kind, scope in self._waiting:
            if scope in (None, namespace) and (fault := self._faults.get((kind, scope))):
                return fault
        return None

    async def run(self) -> None:
        """Watch until cancelled."""
        async with asyncio.TaskGroup() as group:
            for kind, namespace in self._scopes:
                group.create_task(self._follow(kind, namespace))

    async def list_tenants(self) -> None:
        """Learn which tenants there are.

        The framework watches them, but knows neither when it has told of all, nor of one that was
        deleted while its watch was interrupted for long.

        Raises
        ------
        ApiError, aiohttp.ClientError, TimeoutError, OSError
            They cannot be listed now.
        """
        await self._ask_each(lambda namespace: self._list(TENANT, namespace))

    async def find_definition(self) -> None:
        """Ask whether the API server knows ScimTenants and lets the operator list them.

        Raises
        ------
        ApiError, aiohttp.ClientError, TimeoutError, OSError
            It does not, in none of the namespaces.
        """
        await self._ask_each(
            lambda namespace: self._kube.request(
                "GET", TENANT.path(namespace), params={"limit": "1"}
            )
        )

    async def _ask_each(self, ask: Callable[[str | None], Awaitable[object]]) -> None:
        """Ask about each namespace; one that refuses must not keep the others from being served."""
        refusals = []
        for namespace in self._namespaces:
            try:
                await ask(namespace)
            except ApiError as refusal:
                if namespace is None or refusal.code != 403:
                    raise
                refusals.append(refusal)
                self._note(namespace, _REFUSED)
            else:
                if namespace is not None:
                    self._note(namespace, "" if await self._is_there(namespace) else _MISSING)
        if len(refusals) == len(self._namespaces):
            raise refusals[0]

    async def _is_there(self, namespace: str) -> bool:
        try:
            return await self._kube.get(NAMESPACE, None, namespace) is not None
        except ApiError:
            # Without the right to look: what is in it can be listed.
            return True

    def _note(self, namespace: str, problem: str) -> None:
        """Tell once when one of the settings' namespaces goes or comes."""
        metrics.show_namespace(namespace, is_served=not problem)
        before = self._problems.get(namespace, "")
        self._problems[namespace] = problem
        if problem and problem != before:
            _LOG.error(problem, namespace)
        elif before and not problem:
            _LOG.info("namespace %s is there and is served", namespace)

    async def _follow(self, kind: Kind, namespace: str | None) -> None:
        version: str | None = None
        failures = 0
        while True:
            try:
                if version is None:
                    version = await self._list(kind, namespace)
                async with self._kube.watch(kind, namespace, names.TENANT_LABEL, version) as events:
                    # Not before: listing is a right of its own. And not with the first event, which
                    # a quiet kind may never have.
                    failures = 0
                    self._restored(kind, namespace)
                    async for event, body in events:
                        version = body["metadata"]["resourceVersion"]
                        self._take(kind, event, body)
            except ApiError as refusal:
                failures += 1
                if refusal.code in (403, 404, 410):
                    version = None
                pause = self._refused(kind, namespace, refusal, failures)
            except UNREACHABLE as error:
                failures += 1
                _LOG.debug("watch of %s is interrupted: %r", kind.plural, error)
                pause = _pause(failures)
            else:
                pause = 0.1
            await asyncio.sleep(pause)

    async def _list(self, kind: Kind, namespace: str | None) -> str:
        listed = set()
        version = ""
        # Tenants have no label of their own.
        selector = "" if kind is TENANT else names.TENANT_LABEL
        # One kind after the other: what a list takes while it is read is not given back.
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

    def _take(self, kind: Kind, event: str, body: dict[str, object]) -> None:
        if event == "BOOKMARK":
            return
        change = self._cache.remove if event == "DELETED" else self._cache.put
        self._enqueue_each(change(kind, body))

    def _restored(self, kind: Kind, namespace: str | None) -> None:
        self._waiting.discard((kind, namespace))
        if self._faults.pop((kind, namespace), None):
            self._enqueue_each(self._cache.tenants())
        if namespace is not None and self._problems.get(namespace):
            self._note(namespace, "")
        self._check_sync()

    def _check_sync(self) -> None:
        refused = {scope for scope in self._faults if scope[1] is not None}
        if self._waiting <= refused and len(self._waiting) < len(self._scopes):
            self.synced.set()

    def _refused(
        self, kind: Kind, namespace: str | None, refusal: ApiError, failures: int
    ) -> float:
        if refusal.code == 404 and kind.optional:
            self._restored(kind, namespace)
            return _MISSING_KIND_PAUSE
        if refusal.code == 403 and (kind, namespace) not in self._faults:
            where = f"namespace {namespace}" if namespace else "all namespaces"
            message = (
                f"the operator may not list and watch {kind.plural} in {where}: give its role "
                "that right"
            )
            _LOG.error(message)
            self._faults[kind, namespace] = Fault(kind, "Forbidden", message, Outlook.STALLED)
            self._enqueue_each(self._cache.tenants())
            self._check_sync()
        if refusal.code == 410:
            return 0
        return _pause(failures)


def _pause(failures: int) -> float:
    longest = min(_LONGEST_PAUSE, 0.25 * 2.0 ** min(failures, 10))
    return longest * random.uniform(0.5, 1)  # noqa: S311 (spread, not secret)
