"""Pages: by index (RFC 7644 section 3.4.2.4) and by cursor (RFC 9865)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

Position: TypeAlias = Sequence[str | int | float | bool | None]


@dataclass(frozen=True, slots=True)
class Page:
    """A page by index: `start_index` is 1-based, `count` may be 0."""

    start_index: int
    count: int

    @property
    def offset(self) -> int:
        """How many results come before the page."""
        return self.start_index - 1


def parse_page(
    start_index: str | int | None, count: str | int | None, *, default: int, maximum: int
) -> Page:
    """Return the page that a client asked for.

    A start below 1 means 1, a negative count 0, a count above the maximum the maximum.

    Raises
    ------
    ScimError
        invalidValue for what is not an integer.
    """
    raise NotImplementedError


def parse_cursor_count(count: str | int | None, *, default: int, maximum: int) -> int:
    """Return the size of a page by cursor.

    Raises
    ------
    ScimError
        invalidCount for what is not an integer above 0.
    """
    raise NotImplementedError


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
    raise NotImplementedError


def decode_cursor(
    cursor: str, *, query: str, key: bytes, now: datetime, timeout: timedelta
) -> tuple[str | int | float | bool | None, ...]:
    """Return the position in a cursor.

    Raises
    ------
    ScimError
        invalidCursor: altered, or of another query; expiredCursor: older than `timeout`.
    """
    raise NotImplementedError
