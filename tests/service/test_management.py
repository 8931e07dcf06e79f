"""The management port: its contents, its access, and its cost."""

import hmac
from pathlib import Path
from typing import Any

import pytest
from scim_service.store.database.statements import compile_statement
from scim_service.store.tables import LoggedRefusal, table
from scim_service.tenant.tokens import Tokens, token_from
from sqlalchemy import delete

from tests.service.served import ACCESS, SECRET, TOKEN_ID, Serve
from tests.service.test_activity import Clock

SHOWN = ("/-/status", "/-/activity")
OPEN = ("/-/healthz", "/-/readyz", "/metrics")


async def test_each_port_has_its_own_paths(serve: Serve) -> None:
    """The exposed port has no management paths, and the management port serves no SCIM."""
    served = await serve()
    for path in (*SHOWN, *OPEN):
        assert (await served.management.get(path)).status_code == 200
        assert (await served.http.get(f"http://scim.example{path}")).status_code == 404
        assert (await served.http.get(path)).status_code == 404
    for path in ("/Users", "/scim/Users", "/openapi.json", "/docs"):
        assert (await served.management.get(path)).status_code == 404


@pytest.mark.finding("S6")
@pytest.mark.parametrize(
    "credential", ["", f"Bearer {SECRET}", "Bearer guess", f"Basic {ACCESS}", f"Bearer {ACCESS}x"]
)
async def test_personal_data_needs_the_access_credential(serve: Serve, credential: str) -> None:
    """Only the access credential is accepted, not the SCIM token."""
    served = await serve()
    await served.http.post("/Users", json={"userName": "ada"})
    headers = {"Authorization": credential}
    for path in SHOWN:
        answer = await served.management.get(path, headers=headers)
        assert answer.status_code == 401
        assert "<tenant>-scim-access" in answer.text
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    for path in OPEN:
        answer = await served.management.get(path, headers=headers)
        assert answer.status_code == 200
    metrics = (await served.management.get("/metrics")).text
    assert 'scim_unauthenticated_requests_total{tenant="local"} 0.0' in metrics
    assert (await served.management.get("/-/status")).json()["unauthenticated"] == 0


@pytest.mark.finding("S6")
async def test_refused_readers_are_counted_apart(serve: Serve) -> None:
    """A metric counts them, and the tenant's own counters do not."""
    served = await serve()
    for _ in range(3):
        await served.management.get("/-/status", headers={"Authorization": "Bearer guess"})
    text = (await served.management.get("/metrics")).text
    assert 'scim_management_unauthenticated_requests_total{tenant="local"} 3.0' in text


@pytest.mark.finding(23)
async def test_a_credential_that_cannot_be_read_says_so(serve: Serve, tmp_path: Path) -> None:
    """Only open paths answer and Entra is served; readiness and the error name the file."""
    path = tmp_path / "access.json"
    served = await serve(access=Tokens(path))
    ready = await served.management.get("/-/readyz")
    assert ready.status_code == 200
    refused = await served.management.get("/-/status")
    assert refused.status_code == 401
    for answer in (ready, refused):
        assert str(path) in answer.text


@pytest.mark.finding(21)
async def test_the_status_proves_that_a_token_was_used(serve: Serve) -> None:
    """Only a request with the token that is no probe produces the proof of use."""
    old = "the-token-before-this-one"
    tokens = Tokens(None, [token_from(SECRET, token_id=TOKEN_ID), token_from(old, token_id="old")])
    clock = Clock()
    served = await serve(tokens=tokens, clock=clock)

    async def proofs() -> dict[str, Any]:
        clock.now += 1_000_000
        document = (await served.management.get("/-/status")).json()
        return {token["id"]: token["proof"] for token in document["tokens"]}

    await served.http.get("/Users", headers={"Scim-Probe": "1"})
    assert await proofs() == {TOKEN_ID: None, "old": None}
    await served.http.get("/Users")
    message = b"scim-operator.io/token-used:" + TOKEN_ID.encode()
    proof = hmac.new(SECRET.encode(), message, "sha256").hexdigest()
    assert await proofs() == {TOKEN_ID: proof, "old": None}


@pytest.mark.finding(32)
async def test_readers_do_not_load_the_database(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database is read at most once a second, for any number of readers."""
    clock = Clock()
    served = await serve(clock=clock)
    database = served.tenant.repository.database
    fetched = 0
    fetch = type(database).fetch

    async def counted(*arguments: Any, **options: Any) -> Any:
        nonlocal fetched
        fetched += 1
        return await fetch(*arguments, **options)

    monkeypatch.setattr(type(database), "fetch", counted)
    for _ in range(20):
        for path in ("/-/status", "/-/readyz", "/metrics"):
            assert (await served.management.get(path)).status_code == 200
    once, fetched = fetched, 0
    assert once < 10
    clock.now += 1_000_000
    for path in ("/-/status", "/-/readyz", "/metrics"):
        await served.management.get(path)
    assert fetched == once


@pytest.mark.finding(32)
async def test_failures_are_counted_as_they_happen(serve: Serve) -> None:
    """The status reads failures from hourly counters, not from the lines of the log."""
    served = await serve()
    for _ in range(3):
        await served.http.get("/Users", params={"filter": "userName"})
        await served.tenant.activity.flush()
    database = served.tenant.repository.database
    emptied = compile_statement(delete(table(LoggedRefusal)), database.backend)
    await database.write((emptied, {}))
    status = (await served.management.get("/-/status")).json()
    assert status["failures"] == {"invalidFilter": 3}


async def test_how_full_the_volume_is(serve: Serve, database_url: str) -> None:
    """The metrics have the size and the free space of a file's volume, and none for PostgreSQL."""
    served = await serve()
    text = (await served.management.get("/metrics")).text
    found = {
        line.split("{")[0]: float(line.split()[-1])
        for line in text.splitlines()
        if line.startswith("scim_volume_")
    }
    if database_url.startswith("postgresql"):
        assert found == {}
    else:
        assert 0 < found["scim_volume_available_bytes"] <= found["scim_volume_size_bytes"]
