"""The life of tokens: nothing is lost by an interruption, nothing is refused too early."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scim_operator.desired.tokens.digests_file import AcceptedToken, dump, load
from scim_operator.desired.tokens.rotation import (
    NO_USES,
    Change,
    Instructions,
    Stored,
    TokenPlan,
    Uses,
    accept_current_token,
    plan_issued_token,
)
from scim_operator.desired.tokens.token_format import (
    compute_proof,
    find_weakness,
    generate,
    hash_token,
    is_well_formed,
)

from tests.unit.operator.sample import NOW

OVERLAP = timedelta(hours=72)
WISH = Instructions(overlap=OVERLAP)


def issued(wish: Instructions = WISH, now: datetime = NOW) -> Stored:
    """What is stored after a tenant's first pass."""
    return plan_issued_token(wish, Stored(), NO_USES, now).stored


def used(stored: Stored) -> Uses:
    """A report that proves that the current token was used."""
    current = stored.accepted[-1].id
    return Uses(proofs={current: compute_proof(str(stored.token), current)})


def rotated(now: datetime = NOW) -> TokenPlan:
    """A plan that rotates at the wish of an annotation."""
    return plan_issued_token(replace(WISH, rotate="1"), issued(), NO_USES, now)


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
    first = plan_issued_token(WISH, Stored(), NO_USES, NOW)
    assert first.changes == (Change.ISSUED,)
    assert first.stored.token is not None
    assert [entry.sha256 for entry in first.stored.accepted] == [hash_token(first.stored.token)]
    second = plan_issued_token(WISH, first.stored, NO_USES, NOW + OVERLAP)
    assert (second.stored, second.changes, second.due) == (first.stored, (), None)


def test_lost_token_secret() -> None:
    """A lost token is replaced, and Entra's old one stays accepted until the new one is used."""
    before = issued()
    after = plan_issued_token(WISH, replace(before, token=None), NO_USES, NOW)
    assert after.changes == (Change.REISSUED,)
    assert after.stored.accepted[0] == before.accepted[0]
    assert after.waiting_for == after.stored.accepted[1].id


def test_lost_digests() -> None:
    """Lost digests are made again from the same token."""
    before = issued()
    after = plan_issued_token(WISH, replace(before, accepted=()), NO_USES, NOW)
    assert after.changes == (Change.ACCEPTED,)
    assert after.stored.token == before.token
    assert [entry.sha256 for entry in after.stored.accepted] == [hash_token(str(before.token))]


def test_interrupted_between_writes() -> None:
    """A rotation that was cut off after the token's write goes on with that token."""
    before = issued()
    cut_off = replace(before, token=generate(), rotated="1")
    after = plan_issued_token(replace(WISH, rotate="1"), cut_off, NO_USES, NOW)
    assert after.stored.token == cut_off.token
    assert [entry.sha256 for entry in after.stored.accepted] == [
        before.accepted[0].sha256,
        hash_token(str(cut_off.token)),
    ]


def test_rotation_by_annotation() -> None:
    """Each new value of the annotation is one rotation, and only one."""
    before = issued()
    wish = replace(WISH, rotate="1")
    first = plan_issued_token(wish, before, NO_USES, NOW)
    assert first.changes == (Change.ROTATED,)
    assert first.stored.token != before.token
    assert len(first.stored.accepted) == 2
    assert plan_issued_token(wish, first.stored, NO_USES, NOW).changes == ()
    again = replace(WISH, rotate="2")
    assert plan_issued_token(again, first.stored, used(first.stored), NOW).changes == (
        Change.ROTATED,
    )


