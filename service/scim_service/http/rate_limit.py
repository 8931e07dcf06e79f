"""How often clients may ask, and how soon those without a token are answered."""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil

FREE_FAILURES = 5
"""Failed authentications of one source that are answered at once: a mistyped token."""

LONGEST_DELAY = 2.0
FORGET_SECONDS = 60.0
SOURCES = 1024
"""How many sources are remembered; the least recent one is forgotten first."""

ANSWERS = 25
"""Failed authentications of all sources together that are answered in full within a second."""


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

    Beyond `ANSWERS` a second, of whatever sources, an answer neither waits nor is written to the
    access log, so that a flood fills neither memory nor disks: at most about
    ``ANSWERS * (LONGEST_DELAY + 1)`` answers wait. Only answers to failures are concerned; why
    that is all that can be limited is in docs/decisions/0006-guessed-tokens.md.
    """

    def __init__(self, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._sources: OrderedDict[str, _Source] = OrderedDict()
        self._answers = RateLimit(ANSWERS, monotonic=monotonic)

    def failed(self, source: str) -> float | None:
        """Note a failure.

        Returns
        -------
        float or None
            The seconds for which its answer is to be held back, None for one that is too many.
        """
        now = self._monotonic()
        known = self._sources.get(source)
        if known is None or now - known.last > FORGET_SECONDS:
            known = self._sources[source] = _Source(0, now)
        known.failures += 1
        known.last = now
        self._sources.move_to_end(source)
        if len(self._sources) > SOURCES:
            self._sources.popitem(last=False)
        if self._answers.retry_after() is not None:
            return None
        excess = known.failures - FREE_FAILURES
        return 0.0 if excess <= 0 else min(0.05 * 2 ** min(excess, 10), LONGEST_DELAY)
