"""What one request, and all requests of a tenant together, may cost."""

from dataclasses import dataclass

from scim_service.scim.budget import COMPARISONS
from scim_service.settings import SettingsError

MINIMUM_RATE = 25
"""Requests a second that Entra must be granted (Microsoft: "use SCIM to provision users")."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one request, and all of them together, may cost.

    Entra gives up after 60 seconds and sends a timed-out POST again, so `request_seconds` is well
    below that. `rate` is the ceiling of requests a second, None for no ceiling. `activity_rows` are
    the lines that are kept of writes, `refusal_rows` those of refusals. A page ends before the
    resource by which it would exceed `page_bytes`; `answer_bytes` is the most for a single one,
    that is for a group with its members.
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
