"""The life of a tenant's tokens: issue, rotate, retire, revoke. Pure.

A token is ``scim_``, 43 base62 digits of 256 random bits and 6 base62 digits of the CRC-32 of
those 43 characters: ``scim_[0-9A-Za-z]{49}``. A secret scanner finds a leaked one by that pattern,
and the checksum tells it from chance without asking anybody. The credential of the management port
has the same form with the prefix ``scima_``.

What is stored is the current token (a Secret for people and Entra) and the digests of every
accepted token (a Secret for the service). One rule joins them, and heals every interruption: the
current token's digest is accepted, whether it was issued a moment ago, by a pass that was cut off
between its two writes, or put back from a backup. The other digests are waiting to be retired,
which happens only once the current token has been proved in use: until then Entra may still be
sending the old one. A pod that says so is not believed, since it may have been taken over: the
proof is a MAC keyed with the token itself, which a pod has only after a request brought it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import string
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import Enum
from itertools import pairwise

from scim_operator.timestamps import format_timestamp, parse_timestamp

PREFIX = "scim_"
ACCESS_PREFIX = "scima_"
_ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
_RANDOM_DIGITS = 43
_CHECKSUM_DIGITS = 6

_MIN_CHARACTERS = 32
_MIN_DISTINCT = 10
_MIN_PAIRS = 24
_MIN_STEPS = 10
"""What a token of the owner's own (``existingSecret``) must have: that many characters, different
characters, different pairs of neighbours (fewer are a repetition) and different distances of
neighbours (fewer are a run such as ``abcdef``). Of random tokens of 32 hexadecimal digits one in
2,000 has less, of longer ones none in 100,000."""

_PROOF_PREFIX = b"scim-operator.io/token-used:"


def generate(prefix: str = PREFIX) -> str:
    """Make a new token."""
    digits = _base62(secrets.randbits(256), _RANDOM_DIGITS)
    return prefix + digits + _checksum(digits)


def is_well_formed(token: str) -> bool:
    """Tell whether a string is a token that `generate` can have made."""
    body = token.removeprefix(PREFIX)
    digits = body[:_RANDOM_DIGITS]
    return (
        token.startswith(PREFIX)
        and len(body) == _RANDOM_DIGITS + _CHECKSUM_DIGITS
        and _checksum(digits) == body[_RANDOM_DIGITS:]
    )


def _checksum(digits: str) -> str:
    return _base62(zlib.crc32(digits.encode()), _CHECKSUM_DIGITS)


def _base62(number: int, width: int) -> str:
    text = ""
    for _ in range(width):
        number, digit = divmod(number, 62)
        text = _ALPHABET[digit] + text
    return text


def weakness(token: str) -> str | None:
    """Say why a token of the owner's own can be guessed; None if it is strong enough.

    A token is guessed without a trace from a digest that leaked, so it needs about 128 random bits;
    what it is made of can only be judged by its looks.
    """
    pairs = set(pairwise(token))
    steps = {ord(right) - ord(left) for left, right in pairs}
    if len(token) < _MIN_CHARACTERS:
        return f"has fewer than {_MIN_CHARACTERS} characters"
    if len(set(token)) < _MIN_DISTINCT or len(pairs) < _MIN_PAIRS or len(steps) < _MIN_STEPS:
        return "has too little variety: it repeats few characters or follows a pattern"
    return None


def new_id() -> str:
    """Make the id of a token: random, for whoever sees one must not be able to test guesses."""
    return base64.b32encode(secrets.token_bytes(5)).decode().lower()


def proof(token: str, token_id: str) -> str:
    """Return what the service answers once a request has brought the token.

    HMAC-SHA256 in hexadecimal (``docs/contract.md`` section 3).
    """
    return hmac.new(token.encode(), _PROOF_PREFIX + token_id.encode(), "sha256").hexdigest()


def digest(token: str) -> str:
    """Return the SHA-256 of a token in hexadecimal; it needs no salt, having 256 random bits."""
    return hashlib.sha256(token.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Accepted:
    """One entry of ``tokens.json``.

    Attributes
    ----------
    id
        Shown in status, logs and metrics; random.
    sha256
        The token's digest, 64 hexadecimal digits.
    created_at
        When the operator first accepted it.
    not_after
        When the service stops to accept it; None while its retirement is not decided.
    """

    id: str
    sha256: str
    created_at: datetime
    not_after: datetime | None = None


def dump(accepted: Sequence[Accepted]) -> str:
    """Write ``tokens.json``."""
    entries = [
        {
            "id": entry.id,
            "sha256": entry.sha256,
            "createdAt": format_timestamp(entry.created_at),
            "notAfter": entry.not_after and format_timestamp(entry.not_after),
        }
        for entry in accepted
    ]
    return json.dumps({"tokens": entries}, separators=(",", ":"))


def load(text: str) -> tuple[Accepted, ...]:
    """Read ``tokens.json``; what cannot be read counts as lost, and is made again."""
    try:
        return tuple(
            Accepted(
                id=str(entry["id"]),
                sha256=str(entry["sha256"]),
                created_at=parse_timestamp(entry["createdAt"]),
                not_after=parse_timestamp(entry["notAfter"]) if entry.get("notAfter") else None,
            )
            for entry in json.loads(text)["tokens"]
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return ()


@dataclass(frozen=True, slots=True)
class Wish:
    """What the tenant's spec and annotations say about its tokens.

    Attributes
    ----------
    rotate_every, overlap
        From the spec.
    rotate, revoke
        Values of the two annotations; each new value is one request.
    forced
        Whether a token is wanted even while the one before waits for its first use.
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
    forced: bool = False
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
        return claim is not None and hmac.compare_digest(claim, proof(token, token_id))


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
    accepted: tuple[Accepted, ...] = ()
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
class Plan:
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


