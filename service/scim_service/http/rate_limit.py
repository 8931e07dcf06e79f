"""The rate limit of requests, and the delay of answers to wrong tokens."""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil

FREE_FAILURES = 5
"""Failed authentications of one source that are answered without a delay: a mistyped token."""

LONGEST_DELAY_SECONDS = 2.0
FORGET_SECONDS = 60.0
SOURCES = 1024
"""The most sources that are remembered; the least recent one is forgotten first."""

ANSWERS = 25
"""Failed authentications of all sources that are answered with a delay and logged, per second."""


class RateLimit:
    """A limit of requests a second, with bursts of as many.

    Parameters
    ----------
    rate
        Requests a second, None for no limit.
    """

    def __init__(
        self, rate: float | None, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._rate = rate
        self._monotonic = monotonic
        self._tokens = rate or 0.0
        self._filled = monotonic()

    def admit(self) -> int | None:
        """Admit a request (None), or return the seconds after which it may be repeated."""
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
    """The delays of answers to wrong tokens: each failure of a source doubles its next delay.

    Beyond `ANSWERS` a second, of all sources, an answer is neither delayed nor logged, so that a
    flood fills neither memory nor disks: at most about
    ``ANSWERS * (LONGEST_DELAY_SECONDS + 1)`` answers wait. The delays concern answers to failures
    alone; the reason is in docs/decisions/0006-guessed-tokens.md.
    """

    def __init__(self, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._sources: OrderedDict[str, _Source] = OrderedDict()
        self._answers = RateLimit(ANSWERS, monotonic=monotonic)

    def note_failure(self, source: str) -> float | None:
        """Note a failure.

        Returns
        -------
        float or None
            The delay of its answer in seconds, None for one above `ANSWERS`.
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
        if self._answers.admit() is not None:
            return None
        excess = known.failures - FREE_FAILURES
        return 0.0 if excess <= 0 else min(0.05 * 2 ** min(excess, 10), LONGEST_DELAY_SECONDS)
