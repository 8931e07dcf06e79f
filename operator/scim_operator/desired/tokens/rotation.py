"""Decides when a token is issued, rotated, retired and revoked.

The cluster stores the current token (a Secret for people and Entra) and the digests of all accepted
tokens (a Secret for the service). One rule connects them, and repairs every interruption: the
current token's digest is accepted, whether the token was just issued, was issued by a reconcile
that was interrupted between its two writes, or was restored from a backup. The other digests wait
to be retired, which happens only after a proof that the current token is in use: until then Entra
may still send the old one. A statement of a pod is no proof, because an attacker may control the
pod: the proof is a MAC keyed with the token itself, which a pod has only after a request with it.
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
    """What the tenant's spec and annotations ask about its tokens.

    Attributes
    ----------
    rotate_every, overlap
        From the spec.
    rotate, revoke
        Values of the two annotations; each new value asks once.
    is_forced
        Whether to rotate even while the current token waits for its first use.
    waits_for_use
        Whether an older token stays until the current one is used. The operator itself uses the
        management port's credential, and needs no proof that it has it.
    prefix
        Prefix of a new token.
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
    """Evidence that tokens are in use.

    Attributes
    ----------
    proofs
        Proofs in the service status, by the tokens' ids; see `token_format.compute_proof`.
    confirmed
        Ids of tokens whose proof was correct before.
    """

    proofs: Mapping[str, str] = field(default_factory=dict)
    confirmed: frozenset[str] = frozenset()

    def confirm(self, token_id: str, token: str) -> bool:
        """Tell whether a request with a token is proved."""
        if token_id in self.confirmed:
            return True
        claim = self.proofs.get(token_id)
        return claim is not None and hmac.compare_digest(claim, compute_proof(token, token_id))


NO_USES = Uses()


@dataclass(frozen=True, slots=True)
class Stored:
    """The tokens in the cluster.

    Attributes
    ----------
    token
        The current token; None if there is none.
    accepted
        The entries of ``tokens.json``, newest last.
    rotated, revoked
        Values of the annotations that were applied last.
    """

    token: str | None = None
    accepted: tuple[AcceptedToken, ...] = ()
    rotated: str | None = None
    revoked: str | None = None


class Change(Enum):
    """A change of tokens, for events; the value is the reason of an event."""

    ISSUED = "TokenIssued"
    REISSUED = "TokenReissued"
    ROTATED = "TokenRotated"
    REVOKED = "TokensRevoked"
    ACCEPTED = "TokenAccepted"
    RETIRED = "TokenRetired"
    HELD_BACK = "RotationHeldBack"


@dataclass(frozen=True, slots=True)
class TokenPlan:
    """The tokens that should be in the cluster.

    Attributes
    ----------
    stored
        The state to write; equal to the given one when nothing changes.
    changes
        The changes, in order.
    confirmed
        Id of the current token once its use is proved; None before.
    waiting_for
        Id of the current token while older ones wait for it to be used; None otherwise.
    due
        When the next change is due; None if time alone causes none.
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
    # A rotation that was asked for with the first token, or that this change performs, is done.
    desired = accept_current_token(
        instructions, replace(stored, token=token, rotated=instructions.rotate), uses, now
    )
    return replace(desired, changes=(change,))


def accept_current_token(
    instructions: Instructions, stored: Stored, uses: Uses, now: datetime
) -> TokenPlan:
    """Update the accepted digests for the current token, which must exist.

    This is the whole decision about a token of the owner (``existingSecret``).
    """
    assert stored.token is not None
    sha256 = hash_token(stored.token)
    entries = {entry.sha256: _replace_id(entry, sha256, stored.token) for entry in stored.accepted}
    current = entries.pop(sha256, None)
    changes = [] if current else [Change.ACCEPTED]
    # A token that its owner has made current again is no longer retired.
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
    times = (*(entry.not_after for entry in kept), _find_next_rotation(instructions, desired))
    return TokenPlan(
        stored=desired,
        changes=tuple(changes),
        confirmed=current.id if is_confirmed else None,
        waiting_for=current.id if any(entry.not_after is None for entry in kept) else None,
        due=min((time for time in times if time and time > now), default=None),
    )


def _replace_id(entry: AcceptedToken, sha256: str, token: str) -> AcceptedToken:
    """Replace an id that an earlier version derived from the digest, which can test guesses.

    A current token that the operator has issued cannot be guessed, and keeps its id.
    """
    if entry.id != entry.sha256[:8] or (entry.sha256 == sha256 and is_well_formed(token)):
        return entry
    return replace(entry, id=generate_id())


def _retire(entry: AcceptedToken, time: datetime) -> AcceptedToken:
    return entry if entry.not_after else replace(entry, not_after=time)


def _is_revoked(instructions: Instructions, stored: Stored) -> bool:
    return instructions.revoke is not None and instructions.revoke != stored.revoked


def _is_rotation_asked(instructions: Instructions, stored: Stored) -> bool:
    return instructions.rotate is not None and instructions.rotate != stored.rotated


def _is_rotation_due(instructions: Instructions, stored: Stored, uses: Uses, now: datetime) -> bool:
    # While Entra still sends an older token, another token would only add to the accepted ones.
    waiting = (
        instructions.waits_for_use
        and stored.token is not None
        and len(stored.accepted) > 1
        and not uses.confirm(stored.accepted[-1].id, stored.token)
    )
    if _is_rotation_asked(instructions, stored):
        return instructions.is_forced or not waiting
    due = _find_next_rotation(instructions, stored)
    return due is not None and due <= now and not waiting


def _find_next_rotation(instructions: Instructions, stored: Stored) -> datetime | None:
    if instructions.rotate_every is None or not stored.accepted:
        return None
    return stored.accepted[-1].created_at + instructions.rotate_every
