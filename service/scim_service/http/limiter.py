"""How often clients may ask, and how soon those without a token are answered."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from math import ceil

FREE_FAILURES = 5
"""Failed authentications of one source that are answered at once: a mistyped token."""

LONGEST_DELAY = 2.0
FORGET_SECONDS = 60.0
SOURCES = 1024
"""How many sources are remembered; the least recent one is forgotten first."""

WAITING = 100
"""How many answers are held back at a time, so that a flood does not use up memory."""


class RateLimit:
    """A ceiling of requests a second, with a second's worth of them in hand.

    Parameters
    ----------
    rate
        Requests a second, None for no ceiling.
    """

    def __init__(
        self, rate: float | None, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._rate = rate
        self._monotonic = monotonic
        self._tokens = rate or 0.0
        self._filled = monotonic()

    def retry_after(self) -> int | None:
        """Let a request pass (None), or return the seconds after which it may be repeated."""
        if self._rate is None:
            return None
        now = self._monotonic()
        self._tokens = min(self._rate, self._tokens + (now - self._filled) * self._rate)
        self._filled = now
        if self._tokens >= 1:
            self._tokens -= 1
            return None
        return max(1, ceil((1 - self._tokens) / self._rate))


@dataclass(slots=True)
class _Source:
    failures: int
    last: float


class Penalties:
    """Slows down guessing: each failure of a source doubles the time until its next answer.

    Only answers to failures wait. Entra's requests have a good token and are not held up, even
    where an ingress makes all clients look like one source.
    """

    def __init__(
        self,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._monotonic = monotonic
        self._sleep = sleep
        self._sources: OrderedDict[str, _Source] = OrderedDict()
        self._waiting = 0

    async def failed(self, source: str) -> None:
        """Note a failure, and wait for as long as its answer is to be held back."""
        now = self._monotonic()
        known = self._sources.get(source)
        if known is None or now - known.last > FORGET_SECONDS:
            known = self._sources[source] = _Source(0, now)
        known.failures += 1
        known.last = now
        self._sources.move_to_end(source)
        if len(self._sources) > SOURCES:
            self._sources.popitem(last=False)
        excess = known.failures - FREE_FAILURES
        if excess <= 0 or self._waiting >= WAITING:
            return
        self._waiting += 1
        try:
            await self._sleep(min(0.05 * 2 ** min(excess, 10), LONGEST_DELAY))
        finally:
            self._waiting -= 1
