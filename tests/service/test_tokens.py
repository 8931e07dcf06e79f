"""Tokens and ports: who is let in, where, and until when."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from scim_service.auth import Tokens

from tests.service.served import Serve

NOON = 1_750_000_000.0


class Clock:
    """A clock that only a test moves."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> float:
        """Return the time in seconds."""
        return self.now


def entry(secret: str, not_after: str | None = None) -> dict[str, Any]:
    """Return a token's entry in ``tokens.json``."""
    digest = hashlib.sha256(secret.encode()).hexdigest()
    return {"id": secret, "sha256": digest, "createdAt": "2025-01-01T00:00:00Z"} | (
        {} if not_after is None else {"notAfter": not_after}
    )


class Mounted:
    """A Secret as the kubelet mounts it: links that are turned to a new folder at once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._version = 0
        self.path = folder / "tokens.json"
        self.path.symlink_to("..data/tokens.json")

    def put(self, content: str) -> None:
        """Replace the content."""
        self._version += 1
        folder = self._folder / f"..version_{self._version}"
        folder.mkdir()
        (folder / "tokens.json").write_text(content)
        new = self._folder / "..data_tmp"
        new.symlink_to(folder.name)
        new.replace(self._folder / "..data")


@pytest.fixture
def mounted(tmp_path: Path) -> Mounted:
    """The mounted Secret, with nothing in it yet."""
    return Mounted(tmp_path)


def status(tokens: Tokens, secret: str) -> str | None:
    """Return the id of the token that lets a secret in."""
    return tokens.authenticate(f"Bearer {secret}")


def test_a_rotation_is_seen_without_a_restart(mounted: Mounted) -> None:
    """A new token lets in within a second of the mount, the old one too until it is gone."""
    clock = Clock()
    mounted.put(json.dumps({"tokens": [entry("old")]}))
    tokens = Tokens(mounted.path, monotonic=clock, wall=clock)
    assert status(tokens, "old") == "old"
    mounted.put(json.dumps({"tokens": [entry("old"), entry("new")]}))
    clock.now += 1
    assert (status(tokens, "old"), status(tokens, "new")) == ("old", "new")
    mounted.put(json.dumps({"tokens": [entry("new")]}))
    clock.now += 1
    assert (status(tokens, "old"), status(tokens, "new")) == (None, "new")


def test_a_token_ends_at_its_time(mounted: Mounted) -> None:
    """``notAfter`` is obeyed to the second, with no change of the file."""
    clock = Clock()
    mounted.put(json.dumps({"tokens": [entry("short", "2025-06-15T15:06:40Z")]}))
    tokens = Tokens(mounted.path, monotonic=clock, wall=clock)
    clock.now = NOON - 1
    assert status(tokens, "short") == "short"
    clock.now = NOON
    assert status(tokens, "short") is None


@pytest.mark.parametrize("broken", ["", "{}", '{"tokens": [{"id": "x", "sha256": "00"}]}', "[]"])
def test_a_broken_file_changes_nothing(mounted: Mounted, broken: str) -> None:
    """The tokens that were read last stay, and the problem is told without their digests."""
    clock = Clock()
    mounted.put(json.dumps({"tokens": [entry("kept")]}))
    tokens = Tokens(mounted.path, monotonic=clock, wall=clock)
    assert status(tokens, "kept") == "kept"
    mounted.put(broken)
    clock.now += 1
    assert status(tokens, "kept") == "kept"
    assert tokens.problem is not None
    assert str(mounted.path) in tokens.problem


@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Bearer ", "Basic dDA=", "t", "Bearer T", "Bearer t t", "bearer"]
)
def test_anything_else_is_not_let_in(header: str | None, mounted: Mounted) -> None:
    """A header without the token, or with more than it, lets nobody in."""
    mounted.put(json.dumps({"tokens": [entry("t")]}))
    assert Tokens(mounted.path).authenticate(header) is None


async def test_it_is_not_ready_without_a_token(serve: Serve, mounted: Mounted) -> None:
    """Until the Secret is there nobody could be let in, and the readiness says why."""
    served = await serve(tokens=Tokens(mounted.path))
    answer = await served.management.get("/-/readyz")
    assert answer.status_code == 503
    assert "tokens" in answer.text


async def test_each_port_has_its_own_paths(serve: Serve) -> None:
    """What is exposed shows nothing of the management, and the other serves no users."""
    served = await serve()
    for path in ("/-/healthz", "/-/readyz", "/-/status", "/metrics"):
        assert (await served.management.get(path)).status_code == 200
        assert (await served.http.get(f"http://scim.example{path}")).status_code == 404
        assert (await served.http.get(path)).status_code == 404
    for path in ("/Users", "/scim/Users", "/openapi.json", "/docs"):
        assert (await served.management.get(path)).status_code == 404


async def test_a_tenant_is_served_under_its_base_path_only(serve: Serve) -> None:
    """Another tenant's path on the same host is not this tenant's."""
    served = await serve({"basePath": "/team-a/contoso/scim"})
    for path in ("/Users", "/v2/Users", "/Users/", "//Users"):
        answer = await served.http.get(f"http://scim.example/team-a/contoso/scim{path}")
        assert answer.status_code == 200, path
    for path in (
        "/Users",
        "/scim/Users",
        "/team-a/contoso/scimUsers",
        "/team-a/fabrikam/scim/Users",
    ):
        answer = await served.http.get(f"http://scim.example{path}")
        assert answer.status_code == 404, path
        assert answer.json()["status"] == "404"
