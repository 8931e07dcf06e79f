"""How often a field that others change is repaired, and when that is a conflict."""

from __future__ import annotations

import pytest
from scim_operator.desired.drift.repairs import CALM, FIRST_PAUSE, LONGEST_PAUSE, Conflict, Repairs

UID = "1"
WEAKENED = "spec.externalIPs"
EDITED = "spec.type"


class _Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.finding(26)
def test_what_comes_back_is_repaired_more_rarely() -> None:
    """The first repair is immediate, later ones follow pauses that double up to an hour."""
    clock = _Clock()
    repairs = Repairs(clock)
    pauses = []
    for _ in range(14):
        pauses.append(repairs.find_pause(UID, [WEAKENED]))
        clock.now += pauses[-1]
        assert repairs.find_pause(UID, [WEAKENED]) == 0
        repairs.note(UID, [WEAKENED], {})
    assert pauses == [0, *(min(FIRST_PAUSE * 2**n, LONGEST_PAUSE) for n in range(13))]
    assert pauses[-1] == LONGEST_PAUSE


@pytest.mark.finding(26)
def test_another_field_is_repaired_at_once() -> None:
    """A pause is for one field: another field is repaired at once."""
    repairs = Repairs(_Clock())
    repairs.note(UID, [WEAKENED], {})
    assert repairs.find_pause(UID, [WEAKENED]) == FIRST_PAUSE
    assert repairs.find_pause(UID, ["spec.loadBalancerSourceRanges"]) == 0
    assert repairs.find_pause(UID, [WEAKENED, EDITED]) == 0
    assert repairs.find_pause("2", [WEAKENED]) == 0


def test_two_controllers_in_turn() -> None:
    """Pauses also grow if two clients change a field each in turn."""
    clock = _Clock()
    repairs = Repairs(clock)
    writes = 0
    while clock.now < 60:
        changed = [(WEAKENED, EDITED)[int(clock.now) % 2]]
        if not repairs.find_pause(UID, changed):
            writes += 1
            repairs.note(UID, changed, {})
        clock.now += 0.25
    assert writes <= 12


@pytest.mark.finding(26)
def test_peace_is_remembered() -> None:
    """A change long after the last one is repaired at once, and the pauses start again."""
    clock = _Clock()
    repairs = Repairs(clock)
    for _ in range(3):
        clock.now += repairs.find_pause(UID, [WEAKENED])
        repairs.note(UID, [WEAKENED], {})
    clock.now += 2 * LONGEST_PAUSE
    assert repairs.find_pause(UID, [WEAKENED]) == 0
    repairs.note(UID, [WEAKENED], {})
    assert repairs.find_pause(UID, [WEAKENED]) == FIRST_PAUSE


def test_conflict() -> None:
    """The second repair starts a conflict, which names the client and is reported once."""
    clock = _Clock()
    repairs = Repairs(clock)
    assert repairs.list_contested(UID, [EDITED]) == frozenset()
    assert repairs.note(UID, [EDITED], {}) == []
    assert repairs.list_conflicts(UID, [EDITED]) == ([], None)
    assert repairs.list_contested(UID, [EDITED, WEAKENED]) == {EDITED}
    clock.now += FIRST_PAUSE
    begun = Conflict(EDITED, "meddler")
    assert repairs.note(UID, [EDITED], {EDITED: "meddler"}) == [begun]
    assert repairs.list_conflicts(UID, [EDITED]) == ([begun], 2 * FIRST_PAUSE)
    clock.now += 2 * FIRST_PAUSE
    assert repairs.note(UID, [EDITED], {EDITED: None}) == []
    assert repairs.list_conflicts(UID, [EDITED]) == ([begun], 4 * FIRST_PAUSE)


def test_end_of_a_conflict() -> None:
    """A conflict lasts while the field differs, and ends after a time without changes."""
    clock = _Clock()
    repairs = Repairs(clock)
    for _ in range(10):
        clock.now += repairs.find_pause(UID, [EDITED])
        repairs.note(UID, [EDITED], {EDITED: "meddler"})
    pause = repairs.find_pause(UID, [EDITED])
    assert pause > CALM
    assert repairs.list_conflicts(UID, [])[1] == CALM
    clock.now += CALM
    assert repairs.list_conflicts(UID, []) == ([], None)
    assert repairs.list_conflicts(UID, [EDITED]) == ([Conflict(EDITED, "meddler")], pause - CALM)
