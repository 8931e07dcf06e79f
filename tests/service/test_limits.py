"""How often a client may ask, and how soon a guesser is answered; the clock is turned by hand."""

from scim_service.http.limiter import FREE_FAILURES, LONGEST_DELAY, Penalties, RateLimit
from scim_service.settings import Limits

from tests.service.served import Serve


class Clock:
    """A clock that only a test moves; sleeping is remembered."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        """Return the time in seconds."""
        return self.now

    async def sleep(self, seconds: float) -> None:
        """Remember how long would have been slept."""
        self.slept.append(seconds)


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


async def test_guessing_gets_slower_and_no_slower_than_that() -> None:
    """The first failures are answered at once, the following later and later, up to a bound."""
    clock = Clock()
    penalties = Penalties(monotonic=clock, sleep=clock.sleep)
    for _ in range(FREE_FAILURES):
        await penalties.failed("192.0.2.1")
    assert clock.slept == []
    for _ in range(10):
        await penalties.failed("192.0.2.1")
    assert clock.slept == sorted(clock.slept)
    assert clock.slept[-1] == LONGEST_DELAY
    await penalties.failed("192.0.2.2")
    assert len(clock.slept) == 10
