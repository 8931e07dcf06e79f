"""The time, as the API server has it.

Every moment in the cluster's objects is the API server's, and each of its answers tells the time.
Between two answers time is counted by a clock that nobody sets. So a machine whose own clock is
wrong, or is put right while the operator runs, rotates and retires no token early, and operators
on several machines agree.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_TOLERANCE = 2.0
"""Seconds that answers may differ by: they tell whole seconds, and some take a while to arrive."""


class Clock:
    """Tells the time; this machine's own as long as no answer has told any.

    Parameters
    ----------
    steady
        Counts seconds from any moment, and is never set.
    """

    def __init__(
        self,
        steady: Callable[[], float] = time.monotonic,
        own: Callable[[], float] = time.time,
    ) -> None:
        self._steady = steady
        self._own = own
        self._offset: float | None = None

    def observe(self, date: str | None) -> None:
        """Take note of an answer's ``Date`` header."""
        try:
            told = parsedate_to_datetime(date or "").timestamp()
        except ValueError:
            return
        offset = told - self._steady()
        # Not at every answer: time would go back and forth within a second.
        if self._offset is None or abs(offset - self._offset) > _TOLERANCE:
            self._offset = offset

    def now(self) -> datetime:
        """Return the time, in whole seconds."""
        seconds = self._own() if self._offset is None else self._steady() + self._offset
        return datetime.fromtimestamp(int(seconds), UTC)
