"""Which tenant is looked at when: wishes for the same tenant fold into one pass.

A tenant is in one of three states: waiting for a moment, ready, or being worked on. One that is
woken while it is worked on is looked at once more afterwards. A failed pass is repeated with a
growing, jittered pause, so that a thousand tenants that failed together do not come back together.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable

from scim_operator import metrics
from scim_operator.api.tenant import Key

_LOG = logging.getLogger(__name__)

Work = Callable[[Key], Awaitable[float | None]]
"""One pass; returns after how many seconds the tenant is due again by time alone, or None."""

SHORTEST_PAUSE = 0.5
LONGEST_PAUSE = 60.0
COALESCING_SECONDS = 0.2
"""Seconds that an event of an owned object waits for others of the same tenant."""


class Queue:
    """The queue and its workers."""

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._ready: OrderedDict[Key, float] = OrderedDict()
        self._due: dict[Key, asyncio.TimerHandle] = {}
        self._working: set[Key] = set()
        self._again: set[Key] = set()
        self._failures: dict[Key, int] = {}
        self._available = asyncio.Semaphore(0)

    def enqueue(self, key: Key, after: float = 0) -> None:
        """Have a tenant looked at, at the latest after so many seconds."""
        if key in self._ready:
            return
        if after > 0:
            self._enqueue_later(key, after)
            return
        if timer := self._due.pop(key, None):
            timer.cancel()
        if key in self._working:
            self._again.add(key)
            return
        self._ready[key] = time.monotonic()
        metrics.QUEUE_ADDS.labels(metrics.CONTROLLER).inc()
        metrics.QUEUE_DEPTH.labels(metrics.CONTROLLER).set(len(self._ready))
        self._available.release()

    def _enqueue_later(self, key: Key, after: float) -> None:
        loop = asyncio.get_running_loop()
        timer = self._due.get(key)
        if timer is not None:
            if timer.when() <= loop.time() + after:
                return
            timer.cancel()
        self._due[key] = loop.call_later(after, self._fire, key)

    def _fire(self, key: Key) -> None:
        del self._due[key]
        self.enqueue(key)

    async def run(self, work: Work) -> None:
        """Work until cancelled."""
        metrics.WORKERS.labels(metrics.CONTROLLER).set(self._workers)
        async with asyncio.TaskGroup() as group:
            for _ in range(self._workers):
                group.create_task(self._serve(work))

    async def _serve(self, work: Work) -> None:
        while True:
            await self._available.acquire()
            key, since = self._ready.popitem(last=False)
            metrics.QUEUE_DEPTH.labels(metrics.CONTROLLER).set(len(self._ready))
            metrics.QUEUE_TIME.labels(metrics.CONTROLLER).observe(time.monotonic() - since)
            self._working.add(key)
            try:
                with (
                    metrics.WORK_TIME.labels(metrics.CONTROLLER).time(),
                    metrics.ACTIVE_WORKERS.labels(metrics.CONTROLLER).track_inprogress(),
                ):
                    after = await self._attempt(work, key)
            finally:
                self._working.discard(key)
            if key in self._again:
                self._again.discard(key)
                self.enqueue(key)
            elif after is not None:
                self.enqueue(key, after)

    async def _attempt(self, work: Work, key: Key) -> float | None:
        result = "success"
        try:
            with metrics.RECONCILE_TIME.labels(metrics.CONTROLLER).time():
                after = await work(key)
        except Exception as error:  # whatever it is, it must not end the worker
            result = "error"
            metrics.RECONCILE_ERRORS.labels(metrics.CONTROLLER).inc()
            metrics.QUEUE_RETRIES.labels(metrics.CONTROLLER).inc()
            failures = self._failures.get(key, 0) + 1
            self._failures[key] = failures
            after = _pause(failures)
            _LOG.log(
                logging.DEBUG if failures == 1 else logging.WARNING,
                "pass over %s failed, next attempt in %.1f s: %r",
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


def _pause(failures: int) -> float:
    longest = min(LONGEST_PAUSE, SHORTEST_PAUSE * 2.0 ** min(failures - 1, 10))
    return longest * random.uniform(0.5, 1)  # noqa: S311 (spread, not secret)
