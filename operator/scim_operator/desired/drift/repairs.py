"""How long to wait before a field that other clients set repeatedly is repaired again.

Another controller may change a field back that the operator has just repaired. That must not lead
to an endless exchange of writes, each of which can restart a pod: for each field of each object the
pause until the next repair doubles, and a difference in any other field is repaired at once.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import NamedTuple

FIRST_PAUSE = 2.0
LONGEST_PAUSE = 3600.0
"""Seconds until a field is repaired again; each time that others change it the pause doubles."""

CALM = 60.0
"""Seconds without another change until a conflict is over, if the pause is not shorter."""

_MAX_OBJECTS = 4096
_MAX_FIELDS = 64
"""How many objects are remembered, and how many fields of each."""


class _Standoff(NamedTuple):
    rounds: int
    pause: float
    since: float
    manager: str | None

    @property
    def until(self) -> float:
        return self.since + self.pause


class Conflict(NamedTuple):
    """A field that another client sets repeatedly.

    Attributes
    ----------
    manager
        The name that the client gives itself; None if unknown.
    """

    field: str
    manager: str | None


class Repairs:
    """Which fields were repaired, and how often.

    Parameters
    ----------
    clock
        A monotonic clock, in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._standoffs: OrderedDict[str, dict[str, _Standoff]] = OrderedDict()

    def find_pause(self, uid: str, fields: Collection[str]) -> float:
        """Return for how many seconds not to repair fields that differ again; 0 for none."""
        known = self._standoffs.get(uid, {})
        ends = [known[field].until if field in known else 0 for field in fields]
        return max(0, min(ends, default=0) - self._clock())

    def list_contested(self, uid: str, fields: Collection[str]) -> frozenset[str]:
        """Return which of an object's fields were repaired before."""
        return frozenset(fields) & self._standoffs.get(uid, {}).keys()

    def note(
        self, uid: str, repaired: Iterable[str], managers: Mapping[str, str | None]
    ) -> list[Conflict]:
        """Remember which fields of an object a write has changed back.

        Parameters
        ----------
        managers
            The clients that had set them, where known.

        Returns
        -------
        list[Conflict]
            The conflicts that begin now.
        """
        known = self._standoffs.pop(uid, {})
        self._standoffs[uid] = known
        if len(self._standoffs) > _MAX_OBJECTS:
            self._standoffs.popitem(last=False)
        begun = []
        for field in repaired:
            entry = known[field] = self._advance(known.pop(field, None), managers.get(field))
            if entry.rounds == 2:
                begun.append(Conflict(field, entry.manager))
            if len(known) > _MAX_FIELDS:
                del known[next(iter(known))]
        return begun

    def list_conflicts(
        self, uid: str, differing: Collection[str]
    ) -> tuple[list[Conflict], float | None]:
        """Return the conflicts about an object, and the seconds until one may end."""
        now = self._clock()
        found, ends = [], []
        for field, entry in self._standoffs.get(uid, {}).items():
            end = entry.since + min(entry.pause, CALM)
            if entry.rounds < 2 or (field not in differing and end <= now):
                continue
            found.append(Conflict(field, entry.manager))
            ends.append(entry.until if field in differing else end)
        return found, max(0, min(ends) - now) if ends else None

    def _advance(self, last: _Standoff | None, manager: str | None) -> _Standoff:
        now = self._clock()
        if last is None or now - last.until >= LONGEST_PAUSE:
            return _Standoff(1, FIRST_PAUSE, now, manager)
        pause = min(2 * last.pause, LONGEST_PAUSE)
        return _Standoff(last.rounds + 1, pause, now, manager or last.manager)
