"""When a job goes into quarantine, and when it is tried again.

Source: Microsoft, "Application provisioning in quarantine status", sections on escrow thresholds
and on the duration of retries.
"""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The documented numbers; "the logic is subject to change", so they are parameters."""

    evaluated_from: int = 5_000
    share: float = 0.40
    failures: int = 40_000
    all_failures: int = 60_000

    def reason(self, *, events: int, failures: int, reference_failures: int = 0) -> str | None:
        """Return the reason for quarantine, None while there is none.

        `failures` leaves out the references, managers and members, which only the absolute
        threshold counts; `events` is everything that the cycle set out to do, references aside.
        """
        if failures + reference_failures > self.all_failures:
            return "EncounteredTotalEscrowThreshold"
        if failures < self.evaluated_from:
            return None
        if failures > self.failures:
            return "EncounteredBaseEscrowThreshold"
        if failures > self.share * events:
            return "EncounteredEscrowProportionThreshold"
        return None


DISABLED_AFTER = timedelta(days=28)


def retry_after(retry: int) -> timedelta | None:
    """Return how long after the first failure a retry comes, None when the job is disabled."""
    early = (timedelta(hours=6), timedelta(hours=12), timedelta(hours=24))
    delay = early[retry - 1] if retry <= len(early) else timedelta(days=retry - len(early) + 1)
    return delay if delay <= DISABLED_AFTER else None
