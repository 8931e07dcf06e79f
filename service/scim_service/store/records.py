"""What the repository takes and returns, and what users and groups have in common."""

import os
import re
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from scim_service.scim import errors

Clock: TypeAlias = Callable[[], int]
"""Returns microseconds since 1970."""

Change: TypeAlias = Callable[[dict[str, Any]], dict[str, Any]]
"""Returns what becomes of a resource in canonical form, or raises ScimError."""

_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")

KEY_CHARACTERS = 600
"""The longest text that is matched on: at four bytes each it still fits PostgreSQL's index."""


@dataclass(frozen=True, slots=True)
class AuditContext:
    """Where a write comes from, for the provisioning log.

    Parameters
    ----------
    started
        When the request came, by `time.perf_counter`.
    edge_id
        The id that the edge in front of the service has given the request.
    source, agent
        The address of the client, and what it calls itself.
    """

    operation: str
    token_id: str | None
    request_id: str
    started: float
    edge_id: str | None = None
    source: str | None = None
    agent: str | None = None


@dataclass(frozen=True, slots=True)
class Precondition:
    """The versions that ``If-Match`` names; None for any."""

    versions: Collection[int] | None = None

    def check(self, version: int) -> None:
        """Refuse to go on from another version.

        Raises
        ------
        ScimError
            412.
        """
        if self.versions is not None and version not in self.versions:
            raise errors.precondition_failed(
                "The resource has changed since the version in If-Match; get it again."
            )


ANY_VERSION = Precondition()


@dataclass(frozen=True, slots=True)
class Record:
    """A stored resource.

    Parameters
    ----------
    document
        Its canonical form as JSON text, without ``id`` and ``meta``.
    computed
        The JSON array of what comes from other rows: a user's groups, a group's members. None or
        empty where there are none, or where they were not asked for.
    """

    id: str
    document: str
    version: int
    created: int
    last_modified: int
    computed: str | None = None


def new_id() -> str:
    """Return a UUID that sorts by its time: new rows lie together, and in the order they came in.

    RFC 9562, version 7, with a quarter of a microsecond in the twelve bits after the millisecond
    (section 6.2, method 3), as many users are made within one.
    """
    milliseconds, nanoseconds = divmod(time.time_ns(), 1_000_000)
    random = int.from_bytes(os.urandom(8))
    number = (
        (milliseconds & 0xFFFF_FFFF_FFFF) << 80
        | 0x7 << 76
        | (nanoseconds << 12) // 1_000_000 << 64
        | 0b10 << 62
        | (random & 0x3FFF_FFFF_FFFF_FFFF)
    )
    text = f"{number:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def is_id(text: str) -> bool:
    """Whether a text has the form of an id as `new_id` makes them; no other names a resource."""
    return _ID.fullmatch(text) is not None


def now_microseconds() -> int:
    """Return the time as it is stored."""
    return time.time_ns() // 1000


def key_of(folded: Mapping[str, Any], name: str, where: str = "") -> str | None:
    """Return a value that is matched on.

    Parameters
    ----------
    where
        What comes before the name in the attribute's path.

    Raises
    ------
    ScimError
        It is too long to be.
    """
    value: str | None = folded.get(name)
    if value is not None and len(value) > KEY_CHARACTERS:
        raise errors.invalid_value(
            f"{where}{name} has {len(value)} characters; at most {KEY_CHARACTERS} are accepted."
        )
    return value
