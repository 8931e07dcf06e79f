"""The rate limit of requests, and the delays of answers to wrong tokens, over HTTP."""

import httpx
import pytest
from scim_service.http.application import scim_application
from scim_service.http.client_address import TrustedProxies
from scim_service.tenant.limits import Limits

from tests.service.served import SECRET, Serve


async def test_above_the_ceiling_429_with_retry_after(serve: Serve) -> None:
    """The answer is a SCIM error with Retry-After."""
    served = await serve(limits=Limits(rate=25))
    answers = [await served.http.get("/Users", params={"count": 0}) for _ in range(60)]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert refused
    assert all(answer.status_code == 200 for answer in answers[:25])
    assert int(refused[0].headers["Retry-After"]) >= 1
    assert refused[0].json()["status"] == "429"


@pytest.mark.finding(24)
async def test_a_flood_of_guesses_holds_up_no_good_token(serve: Serve) -> None:
    """A client that guesses tokens is refused, and Entra behind the same address is served."""
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
    # Refusals by the limit are not in the access log, or many of them would fill a disk.
    assert len(served.access_log) == 200 - len(turned_away) + 1
    status = (await served.management.get("/-/status")).json()
    assert status["unauthenticated"] == 200


@pytest.mark.finding(10, 27)
async def test_the_access_log_is_bounded(serve: Serve) -> None:
    """A line has the source and only the beginning of a long path, with or without a token."""
    served = await serve()
    for headers in ({}, {"Authorization": "Bearer wrong"}):
        await served.http.get(f"/Users/{'%01' * 20_000}", headers=headers)
    for line in served.access_log:
        assert line["source"] == "127.0.0.1"
        assert len(line["path"]) < 600
