"""The command line: what it prints, and the exit code that says how it went."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.entra.__main__ import main
from tests.entra.report import CLEAN, IMPERFECT, QUARANTINED
from tests.unit.tools.entra.tenant import Tenant, error


@pytest.fixture
def tenant() -> Tenant:
    return Tenant()


@pytest.fixture
async def url(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[str]:
    monkeypatch.setenv("SCIM_TOKEN", "s3cret")
    async with TestServer(tenant.app) as server:
        yield str(server.make_url("/scim"))


async def _run(monkeypatch: pytest.MonkeyPatch, url: str, *arguments: str) -> int:
    monkeypatch.setattr("sys.argv", ["entra", "--url", url, *arguments])
    return await asyncio.to_thread(main)


@pytest.mark.parametrize("output", ["json", "table"])
async def test_clean_run(
    url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], output: str
) -> None:
    """Both cycles, and the tenant read back; the token is not shown."""
    assert await _run(monkeypatch, url, "-o", output) == CLEAN
    printed = capsys.readouterr().out
    assert "s3cret" not in printed
    if output == "json":
        report: dict[str, Any] = json.loads(printed)
        names = [cycle["cycle"] for cycle in report["cycles"]]
        assert names == ["test connection", "initial", "incremental"]
        assert (report["differences"], report["lostWrites"], report["clean"]) == ([], [], True)
        assert report["cycles"][1]["requests"]["byMethodAndStatus"]["POST 201"] == 23
    else:
        assert "attribute by attribute" in printed


async def test_runs_go_on_from_a_state(
    url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """One invocation a cycle, as a cron job would."""
    state = str(tmp_path / "state.json")
    for cycles in ("initial", "incremental", "incremental", "repeat"):
        assert await _run(monkeypatch, url, "--state", state, "--cycles", cycles) == CLEAN


async def test_quarantine(url: str, tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is provisioned where the test of the connection fails."""
    tenant.misbehave = lambda _: error(404, "no")
    assert await _run(monkeypatch, url) == QUARANTINED
    assert len(tenant.requests) == 1


async def test_no_server(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that is not there is no success."""
    assert await _run(monkeypatch, "http://127.0.0.1:1/scim") == QUARANTINED


async def test_single_failures(url: str, tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    """Too few for quarantine, and not clean either."""

    def misbehave(request: web.Request) -> web.Response | None:
        return error(400, "no") if request.method == "POST" else None

    tenant.misbehave = misbehave
    assert await _run(monkeypatch, url, "--cycles", "initial") == IMPERFECT


async def test_objects_of_others(url: str, tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    """A difference, unless the tenant is shared."""
    tenant.held["Users"]["u1"] = {"id": "u1", "userName": "somebody"}
    assert await _run(monkeypatch, url, "--cycles", "initial") == IMPERFECT
    assert await _run(monkeypatch, url, "--cycles", "initial", "--shared") == CLEAN


def test_no_token(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A wrong command line ends with 2."""
    monkeypatch.delenv("SCIM_TOKEN", raising=False)
    monkeypatch.setattr("sys.argv", ["entra", "--url", "http://127.0.0.1:1"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert "SCIM_TOKEN" in capsys.readouterr().err
