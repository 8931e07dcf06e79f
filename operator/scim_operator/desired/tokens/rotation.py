"""The life of a tenant's tokens: issue, rotate, retire, revoke. Pure.

What is stored is the current token (a Secret for people and Entra) and the digests of every
accepted token (a Secret for the service). One rule joins them, and heals every interruption: the
current token's digest is accepted, whether it was issued a moment ago, by a pass that was cut off
between its two writes, or put back from a backup. The other digests are waiting to be retired,
which happens only once the current token has been proved in use: until then Entra may still be
sending the old one. A pod that says so is not believed, since it may have been taken over: the
proof is a MAC keyed with the token itself, which a pod has only after a request brought it.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import Enum

from scim_operator.desired.tokens.digests_file import AcceptedToken
from scim_operator.desired.tokens.token_format import (
    PREFIX,
    compute_proof,
    generate,
    generate_id,
    hash_token,
    is_well_formed,
)


@dataclass(frozen=True, slots=True)
class Instructions:
    """What the tenant's spec and annotations say about its tokens.

    Attributes
    ----------
    rotate_every, overlap
        From the spec.
    rotate, revoke
        Values of the two annotations; each new value is one request.
    is_forced
        Whether a token is desired even while the one before waits for its first use.
    waits_for_use
        Whether an older token stays until the current one has been used. The operator itself is
        the user of the management port's credential, and needs no proof that it has it.
    prefix
        What a new token begins with.
    """

    overlap: timedelta
    rotate_every: timedelta | None = None
    rotate: str | None = None
    revoke: str | None = None
    is_forced: bool = False
    waits_for_use: bool = True
    prefix: str = PREFIX


@dataclass(frozen=True, slots=True)
class Uses:
    """What shows that tokens are in use.

    Attributes
    ----------
    proofs
        What the service says, by the tokens' ids; see `proof`.
    confirmed
        Ids of tokens whose proof was right before.
    """

    proofs: Mapping[str, str] = field(default_factory=dict)
    confirmed: frozenset[str] = frozenset()

    def confirm(self, token_id: str, token: str) -> bool:
        """Tell whether a token was in a request, for certain."""
        if token_id in self.confirmed:
            return True
        claim = self.proofs.get(token_id)
        return claim is not None and hmac.compare_digest(claim, compute_proof(token, token_id))


NO_USES = Uses()


@dataclass(frozen=True, slots=True)
class Stored:
    """What is in the cluster.

    Attributes
    ----------
    token
        The current token; None if there is none.
    accepted
        The entries of ``tokens.json``, newest last.
    rotated, revoked
        Values of the annotations that were carried out last.
    """

    token: str | None = None
    accepted: tuple[AcceptedToken, ...] = ()
    rotated: str | None = None
    revoked: str | None = None


class Change(Enum):
    """What a plan does, for events; the value is the event's reason."""

    ISSUED = "TokenIssued"
    REISSUED = "TokenReissued"
    ROTATED = "TokenRotated"
    REVOKED = "TokensRevoked"
    ACCEPTED = "TokenAccepted"
    RETIRED = "TokenRetired"
    HELD_BACK = "RotationHeldBack"


@dataclass(frozen=True, slots=True)
class TokenPlan:
    """What should be in the cluster.

    Attributes
    ----------
    stored
        The state to write; equal to what was given when nothing is to be done.
    changes
        What happened, in order.
    confirmed
        Id of the current token once its use is proved; None before.
    waiting_for
        Id of the current token while older ones wait for it to be used; None otherwise.
    due
        When something is to be done next; None if only an event can bring it.
    """

    stored: Stored
    changes: tuple[Change, ...]
    confirmed: str | None
    waiting_for: str | None
    due: datetime | None


