"""The conditions Ready, Reconciling and Stalled, and conditions as the status stores them."""

from __future__ import annotations

from datetime import timedelta

from scim_operator.api.conditions import Finding, Outlook
from scim_operator.status.conditions import summary
from scim_operator.timestamps import format_timestamp

from tests.unit.operator.sample import NOW

GOOD = Finding(is_good=True, reason="Serving", message="")
WORKING = Finding(is_good=False, reason="Starting", message="a", outlook=Outlook.PROGRESSING)
STUCK = Finding(is_good=False, reason="HostMissing", message="b", outlook=Outlook.STALLED)
NOT_NEEDED = Finding(is_good=False, reason="ClusterOnly", message="c", is_needed=False)
LATER = NOW + timedelta(minutes=5)


def test_ready() -> None:
    """Ready is true only if every needed aspect is good."""
    assert summary.assess_ready([GOOD, GOOD]).is_good is True
    assert summary.assess_ready([GOOD, WORKING]) == WORKING
    ready = summary.assess_ready([GOOD, NOT_NEEDED])
    assert (ready.is_good, ready.reason) == (True, "Ready")
    assert ready.message == "the tenant serves SCIM at its Tenant URL; c"


def test_stalled_comes_first() -> None:
    """Ready reports an aspect that needs a person before one that needs time."""
    assert summary.assess_ready([WORKING, STUCK]) == STUCK


def test_abnormal() -> None:
    """Reconciling and Stalled are never both true, and both false if all aspects are good."""
    settled = summary.assess_abnormal([GOOD])
    assert [settled[kind].is_good for kind in ("Reconciling", "Stalled")] == [False, False]
    working = summary.assess_abnormal([GOOD, WORKING])
    assert [working[kind].is_good for kind in ("Reconciling", "Stalled")] == [True, False]
    stuck = summary.assess_abnormal([WORKING, STUCK])
    assert [stuck[kind].is_good for kind in ("Reconciling", "Stalled")] == [False, True]


def test_transition_time() -> None:
    """The transition time stays with a new reason, and changes with a new status."""
    first = summary.to_conditions({"Ready": WORKING}, (), 1, NOW)
    other = summary.to_conditions({"Ready": STUCK}, first, 2, LATER)
    assert (other[0].reason, other[0].last_transition_time) == ("HostMissing", NOW)
    assert other[0].observed_generation == 2
    good = summary.to_conditions({"Ready": GOOD}, other, 2, LATER)
    assert (good[0].status, good[0].last_transition_time) == ("True", LATER)


def test_blocked() -> None:
    """A blocked tenant is stalled and not ready; its other conditions and fields stay."""
    stored = {
        "users": 3,
        "conditions": [
            {"type": "Ready", "status": "True", "reason": "Ready", "lastTransitionTime": "before"},
            {"type": "Exposed", "status": "True", "reason": "Ingress"},
        ],
    }
    blocked = summary.mark_blocked(stored, STUCK, 2, NOW)
    assert blocked
    assert (blocked["users"], blocked["observedGeneration"]) == (3, 2)
    found = {each["type"]: each for each in blocked["conditions"]}
    assert {kind: each["status"] for kind, each in found.items()} == {
        "Ready": "False",
        "Exposed": "True",
        "Reconciling": "False",
        "Stalled": "True",
    }
    assert found["Ready"]["lastTransitionTime"] == format_timestamp(NOW)
    assert found["Stalled"]["reason"] == found["Ready"]["reason"] == "HostMissing"


def test_blocked_already() -> None:
    """A tenant that is already blocked for the same reason needs no write."""
    blocked = summary.mark_blocked({}, STUCK, 1, NOW)
    assert blocked
    other_message = Finding.stalled("HostMissing", "other words")
    assert summary.mark_blocked(blocked, other_message, 1, LATER) is None
    again = summary.mark_blocked(blocked, Finding.stalled("Other", ""), 1, LATER)
    assert again
    times = {each["lastTransitionTime"] for each in again["conditions"]}
    assert times == {format_timestamp(NOW)}
    assert summary.mark_blocked(blocked, STUCK, 2, LATER) is not None
