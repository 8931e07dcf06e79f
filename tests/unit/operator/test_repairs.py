"""How often what others change is put right, and when that is a conflict."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
from scim_operator import drift
from scim_operator.kinds import SERVICE
from scim_operator.plan import Wanted
from scim_operator.repairs import CALM, FIRST_PAUSE, LONGEST_PAUSE, Conflict, Repairs

from tests.unit.operator.sample import Object, make, objects, observed


class _Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def _changed(spec: Object | None = None, uid: str = "1") -> Wanted:
    """The Service with other values of its fields, as the watched copy shows it."""
    found = objects(make(observed()))
    body: Object = next(body for (kind, _), body in found.items() if kind == "Service")
    wanted = drift.stamped(body)
    live = copy.deepcopy(wanted)
    live["metadata"] |= {"uid": uid, "resourceVersion": "7"}
    live["spec"] |= spec or {}
    return Wanted(SERVICE, wanted, live)


WEAKENED: Object = {"externalIPs": ["192.0.2.1"]}
EDITED: Object = {"type": "NodePort"}


def _repair(repairs: Repairs, seen: Wanted, manager: str | None = None) -> list[Conflict]:
    fields = [str(each) for each in seen.differences]
    return repairs.note(seen, fields, dict.fromkeys(fields, manager) if manager else {})


@pytest.mark.finding(26)
@pytest.mark.parametrize("spec", [WEAKENED, EDITED])
def test_what_comes_back_is_repaired_more_rarely(spec: Object) -> None:
    """The first time at once, then after a pause that doubles up to an hour."""
    clock = _Clock()
    repairs = Repairs(clock)
    seen = _changed(spec)
    pauses = []
    for _ in range(14):
        pauses.append(repairs.pause(seen))
        clock.now += pauses[-1]
        assert repairs.pause(seen) == 0
        _repair(repairs, seen)
    assert pauses == [0, *(min(FIRST_PAUSE * 2**n, LONGEST_PAUSE) for n in range(13))]
    assert pauses[-1] == LONGEST_PAUSE


@pytest.mark.finding(26)
def test_another_field_is_repaired_at_once() -> None:
    """A pause is for a field: no conflict shields what somebody changes beside it."""
    repairs = Repairs(_Clock())
    _repair(repairs, _changed(WEAKENED))
    assert repairs.pause(_changed(WEAKENED)) == FIRST_PAUSE
    assert repairs.pause(_changed({"loadBalancerSourceRanges": ["0.0.0.0/0"]})) == 0
    assert repairs.pause(_changed(WEAKENED | EDITED)) == 0
    assert repairs.pause(_changed(WEAKENED, "2")) == 0


def test_two_controllers_in_turn() -> None:
    """Two clients that change a field each, one after the other, meet growing pauses as well."""
    clock = _Clock()
    repairs = Repairs(clock)
    writes = 0
    while clock.now < 60:
        seen = _changed((WEAKENED, EDITED)[int(clock.now) % 2])
        if not repairs.pause(seen):
            writes += 1
            _repair(repairs, seen)
        clock.now += 0.25
    assert writes <= 12


@pytest.mark.finding(26)
def test_peace_is_remembered() -> None:
    """What comes back long after is repaired at once, and then waits for the first pause again."""
    clock = _Clock()
    repairs = Repairs(clock)
    for _ in range(3):
        clock.now += repairs.pause(_changed(WEAKENED))
        _repair(repairs, _changed(WEAKENED))
    clock.now += 2 * LONGEST_PAUSE
    assert repairs.pause(_changed(WEAKENED)) == 0
    _repair(repairs, _changed(WEAKENED))
    assert repairs.pause(_changed(WEAKENED)) == FIRST_PAUSE


def test_conflict() -> None:
    """The second repair begins a conflict, which names who sets the field, and is told once."""
    clock = _Clock()
    repairs = Repairs(clock)
    seen = _changed(EDITED)
    assert repairs.contested(seen) == frozenset()
    assert _repair(repairs, seen) == []
    assert repairs.conflicts(seen) == ([], None)
    assert repairs.contested(seen) == {"spec.type"}
    clock.now += FIRST_PAUSE
    begun = Conflict("spec.type", "meddler")
    assert _repair(repairs, seen, "meddler") == [begun]
    assert repairs.conflicts(seen) == ([begun], 2 * FIRST_PAUSE)
    clock.now += 2 * FIRST_PAUSE
    assert _repair(repairs, seen, "meddler") == []
    assert repairs.conflicts(seen) == ([begun], 4 * FIRST_PAUSE)


def test_end_of_a_conflict() -> None:
    """It ends with a while in which nobody changes the field, and lasts as long as it differs."""
    clock = _Clock()
    repairs = Repairs(clock)
    seen = _changed(EDITED)
    at_peace = replace(seen, live=_changed().live)
    for _ in range(10):
        clock.now += repairs.pause(seen)
        _repair(repairs, seen, "meddler")
    pause = repairs.pause(seen)
    assert pause > CALM
    _, again = repairs.conflicts(at_peace)
    assert again == CALM
    clock.now += CALM
    assert repairs.conflicts(at_peace) == ([], None)
    found, again = repairs.conflicts(seen)
    assert found == [Conflict("spec.type", "meddler")]
    assert again == pause - CALM