def test_rotations_in_a_row() -> None:
    """While nobody has used the last token another request is answered once, and makes none."""
    first = plan_issued_token(replace(WISH, rotate="1"), issued(), NO_USES, NOW)
    again = replace(WISH, rotate="2")
    second = plan_issued_token(again, first.stored, NO_USES, NOW)
    assert second.changes == (Change.HELD_BACK,)
    assert second.stored.token == first.stored.token
    assert second.stored.accepted == first.stored.accepted
    assert plan_issued_token(again, second.stored, NO_USES, NOW).changes == ()
    # It is not made up for later, when the token that it was about is in use.
    assert plan_issued_token(again, second.stored, used(second.stored), NOW).changes == ()
    forced = replace(WISH, rotate="force-3", is_forced=True)
    third = plan_issued_token(forced, second.stored, NO_USES, NOW)
    assert third.changes == (Change.ROTATED,)
    assert len(third.stored.accepted) == 3
    assert plan_issued_token(forced, third.stored, NO_USES, NOW).changes == ()
    revoked = plan_issued_token(
        replace(WISH, rotate="4", revoke="leak"), third.stored, NO_USES, NOW
    )
    assert revoked.changes == (Change.REVOKED,)


def test_first_token_can_be_rotated() -> None:
    """A token that is the only one is replaced although nobody has used it: nothing piles up."""
    assert plan_issued_token(replace(WISH, rotate="1"), issued(), NO_USES, NOW).changes == (
        Change.ROTATED,
    )


def test_annotation_with_the_first_token() -> None:
    """An annotation that comes with the tenant does not rotate the token just issued."""
    wish = replace(WISH, rotate="1")
    first = plan_issued_token(wish, Stored(), NO_USES, NOW)
    assert first.changes == (Change.ISSUED,)
    assert plan_issued_token(wish, first.stored, NO_USES, NOW).changes == ()


def test_rotation_by_schedule() -> None:
    """A token is replaced at its age, which the plan says beforehand."""
    every = timedelta(hours=100)
    wish = replace(WISH, rotate_every=every)
    before = plan_issued_token(wish, Stored(), NO_USES, NOW)
    assert before.due == NOW + every
    assert (
        plan_issued_token(wish, before.stored, NO_USES, NOW + every - timedelta(seconds=1)).changes
        == ()
    )
    assert plan_issued_token(wish, before.stored, NO_USES, NOW + every).changes == (Change.ROTATED,)


def test_schedule_waits_for_use() -> None:
    """While nobody has pasted the latest token into Entra, the schedule makes no more."""
    wish = replace(WISH, rotate_every=timedelta(hours=100))
    after = plan_issued_token(wish, issued(wish), NO_USES, NOW + timedelta(hours=100)).stored
    late = NOW + timedelta(hours=500)
    assert plan_issued_token(wish, after, NO_USES, late).changes == ()
    assert plan_issued_token(wish, after, used(after), late).changes == (Change.ROTATED,)


def test_no_retirement_without_use() -> None:
    """However long ago the rotation was, the old token stays until the new one was used."""
    after = plan_issued_token(
        replace(WISH, rotate="1"), rotated().stored, NO_USES, NOW + 100 * OVERLAP
    )
    assert len(after.stored.accepted) == 2
    assert after.stored.accepted[0].not_after is None
    assert after.waiting_for == after.stored.accepted[-1].id


def test_no_retirement_before_overlap() -> None:
    """After the new token's first use the old one lives on for the overlap, and then goes."""
    wish = replace(WISH, rotate="1")
    before = rotated().stored
    use = used(before)
    decided = plan_issued_token(wish, before, use, NOW + timedelta(hours=1))
    assert decided.stored.accepted[0].not_after == NOW + OVERLAP
    assert (decided.due, decided.waiting_for) == (NOW + OVERLAP, None)
    early = plan_issued_token(wish, decided.stored, use, NOW + OVERLAP - timedelta(seconds=1))
    assert early.stored == decided.stored
    after = plan_issued_token(wish, decided.stored, use, NOW + OVERLAP)
    assert after.changes == (Change.RETIRED,)
    assert len(after.stored.accepted) == 1


