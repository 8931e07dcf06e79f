"""Pages: by index (RFC 7644 section 3.4.2.4) and by cursor (RFC 9865)."""

import base64
import hashlib
import hmac
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

from scim_service.scim import errors

Key: TypeAlias = str | int | float | bool | None
Position: TypeAlias = Sequence[Key]

_SIGNATURE_LENGTH = 16
_CURSOR_LENGTH = 4096
_NUMBER_LENGTH = 18


@dataclass(frozen=True, slots=True)
class Page:
    """A page by index: `start_index` is 1-based, `count` may be 0.

    `asked` is the count that the client asked for, which may be above the maximum.
    """

    start_index: int
    count: int
    asked: int

    @property
    def offset(self) -> int:
        """How many results come before the page."""
        return self.start_index - 1


def parse_page(
    start_index: str | int | None, count: str | int | None, *, default: int, maximum: int
) -> Page:
    """Return the page that a client requested.

    A start below 1 means 1, a negative count 0, a count above the maximum the maximum.

    Raises
    ------
    ScimError
        invalidValue for a text that is no integer.
    """
    start = 1 if start_index is None else _parse_integer(start_index)
    size = default if count is None else _parse_integer(count)
    if start is None or size is None:
        name = "startIndex" if start is None else "count"
        raise errors.invalid_value(f"{name} must be an integer.")
    size = max(size, 0)
    return Page(max(start, 1), min(size, maximum), size)


def parse_cursor_count(count: str | int | None, *, default: int, maximum: int) -> int:
    """Return the size of a page by cursor.

    Raises
    ------
    ScimError
        invalidCount for a number that is no integer above 0.
    """
    size = default if count is None else _parse_integer(count)
    if size is None or size < 1:
        raise errors.invalid_count("count must be an integer above 0.")
    return min(size, maximum)


def encode_cursor(position: Position, *, query: str, key: bytes, now: datetime) -> str:
    """Return an opaque cursor that continues `query` after `position`.

    Parameters
    ----------
    position
        Where the next page starts: the sort keys of the last result.
    query
        Everything that a page has in common with the next: filter, order, attributes.
    key
        The tenant's signing key; the same in all replicas.
    """
    content = json.dumps([int(now.timestamp()), *position], separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(_sign(content, query, key) + content).decode().rstrip("=")


def decode_cursor(
    cursor: str, *, query: str, key: bytes, now: datetime, timeout: timedelta
) -> tuple[Key, ...]:
    """Return the position in a cursor.

    Raises
    ------
    ScimError
        invalidCursor: altered, or of another query; expiredCursor: older than `timeout`.
    """
    invalid = errors.invalid_cursor(
        "The cursor is not one that this query returned; start again without a cursor value."
    )
    if len(cursor) > _CURSOR_LENGTH or not cursor.isascii():
        raise invalid
    try:
        raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    except ValueError:
        raise invalid from None
    signature, content = raw[:_SIGNATURE_LENGTH], raw[_SIGNATURE_LENGTH:]
    if not hmac.compare_digest(signature, _sign(content, query, key)):
        raise invalid
    issued, *position = json.loads(content)
    if now.timestamp() - issued > timeout.total_seconds():
        raise errors.expired_cursor(
            "The cursor is older than the service keeps cursors; start again without a cursor "
            "value."
        )
    return tuple(position)


def _sign(content: bytes, query: str, key: bytes) -> bytes:
    digest = hmac.new(key, content + b"\x00" + query.encode(), hashlib.sha256)
    return digest.digest()[:_SIGNATURE_LENGTH]


def _parse_integer(value: str | int) -> int | None:
    if isinstance(value, str):
        digits = value.strip()
        if len(digits) > _NUMBER_LENGTH or not digits.lstrip("+-").isdecimal():
            return None
        try:
            return int(digits)
        except ValueError:
            return None
    return None if abs(value) >= 10**_NUMBER_LENGTH else value
