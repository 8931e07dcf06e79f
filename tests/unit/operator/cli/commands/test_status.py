"""Tests of what the command shows of a tenant."""

from __future__ import annotations

import pytest
from scim_operator.api.v1alpha1.status import RolloutState
from scim_operator.cli.commands.status import _describe_rollout, _describe_state

from tests.unit.operator.cli.doctor.sample import tenant


def test_state() -> None:
    """The state has the reason of Ready, and whether the tenant is suspended or paused."""
    assert _describe_state(tenant()) == "Pending"
    found = tenant(
        {"suspended": True},
        conditions={"Ready": "!Suspended"},
        annotations={"scim-operator.io/paused": "true"},
    )
    assert _describe_state(found) == "Suspended, Paused"


@pytest.mark.parametrize(
    ("states", "line"),
    [
        ([], None),
        (["current", "current"], None),
        (["waiting", "current", "moving", "waiting"], "1 current, 1 moving, 2 waiting, 0 failed"),
    ],
)
def test_rollout(states: list[RolloutState], line: str | None) -> None:
    """A rollout is counted by state until every tenant is current."""
    found = [each.plain for each in _describe_rollout(states)]
    assert found == ([f"Rollout: {line}."] if line else [])
