"""The operator's clock follows the API server, not its machine."""

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
    """A machine with a system clock, which can be adjusted, and a monotonic clock."""

    system: float = NOW.timestamp()
    monotonic: float = 5.0

    def __post_init__(self) -> None:
        """Create the operator's clock."""
        self.clock = Clock(monotonic=lambda: self.monotonic, system=lambda: self.system)

    def observe(self, time: datetime) -> None:
        """Receive a response with the API server's time."""
        self.clock.observe(format_datetime(time, usegmt=True))

    def wait(self, seconds: float) -> None:
        """Advance both clocks."""
        self.system += seconds
        self.monotonic += seconds


@pytest.mark.parametrize("jump", [4 * DAY, -4 * DAY])
def test_system_clock_is_ignored(jump: timedelta) -> None:
    """An adjustment of the system clock does not change the time."""
    machine = Machine()
    machine.observe(NOW + jump)
    machine.system -= 2 * jump.total_seconds()
    machine.wait(10)
    assert machine.clock.now() == NOW + jump + timedelta(seconds=10)


def test_late_response_does_not_turn_the_time_back() -> None:
    """A response with a delay within the tolerance does not adjust the clock."""
    machine = Machine()
    machine.observe(NOW)
    machine.wait(1.9)
    before = machine.clock.now()
    machine.observe(NOW)
    assert machine.clock.now() == before


def test_clock_follows_a_corrected_server() -> None:
    """The clock follows a jump of the API server's clock in both directions."""
    machine = Machine()
    for time in (NOW, NOW + DAY, NOW):
        machine.observe(time)
        assert machine.clock.now() == time


@pytest.mark.parametrize("date", [None, "", "yesterday"])
def test_without_a_date(date: str | None) -> None:
    """A response without a valid date does not adjust the clock."""
    machine = Machine()
    machine.clock.observe(date)
    assert machine.clock.now() == NOW.astimezone(UTC)
    machine.observe(NOW + DAY)
    machine.clock.observe(date)
    assert machine.clock.now() == NOW + DAY
