"""The time is the API server's, whatever the machine's own clock says."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from scim_operator.clock import Clock

from tests.unit.operator.sample import NOW

DAY = timedelta(days=1)


@dataclass
class Machine:
    """A machine with a clock that anybody can set, and one that nobody can."""

    own: float = NOW.timestamp()
    steady: float = 5.0

    def __post_init__(self) -> None:
        """Start a clock on it."""
        self.clock = Clock(steady=lambda: self.steady, own=lambda: self.own)

    def observe(self, moment: datetime) -> None:
        """Hear the API server's time."""
        self.clock.observe(format_datetime(moment, usegmt=True))

    def wait(self, seconds: float) -> None:
        """Let time go by."""
        self.own += seconds
        self.steady += seconds


@pytest.mark.parametrize("jump", [4 * DAY, -4 * DAY])
def test_the_own_clock_does_not_matter(jump: timedelta) -> None:
    """A machine's clock may be wrong and may be set: the time goes on as the API server's does."""
    machine = Machine()
    machine.observe(NOW + jump)
    machine.own -= 2 * jump.total_seconds()
    machine.wait(10)
    assert machine.clock.now() == NOW + jump + timedelta(seconds=10)


def test_answers_do_not_move_it_to_and_fro() -> None:
    """Answers that come a little late do not turn the time back."""
    machine = Machine()
    machine.observe(NOW)
    machine.wait(1.9)
    before = machine.clock.now()
    machine.observe(NOW)
    assert machine.clock.now() == before


def test_it_follows_a_server_that_is_put_right() -> None:
    """A jump of the API server's clock is followed, in both directions."""
    machine = Machine()
    for moment in (NOW, NOW + DAY, NOW):
        machine.observe(moment)
        assert machine.clock.now() == moment


@pytest.mark.parametrize("date", [None, "", "yesterday"])
def test_without_a_date(date: str | None) -> None:
    """An answer that tells no time leaves the one that is known, at first the machine's own."""
    machine = Machine()
    machine.clock.observe(date)
    assert machine.clock.now() == NOW.astimezone(UTC)
    machine.observe(NOW + DAY)
    machine.clock.observe(date)
    assert machine.clock.now() == NOW + DAY