def plan_issued_token(
    instructions: Instructions, stored: Stored, uses: Uses, now: datetime
) -> TokenPlan:
    """Decide about a token that the operator issues."""
    if stored.token is None:
        change = Change.REISSUED if stored.accepted else Change.ISSUED
    elif _is_revoked(instructions, stored):
        change = Change.REVOKED
    elif _is_rotation_due(instructions, stored, uses, now):
        change = Change.ROTATED
    else:
        kept = accept_current_token(instructions, stored, uses, now)
        held_back = (Change.HELD_BACK,) if _is_rotation_asked(instructions, stored) else ()
        return replace(kept, changes=(*kept.changes, *held_back))
    token = generate(instructions.prefix)
    # Asked for together with the tenant's first token, or carried out by this very change.
    desired = accept_current_token(
        instructions, replace(stored, token=token, rotated=instructions.rotate), uses, now
    )
    return replace(desired, changes=(change,))


def accept_current_token(
    instructions: Instructions, stored: Stored, uses: Uses, now: datetime
) -> TokenPlan:
    """Bring the accepted digests in line with the current token, which there must be.

    This is the whole decision about a token that somebody else issues (``existingSecret``).
    """
    assert stored.token is not None
    sha256 = hash_token(stored.token)
    entries = {entry.sha256: _renew_id(entry, sha256, stored.token) for entry in stored.accepted}
    current = entries.pop(sha256, None)
    changes = [] if current else [Change.ACCEPTED]
    # A token that became current again (its owner went back to it) is desired again.
    current = replace(current or AcceptedToken(generate_id(), sha256, now), not_after=None)
    others = () if _is_revoked(instructions, stored) else tuple(entries.values())
    is_confirmed = uses.confirm(current.id, stored.token)
    if is_confirmed or not instructions.waits_for_use:
        newest = max(entry.created_at for entry in (*others, current))
        others = tuple(_retire(entry, max(now, newest + instructions.overlap)) for entry in others)
    kept = tuple(entry for entry in others if entry.not_after is None or entry.not_after > now)
    changes += [Change.RETIRED] * (len(entries) - len(kept))
    desired = replace(
        stored, accepted=(*kept, current), rotated=instructions.rotate, revoked=instructions.revoke
    )
    moments = (*(entry.not_after for entry in kept), _next_rotation(instructions, desired))
    return TokenPlan(
        stored=desired,
        changes=tuple(changes),
        confirmed=current.id if is_confirmed else None,
        waiting_for=current.id if any(entry.not_after is None for entry in kept) else None,
        due=min((moment for moment in moments if moment and moment > now), default=None),
    )


def _renew_id(entry: AcceptedToken, sha256: str, token: str) -> AcceptedToken:
    """Replace an id that an earlier version took from the digest: guesses can be tested by it.

    A current token that the operator has issued cannot be guessed all the same, and keeps its id.
    """
    if entry.id != entry.sha256[:8] or (entry.sha256 == sha256 and is_well_formed(token)):
        return entry
    return replace(entry, id=generate_id())


def _retire(entry: AcceptedToken, moment: datetime) -> AcceptedToken:
    return entry if entry.not_after else replace(entry, not_after=moment)


def _is_revoked(instructions: Instructions, stored: Stored) -> bool:
    return instructions.revoke is not None and instructions.revoke != stored.revoked


def _is_rotation_asked(instructions: Instructions, stored: Stored) -> bool:
    return instructions.rotate is not None and instructions.rotate != stored.rotated


def _is_rotation_due(instructions: Instructions, stored: Stored, uses: Uses, now: datetime) -> bool:
    # While Entra still sends an older token, one more would only pile up.
    waiting = (
        instructions.waits_for_use
        and stored.token is not None
        and len(stored.accepted) > 1
        and not uses.confirm(stored.accepted[-1].id, stored.token)
    )
    if _is_rotation_asked(instructions, stored):
        return instructions.is_forced or not waiting
    due = _next_rotation(instructions, stored)
    return due is not None and due <= now and not waiting


def _next_rotation(instructions: Instructions, stored: Stored) -> datetime | None:
    if instructions.rotate_every is None or not stored.accepted:
        return None
    return stored.accepted[-1].created_at + instructions.rotate_every
