"""Durations of the CRD are parsed."""

from __future__ import annotations

from datetime import timedelta

import pytest
from scim_operator.api.v1alpha1.formats import parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("72h", 259200), ("1h30m", 5400), ("40m", 2400), ("5s", 5), ("3d", 259200)],
)
def test_durations(text: str, seconds: int) -> None:
    """The parts of a duration are added."""
    assert parse_duration(text) == timedelta(seconds=seconds)
