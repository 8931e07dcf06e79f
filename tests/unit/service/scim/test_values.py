"""Single values."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scim_service.scim.errors import ScimError
from scim_service.scim.schemas.attribute import Attribute
from scim_service.scim.values import check_simple, parse_datetime


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-01-31T09:00:00Z", datetime(2026, 1, 31, 9, tzinfo=UTC)),
        ("2026-01-31t09:00:00z", datetime(2026, 1, 31, 9, tzinfo=UTC)),
        ("2026-01-31T09:00:00", datetime(2026, 1, 31, 9, tzinfo=UTC)),
        ("2026-01-31T09:00:00+05:30", datetime(2026, 1, 31, 3, 30, tzinfo=UTC)),
        ("2026-01-31T09:00:00.5-00:30", datetime(2026, 1, 31, 9, 30, 0, 500_000, tzinfo=UTC)),
        ("2019-09-18T18:15:26.5788954Z", datetime(2019, 9, 18, 18, 15, 26, 578_895, tzinfo=UTC)),
        ("0001-01-01T00:00:00+10:00", None),
        ("9999-12-31T23:59:59-10:00", None),
        ("2026-02-30T09:00:00Z", None),
        ("2026-01-31T25:00:00Z", None),
        ("2026-01-31", None),
        ("20260131T090000Z", None),
        ("2026-W05-6T09:00:00Z", None),
        ("2026-01-31 09:00:00Z", None),
        ("٢٠٢٦-01-31T09:00:00Z", None),
        ("", None),
    ],
)
def test_datetime(text: str, instant: datetime | None) -> None:
    """An xsd:dateTime is an instant in UTC; other forms of ISO 8601 are refused."""
    assert parse_datetime(text) == instant


@given(
    st.datetimes(
        min_value=datetime(1900, 1, 1),  # noqa: DTZ001
        timezones=st.integers(-720, 720).map(lambda minutes: timezone(timedelta(minutes=minutes))),
        max_value=datetime(9000, 1, 1),  # noqa: DTZ001
    )
)
def test_datetime_is_read_as_it_is_written(instant: datetime) -> None:
    """Each time equals the one parsed from its text, whatever the offset."""
    assert parse_datetime(instant.isoformat()) == instant


@pytest.mark.parametrize("value", [2**63, -(2**63) - 1])
def test_integers_that_no_database_keeps_are_refused(value: int) -> None:
    """Integers of more than 64 bits are refused; the largest that fit are accepted."""
    integer = Attribute("badge", "integer")
    with pytest.raises(ScimError, match="an integer of at most 64 bits"):
        check_simple(integer, value, "badge")
    for fits in (2**63 - 1, -(2**63)):
        check_simple(integer, fits, "badge")
