"""A new service image reaches a bounded number of tenants at a time."""

from __future__ import annotations

from typing import Any

import pytest
from scim_operator import names
from scim_operator.rollout import Choice, Rollout
from scim_operator.tenant import Key

A, B, C = (Key("team-a", name) for name in "abc")
MOVED = Choice("new", previous="old")


def deployment(image: str, previous: str | None = None, **status: int) -> dict[str, Any]:
    """A Deployment of one pod; by default all is done and the pod is available."""
    whole = {"observedGeneration": 2, "replicas": 1, "updatedReplicas": 1, "availableReplicas": 1}
    containers = [{"name": "added", "image": "other"}, {"name": "scim", "image": image}]
    return {
        "metadata": {
            "generation": 2,
            "annotations": {names.PREVIOUS_IMAGE_ANNOTATION: previous} if previous else {},
        },
        "spec": {"replicas": 1, "template": {"spec": {"containers": containers}}},
        "status": whole | status,
    }


OLD = deployment("old")
DOWN = deployment("old", availableReplicas=0)
DONE = deployment("new", previous="old")


def start(limit: int, **deployments: dict[str, Any]) -> Rollout:
    """The operator starts and finds Deployments."""
    found = [(Key("team-a", name), live) for name, live in deployments.items()]
    return Rollout("new", limit, found)


def test_limit() -> None:
    """With all places taken the others keep what they run."""
    rollout = start(2)
    assert [rollout.choose(key, OLD) for key in (A, B, C)] == [MOVED, MOVED, Choice("old")]
    assert rollout.free() == []


@pytest.mark.parametrize(
    "status",
    [
        pytest.param({"availableReplicas": 0}, id="the new pod is not available"),
        pytest.param({"observedGeneration": 1}, id="the status is from before the change"),
        pytest.param({"updatedReplicas": 0}, id="only the old pod is there and available"),
        pytest.param({"replicas": 2, "availableReplicas": 1}, id="the old pod serves beside it"),
        pytest.param({"replicas": 2, "availableReplicas": 2}, id="the old pod is not gone"),
    ],
)
@pytest.mark.parametrize("restarted", [False, True])
def test_halt(status: dict[str, int], restarted: bool) -> None:
    """While the new image does not serve alone the others stay, also after a restart."""
    stuck = deployment("new", previous="old", **status)
    rollout = start(1, a=stuck, b=OLD) if restarted else start(1)
    if not restarted:
        assert rollout.choose(A, OLD) == MOVED
    for _ in range(3):
        assert rollout.choose(B, OLD) == Choice("old")
        assert rollout.choose(A, stuck) == MOVED
        assert rollout.free() == []


def test_a_place_is_given_back() -> None:
    """The next one moves when one serves with the new image."""
    rollout = start(1)
    rollout.choose(A, OLD)
    rollout.choose(B, OLD)
    rollout.choose(A, DONE)
    assert rollout.free() == [B]
    assert rollout.choose(B, OLD) == MOVED


def test_one_that_stops_again_halts() -> None:
    """An image that serves for a while and then fails takes a place again."""
    rollout = start(1)
    rollout.choose(A, DONE)
    rollout.choose(A, deployment("new", previous="old", availableReplicas=0))
    assert rollout.choose(B, OLD) == Choice("old")


def test_new_and_broken_tenants_take_no_place() -> None:
    """Who has no pod to lose runs the new image at once."""
    rollout = start(1, b=DOWN, c=deployment("new", availableReplicas=0))
    assert rollout.choose(A, None) == Choice("new")
    assert rollout.choose(B, DOWN) == Choice("new")
    assert rollout.choose(C, OLD) == MOVED


def test_a_foreign_container_alone() -> None:
    """A Deployment whose container was renamed gets the image anew."""
    live = deployment("old")
    del live["spec"]["template"]["spec"]["containers"][1]
    assert start(1).choose(A, live) == Choice("new")


def test_suspended_tenant() -> None:
    """A tenant that is to run no pod is done, and keeps no place."""
    none = deployment("new", previous="old", replicas=0, updatedReplicas=0, availableReplicas=0)
    none["spec"]["replicas"] = 0
    assert start(1, a=none).choose(B, OLD) == MOVED


def test_deleted_tenant() -> None:
    """A tenant that is gone does not keep its place."""
    rollout = start(1)
    rollout.choose(A, OLD)
    rollout.choose(B, OLD)
    rollout.forget(A)
    assert rollout.free() == [B]
