"""Which differences between an object and its wish are left, or left for a while. Pure.

An admission rule of the cluster may write an object otherwise than it is asked to, and another
controller may put back what was removed. Neither may become an endless exchange of writes, each of
which can restart a pod.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

from scim_operator import drift
from scim_operator.plan import Wanted

Object = dict[str, Any]

FIRST_PAUSE = 10.0
LONGEST_PAUSE = 3600.0
"""Seconds until what came back is removed again; each time it comes back the pause doubles."""

_REMEMBERED = 4096
_NAMED = 8
"""How many additions a message names."""


class _Standoff(NamedTuple):
    additions: tuple[str, ...]
    pause: float
    until: float


class Repairs:
    """What was written, and what came of it.

    Parameters
    ----------
    clock
        Seconds that only grow.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._rewritten: dict[str, str] = {}
        self._standoffs: OrderedDict[str, _Standoff] = OrderedDict()

    def leaves(self, wanted: Wanted) -> bool:
        """Tell whether the object is left: as the last write left it, or for a while."""
        if wanted.live is None:
            return False
        last = self._rewritten.get(wanted.live["metadata"]["uid"])
        if last is not None and last == drift.state(wanted.object, wanted.live):
            return True
        return self.pause(wanted) > 0

    def pause(self, wanted: Wanted) -> float:
        """Return for how many seconds to leave what was removed and came back; 0 if for none."""
        if wanted.live is None or not drift.contains(wanted.object, wanted.live):
            return 0
        known = self._standoffs.get(wanted.live["metadata"]["uid"])
        if known is None or known.additions != wanted.additions:
            return 0
        return max(0, known.until - self._clock())

    def note(self, wanted: Wanted, body: Object) -> tuple[str, ...]:
        """Remember a write by its answer; return the additions that it did not remove."""
        uid = body["metadata"]["uid"]
        applied = replace(wanted, live=body)
        if not applied.is_current:
            self._rewritten[uid] = drift.state(wanted.object, body)
        if wanted.additions:
            self._enter(uid, wanted.additions)
        return applied.additions

    def _enter(self, uid: str, additions: tuple[str, ...]) -> None:
        now = self._clock()
        known = self._standoffs.pop(uid, None)
        pause = FIRST_PAUSE
        if known and known.additions == additions and now - known.until < known.pause:
            pause = min(2 * known.pause, LONGEST_PAUSE)
        self._standoffs[uid] = _Standoff(additions, pause, now + pause)
        if len(self._standoffs) > _REMEMBERED:
            self._standoffs.popitem(last=False)


def listed(additions: tuple[str, ...]) -> str:
    """Name additions for people, without their values."""
    more = [f"{len(additions) - _NAMED} more"] if len(additions) > _NAMED else []
    return ", ".join([*additions[:_NAMED], *more])
