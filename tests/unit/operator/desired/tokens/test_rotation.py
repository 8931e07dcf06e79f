"""Rotation of tokens: no interruption loses one, and none is rejected too early."""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scim_operator.desired.tokens.digests_file import AcceptedToken
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
from scim_operator.desired.tokens.token_format import compute_proof, generate, hash_token

from tests.unit.operator.sample import NOW

OVERLAP = timedelta(hours=72)
WISH = Instructions(overlap=OVERLAP)


def issued(wish: Instructions = WISH, now: datetime = NOW) -> Stored:
    """The stored tokens after a tenant's first reconcile."""
    return plan_issued_token(wish, Stored(), NO_USES, now).stored


def used(stored: Stored) -> Uses:
    """Evidence that the current token was used."""
    current = stored.accepted[-1].id
    return Uses(proofs={current: compute_proof(str(stored.token), current)})


def rotated(now: datetime = NOW) -> TokenPlan:
    """A plan that rotates because of an annotation."""
    return plan_issued_token(replace(WISH, rotate="1"), issued(), NO_USES, now)


def test_creation() -> None:
    """The first reconcile issues an accepted token; the next one changes nothing."""
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
    """Lost digests are computed again from the same token."""
    before = issued()
    after = plan_issued_token(WISH, replace(before, accepted=()), NO_USES, NOW)
    assert after.changes == (Change.ACCEPTED,)
    assert after.stored.token == before.token
    assert [entry.sha256 for entry in after.stored.accepted] == [hash_token(str(before.token))]


def test_interrupted_between_writes() -> None:
    """A rotation that was interrupted after the token's write continues with that token."""
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
    """A request to rotate an unused token is reported once, and issues none."""
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
    """The only accepted token is rotated even if unused."""
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
    """A token is replaced at its age, and the plan says when."""
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
    """The schedule issues no token while the latest one is unused."""
    wish = replace(WISH, rotate_every=timedelta(hours=100))
    after = plan_issued_token(wish, issued(wish), NO_USES, NOW + timedelta(hours=100)).stored
    late = NOW + timedelta(hours=500)
    assert plan_issued_token(wish, after, NO_USES, late).changes == ()
    assert plan_issued_token(wish, after, used(after), late).changes == (Change.ROTATED,)


def test_no_retirement_without_use() -> None:
    """The old token stays until the new one is used, however long that takes."""
    after = plan_issued_token(
        replace(WISH, rotate="1"), rotated().stored, NO_USES, NOW + 100 * OVERLAP
    )
    assert len(after.stored.accepted) == 2
    assert after.stored.accepted[0].not_after is None
    assert after.waiting_for == after.stored.accepted[-1].id


def test_no_retirement_before_overlap() -> None:
    """After the new token's first use the old one is accepted for the overlap."""
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
    """Whatever the clock does, no token ends without use and overlap, and few tokens are accepted.

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
    """Revoking rejects every earlier token at once, once for each value."""
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
    """An owner's token is accepted, and a new value is a rotation."""
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
    """Statements of a pod that has the digests and an old token, but not the new one."""
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
    """A pod that has not received the new token cannot prove its use."""
    wish = replace(WISH, rotate="1", rotate_every=timedelta(hours=100))
    before = plan_issued_token(wish, issued(), NO_USES, NOW).stored
    for lie in lies(before):
        for now in (NOW, NOW + OVERLAP, NOW + 100 * OVERLAP):
            after = plan_issued_token(wish, before, lie, now)
            assert (after.stored, after.changes, after.confirmed) == (before, (), None)
            assert after.waiting_for == before.accepted[-1].id


@pytest.mark.finding(21)
def test_a_proof_is_remembered() -> None:
    """A use needs to be proved only once."""
    wish = replace(WISH, rotate="1")
    before = rotated().stored
    proved = plan_issued_token(wish, before, used(before), NOW)
    assert proved.confirmed == before.accepted[-1].id
    later = Uses(confirmed=frozenset([proved.confirmed]))
    again = plan_issued_token(wish, before, later, NOW)
    assert (again.stored, again.confirmed) == (proved.stored, proved.confirmed)


@pytest.mark.finding(25)
def test_ids_say_nothing_of_the_token() -> None:
    """Ids are random and have the contract's form."""
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
