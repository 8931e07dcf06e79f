"""When a candidate may take the Lease, and how the holder writes it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from scim_operator.kube.lease import build, may_take
from scim_operator.settings import Settings

from tests.unit.operator.sample import NOW

SETTINGS = Settings(identity="me", lease_duration=15)


@pytest.mark.parametrize(
    ("holder", "silence", "free"),
    [
        ("", 0, True),
        (None, 0, True),
        ("me", 0, True),
        ("other", 0, False),
        ("other", 15, False),
        ("other", 15.1, True),
    ],
)
def test_may_take(holder: str | None, silence: float, free: bool) -> None:
    """A candidate takes a Lease that is free, its own, or not renewed for its duration."""
    spec = {"holderIdentity": holder, "leaseDurationSeconds": 15}
    assert may_take(spec, "me", silence) is free


def test_first_lease() -> None:
    """The first holder writes its identity and the duration."""
    spec = build(None, SETTINGS, NOW)["spec"]
    assert spec == {
        "holderIdentity": "me",
        "leaseDurationSeconds": 15,
        "acquireTime": "2026-11-25T09:00:00.000000Z",
        "renewTime": "2026-11-25T09:00:00.000000Z",
        "leaseTransitions": 0,
    }


def test_renewal() -> None:
    """A renewal changes its time only, and keeps the version, so that a conflict is detected."""
    first = build(None, SETTINGS, NOW)
    first["metadata"]["resourceVersion"] = "7"
    again = build(first, SETTINGS, NOW + timedelta(seconds=2))
    assert again["spec"] == first["spec"] | {"renewTime": "2026-11-25T09:00:02.000000Z"}
    assert again["metadata"]["resourceVersion"] == "7"


def test_takeover() -> None:
    """A new holder counts a transition and writes the time."""
    first = build(None, SETTINGS, NOW)
    other = Settings(identity="other")
    spec = build(first, other, NOW + timedelta(seconds=20))["spec"]
    assert (spec["holderIdentity"], spec["leaseTransitions"]) == ("other", 1)
    assert spec["acquireTime"] == spec["renewTime"] == "2026-11-25T09:00:20.000000Z"
