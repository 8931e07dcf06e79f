"""Puts the rooms together and runs them: serve metrics, watch, lead, stop."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import random
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import kopf
from aiohttp import web
from kopf._core.engines.peering import Identity
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from scim_operator import __version__, metrics
from scim_operator.api.tenant import Key
from scim_operator.controller import handlers
from scim_operator.controller.failures import Failures, ProblemReporter
from scim_operator.controller.observe.cache import Cache
from scim_operator.controller.observe.informers import Informers
from scim_operator.controller.observe.service_poller import ServicePoller
from scim_operator.controller.queue import COALESCING_SECONDS, Queue
from scim_operator.controller.reconciler import Reconciler
from scim_operator.controller.records import seal_key
from scim_operator.controller.records.retained_objects import RetainedObjects
from scim_operator.controller.records.url_claim_store import UrlClaimStore
from scim_operator.desired import faults
from scim_operator.desired.ownership.seals import Seals
from scim_operator.kube.client import KubeClient
from scim_operator.kube.errors import ApiError
from scim_operator.kube.lease import LeaderElector
from scim_operator.kube.transport import UNREACHABLE
from scim_operator.settings import Settings

_LOG = logging.getLogger(__name__)
_RETRY = 2.0
_UNTOLD = 5
"""Attempts to read the key after which the tenants that wait for it say so, and again."""
_FRAMEWORK_START = 0.2
"""Seconds after which the framework has set its own signal handlers."""


class Operator:
    """One operator process, made inside a running event loop.

    Parameters
    ----------
    election
        A client for the Lease alone: its renewals neither queue behind the work nor wait when a
        busy API server puts the work off.

    Attributes
    ----------
    port
        Where /healthz, /readyz and /metrics are served.
    ready
        Set once the caches are filled and it leads or stands by.
    leading
        Set while it works.
    """

    def __init__(self, settings: Settings, kube: KubeClient, election: KubeClient) -> None:
        self.port = settings.port
        self.ready = asyncio.Event()
        self.leading = asyncio.Event()
        self._settings = settings
        self._kube = kube
        self._stop = asyncio.Event()
        self._cache = Cache()
        self._queue = Queue(settings.workers)
        self._informers = Informers(kube, self._cache, settings, enqueue=self._coalesce)
        self._poller = ServicePoller(self._cache, settings, kube.get, enqueue=self._coalesce)
        self._elector = LeaderElector(election, settings) if settings.leader_elect else None

    def stop(self) -> None:
        """Have `run` end; what is being written is cut off, which every pass can bear."""
        self._stop.set()

    async def run(self) -> None:
        """Run until stopped.

        Raises
        ------
        RuntimeError
            The Lease was lost or the watch of tenants ended: another process has to begin anew.
        """
        self._handle_signals()
        async with self._web():
            _LOG.info("scim-operator %s serves %s", __version__, self._kube.server)
            await _until_first(self._stop.wait(), self._informers.run(), self._work())

    def _handle_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.stop)

    def _coalesce(self, key: Key) -> None:
        # One that stands by begins with a look at every tenant.
        if self.leading.is_set():
            self._queue.enqueue(key, COALESCING_SECONDS)

    async def _work(self) -> None:
        # The framework looks for the definition of ScimTenants only once.
        await _until_listed(self._informers.find_definition)
        await self._informers.synced.wait()
        self.ready.set()
        if self._elector:
            await self._elector.acquire()
            self._kube.fence(self._elector.holds)
        metrics.LEADER.labels(self._settings.lease_name).set(1)
        self.leading.set()
        # Before the framework: when it ends, it cancels every task that is younger than itself.
        workers = [
            asyncio.create_task(self._reconcile()),
            asyncio.create_task(self._poller.run()),
        ]
        if self._elector:
            workers.append(asyncio.create_task(self._elector.hold()))
        framework = asyncio.create_task(self._run_framework())
        try:
            done, _ = await asyncio.wait((*workers, framework), return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
            raise RuntimeError("the Lease was lost, or the watch of tenants has ended")
        finally:
            self.leading.clear()
            await _cancel(*workers)
            # At once, and not after the framework: it writes nothing and takes its time.
            if self._elector:
                await self._elector.release()
            await _cancel(framework)

    async def _seals(self, reporter: ProblemReporter) -> Seals:
        for attempt in itertools.count(1):
            try:
                return Seals(await seal_key.load(self._kube, self._settings))
            except (seal_key.UnusableKeyError, ApiError, *UNREACHABLE) as error:
                where = f"{self._settings.namespace}/{self._settings.key_secret}"
                _LOG.error("the key in the Secret %s cannot be had, trying again: %s", where, error)
                if attempt % _UNTOLD == 0:
                    await reporter.tell_waiting(faults.explain_missing_key(where, str(error)))
                await asyncio.sleep(_RETRY)
        raise AssertionError("it is tried for ever")

    async def _reconcile(self) -> None:
        # Which of two tenants has a URL without a record can only be told when both are known, and
        # so can who has a place in the rollout.
        await _until_listed(self._informers.list_tenants)
        url_claims = UrlClaimStore(
            self._kube, self._cache, self._settings, enqueue=self._queue.enqueue
        )
        await _until_listed(url_claims.load)
        reporter = ProblemReporter(self._kube, self._cache)
        seals = await self._seals(reporter)
        reconcile = Reconciler(
            self._kube,
            self._cache,
            self._settings,
            seals,
            url_claims=url_claims,
            readings=self._poller,
            watches=self._informers,
            enqueue=self._queue.enqueue,
        )
        work = Failures(reporter, reconcile, release=reconcile.release)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._queue.run(work))
            group.create_task(
                self._resync(url_claims, RetainedObjects(self._kube, self._cache, seals))
            )

    async def _run_framework(self) -> None:
        namespaces = self._settings.watch_namespaces
        scope: dict[str, Any] = {"namespaces": namespaces} if namespaces else {"clusterwide": True}
        running = asyncio.create_task(
            kopf.operator(
                registry=handlers.make_registry(self._kube, self._cache, self._queue.enqueue),
                settings=handlers.make_settings(self._settings),
                # Otherwise the framework looks up the user's name, and the pod's user has none.
                identity=Identity(self._settings.holder),
                **scope,
            )
        )
        try:
            await asyncio.wait({running}, timeout=_FRAMEWORK_START)
            # It has taken the signals, and would finish its work before ours stops.
            self._handle_signals()
            await running
            # It returns when it took a signal before the signals were ours again.
            self.stop()
            await asyncio.Event().wait()
        finally:
            await _cancel(running)

    async def _resync(self, url_claims: UrlClaimStore, retained: RetainedObjects) -> None:
        """Look at everything now and then, and in the end at what there is."""
        while True:
            await retained.look()
            keys = self._cache.tenants()
            random.shuffle(keys)
            pause = self._settings.resync_interval / max(1, len(keys))
            for key in keys:
                await asyncio.sleep(pause)
                self._queue.enqueue(key)
            if not keys:
                await asyncio.sleep(pause)
            await _until_listed(self._informers.list_tenants)
            await url_claims.sweep()

    @contextlib.asynccontextmanager
    async def _web(self) -> AsyncIterator[None]:
        application = web.Application()
        application.router.add_get("/healthz", self._healthz)
        application.router.add_get("/readyz", self._readyz)
        application.router.add_get("/metrics", self._metrics)
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        # Without an address, both families are listened on, or the one that there is.
        site = web.TCPSite(runner, self._settings.bind_address or None, self._settings.port)
        await site.start()
        self.port = runner.addresses[0][1]
        try:
            yield
        finally:
            await runner.cleanup()

    async def _healthz(self, _: web.Request) -> web.Response:
        return web.Response(text="ok")

    async def _readyz(self, _: web.Request) -> web.Response:
        if self.ready.is_set():
            return web.Response(text="leading" if self.leading.is_set() else "standing by")
        return web.Response(text="waiting for the API server, the CRD or a right", status=503)

    async def _metrics(self, _: web.Request) -> web.Response:
        # In a thread: with thousands of tenants the text takes longer than a renewal may wait.
        body = await asyncio.to_thread(generate_latest)
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_LATEST})


async def _until_listed(ask: Callable[[], Awaitable[object]]) -> None:
    """Ask for ScimTenants, or who has which URL, until there is an answer."""
    while True:
        try:
            await ask()
        except (ApiError, *UNREACHABLE) as error:
            _LOG.warning("ScimTenants or URLs cannot be listed, trying again: %r", error)
            await asyncio.sleep(_RETRY)
        else:
            return


async def _until_first(*coroutines: Any) -> None:
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


async def run(settings: Settings) -> None:
    """Connect to the API server and run an operator until it is told to stop."""
    async with (
        await KubeClient.connect(settings) as kube,
        await KubeClient.connect(settings) as election,
    ):
        await Operator(settings, kube, election).run()
