"""Timestamps in the format of the Kubernetes API."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from scim_operator.timestamps import format_timestamp, parse_timestamp

TIME = datetime(2026, 11, 25, 9, 30, 15, tzinfo=UTC)


@pytest.mark.parametrize("text", ["2026-11-25T09:30:15Z", "2026-11-25T10:30:15+01:00"])
def test_parse(text: str) -> None:
    """Timestamps of every time zone are parsed."""
    assert parse_timestamp(text) == TIME


@pytest.mark.parametrize("text", ["2026-11-25T09:30:15", "yesterday", ""])
def test_invalid(text: str) -> None:
    """A text without a date or a time zone is not a timestamp."""
    with pytest.raises(ValueError, match=r"time zone|isoformat"):
        parse_timestamp(text)


def test_format() -> None:
    """A time is formatted in UTC and in whole seconds."""
    local = TIME.astimezone(timezone(timedelta(hours=-5))).replace(microsecond=999_999)
    assert format_timestamp(local) == "2026-11-25T09:30:15Z"
