"""Reads each tenant's counts from its service's management port, one after the other.

The readings are spread over the interval, so that they are a steady trickle however many tenants
there are, and a tenant is woken only by a reading that differs from the one before.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable

import aiohttp
from pydantic import ValidationError

from scim_operator import diagnosis, metrics, names
from scim_operator.cache import Cache
from scim_operator.report import Report
from scim_operator.settings import Settings
from scim_operator.tenant import Key

_LOG = logging.getLogger(__name__)
_TIMEOUT = aiohttp.ClientTimeout(total=5)
_BLIPS = 2
"""Failed readings in a row that may be a restart and are not worth telling."""


class Poller:
    """The latest readings.

    Parameters
    ----------
    wake
        Called with a tenant whose reading has changed.
    port
        The services' management port.
    """

    def __init__(
        self,
        cache: Cache,
        settings: Settings,
        wake: Callable[[Key], None],
        port: int = names.MANAGEMENT_PORT,
    ) -> None:
        self._cache = cache
        self._settings = settings
        self._wake = wake
        self._port = port
        self._slots = asyncio.Semaphore(settings.poll_in_flight)
        self._reports: dict[Key, Report] = {}
        self._failures: dict[Key, int] = {}

    def report(self, key: Key) -> Report | None:
        """Return the last reading; None if there was none since the operator's start."""
        return self._reports.get(key)

    def unreachable(self, key: Key) -> bool:
        """Tell whether the service runs and yet could not be read several times in a row."""
        return self._failures.get(key, 0) > _BLIPS

    async def run(self) -> None:
        """Read until cancelled."""
        settings = self._settings
        async with aiohttp.ClientSession(timeout=_TIMEOUT) as session, asyncio.TaskGroup() as group:
            while True:
                keys = self._cache.tenants()
                self._forget_except(set(keys))
                random.shuffle(keys)
                cycle = max(settings.poll_interval, len(keys) / settings.poll_rate)
                for key in keys:
                    await self._slots.acquire()
                    group.create_task(self._read(session, key))
                    await asyncio.sleep(cycle / len(keys))
                if not keys:
                    await asyncio.sleep(1)

    def _forget_except(self, keys: set[Key]) -> None:
        for known in (self._reports, self._failures):
            for key in known.keys() - keys:
                known.pop(key)

    async def _read(self, session: aiohttp.ClientSession, key: Key) -> None:
        try:
            pods = [pod for pod in self._cache.pods(key) if diagnosis.is_ready(pod)]
            if not pods:
                self._failures.pop(key, None)
                return
            address = random.choice(pods)["status"]["podIP"]  # noqa: S311 (any of them will do)
            host = f"[{address}]" if ":" in address else address
            try:
                url = f"http://{host}:{self._port}/-/status"
                async with session.get(url, raise_for_status=True) as response:
                    report = Report.model_validate_json(await response.read())
            except (aiohttp.ClientError, TimeoutError, OSError, ValidationError) as error:
                self._fail(key, error)
            else:
                self._succeed(key, report)
        finally:
            self._slots.release()

    def _fail(self, key: Key, error: Exception) -> None:
        metrics.READINGS.labels("error").inc()
        _LOG.debug("counts of %s cannot be read: %r", key, error, extra={"tenant": str(key)})
        self._failures[key] = self._failures.get(key, 0) + 1
        if self._failures[key] == _BLIPS + 1:
            self._wake(key)

    def _succeed(self, key: Key, report: Report) -> None:
        metrics.READINGS.labels("success").inc()
        if self._failures.pop(key, 0) > _BLIPS or self._reports.get(key) != report:
            self._reports[key] = report
            self._wake(key)
