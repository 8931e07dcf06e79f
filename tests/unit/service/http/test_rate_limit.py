"""The rate limit and the delays of answers to wrong tokens; a test sets the clock."""

import pytest
from scim_service.http.rate_limit import (
    ANSWERS,
    FORGET_SECONDS,
    FREE_FAILURES,
    LONGEST_DELAY_SECONDS,
    Penalties,
    RateLimit,
)


class Clock:
    """A clock that only the test advances."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """Return the time in seconds."""
        return self.now


def test_a_burst_of_one_second_is_admitted() -> None:
    """As many requests as the rate are admitted at once, and the next one a second later."""
    clock = Clock()
    limit = RateLimit(25, monotonic=clock)
    assert [limit.admit() for _ in range(25)] == [None] * 25
    assert limit.admit() == 1
    clock.now += 1
    assert limit.admit() is None


def test_delays_grow_with_each_failure_up_to_a_limit() -> None:
    """The first failures have no delay, each further one a longer delay, up to a limit."""
    clock = Clock()
    penalties = Penalties(monotonic=clock)

    def failed(source: str) -> float | None:
        clock.now += 1
        return penalties.note_failure(source)

    assert [failed("192.0.2.1") for _ in range(FREE_FAILURES)] == [0.0] * FREE_FAILURES
    delays = [failed("192.0.2.1") or 0.0 for _ in range(10)]
    assert delays == sorted(delays)
    assert (delays[0], delays[-1]) == (0.1, LONGEST_DELAY_SECONDS)
    assert failed("192.0.2.2") == 0.0
    clock.now += FORGET_SECONDS
    assert failed("192.0.2.1") == 0.0


@pytest.mark.finding(24)
def test_failures_of_all_sources_together_are_limited() -> None:
    """At most `ANSWERS` failures a second have a delay and a log line, however many guess."""
    clock = Clock()
    penalties = Penalties(monotonic=clock)
    answered = [penalties.note_failure(f"192.0.2.{number}") for number in range(1000)]
    assert answered == [0.0] * ANSWERS + [None] * (1000 - ANSWERS)
    clock.now += 1
    assert [penalties.note_failure("198.51.100.1") for _ in range(FREE_FAILURES)] == [
        0.0
    ] * FREE_FAILURES