def plan(wish: Wish, stored: Stored, uses: Uses, now: datetime) -> Plan:
    """Decide about a token that the operator issues."""
    if stored.token is None:
        change = Change.REISSUED if stored.accepted else Change.ISSUED
    elif _is_revoked(wish, stored):
        change = Change.REVOKED
    elif _is_rotation_due(wish, stored, uses, now):
        change = Change.ROTATED
    else:
        kept = accept(wish, stored, uses, now)
        held_back = (Change.HELD_BACK,) if _is_rotation_asked(wish, stored) else ()
        return replace(kept, changes=(*kept.changes, *held_back))
    token = generate(wish.prefix)
    # Asked for together with the tenant's first token, or carried out by this very change.
    wanted = accept(wish, replace(stored, token=token, rotated=wish.rotate), uses, now)
    return replace(wanted, changes=(change,))


def accept(wish: Wish, stored: Stored, uses: Uses, now: datetime) -> Plan:
    """Bring the accepted digests in line with the current token, which there must be.

    This is the whole decision about a token that somebody else issues (``existingSecret``).
    """
    assert stored.token is not None
    sha256 = digest(stored.token)
    entries = {entry.sha256: _renamed(entry, sha256, stored.token) for entry in stored.accepted}
    current = entries.pop(sha256, None)
    changes = [] if current else [Change.ACCEPTED]
    # A token that became current again (its owner went back to it) is wanted again.
    current = replace(current or Accepted(new_id(), sha256, now), not_after=None)
    others = () if _is_revoked(wish, stored) else tuple(entries.values())
    is_confirmed = uses.confirm(current.id, stored.token)
    if is_confirmed or not wish.waits_for_use:
        newest = max(entry.created_at for entry in (*others, current))
        others = tuple(_retire(entry, max(now, newest + wish.overlap)) for entry in others)
    kept = tuple(entry for entry in others if entry.not_after is None or entry.not_after > now)
    changes += [Change.RETIRED] * (len(entries) - len(kept))
    wanted = replace(stored, accepted=(*kept, current), rotated=wish.rotate, revoked=wish.revoke)
    moments = (*(entry.not_after for entry in kept), _next_rotation(wish, wanted))
    return Plan(
        stored=wanted,
        changes=tuple(changes),
        confirmed=current.id if is_confirmed else None,
        waiting_for=current.id if any(entry.not_after is None for entry in kept) else None,
        due=min((moment for moment in moments if moment and moment > now), default=None),
    )


def _renamed(entry: Accepted, sha256: str, token: str) -> Accepted:
    """Replace an id that an earlier version took from the digest: guesses can be tested by it.

    A current token that the operator has issued cannot be guessed all the same, and keeps its id.
    """
    if entry.id != entry.sha256[:8] or (entry.sha256 == sha256 and is_well_formed(token)):
        return entry
    return replace(entry, id=new_id())


def _retire(entry: Accepted, moment: datetime) -> Accepted:
    return entry if entry.not_after else replace(entry, not_after=moment)


def _is_revoked(wish: Wish, stored: Stored) -> bool:
    return wish.revoke is not None and wish.revoke != stored.revoked


def _is_rotation_asked(wish: Wish, stored: Stored) -> bool:
    return wish.rotate is not None and wish.rotate != stored.rotated


def _is_rotation_due(wish: Wish, stored: Stored, uses: Uses, now: datetime) -> bool:
    # While Entra still sends an older token, one more would only pile up.
    waiting = (
        wish.waits_for_use
        and stored.token is not None
        and len(stored.accepted) > 1
        and not uses.confirm(stored.accepted[-1].id, stored.token)
    )
    if _is_rotation_asked(wish, stored):
        return wish.forced or not waiting
    due = _next_rotation(wish, stored)
    return due is not None and due <= now and not waiting


def _next_rotation(wish: Wish, stored: Stored) -> datetime | None:
    if wish.rotate_every is None or not stored.accepted:
        return None
    return stored.accepted[-1].created_at + wish.rotate_every
