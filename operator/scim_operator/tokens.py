"""The life of a tenant's tokens: issue, rotate, retire, revoke. Pure.

A token is ``scim_``, 43 base62 digits of 256 random bits and 6 base62 digits of the CRC-32 of
those 43 characters: ``scim_[0-9A-Za-z]{49}``. A secret scanner finds a leaked one by that pattern,
and the checksum tells it from chance without asking anybody. The credential of the management port
has the same form with the prefix ``scima_``.

What is stored is the current token (a Secret for people and Entra) and the digests of every
accepted token (a Secret for the service). One rule joins them, and heals every interruption: the
current token's digest is accepted, whether it was issued a moment ago, by a pass that was cut off
between its two writes, or put back from a backup. The other digests are waiting to be retired,
which happens only once the current token has been seen in use: until then Entra may still be
sending the old one.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import string
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum

from scim_operator.moments import parse, show

PREFIX = "scim_"
ACCESS_PREFIX = "scima_"
_ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
_RANDOM_DIGITS = 43
_CHECKSUM_DIGITS = 6

MIN_LENGTH = 16
"""Characters that a token of the owner's own (``existingSecret``) must have."""


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


def digest(token: str) -> str:
    """Return the SHA-256 of a token in hexadecimal; it needs no salt, having 256 random bits."""
    return hashlib.sha256(token.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Accepted:
    """One entry of ``tokens.json``.

    Attributes
    ----------
    id
        Shown in status, logs and metrics; the first digits of the digest, so that a restored
        entry keeps it.
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
            "createdAt": show(entry.created_at),
            "notAfter": entry.not_after and show(entry.not_after),
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
                created_at=parse(entry["createdAt"]),
                not_after=parse(entry["notAfter"]) if entry.get("notAfter") else None,
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
    waits_for_use: bool = True
    prefix: str = PREFIX


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


@dataclass(frozen=True, slots=True)
class Plan:
    """What should be in the cluster.

    Attributes
    ----------
    stored
        The state to write; equal to what was given when nothing is to be done.
    changes
        What happened, in order.
    waiting_for
        Id of the current token while older ones wait for it to be used; None otherwise.
    due
        When something is to be done next; None if only an event can bring it.
    """

    stored: Stored
    changes: tuple[Change, ...]
    waiting_for: str | None
    due: datetime | None


def plan(wish: Wish, stored: Stored, last_used: Mapping[str, datetime], now: datetime) -> Plan:
    """Decide about a token that the operator issues.

    Parameters
    ----------
    last_used
        When each token was used last, by id, as far as the service has reported.
    """
    if stored.token is None:
        change = Change.REISSUED if stored.accepted else Change.ISSUED
    elif _is_revoked(wish, stored):
        change = Change.REVOKED
    elif _is_rotation_due(wish, stored, last_used, now):
        change = Change.ROTATED
    else:
        return accept(wish, stored, last_used, now)
    token = generate(wish.prefix)
    # Asked for together with the tenant's first token, or carried out by this very change.
    wanted = accept(wish, replace(stored, token=token, rotated=wish.rotate), last_used, now)
    return replace(wanted, changes=(change,))


def accept(wish: Wish, stored: Stored, last_used: Mapping[str, datetime], now: datetime) -> Plan:
    """Bring the accepted digests in line with the current token, which there must be.

    This is the whole decision about a token that somebody else issues (``existingSecret``).
    """
    assert stored.token is not None
    sha256 = digest(stored.token)
    entries = {entry.sha256: entry for entry in stored.accepted}
    current = entries.pop(sha256, None)
    changes = [] if current else [Change.ACCEPTED]
    # A token that became current again (its owner went back to it) is wanted again.
    current = replace(current or Accepted(sha256[:8], sha256, now), not_after=None)
    others = () if _is_revoked(wish, stored) else tuple(entries.values())
    if not wish.waits_for_use or current.id in last_used:
        newest = max(entry.created_at for entry in (*others, current))
        others = tuple(_retire(entry, max(now, newest + wish.overlap)) for entry in others)
    kept = tuple(entry for entry in others if entry.not_after is None or entry.not_after > now)
    changes += [Change.RETIRED] * (len(entries) - len(kept))
    wanted = replace(stored, accepted=(*kept, current), rotated=wish.rotate, revoked=wish.revoke)
    moments = (*(entry.not_after for entry in kept), _next_rotation(wish, wanted))
    return Plan(
        stored=wanted,
        changes=tuple(changes),
        waiting_for=current.id if any(entry.not_after is None for entry in kept) else None,
        due=min((moment for moment in moments if moment and moment > now), default=None),
    )


def _retire(entry: Accepted, moment: datetime) -> Accepted:
    return entry if entry.not_after else replace(entry, not_after=moment)


def _is_revoked(wish: Wish, stored: Stored) -> bool:
    return wish.revoke is not None and wish.revoke != stored.revoked


def _is_rotation_due(
    wish: Wish, stored: Stored, last_used: Mapping[str, datetime], now: datetime
) -> bool:
    if wish.rotate is not None and wish.rotate != stored.rotated:
        return True
    due = _next_rotation(wish, stored)
    # While Entra still sends an older token, one more by schedule would only pile up.
    waiting = (
        wish.waits_for_use and len(stored.accepted) > 1 and stored.accepted[-1].id not in last_used
    )
    return due is not None and due <= now and not waiting


def _next_rotation(wish: Wish, stored: Stored) -> datetime | None:
    if wish.rotate_every is None or not stored.accepted:
        return None
    return stored.accepted[-1].created_at + wish.rotate_every
