"""A clock that follows the API server.

Timestamps in the cluster's objects are the API server's, and each of its responses carries the
time. Between two responses a monotonic clock counts on. So the operator rotates and retires no
token early if its machine's clock is wrong or is corrected while it runs, and operators on several
machines agree.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_TOLERANCE_SECONDS = 2.0
"""Tolerated difference of responses: the header has whole seconds, and a response is delayed."""


class Clock:
    """The API server's time; until the first response, the machine's time.

    Parameters
    ----------
    monotonic
        Counts seconds and is never adjusted.
    system
        The machine's time.
    """

    def __init__(
        self,
        monotonic: Callable[[], float] = time.monotonic,
        system: Callable[[], float] = time.time,
    ) -> None:
        self._monotonic = monotonic
        self._system = system
        self._offset: float | None = None

    def observe(self, date: str | None) -> None:
        """Adjust the clock by the ``Date`` header of a response."""
        try:
            server_time = parsedate_to_datetime(date or "").timestamp()
        except ValueError:
            return
        offset = server_time - self._monotonic()
        # Not at every response: the time would jump back and forth within a second.
        if self._offset is None or abs(offset - self._offset) > _TOLERANCE_SECONDS:
            self._offset = offset

    def now(self) -> datetime:
        """Return the time, in whole seconds."""
        seconds = self._system() if self._offset is None else self._monotonic() + self._offset
        return datetime.fromtimestamp(int(seconds), UTC)
