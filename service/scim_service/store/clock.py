"""The time as the database stores it: microseconds since 1970, UTC."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TypeAlias

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

Clock: TypeAlias = Callable[[], int]
"""Returns the current time in microseconds since 1970."""


def now_microseconds() -> int:
    """Return the current time as it is stored."""
    return time.time_ns() // 1000


def to_microseconds(instant: datetime) -> int:
    """Return a time as it is stored."""
    return (instant - _EPOCH) // _MICROSECOND


def format_time(stored: int) -> str:
    """Return a stored time as RFC 3339 in UTC."""
    seconds, fraction = divmod(stored, 1_000_000)
    return f"{_second_text(seconds)}.{fraction:06}Z"


@lru_cache(maxsize=1024)
def _second_text(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().removesuffix("+00:00")
