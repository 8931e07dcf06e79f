"""Puts the rooms together and runs them: serve metrics, watch, lead, stop."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator

import kopf
from aiohttp import web
from kopf._core.engines.peering import Identity
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from scim_operator import __version__, handlers
from scim_operator.cache import Cache
from scim_operator.informers import Informers
from scim_operator.kube import Kube
from scim_operator.leader import Elector
from scim_operator.poll import Poller
from scim_operator.queue import FOLDING, Queue
from scim_operator.reconcile import Reconciler
from scim_operator.settings import Settings
from scim_operator.tenant import Key


class Operator:
    """One operator process.

    Attributes
    ----------
    port
        Where /healthz, /readyz and /metrics are served, once `run` has begun.
    ready
        Set once it stands by for, or has taken up, its work.
    leading
        Set while it works.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.port = settings.port
        self.ready = asyncio.Event()
        self.leading = asyncio.Event()

    async def run(self, stop: asyncio.Event) -> None:
        """Run until told to stop.

        Raises
        ------
        ExceptionGroup
            The Lease was lost or a part failed; another process has to begin anew.
        """
        async with self._web(), _connected(self._settings) as kube:
            work = asyncio.create_task(self._work(kube, stop))
            told = asyncio.create_task(stop.wait())
            try:
                await asyncio.wait((work, told), return_when=asyncio.FIRST_COMPLETED)
            finally:
                told.cancel()
                work.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await work

    async def _work(self, kube: Kube, stop: asyncio.Event) -> None:
        settings = self._settings
        cache = Cache(settings)
        queue: Queue

        def fold(key: Key) -> None:
            queue.wake(key, FOLDING)

        informers = Informers(kube, cache, settings, fold)
        poller = Poller(cache, settings, fold)
        reconciler = Reconciler(
            kube,
            cache,
            settings,
            readings=poller,
            blind=informers.faults,
            wake=lambda key: queue.wake(key),
        )
        queue = Queue(reconciler, settings.workers)

        def wake_all() -> None:
            for key in cache.tenants():
                fold(key)

        informers.wake_all = wake_all
        async with asyncio.TaskGroup() as group:
            # A stand-by watches too, so that it can take over at once.
            group.create_task(informers.run())
            await informers.synced.wait()
            self.ready.set()
            async with self._leadership(kube, group):
                group.create_task(queue.run())
                group.create_task(poller.run())
                group.create_task(_resync(cache, queue, settings.resync_interval))
                registry = handlers.make_registry(kube, cache, queue.wake)
                await kopf.operator(
                    registry=registry,
                    settings=handlers.make_settings(settings),
                    # Otherwise the framework looks up the user, and the pod's has no name.
                    identity=Identity(settings.holder),
                    clusterwide=not settings.watch_namespaces,
                    namespaces=settings.watch_namespaces,
                    stop_flag=stop,
                )
                # The framework takes the process's signals: its end is the word to stop.
                stop.set()
                await asyncio.Event().wait()

    @contextlib.asynccontextmanager
    async def _leadership(self, kube: Kube, group: asyncio.TaskGroup) -> AsyncIterator[None]:
        """Be the one that works; give the Lease back at the end."""
        elector = Elector(kube, self._settings) if self._settings.leader_elect else None
        if elector:
            await elector.acquire()
            group.create_task(_keep(elector))
        self.leading.set()
        try:
            yield
        finally:
            self.leading.clear()
            if elector:
                await elector.release()

    @contextlib.asynccontextmanager
    async def _web(self) -> AsyncIterator[None]:
        """Serve /healthz, /readyz and /metrics."""
        application = web.Application()
        application.router.add_get("/healthz", self._healthz)
        application.router.add_get("/readyz", self._readyz)
        application.router.add_get("/metrics", self._metrics)
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        try:
            site = web.TCPSite(runner, self._settings.bind_address, self._settings.port)
            await site.start()
            self.port = runner.addresses[0][1]
            yield
        finally:
            await runner.cleanup()

    async def _healthz(self, _: web.Request) -> web.Response:
        return web.Response(text=f"scim-operator {__version__}\n")

    async def _readyz(self, _: web.Request) -> web.Response:
        if self.ready.is_set():
            return web.Response(text="ready\n")
        return web.Response(status=503, text="not every kind has been listed yet\n")

    async def _metrics(self, _: web.Request) -> web.Response:
        return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})


@contextlib.asynccontextmanager
async def _connected(settings: Settings) -> AsyncIterator[Kube]:
    kube = await Kube.connect(settings)
    try:
        yield kube
    finally:
        await kube.close()


async def _keep(elector: Elector) -> None:
    await elector.hold()
    raise RuntimeError("the Lease is lost to another process")


async def _resync(cache: Cache, queue: Queue, interval: float) -> None:
    """Have every tenant looked at once in an interval, spread over it."""
    while True:
        await asyncio.sleep(interval)
        for key in cache.tenants():
            queue.wake(key, random.uniform(FOLDING, interval))  # noqa: S311 (spread, not secret)
