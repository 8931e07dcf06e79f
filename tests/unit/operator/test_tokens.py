"""The life of tokens: nothing is lost by an interruption, nothing is refused too early."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scim_operator.tokens import (
    Accepted,
    Change,
    Plan,
    Stored,
    Wish,
    accept,
    digest,
    dump,
    generate,
    is_well_formed,
    load,
    plan,
)

from tests.unit.operator.sample import NOW

OVERLAP = timedelta(hours=72)
WISH = Wish(overlap=OVERLAP)


def issued(wish: Wish = WISH, now: datetime = NOW) -> Stored:
    """What is stored after a tenant's first pass."""
    return plan(wish, Stored(), {}, now).stored


def used(stored: Stored, moment: datetime) -> dict[str, datetime]:
    """A report in which the current token was used."""
    return {stored.accepted[-1].id: moment}


def rotated(now: datetime = NOW) -> Plan:
    """A plan that rotates at the wish of an annotation."""
    return plan(replace(WISH, rotate="1"), issued(), {}, now)


def test_format() -> None:
    """A token has the form that secret scanners look for, and a checksum that tells chance."""
    token = generate()
    assert re.fullmatch(r"scim_[0-9A-Za-z]{49}", token)
    assert is_well_formed(token)
    assert generate() != token
    changed = "a" if token[10] != "a" else "b"
    assert not is_well_formed(token[:10] + changed + token[11:])


@pytest.mark.parametrize("other", ["", "scim_", "Bearer x", "x" * 54, f"scim_{'0' * 50}"])
def test_other_strings_are_no_tokens(other: str) -> None:
    """What the operator cannot have made is told from what it can."""
    assert not is_well_formed(other)


def test_creation() -> None:
    """The first pass issues a token whose digest is accepted; the next one changes nothing."""
    first = plan(WISH, Stored(), {}, NOW)
    assert first.changes == (Change.ISSUED,)
    assert first.stored.token is not None
    assert [entry.sha256 for entry in first.stored.accepted] == [digest(first.stored.token)]
    second = plan(WISH, first.stored, {}, NOW + OVERLAP)
    assert (second.stored, second.changes, second.due) == (first.stored, (), None)


def test_lost_token_secret() -> None:
    """A lost token is replaced, and Entra's old one stays accepted until the new one is used."""
    before = issued()
    after = plan(WISH, replace(before, token=None), {}, NOW)
    assert after.changes == (Change.REISSUED,)
    assert after.stored.accepted[0] == before.accepted[0]
    assert after.waiting_for == after.stored.accepted[1].id


def test_lost_digests() -> None:
    """Lost digests are made again from the same token, with the id that they had."""
    before = issued()
    after = plan(WISH, replace(before, accepted=()), {}, NOW)
    assert after.changes == (Change.ACCEPTED,)
    assert after.stored == before


def test_interrupted_between_writes() -> None:
    """A rotation that was cut off after the token's write goes on with that token."""
    before = issued()
    cut_off = replace(before, token=generate(), rotated="1")
    after = plan(replace(WISH, rotate="1"), cut_off, {}, NOW)
    assert after.stored.token == cut_off.token
    assert [entry.sha256 for entry in after.stored.accepted] == [
        before.accepted[0].sha256,
        digest(str(cut_off.token)),
    ]


def test_rotation_by_annotation() -> None:
    """Each new value of the annotation is one rotation, and only one."""
    before = issued()
    wish = replace(WISH, rotate="1")
    first = plan(wish, before, {}, NOW)
    assert first.changes == (Change.ROTATED,)
    assert first.stored.token != before.token
    assert len(first.stored.accepted) == 2
    assert plan(wish, first.stored, {}, NOW).changes == ()
    assert plan(replace(WISH, rotate="2"), first.stored, {}, NOW).changes == (Change.ROTATED,)


def test_annotation_with_the_first_token() -> None:
    """An annotation that comes with the tenant does not rotate the token just issued."""
    wish = replace(WISH, rotate="1")
    first = plan(wish, Stored(), {}, NOW)
    assert first.changes == (Change.ISSUED,)
    assert plan(wish, first.stored, {}, NOW).changes == ()


def test_rotation_by_schedule() -> None:
    """A token is replaced at its age, which the plan says beforehand."""
    every = timedelta(hours=100)
    wish = replace(WISH, rotate_every=every)
    before = plan(wish, Stored(), {}, NOW)
    assert before.due == NOW + every
    assert plan(wish, before.stored, {}, NOW + every - timedelta(seconds=1)).changes == ()
    assert plan(wish, before.stored, {}, NOW + every).changes == (Change.ROTATED,)


def test_schedule_waits_for_use() -> None:
    """While nobody has pasted the latest token into Entra, the schedule makes no more."""
    wish = replace(WISH, rotate_every=timedelta(hours=100))
    after = plan(wish, issued(wish), {}, NOW + timedelta(hours=100)).stored
    late = NOW + timedelta(hours=500)
    assert plan(wish, after, {}, late).changes == ()
    assert plan(wish, after, used(after, late), late).changes == (Change.ROTATED,)


