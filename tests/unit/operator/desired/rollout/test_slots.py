"""Slots: how many tenants move at a time, in which namespaces."""

from __future__ import annotations

import pytest
from scim_operator.api.tenant import Key
from scim_operator.desired.rollout.slots import WITNESSES, Slots


def test_a_namespace_has_its_share() -> None:
    """Two namespaces share four slots; one of them cannot take a third."""
    slots = Slots(4)
    for namespace in ("a", "b"):
        for number in range(4):
            slots.set_state(Key(namespace, str(number)), None)
    slots.set_state(Key("a", "0"), "moving")
    assert slots.has_free_for("a")
    slots.set_state(Key("a", "1"), "failed")
    assert not slots.has_free_for("a")
    assert slots.has_free_for("b")
    assert (slots.count("moving"), slots.count("failed")) == (1, 1)


@pytest.mark.parametrize("witnesses", [WITNESSES - 1, WITNESSES])
def test_failed_tenants_count_until_others_serve(witnesses: int) -> None:
    """The failed tenants of one namespace no longer count when enough namespaces serve."""
    slots = Slots(1)
    slots.set_state(Key("a", "0"), "failed")
    for number in range(witnesses):
        slots.note_serving(f"w{number}")
    assert slots.has_free() is (witnesses == WITNESSES)


def test_the_queue_prefers_namespaces_with_few_slots() -> None:
    """Queued tenants get the free slots; a removed tenant is in no queue."""
    slots = Slots(3)
    slots.set_state(Key("a", "0"), "moving")
    for key in (Key("a", "1"), Key("a", "2"), Key("b", "1"), Key("b", "2")):
        slots.set_state(key, "waiting")
        slots.add_to_queue(key)
    assert slots.list_movable() == [Key("b", "1"), Key("b", "2")]
    slots.remove(Key("b", "1"))
    assert slots.list_movable() == [Key("b", "2"), Key("a", "1")]
    slots.remove(Key("unknown", "1"))
    assert slots.get_state(Key("a", "1")) == "waiting"
