"""Acknowledged writes must be there; others may or may not."""

import json

from tests.entra import Ledger, Write

_SET = Write.values("Users", "u1", {"title": "new"})


def test_acknowledged_write_must_be_there() -> None:
    """A value that was confirmed and is gone is lost."""
    ledger = Ledger()
    ledger.acknowledge(_SET)
    assert not ledger.lost({"u1": {"title": "new"}}, {})
    assert [one.aspect for one in ledger.lost({"u1": {"title": "old"}}, {})] == ["title"]
    assert [one.aspect for one in ledger.lost({}, {})] == ["exists"]


def test_unacknowledged_write_may_be_there() -> None:
    """Both the confirmed value and the one whose answer was lost are right."""
    ledger = Ledger()
    ledger.acknowledge(_SET)
    ledger.intend(Write.values("Users", "u1", {"title": "newer"}))
    for title in ("new", "newer"):
        assert not ledger.lost({"u1": {"title": title}}, {})
    assert ledger.lost({"u1": {"title": "third"}}, {})


def test_refused_write_must_not_be_there() -> None:
    """A refusal has no effect."""
    ledger = Ledger()
    ledger.acknowledge(_SET)
    refused = Write.values("Users", "u1", {"title": "refused"})
    ledger.intend(refused)
    ledger.withdraw(refused)
    assert ledger.lost({"u1": {"title": "refused"}}, {})


def test_deletion() -> None:
    """Deleted means gone, and nothing else is asked of the resource."""
    ledger = Ledger()
    ledger.acknowledge(_SET)
    ledger.intend(Write.deletion("Users", "u1"))
    assert not ledger.lost({}, {})
    assert not ledger.lost({"u1": {"title": "new"}}, {})
    ledger.acknowledge(Write.deletion("Users", "u1"))
    assert not ledger.lost({}, {})
    assert ledger.lost({"u1": {"title": "new"}}, {})


def test_members() -> None:
    """Each member by itself; a deleted user leaves its groups."""
    ledger = Ledger()
    ledger.acknowledge(Write.members("g1", ["u1", "u2"], present=True))
    ledger.acknowledge(Write.members("g1", ["u3"], present=False))
    group = {"members": [{"value": "u1"}]}
    assert [one.aspect for one in ledger.lost({}, {"g1": group})] == ["member u2"]
    ledger.acknowledge(Write.deletion("Users", "u2"))
    assert not ledger.lost({}, {"g1": group})


def test_dump_and_load() -> None:
    """A ledger survives in a file."""
    ledger = Ledger()
    ledger.acknowledge(_SET)
    ledger.intend(Write.values("Users", "u1", {"title": "newer"}))
    copy = Ledger.load(json.loads(json.dumps(ledger.dump())), ledger.acknowledged)
    assert not copy.lost({"u1": {"title": "newer"}}, {})
    assert copy.lost({"u1": {"title": "old"}}, {})
    assert copy.acknowledged == 1
