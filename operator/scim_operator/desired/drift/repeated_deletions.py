"""Objects that others take away again and again, and the pauses before they are made again. Pure.

What `desired.drift.repairs` is for fields, for whole objects: one that is deleted, or loses the
label by which it is watched, must not become an endless exchange of writes either. Here is nobody
to name, because the API server keeps nothing of what is gone.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

from scim_operator.desired.drift.desired_object import DesiredObject
from scim_operator.desired.objects import applied_digest
from scim_operator.desired.ownership.seals import read_seal
from scim_operator.kube.kinds import Object

FIRST_PAUSE = 0.25
LONGEST_PAUSE = 600.0
"""Seconds until what is gone is made again; each time the pause doubles."""

ROUNDS = 4
"""How many times make a conflict: fewer are people who try what happens."""

CALM = 60.0
FORGOTTEN = 3600.0
"""Seconds after the longest pause without another loss until a conflict is over, and forgotten."""

_REMEMBERED = 4096


class _Loss(NamedTuple):
    rounds: int
    pause: float
    until: float
    is_told: bool


class RepeatedDeletions:
    """What was made again, and how often; objects go by any text that names one.

    Parameters
    ----------
    clock
        Seconds that only grow.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._losses: OrderedDict[str, _Loss] = OrderedDict()

    def note(self, where: str) -> int:
        """Remember that an object has been made again; return how often that is."""
        now = self._clock()
        last = self._losses.pop(where, None)
        entry = _Loss(1, FIRST_PAUSE, now + FIRST_PAUSE, is_told=False)
        if last is not None and now - last.until < FORGOTTEN:
            pause = min(2 * last.pause, LONGEST_PAUSE)
            entry = _Loss(last.rounds + 1, pause, now + pause, last.is_told)
        self._losses[where] = entry
        if len(self._losses) > _REMEMBERED:
            self._losses.popitem(last=False)
        return entry.rounds

    def pause(self, where: str) -> float:
        """Return for how many seconds not to make an object that is gone; 0 if for none."""
        entry = self._losses.get(where)
        return max(0, entry.until - self._clock()) if entry else 0

    def conflict(self, where: str) -> float:
        """Return the seconds until the conflict about an object is over; 0 if there is none.

        It outlasts the pause, so that the condition does not come and go with the object.
        """
        entry = self._losses.get(where)
        if entry is None or entry.rounds < ROUNDS:
            return 0
        return max(0, entry.until + CALM - self._clock())

    def begins(self, where: str) -> bool:
        """Tell once that there is a conflict about an object."""
        entry = self._losses.get(where)
        if entry is None or entry.is_told or not self.conflict(where):
            return False
        self._losses[where] = entry._replace(is_told=True)
        return True


class LastWritten:
    """Which wish was written last of each object.

    The object's own annotation says so as well, but others may take it away or change it, and with
    it what shows that a field was repaired.
    """

    def __init__(self) -> None:
        self._written: OrderedDict[str, str | None] = OrderedDict()

    def is_new(self, wanted: DesiredObject) -> bool:
        """Tell whether another wish was written last; False if it is not known."""
        wish = applied_digest.read_digest(wanted.object)
        uid = wanted.live["metadata"]["uid"] if wanted.live else ""
        return self._written.get(uid, wish) != wish

    def note(self, wanted: DesiredObject, body: Object) -> bool:
        """Remember what was written; return whether the same had been written before."""
        uid, wish = body["metadata"]["uid"], applied_digest.read_digest(wanted.object)
        is_known = self._written.pop(uid, None) == wish
        self._written[uid] = wish
        if len(self._written) > _REMEMBERED:
            self._written.popitem(last=False)
        if wanted.live is None:
            return False
        has_seal = read_seal(wanted.live) == read_seal(wanted.object)
        return is_known or (has_seal and applied_digest.read_digest(wanted.live) == wish)
