"""Conditions of a status are found by type."""

from __future__ import annotations

from scim_operator.api.v1alpha1.status import UNSEEN, Status


def test_default_status() -> None:
    """The default status has a Ready condition that is not True."""
    assert UNSEEN.is_unseen
    assert UNSEEN.condition("Ready") is not None
    assert not UNSEEN.is_true("Ready")


def test_absent_condition() -> None:
    """An absent condition is not True."""
    assert Status().condition("Ready") is None
    assert not Status().is_true("Ready")


def test_records_of_another_version() -> None:
    """A record that this version cannot read is ignored; the rest of the status is kept."""
    status = Status.model_validate({"users": 3, "rollout": {"state": "paused"}, "certificate": "x"})
    assert (status.users, status.rollout, status.certificate) == (3, None, None)
