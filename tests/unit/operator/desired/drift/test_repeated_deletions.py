"""How often what others take away is made again, and what shows that a wish is no new one."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
from scim_operator.api import names
from scim_operator.desired.drift.desired_object import DesiredObject
from scim_operator.desired.drift.repeated_deletions import (
    CALM,
    FIRST_PAUSE,
    FORGOTTEN,
    LONGEST_PAUSE,
    ROUNDS,
    LastWritten,
    RepeatedDeletions,
)
from scim_operator.desired.objects import applied_digest
from scim_operator.kube.kinds import SERVICE

from tests.unit.operator.sample import Object, make, objects, observed


class _Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_what_is_deleted_again_is_made_more_rarely() -> None:
    """The first times within a second, then after pauses that double to ten minutes."""
    clock = _Clock()
    losses = RepeatedDeletions(clock)
    pauses = []
    for rounds in range(1, 15):
        pauses.append(losses.pause("x"))
        clock.now += pauses[-1]
        assert losses.pause("x") == 0
        assert losses.note("x") == rounds
        assert bool(losses.conflict("x")) == (rounds >= ROUNDS)
        assert losses.begins("x") == (rounds == ROUNDS)
    assert pauses == [0, *(min(FIRST_PAUSE * 2**n, LONGEST_PAUSE) for n in range(13))]
    assert pauses[-1] == LONGEST_PAUSE
    assert losses.pause("y") == 0
    clock.now += LONGEST_PAUSE + CALM
    assert losses.conflict("x") == 0
    clock.now += FORGOTTEN
    assert losses.note("x") == 1


@pytest.mark.parametrize("annotation", [None, "other"])
def test_annotation_that_others_take_is_no_new_wish(annotation: str | None) -> None:
    """Whoever takes the record of the last wish from an object does not pass for a new wish."""
    found = objects(make(observed()))
    body: Object = next(body for (kind, _), body in found.items() if kind == "Service")
    wanted = applied_digest.add_digest(body)
    live = copy.deepcopy(wanted)
    live["metadata"] |= {"uid": "1", "resourceVersion": "7"}
    seen = DesiredObject(SERVICE, wanted, live)
    wishes = LastWritten()
    assert not wishes.is_new(seen)
    assert wishes.note(seen, live)
    del live["metadata"]["annotations"][names.APPLIED_ANNOTATION]
    if annotation:
        live["metadata"]["annotations"][names.APPLIED_ANNOTATION] = annotation
    assert wishes.note(seen, live)
    other = replace(seen, object=applied_digest.add_digest(body | {"spec": {}}))
    assert wishes.is_new(other)
    assert not wishes.note(other, live)