@given(st.lists(st.tuples(st.integers(-2000, 2000), st.booleans()), max_size=40))
def test_jumping_clock(passes: list[tuple[int, bool]]) -> None:
    """Wherever the clock jumps, nothing goes without use and overlap, and rotations do not pile up.

    Each pass is at a moment of its own, in hours, and with or without use of the current token.
    """
    every = timedelta(hours=100)
    wish = replace(WISH, rotate_every=every)
    stored, uses = issued(wish), NO_USES
    latest, rotations = NOW, 0
    for hours, is_used in passes:
        now = NOW + timedelta(hours=hours)
        latest = max(latest, now)
        if is_used:
            uses = used(stored)
        found = plan_issued_token(wish, stored, uses, now)
        newest = max(entry.created_at for entry in stored.accepted)
        kept = {entry.sha256 for entry in found.stored.accepted}
        for entry in stored.accepted:
            if entry.sha256 not in kept:
                assert stored.accepted[-1].id in uses.proofs
                assert now >= (entry.not_after or newest + OVERLAP)
        rotations += found.changes.count(Change.ROTATED)
        stored = found.stored
        assert (stored.accepted[-1].sha256, stored.accepted[-1].not_after) == (
            hash_token(str(stored.token)),
            None,
        )
    assert rotations <= (latest - NOW) / every


def test_revocation() -> None:
    """Revoking refuses every earlier token at once, one time for each value."""
    wish = replace(WISH, rotate="1", revoke="leak")
    before = rotated().stored
    after = plan_issued_token(wish, before, NO_USES, NOW)
    assert after.changes == (Change.REVOKED,)
    assert after.stored.token != before.token
    assert [entry.sha256 for entry in after.stored.accepted] == [
        hash_token(str(after.stored.token))
    ]
    assert plan_issued_token(wish, after.stored, NO_USES, NOW).changes == ()


def test_existing_secret() -> None:
    """A token of the owner's is accepted as it is, and a change of it is a rotation."""
    before = accept_current_token(WISH, Stored(token="a token of the owner"), NO_USES, NOW).stored
    after = accept_current_token(WISH, replace(before, token="the next of the owner"), NO_USES, NOW)
    assert after.changes == (Change.ACCEPTED,)
    assert after.stored.token == "the next of the owner"
    assert after.stored.accepted[0] == before.accepted[0]
    revoked = accept_current_token(replace(WISH, revoke="1"), after.stored, NO_USES, NOW)
    assert [entry.sha256 for entry in revoked.stored.accepted] == [
        hash_token("the next of the owner")
    ]


def test_return_to_the_old_token() -> None:
    """A token that is current again is not retired any more."""
    first = accept_current_token(WISH, Stored(token="a token of the owner"), NO_USES, NOW).stored
    second = accept_current_token(
        WISH, replace(first, token="the next of the owner"), NO_USES, NOW
    ).stored
    decided = accept_current_token(WISH, second, used(second), NOW).stored
    assert decided.accepted[0].not_after is not None
    back = accept_current_token(
        WISH, replace(decided, token="a token of the owner"), NO_USES, NOW
    ).stored
    assert back.accepted[-1] == first.accepted[0]


def test_proof() -> None:
    """The proof is the contract's MAC, so that both programs compute the same."""
    expected = hmac.new(b"t", b"scim-operator.io/token-used:k3v9q2aa", hashlib.sha256).hexdigest()
    assert compute_proof("t", "k3v9q2aa") == expected


def lies(stored: Stored) -> list[Uses]:
    """What a pod may say that has the digests and an old token, and has not seen the new one."""
    current, old = stored.accepted[-1], stored.accepted[0]
    guess = [old.sha256, current.sha256, current.id, "", generate()]
    false = [Uses(proofs={current.id: compute_proof(token, current.id)}) for token in guess]
    return [
        *false,
        Uses(proofs={current.id: current.sha256}),
        Uses(proofs={current.id: ""}),
        Uses(proofs={old.id: compute_proof(str(stored.token), old.id)}),
        Uses(confirmed=frozenset([old.id])),
    ]


