"""`kubectl scim activity`, with the service's own management port behind an API server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from scim_operator.api import names

from tests.operator.pod_api import PodApi, serving
from tests.service.program import TOKEN, client, free_port, program


class World:
    """A running service, and the plugin."""

    def __init__(self, kubeconfig: Path, scim: httpx.Client) -> None:
        self.scim = scim
        self._kubeconfig = kubeconfig

    def run(self, *arguments: str) -> str:
        """Run the command."""
        done = subprocess.run(
            [sys.executable, "-m", "scim_operator.cli", "activity", "contoso", *arguments],
            env=os.environ | {"KUBECONFIG": str(self._kubeconfig)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A tenant whose management port accepts its token."""
    port = free_port()
    api = PodApi({}, ports={names.MANAGEMENT_PORT: port})
    api.secrets[names.access_secret("contoso")] = {"token": TOKEN}
    with (
        program(f"sqlite:///{tmp_path}/scim.db", "--management-port", str(port)) as (_, url),
        serving(api, tmp_path) as kubeconfig,
        client(url) as scim,
    ):
        yield World(kubeconfig, scim)


def test_one_request(world: World) -> None:
    """A request is found by either id, with its sender and the reason of its refusal."""
    for number in range(3):
        headers = {"X-Request-Id": f"edge-{number}", "User-Agent": f"curl/{number}"}
        answer = world.scim.post("/Users", json={"userName": "ada"}, headers=headers)
    ours = answer.headers["X-Request-Id"]
    (line,) = json.loads(world.run("--request", "edge-2", "-o", "json"))
    assert (line["requestId"], line["agent"], line["status"]) == (ours, "curl/2", 409)
    assert json.loads(world.run("--request", ours, "-o", "json")) == [line]
    shown = world.run("--request", ours)
    for part in ("curl/2", "edge-2", "127.0.0.1", "uniqueness", line["reason"]):
        assert part in shown
    assert "There is no line of the request edge-9" in world.run("--request", "edge-9")


def test_client(world: World) -> None:
    """Entra's requests have no client; those of another tool with its token have one."""
    request = world.scim.build_request("POST", "/Users", json={"userName": "entra"})
    del request.headers["User-Agent"]
    assert world.scim.send(request).is_success
    assert world.scim.post("/Users", json={"userName": "engineer"}).is_success
    (engineer, entra) = world.run().splitlines()[1:]
    assert "python-httpx" in engineer
    assert entra.split()[-1] == "-"
