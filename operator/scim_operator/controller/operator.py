"""Wires the components together and runs them: serve metrics, watch, lead, stop."""

from __future__ import annotations

import asyncio
import itertools
import logging
import random
import signal
from collections.abc import Awaitable, Callable
from typing import Any

from scim_operator import __version__, metrics
from scim_operator.api.tenant import Key
from scim_operator.controller import health_endpoints
from scim_operator.controller.failures import FailureHandler, ProblemReporter
from scim_operator.controller.observe.cache import Cache
from scim_operator.controller.observe.informers import Informers
from scim_operator.controller.observe.service_poller import ServicePoller
from scim_operator.controller.observe.tenant_watch import watch_tenants
from scim_operator.controller.queue import COALESCING_SECONDS, Queue
from scim_operator.controller.reconciler import Reconciler
from scim_operator.controller.records import seal_key
from scim_operator.controller.records.url_claim_store import UrlClaimStore
from scim_operator.controller.retention import Retention
from scim_operator.desired import faults
from scim_operator.desired.ownership.seals import Seals
from scim_operator.kube.client import KubeClient
from scim_operator.kube.errors import ApiError
from scim_operator.kube.lease import LeaderElector
from scim_operator.kube.transport import UNREACHABLE
from scim_operator.settings import Settings

_LOG = logging.getLogger(__name__)
_RETRY_SECONDS = 2.0
_ATTEMPTS_BETWEEN_REPORTS = 5
"""Attempts to load the key, after which each waiting tenant reports the problem."""


async def run(settings: Settings) -> None:
    """Connect to the API server and run an operator until a signal stops it."""
    async with (
        await KubeClient.connect(settings) as kube,
        await KubeClient.connect(settings) as election,
    ):
        await Operator(settings, kube, election).run()


class Operator:
    """One operator process; create it inside a running event loop.

    Parameters
    ----------
    election
        A client for the Lease alone: renewals neither queue behind other requests, nor wait when
        a busy API server postpones those.
    """

    def __init__(self, settings: Settings, kube: KubeClient, election: KubeClient) -> None:
        self._settings = settings
        self._kube = kube
        self._stop = asyncio.Event()
        self._ready = asyncio.Event()
        self._leading = asyncio.Event()
        self._cache = Cache()
        self._queue = Queue(settings.workers)
        self._informers = Informers(kube, self._cache, settings, enqueue=self._coalesce)
        self._poller = ServicePoller(self._cache, settings, kube.get, enqueue=self._coalesce)
        self._elector = LeaderElector(election, settings) if settings.leader_elect else None

    async def run(self) -> None:
        """Run until a signal arrives.

        Writes in progress are cut off then; every reconcile can resume after such an interruption.

        Raises
        ------
        RuntimeError
            The Lease was lost or the watch of ScimTenants ended: a new process has to start.
        """
        self._set_signal_handlers()
        async with health_endpoints.serve(self._settings, ready=self._ready, leading=self._leading):
            _LOG.info("scim-operator %s serves %s", __version__, self._kube.server)
            await _run_until_first(self._stop.wait(), self._informers.run(), self._lead())

    def _set_signal_handlers(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._stop.set)

    def _coalesce(self, key: Key) -> None:
        # A process that does not lead reconciles every tenant once it starts to lead.
        if self._leading.is_set():
            self._queue.enqueue(key, COALESCING_SECONDS)

    async def _lead(self) -> None:
        """Wait for the cache and the Lease, then reconcile."""
        # kopf looks for the definition of ScimTenants only once.
        await _retry(self._informers.find_definition)
        await self._informers.synced.wait()
        self._ready.set()
        if self._elector:
            await self._elector.acquire()
            self._kube.fence(self._elector.holds)
        metrics.LEADER.labels(self._settings.lease_name).set(1)
        self._leading.set()
        # Before kopf: when kopf ends, it cancels every task that was started after it.
        workers = [
            asyncio.create_task(self._reconcile()),
            asyncio.create_task(self._poller.run()),
        ]
        if self._elector:
            workers.append(asyncio.create_task(self._elector.keep_renewing()))
        watch = asyncio.create_task(
            watch_tenants(
                self._kube,
                self._cache,
                self._settings,
                enqueue=self._queue.enqueue,
                set_signal_handlers=self._set_signal_handlers,
            )
        )
        try:
            done, _ = await asyncio.wait((*workers, watch), return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
            raise RuntimeError("the Lease was lost, or the watch of ScimTenants has ended")
        finally:
            self._leading.clear()
            await _cancel(*workers)
            # Before kopf ends, which takes its time and writes nothing.
            if self._elector:
                await self._elector.release()
            await _cancel(watch)

    async def _reconcile(self) -> None:
        # All tenants must be known: only then can be decided which of two tenants has a URL
        # without a claim, and which tenants have a slot in the rollout.
        await _retry(self._informers.list_tenants)
        url_claims = UrlClaimStore(
            self._kube, self._cache, self._settings, enqueue=self._queue.enqueue
        )
        await _retry(url_claims.load)
        reporter = ProblemReporter(self._kube, self._cache)
        seals = await self._load_seals(reporter)
        reconciler = Reconciler(
            self._kube,
            self._cache,
            self._settings,
            seals,
            url_claims=url_claims,
            poller=self._poller,
            informers=self._informers,
            enqueue=self._queue.enqueue,
        )
        reconcile = FailureHandler(reporter, reconciler.reconcile, release=reconciler.release)
        retention = Retention(self._kube, self._cache, seals)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._queue.run(reconcile))
            group.create_task(self._resync(url_claims, retention))

    async def _load_seals(self, reporter: ProblemReporter) -> Seals:
        for attempt in itertools.count(1):
            try:
                return Seals(await seal_key.load(self._kube, self._settings))
            except (seal_key.UnusableKeyError, ApiError, *UNREACHABLE) as error:
                where = f"{self._settings.namespace}/{self._settings.key_secret}"
                _LOG.error("the key in the Secret %s cannot be loaded, retrying: %s", where, error)
                if attempt % _ATTEMPTS_BETWEEN_REPORTS == 0:
                    await reporter.report_to_waiting(faults.explain_missing_key(where, str(error)))
                await asyncio.sleep(_RETRY_SECONDS)
        raise AssertionError("the loop has no end")

    async def _resync(self, url_claims: UrlClaimStore, retention: Retention) -> None:
        """Resync every tenant once per interval, then list again to catch missed deletions."""
        while True:
            await retention.check()
            keys = self._cache.tenants()
            random.shuffle(keys)
            pause = self._settings.resync_interval / max(1, len(keys))
            for key in keys:
                await asyncio.sleep(pause)
                self._queue.enqueue(key)
            if not keys:
                await asyncio.sleep(pause)
            await _retry(self._informers.list_tenants)
            await url_claims.sweep()


async def _retry(request: Callable[[], Awaitable[object]]) -> None:
    """List ScimTenants or URL claims until the API server answers."""
    while True:
        try:
            await request()
        except (ApiError, *UNREACHABLE) as error:
            _LOG.warning("ScimTenants or URL claims cannot be listed, retrying: %r", error)
            await asyncio.sleep(_RETRY_SECONDS)
        else:
            return


async def _run_until_first(*coroutines: Any) -> None:
    """Run coroutines until one of them ends, and cancel the others."""
    tasks = [asyncio.create_task(coroutine) for coroutine in coroutines]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        await _cancel(*tasks)


async def _cancel(*tasks: asyncio.Task[Any]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