def test_no_retirement_without_use() -> None:
    """However long ago the rotation was, the old token stays until the new one was used."""
    after = plan(replace(WISH, rotate="1"), rotated().stored, {}, NOW + 100 * OVERLAP)
    assert len(after.stored.accepted) == 2
    assert after.stored.accepted[0].not_after is None
    assert after.waiting_for == after.stored.accepted[-1].id


def test_no_retirement_before_overlap() -> None:
    """After the new token's first use the old one lives on for the overlap, and then goes."""
    wish = replace(WISH, rotate="1")
    before = rotated().stored
    use = used(before, NOW)
    decided = plan(wish, before, use, NOW + timedelta(hours=1))
    assert decided.stored.accepted[0].not_after == NOW + OVERLAP
    assert (decided.due, decided.waiting_for) == (NOW + OVERLAP, None)
    early = plan(wish, decided.stored, use, NOW + OVERLAP - timedelta(seconds=1))
    assert early.stored == decided.stored
    after = plan(wish, decided.stored, use, NOW + OVERLAP)
    assert after.changes == (Change.RETIRED,)
    assert len(after.stored.accepted) == 1


@given(st.lists(st.tuples(st.integers(-2000, 2000), st.booleans()), max_size=40))
def test_jumping_clock(passes: list[tuple[int, bool]]) -> None:
    """Wherever the clock jumps, nothing goes without use and overlap, and rotations do not pile up.

    Each pass is at a moment of its own, in hours, and with or without use of the current token.
    """
    every = timedelta(hours=100)
    wish = replace(WISH, rotate_every=every)
    stored, last_used = issued(wish), dict[str, datetime]()
    latest, rotations = NOW, 0
    for hours, is_used in passes:
        now = NOW + timedelta(hours=hours)
        latest = max(latest, now)
        if is_used:
            last_used |= used(stored, now)
        found = plan(wish, stored, last_used, now)
        newest = max(entry.created_at for entry in stored.accepted)
        kept = {entry.sha256 for entry in found.stored.accepted}
        for entry in stored.accepted:
            if entry.sha256 not in kept:
                assert stored.accepted[-1].id in last_used
                assert now >= (entry.not_after or newest + OVERLAP)
        rotations += found.changes.count(Change.ROTATED)
        stored = found.stored
        assert (stored.accepted[-1].sha256, stored.accepted[-1].not_after) == (
            digest(str(stored.token)),
            None,
        )
    assert rotations <= (latest - NOW) / every


def test_revocation() -> None:
    """Revoking refuses every earlier token at once, one time for each value."""
    wish = replace(WISH, rotate="1", revoke="leak")
    before = rotated().stored
    after = plan(wish, before, {}, NOW)
    assert after.changes == (Change.REVOKED,)
    assert after.stored.token != before.token
    assert [entry.sha256 for entry in after.stored.accepted] == [digest(str(after.stored.token))]
    assert plan(wish, after.stored, {}, NOW).changes == ()


def test_existing_secret() -> None:
    """A token of the owner's is accepted as it is, and a change of it is a rotation."""
    before = accept(WISH, Stored(token="a token of the owner"), {}, NOW).stored
    after = accept(WISH, replace(before, token="the next of the owner"), {}, NOW)
    assert after.changes == (Change.ACCEPTED,)
    assert after.stored.token == "the next of the owner"
    assert after.stored.accepted[0] == before.accepted[0]
    revoked = accept(replace(WISH, revoke="1"), after.stored, {}, NOW)
    assert [entry.sha256 for entry in revoked.stored.accepted] == [digest("the next of the owner")]


def test_return_to_the_old_token() -> None:
    """A token that is current again is not retired any more."""
    first = accept(WISH, Stored(token="a token of the owner"), {}, NOW).stored
    second = accept(WISH, replace(first, token="the next of the owner"), {}, NOW).stored
    decided = accept(WISH, second, used(second, NOW), NOW).stored
    assert decided.accepted[0].not_after is not None
    back = accept(WISH, replace(decided, token="a token of the owner"), {}, NOW).stored
    assert back.accepted[-1] == first.accepted[0]


def test_file_round_trip() -> None:
    """tokens.json has the contract's form, and what is read is what was written."""
    entries = (
        Accepted("k3v9q2aa", "0" * 64, NOW, NOW + OVERLAP),
        Accepted("other", "1" * 64, NOW),
    )
    assert json.loads(dump(entries))["tokens"][0] == {
        "id": "k3v9q2aa",
        "sha256": "0" * 64,
        "createdAt": "2026-11-25T09:00:00Z",
        "notAfter": "2026-11-28T09:00:00Z",
    }
    assert load(dump(entries)) == entries


@pytest.mark.parametrize("text", ["", "null", "[]", "{", '{"tokens": [{"id": "a"}]}', "1"])
def test_unreadable_file(text: str) -> None:
    """Digests that somebody has spoilt count as lost."""
    assert load(text) == ()
