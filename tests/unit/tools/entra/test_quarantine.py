"""The numbers of "Application provisioning in quarantine status"."""

from datetime import timedelta

import pytest

from tests.entra import Thresholds
from tests.entra.quarantine import retry_after


@pytest.mark.parametrize(
    ("failures", "successes", "references", "reason"),
    [
        (4_000, 0, 0, None),
        (5_000, 0, 0, "EncounteredEscrowProportionThreshold"),
        (45_000, 1_000_000, 0, "EncounteredBaseEscrowThreshold"),
        (30_000, 5_000, 0, "EncounteredEscrowProportionThreshold"),
        (20_000, 100_000, 0, None),
        (0, 100_000, 45_000, None),
        (40_000, 1_000_000, 21_000, "EncounteredTotalEscrowThreshold"),
    ],
)
def test_thresholds(failures: int, successes: int, references: int, reason: str | None) -> None:
    """The page's own examples."""
    found = Thresholds().reason(
        events=failures + successes, failures=failures, reference_failures=references
    )
    assert found == reason


def test_retries() -> None:
    """After 6, 12 and 24 hours, then daily, and after 28 days no more."""
    days = [retry_after(retry) for retry in range(1, 32)]
    assert days[:5] == [timedelta(hours=hours) for hours in (6, 12, 24, 48, 72)]
    assert days[29:] == [timedelta(days=28), None]
