"""The digests of accepted tokens, and the files that give them to the service."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from scim_operator.timestamps import format_timestamp, parse_timestamp


@dataclass(frozen=True, slots=True)
class AcceptedToken:
    """One entry of ``tokens.json``.

    Attributes
    ----------
    id
        Random; appears in status, logs and metrics.
    sha256
        The token's digest, 64 hexadecimal digits.
    created_at
        When the operator first accepted it.
    not_after
        When the service stops accepting it; None while no retirement is decided.
    """

    id: str
    sha256: str
    created_at: datetime
    not_after: datetime | None = None


def dump(accepted: Sequence[AcceptedToken]) -> str:
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


def load(text: str) -> tuple[AcceptedToken, ...]:
    """Read ``tokens.json``; a file that cannot be read counts as lost, and is written again."""
    try:
        return tuple(
            AcceptedToken(
                id=str(entry["id"]),
                sha256=str(entry["sha256"]),
                created_at=parse_timestamp(entry["createdAt"]),
                not_after=parse_timestamp(entry["notAfter"]) if entry.get("notAfter") else None,
            )
            for entry in json.loads(text)["tokens"]
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return ()