@pytest.mark.finding(21)
def test_a_use_without_proof_ends_no_token() -> None:
    """A pod that says that the new token is used, and has not received it, changes nothing."""
    wish = replace(WISH, rotate="1", rotate_every=timedelta(hours=100))
    before = plan_issued_token(wish, issued(), NO_USES, NOW).stored
    for lie in lies(before):
        for now in (NOW, NOW + OVERLAP, NOW + 100 * OVERLAP):
            after = plan_issued_token(wish, before, lie, now)
            assert (after.stored, after.changes, after.confirmed) == (before, (), None)
            assert after.waiting_for == before.accepted[-1].id


@pytest.mark.finding(21)
def test_a_proof_is_remembered() -> None:
    """A token that was proved in use once needs no proof again: the pod has one until it ends."""
    wish = replace(WISH, rotate="1")
    before = rotated().stored
    proved = plan_issued_token(wish, before, used(before), NOW)
    assert proved.confirmed == before.accepted[-1].id
    later = Uses(confirmed=frozenset([proved.confirmed]))
    again = plan_issued_token(wish, before, later, NOW)
    assert (again.stored, again.confirmed) == (proved.stored, proved.confirmed)


@pytest.mark.finding(25)
def test_ids_say_nothing_of_the_token() -> None:
    """Ids are random: the same token gets another one each time, of the contract's form."""
    token = "Contoso-Summer-2026!" + "x" * 20
    ids = set()
    for _ in range(50):
        (entry,) = accept_current_token(WISH, Stored(token=token), NO_USES, NOW).stored.accepted
        assert re.fullmatch(r"[a-z2-7]{8}", entry.id)
        assert not hash_token(token).startswith(entry.id[:6])
        ids.add(entry.id)
    assert len(ids) == 50


@pytest.mark.finding(25)
def test_old_ids() -> None:
    """Ids of an earlier version are replaced once, except that of an issued current token."""
    mine, older, issued_token = "a token of the owner's own", "an older one", generate()

    def old(token: str) -> AcceptedToken:
        return AcceptedToken(hash_token(token)[:8], hash_token(token), NOW)

    stored = Stored(token=mine, accepted=(old(older), old(mine)))
    first = accept_current_token(WISH, stored, NO_USES, NOW)
    assert first.changes == ()
    for before, after in zip(stored.accepted, first.stored.accepted, strict=True):
        assert replace(after, id=before.id) == before
        assert not after.sha256.startswith(after.id)
    assert accept_current_token(WISH, first.stored, NO_USES, NOW).stored == first.stored

    kept = Stored(token=issued_token, accepted=(old(issued_token),))
    assert plan_issued_token(WISH, kept, NO_USES, NOW).stored == kept


@pytest.mark.finding(24)
@pytest.mark.parametrize(
    ("token", "words"),
    [
        ("", "fewer than 32"),
        ("Contoso-Summer-2026!", "fewer than 32"),
        ("3kf8Qm2Lx9Zr7Tb1Vn5Wc0Yd4Hg6Jp", "fewer than 32"),
        ("a" * 64, "variety"),
        ("ab" * 32, "variety"),
        ("0123456789" * 4, "variety"),
        ("abcdefghijklmnopqrstuvwxyz0123456789", "variety"),
        ("Contoso-Summer-2026!Contoso-Summer-2026!", "variety"),
        ("9f86d081884c7d659a2feaa0c55ad015", None),
        ("f81d4fae-7dec-41d0-a765-00a0c91e6bf6", None),
        ("q0lXw4b8VnqhQ5b1O2f9Rz7u_3yTgkMs-aEcJdWxYpI", None),
    ],
)
def test_weak_tokens(token: str, words: str | None) -> None:
    """Short, repeated and ordered tokens are told from random ones of 128 bits."""
    found = find_weakness(token)
    assert found is None if words is None else words in str(found)


def test_issued_tokens_are_strong() -> None:
    """What the operator makes passes its own rule."""
    assert not any(find_weakness(generate(prefix)) for prefix in ("scim_", "scima_") * 50)


def test_file_round_trip() -> None:
    """tokens.json has the contract's form, and what is read is what was written."""
    entries = (
        AcceptedToken("k3v9q2aa", "0" * 64, NOW, NOW + OVERLAP),
        AcceptedToken("other", "1" * 64, NOW),
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
