"""The limits of one request, and of all requests of a tenant together."""

from dataclasses import dataclass

from scim_service.scim.budget import COMPARISONS
from scim_service.settings import SettingsError

MINIMUM_RATE = 25
"""Requests a second that Entra must be granted (Microsoft: "use SCIM to provision users")."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The limits of one request, and of all requests of a tenant together.

    Parameters
    ----------
    page_bytes
        A page ends before the resource that would exceed it.
    answer_bytes
        The largest resource in an answer; only groups with many members reach it.
    request_seconds
        Entra's timeout is 60 seconds, and then it repeats a POST; this is well below that.
    rate
        Requests a second, None for no limit.
    activity_rows, refusal_rows
        The lines that the log keeps of writes and of refusals.
    """

    body_bytes: int = 4 << 20
    body_depth: int = 32
    page_default: int = 100
    page_maximum: int = 1000
    page_bytes: int = 4 << 20
    answer_bytes: int = 32 << 20
    bulk_operations: int = 1000
    comparisons: int = COMPARISONS
    cursor_seconds: int = 3600
    request_seconds: float = 30.0
    rate: float | None = None
    activity_days: float = 30.0
    activity_rows: int = 500_000
    refusal_rows: int = 100_000

    def __post_init__(self) -> None:
        if self.rate is not None and self.rate < MINIMUM_RATE:
            raise SettingsError(
                f"the rate limit is {self.rate:g} requests a second, and Entra ID must be granted"
                f" at least {MINIMUM_RATE}"
            )
