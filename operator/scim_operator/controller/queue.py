"""Schedules the tenants: which one is reconciled next, and when.

A tenant waits for a time, is ready, or is being reconciled. Requests for a tenant that has not
been started coalesce into one reconcile; a request during a reconcile causes one more afterwards.
A failed reconcile is repeated after a growing pause with jitter, so that a thousand tenants that
failed together do not come back together.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable

from scim_operator import metrics
from scim_operator.api.tenant import Key
from scim_operator.controller.backoff import backoff_seconds

_LOG = logging.getLogger(__name__)

Reconcile = Callable[[Key], Awaitable[float | None]]
"""Reconciles a tenant once.

Returns after how many seconds the tenant is due again without any event; None if it is not.
"""

LONGEST_BACKOFF_SECONDS = 60.0
COALESCING_SECONDS = 0.2
"""How long an event of an owned object waits for other events of the same tenant."""


class Queue:
    """The queue and its workers."""

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._ready: OrderedDict[Key, float] = OrderedDict()
        self._timers: dict[Key, asyncio.TimerHandle] = {}
        self._in_progress: set[Key] = set()
        self._requested_again: set[Key] = set()
        self._failures: dict[Key, int] = {}
        self._available = asyncio.Semaphore(0)

    def enqueue(self, key: Key, after: float = 0) -> None:
        """Reconcile a tenant after so many seconds at the latest."""
        if key in self._ready:
            return
        if after > 0:
            self._enqueue_later(key, after)
            return
        if timer := self._timers.pop(key, None):
            timer.cancel()
        if key in self._in_progress:
            self._requested_again.add(key)
            return
        self._ready[key] = time.monotonic()
        metrics.QUEUE_ADDS.labels(metrics.CONTROLLER).inc()
        metrics.QUEUE_DEPTH.labels(metrics.CONTROLLER).set(len(self._ready))
        self._available.release()

    async def run(self, reconcile: Reconcile) -> None:
        """Reconcile until cancelled."""
        metrics.WORKERS.labels(metrics.CONTROLLER).set(self._workers)
        async with asyncio.TaskGroup() as group:
            for _ in range(self._workers):
                group.create_task(self._work(reconcile))

    def _enqueue_later(self, key: Key, after: float) -> None:
        loop = asyncio.get_running_loop()
        timer = self._timers.get(key)
        if timer is not None:
            if timer.when() <= loop.time() + after:
                return
            timer.cancel()
        self._timers[key] = loop.call_later(after, self._enqueue_due, key)

    def _enqueue_due(self, key: Key) -> None:
        del self._timers[key]
        self.enqueue(key)

    async def _work(self, reconcile: Reconcile) -> None:
        while True:
            await self._available.acquire()
            key, since = self._ready.popitem(last=False)
            metrics.QUEUE_DEPTH.labels(metrics.CONTROLLER).set(len(self._ready))
            metrics.QUEUE_TIME.labels(metrics.CONTROLLER).observe(time.monotonic() - since)
            self._in_progress.add(key)
            try:
                with (
                    metrics.WORK_TIME.labels(metrics.CONTROLLER).time(),
                    metrics.ACTIVE_WORKERS.labels(metrics.CONTROLLER).track_inprogress(),
                ):
                    after = await self._attempt(reconcile, key)
            finally:
                self._in_progress.discard(key)
            if key in self._requested_again:
                self._requested_again.discard(key)
                self.enqueue(key)
            elif after is not None:
                self.enqueue(key, after)

    async def _attempt(self, reconcile: Reconcile, key: Key) -> float | None:
        result = "success"
        try:
            with metrics.RECONCILE_TIME.labels(metrics.CONTROLLER).time():
                after = await reconcile(key)
        except Exception as error:  # any error: it must not end the worker
            result = "error"
            metrics.RECONCILE_ERRORS.labels(metrics.CONTROLLER).inc()
            metrics.QUEUE_RETRIES.labels(metrics.CONTROLLER).inc()
            failures = self._failures[key] = self._failures.get(key, 0) + 1
            after = backoff_seconds(failures, LONGEST_BACKOFF_SECONDS)
            _LOG.log(
                logging.DEBUG if failures == 1 else logging.WARNING,
                "reconcile of %s failed, next attempt in %.1f s: %r",
                key,
                after,
                error,
                extra={"tenant": str(key)},
                exc_info=not isinstance(error, OSError),
            )
        else:
            self._failures.pop(key, None)
            result = "requeue_after" if after is not None else "success"
        finally:
            metrics.RECONCILES.labels(metrics.CONTROLLER, result).inc()
        return after
