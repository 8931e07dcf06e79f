"""How often a client may ask, and how soon a guesser is answered; the clock is turned by hand."""

import httpx
import pytest
from scim_service.http.application import scim_application
from scim_service.http.client_address import TrustedProxies
from scim_service.http.rate_limit import (
    ANSWERS,
    FORGET_SECONDS,
    FREE_FAILURES,
    LONGEST_DELAY,
    Penalties,
    RateLimit,
)
from scim_service.tenant.limits import Limits

from tests.service.served import SECRET, Serve


class Clock:
    """A clock that only a test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """Return the time in seconds."""
        return self.now


def test_a_second_of_requests_is_in_hand_and_comes_back() -> None:
    """As many requests as the rate pass at once, the next waits, and time lets it pass."""
    clock = Clock()
    limit = RateLimit(25, monotonic=clock)
    assert [limit.retry_after() for _ in range(25)] == [None] * 25
    assert limit.retry_after() == 1
    clock.now += 1
    assert limit.retry_after() is None


async def test_above_the_ceiling_429_with_retry_after(serve: Serve) -> None:
    """The answer is a SCIM error that says when to come back."""
    served = await serve(limits=Limits(rate=25))
    answers = [await served.http.get("/Users", params={"count": 0}) for _ in range(60)]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert refused
    assert all(answer.status_code == 200 for answer in answers[:25])
    assert int(refused[0].headers["Retry-After"]) >= 1
    assert refused[0].json()["status"] == "429"


def test_guessing_gets_slower_and_no_slower_than_that() -> None:
    """The first failures are answered at once, the following later and later, up to a bound."""
    clock = Clock()
    penalties = Penalties(monotonic=clock)

    def failed(source: str) -> float | None:
        clock.now += 1
        return penalties.failed(source)

    assert [failed("192.0.2.1") for _ in range(FREE_FAILURES)] == [0.0] * FREE_FAILURES
    delays = [failed("192.0.2.1") or 0.0 for _ in range(10)]
    assert delays == sorted(delays)
    assert (delays[0], delays[-1]) == (0.1, LONGEST_DELAY)
    assert failed("192.0.2.2") == 0.0
    clock.now += FORGET_SECONDS
    assert failed("192.0.2.1") == 0.0


@pytest.mark.finding(24)
def test_failures_of_all_sources_together_are_limited() -> None:
    """Whatever number of sources guesses, so many a second are answered in full and no more."""
    clock = Clock()
    penalties = Penalties(monotonic=clock)
    answered = [penalties.failed(f"192.0.2.{number}") for number in range(1000)]
    assert answered == [0.0] * ANSWERS + [None] * (1000 - ANSWERS)
    clock.now += 1
    assert [penalties.failed("198.51.100.1") for _ in range(FREE_FAILURES)] == [0.0] * FREE_FAILURES


@pytest.mark.finding(24)
async def test_a_flood_of_guesses_holds_up_no_good_token(serve: Serve) -> None:
    """Behind one address with a guesser: the guesser is turned away, and Entra always served."""
    served = await serve()
    guess = {"Authorization": "Bearer guess"}
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    flooded = scim_application(served.tenant, served.access_log.append, TrustedProxies(), sleep)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(flooded), base_url="http://scim.example/scim"
    ) as client:
        answers = [await client.get("/Users", headers=guess) for _ in range(200)]
        turned_away = [answer for answer in answers if answer.status_code == 429]
        assert turned_away
        assert {answer.status_code for answer in answers} == {401, 429}
        assert turned_away[0].headers["Connection"] == "close"
        assert turned_away[0].json()["status"] == "429"
        good = {"Authorization": f"Bearer {SECRET}"}
        before = len(waited)
        assert (await client.get("/Users", headers=good)).status_code == 200
        assert len(waited) == before
    # The access log has those that were answered in full, or else the flood would fill a disk.
    assert len(served.access_log) == 200 - len(turned_away) + 1
    status = (await served.management.get("/-/status")).json()
    assert status["unauthenticated"] == 200


@pytest.mark.finding(10, 27)
async def test_the_access_log_is_bounded(serve: Serve) -> None:
    """A line names the source, and has only the beginning of a long path, with or without token."""
    served = await serve()
    for headers in ({}, {"Authorization": "Bearer wrong"}):
        await served.http.get(f"/Users/{'%01' * 20_000}", headers=headers)
    for line in served.access_log:
        assert line["source"] == "127.0.0.1"
        assert len(line["path"]) < 600
