"""Pauses after failures."""

from __future__ import annotations

import random

import pytest
from scim_operator.controller.backoff import backoff_seconds

LONGEST = 60.0


def test_pause_doubles(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pause starts at half a second and doubles up to the longest."""
    monkeypatch.setattr(random, "uniform", lambda _low, high: high)
    pauses = [backoff_seconds(failures, LONGEST) for failures in (1, 2, 3, 7, 8, 1000)]
    assert pauses == [0.5, 1, 2, 32, 60, 60]


def test_pause_is_jittered() -> None:
    """Pauses differ, and none is shorter than half of the full pause."""
    pauses = {backoff_seconds(1000, LONGEST) for _ in range(50)}
    assert len(pauses) > 1
    assert all(LONGEST / 2 <= pause <= LONGEST for pause in pauses)
