"""How long to wait after failures in a row: twice as long each time, with jitter."""

from __future__ import annotations

import random

_SHORTEST_SECONDS = 0.5
_MOST_DOUBLINGS = 10


def backoff_seconds(failures: int, longest: float) -> float:
    """Return the pause after a number of failures in a row, between half of it and all of it.

    Jitter keeps what failed together from being repeated together.
    """
    doublings = min(failures - 1, _MOST_DOUBLINGS)
    pause = min(longest, _SHORTEST_SECONDS * 2.0**doublings)
    return pause * random.uniform(0.5, 1)  # noqa: S311 (spread, not secret)
