"""How long to wait before an object that others delete repeatedly is created again."""

from __future__ import annotations

from scim_operator.desired.drift.repeated_deletions import (
    CALM,
    FIRST_PAUSE,
    FORGOTTEN,
    LONGEST_PAUSE,
    ROUNDS,
    RepeatedDeletions,
)


class _Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_pauses_double() -> None:
    """The first re-creations follow within a second, later ones after up to ten minutes."""
    clock = _Clock()
    deletions = RepeatedDeletions(clock)
    pauses = []
    for rounds in range(1, 15):
        pauses.append(deletions.find_pause("x"))
        clock.now += pauses[-1]
        assert deletions.find_pause("x") == 0
        assert deletions.note("x") == rounds
        assert bool(deletions.find_conflict_end("x")) == (rounds >= ROUNDS)
        assert deletions.has_begun("x") == (rounds == ROUNDS)
    assert pauses == [0, *(min(FIRST_PAUSE * 2**n, LONGEST_PAUSE) for n in range(13))]
    assert pauses[-1] == LONGEST_PAUSE
    assert deletions.find_pause("y") == 0
    clock.now += LONGEST_PAUSE + CALM
    assert deletions.find_conflict_end("x") == 0
    clock.now += FORGOTTEN
    assert deletions.note("x") == 1
