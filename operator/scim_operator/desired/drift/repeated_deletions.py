"""How long to wait before an object that other clients delete repeatedly is created again.

This does for whole objects what `desired.drift.repairs` does for fields: an object that is deleted,
or loses the label by which it is watched, must not lead to an endless exchange of writes. No client
can be named, because the API server keeps nothing of a deleted object.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

FIRST_PAUSE = 0.25
LONGEST_PAUSE = 600.0
"""Seconds until a deleted object is created again; each time the pause doubles."""

ROUNDS = 4
"""How many deletions are a conflict: fewer may be a person who tries it out."""

CALM = 60.0
FORGOTTEN = 3600.0
"""Seconds after a pause without another deletion until a conflict is over, and is forgotten."""

_MAX_OBJECTS = 4096


class _Deletions(NamedTuple):
    rounds: int
    pause: float
    until: float
    is_reported: bool


class RepeatedDeletions:
    """Which objects were created again, and how often, by any text that names one object.

    Parameters
    ----------
    clock
        A monotonic clock, in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._known: OrderedDict[str, _Deletions] = OrderedDict()

    def note(self, where: str) -> int:
        """Remember that an object was created again; return how often that has happened."""
        now = self._clock()
        last = self._known.pop(where, None)
        entry = _Deletions(1, FIRST_PAUSE, now + FIRST_PAUSE, is_reported=False)
        if last is not None and now - last.until < FORGOTTEN:
            pause = min(2 * last.pause, LONGEST_PAUSE)
            entry = _Deletions(last.rounds + 1, pause, now + pause, last.is_reported)
        self._known[where] = entry
        if len(self._known) > _MAX_OBJECTS:
            self._known.popitem(last=False)
        return entry.rounds

    def find_pause(self, where: str) -> float:
        """Return for how many seconds not to create a deleted object; 0 for none."""
        entry = self._known.get(where)
        return max(0, entry.until - self._clock()) if entry else 0

    def find_conflict_end(self, where: str) -> float:
        """Return the seconds until the conflict about an object is over; 0 without a conflict.

        It outlasts the pause, so that the condition does not change each time the object does.
        """
        entry = self._known.get(where)
        if entry is None or entry.rounds < ROUNDS:
            return 0
        return max(0, entry.until + CALM - self._clock())

    def has_begun(self, where: str) -> bool:
        """Tell once whether there is a conflict about an object."""
        entry = self._known.get(where)
        if entry is None or entry.is_reported or not self.find_conflict_end(where):
            return False
        self._known[where] = entry._replace(is_reported=True)
        return True
