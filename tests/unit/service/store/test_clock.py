"""Times as the database stores them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from scim_service.store.clock import format_time, to_microseconds


@pytest.mark.parametrize(
    ("stored", "text"),
    [
        (0, "1970-01-01T00:00:00.000000Z"),
        (1_750_000_000_000_001, "2025-06-15T15:06:40.000001Z"),
        (-1, "1969-12-31T23:59:59.999999Z"),
    ],
)
def test_a_stored_time_is_formatted_and_parsed_without_loss(stored: int, text: str) -> None:
    """The text has microseconds and is in UTC; parsing it gives the stored number again."""
    assert format_time(stored) == text
    assert to_microseconds(datetime.fromisoformat(text)) == stored


def test_the_time_zone_does_not_change_what_is_stored() -> None:
    """Two spellings of the same time are stored as the same number."""
    here = datetime(2025, 6, 15, 17, 6, 40, tzinfo=timezone(timedelta(hours=2)))
    assert to_microseconds(here) == to_microseconds(here.astimezone(UTC)) == 1_750_000_000_000_000
