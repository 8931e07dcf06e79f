"""A new service image reaches a bounded number of tenants at a time."""

from __future__ import annotations

from scim_operator.rollout import Rollout
from scim_operator.tenant import Key

A, B, C = (Key("team-a", name) for name in "abc")


def test_limit() -> None:
    """With all places taken the others keep what they run."""
    rollout = Rollout("new", 2)
    found = [rollout.image(key, "old", available=True) for key in (A, B, C)]
    assert found == ["new", "new", "old"]
    assert rollout.free() == []


def test_a_place_is_given_back() -> None:
    """The next one moves when one is available with the new image, not before."""
    rollout = Rollout("new", 1)
    assert rollout.image(A, "old", available=True) == "new"
    assert rollout.image(B, "old", available=True) == "old"
    rollout.image(A, "new", available=False)
    assert rollout.free() == []
    rollout.image(A, "new", available=True)
    assert rollout.free() == [B]
    assert rollout.image(B, "old", available=True) == "new"


def test_halt() -> None:
    """If the new image does not become available, the others stay for good."""
    rollout = Rollout("new", 1)
    rollout.image(A, "old", available=True)
    for _ in range(5):
        assert rollout.image(A, "new", available=False) == "new"
        assert rollout.image(B, "old", available=True) == "old"


def test_new_and_broken_tenants_take_no_place() -> None:
    """Who has no pod to lose runs the new image at once."""
    rollout = Rollout("new", 1)
    assert rollout.image(A, None, available=False) == "new"
    assert rollout.image(B, "old", available=False) == "new"
    assert rollout.image(C, "old", available=True) == "new"


def test_deleted_tenant() -> None:
    """A tenant that is gone does not keep its place."""
    rollout = Rollout("new", 1)
    rollout.image(A, "old", available=True)
    rollout.image(B, "old", available=True)
    rollout.forget(A)
    assert rollout.free() == [B]
