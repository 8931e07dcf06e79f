"""Timestamps in the format of the Kubernetes API and the service: RFC 3339, UTC, whole seconds."""

from __future__ import annotations

from datetime import UTC, datetime


def parse_timestamp(text: str) -> datetime:
    """Parse a timestamp.

    Raises
    ------
    ValueError
        The text is not a timestamp or has no time zone.
    """
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone")
    return time


def format_timestamp(time: datetime) -> str:
    """Format a time as a timestamp."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
