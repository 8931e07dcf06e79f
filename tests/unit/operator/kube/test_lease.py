"""Who may take the Lease, and what its holder writes."""

from __future__ import annotations

from datetime import timedelta

import pytest
from scim_operator.kube.lease import may_take, renewed
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
    """A Lease is taken when it is free, one's own, or its holder was silent for its duration."""
    spec = {"holderIdentity": holder, "leaseDurationSeconds": 15}
    assert may_take(spec, "me", silence) is free


def test_first_lease() -> None:
    """The first holder writes who it is and for how long."""
    spec = renewed(None, SETTINGS, "scim-operator", NOW)["spec"]
    assert spec == {
        "holderIdentity": "me",
        "leaseDurationSeconds": 15,
        "acquireTime": "2026-11-25T09:00:00.000000Z",
        "renewTime": "2026-11-25T09:00:00.000000Z",
        "leaseTransitions": 0,
    }


def test_renewal() -> None:
    """A renewal moves only its time; the version that was read stays, so that a race is lost."""
    first = renewed(None, SETTINGS, "scim-operator", NOW)
    first["metadata"]["resourceVersion"] = "7"
    again = renewed(first, SETTINGS, "scim-operator", NOW + timedelta(seconds=2))
    assert again["spec"] == first["spec"] | {"renewTime": "2026-11-25T09:00:02.000000Z"}
    assert again["metadata"]["resourceVersion"] == "7"


def test_takeover() -> None:
    """A new holder counts a transition and says since when."""
    first = renewed(None, SETTINGS, "scim-operator", NOW)
    other = Settings(identity="other")
    spec = renewed(first, other, "scim-operator", NOW + timedelta(seconds=20))["spec"]
    assert (spec["holderIdentity"], spec["leaseTransitions"]) == ("other", 1)
    assert spec["acquireTime"] == spec["renewTime"] == "2026-11-25T09:00:20.000000Z"
