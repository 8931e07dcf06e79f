"""Tokens: which ones are accepted, and until when."""

import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import pytest
from scim_service.tenant.tokens import GRACE_SECONDS, Tokens

from tests.service.served import SECRET, Serve

NOON = 1_750_000_000.0


class Clock:
    """A clock that the test sets."""

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
    """A Secret as the kubelet mounts it: links that switch to a new folder atomically."""

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
    """An empty mounted Secret."""
    return Mounted(tmp_path)


def status(tokens: Tokens, secret: str) -> str | None:
    """Return the id of the token that accepts a secret."""
    token = tokens.authenticate(f"Bearer {secret}")
    return None if token is None else token.id


def test_a_rotation_is_seen_without_a_restart(mounted: Mounted) -> None:
    """A new token is accepted a second after the mount, the old one while it is in the file."""
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
    """``notAfter`` takes effect to the second, without a change of the file."""
    clock = Clock()
    mounted.put(json.dumps({"tokens": [entry("short", "2025-06-15T15:06:40Z")]}))
    tokens = Tokens(mounted.path, monotonic=clock, wall=clock)
    clock.now = NOON - 1
    assert status(tokens, "short") == "short"
    clock.now = NOON
    assert status(tokens, "short") is None


BROKEN = {
    "nothing": "",
    "no object": "[]",
    "no list": '{"tokens": 1}',
    "no tokens": "{}",
    "too deep": "[" * 100_000,
    "not UTF-8": "\xff",
    "an entry of another kind": '{"tokens": [1]}',
    "no digest": json.dumps({"tokens": [{"id": "x"}]}),
    "a short digest": json.dumps({"tokens": [{"id": "x", "sha256": "00"}]}),
    "no id": json.dumps({"tokens": [entry("new") | {"id": None}]}),
    "an id with a line break": json.dumps({"tokens": [entry("new") | {"id": "a\nb"}]}),
    "a long id": json.dumps({"tokens": [entry("new") | {"id": "x" * 65}]}),
    "an expiry without a zone": json.dumps({"tokens": [entry("new", "2099-01-01T00:00:00")]}),
    "an expiry that is none": json.dumps({"tokens": [entry("new", "s3cret")]}),
    "a number as expiry": json.dumps({"tokens": [entry("new") | {"notAfter": 4e9}]}),
    "one bad entry": json.dumps(
        {"tokens": [entry("kept"), entry("s3cret") | {"sha256": "s3cret"}]}
    ),
}


@pytest.mark.finding(23)
@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
def test_tokens_before_a_broken_file_are_accepted_for_a_minute(
    mounted: Mounted, broken: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The last tokens are accepted for a minute, then none until the file is valid again.

    The error is logged at once but not every second, and without the content.
    """
    clock = Clock()
    mounted.put(json.dumps({"tokens": [entry("kept")]}))
    tokens = Tokens(mounted.path, monotonic=clock, wall=clock)
    assert status(tokens, "kept") == "kept"
    mounted.put(broken)
    for _ in range(int(GRACE_SECONDS)):
        clock.now += 1
        assert (status(tokens, "kept"), status(tokens, "new"), tokens.is_closed) == (
            "kept",
            None,
            False,
        )
    assert len(caplog.records) == 1
    clock.now += 1
    assert (status(tokens, "kept"), status(tokens, "new"), tokens.is_closed) == (None, None, True)
    clock.now += 60
    assert tokens.current() == ()
    assert len(caplog.records) == 2
    assert str(mounted.path) in str(tokens.problem)
    assert "s3cret" not in caplog.text + str(tokens.problem)
    mounted.put(json.dumps({"tokens": [entry("kept")]}))
    clock.now += 1
    assert (status(tokens, "kept"), tokens.problem, tokens.is_closed) == ("kept", None, False)


@pytest.mark.finding(23)
def test_tokens_of_a_missing_file_are_accepted_for_a_minute(mounted: Mounted) -> None:
    """A short absence changes nothing, and the same file is read again when it is back."""
    clock = Clock()
    mounted.put(json.dumps({"tokens": [entry("kept")]}))
    tokens = Tokens(mounted.path, monotonic=clock, wall=clock)
    assert status(tokens, "kept") == "kept"
    away = mounted.path.with_name("away")
    for seconds, let_in in ((GRACE_SECONDS - 1, "kept"), (GRACE_SECONDS, None)):
        mounted.path.rename(away)
        clock.now += 1
        assert status(tokens, "kept") == "kept"
        clock.now += seconds
        assert status(tokens, "kept") == let_in
        away.rename(mounted.path)
        clock.now += 1
        assert status(tokens, "kept") == "kept"


@pytest.mark.finding(23)
async def test_a_tenant_says_that_its_tokens_cannot_be_read(serve: Serve, mounted: Mounted) -> None:
    """The status says so at once; after a minute the service is not ready and refuses Entra."""
    clock = Clock()
    times = iter(range(1_750_000_000, 1_750_001_000))
    mounted.put(json.dumps({"tokens": [entry(SECRET)]}))
    tokens = Tokens(mounted.path, monotonic=clock)
    served = await serve(tokens=tokens, clock=lambda: next(times) * 1_000_000)
    assert (await served.http.get("/Users")).status_code == 200
    mounted.put("no JSON")
    clock.now += 1
    assert (await served.http.get("/Users")).status_code == 200
    (problem,) = (await served.management.get("/-/status")).json()["problems"]
    assert str(mounted.path) in problem
    ready = await served.management.get("/-/readyz")
    assert (ready.status_code, ready.text) == (200, f"ready\n{problem}\n")
    clock.now += GRACE_SECONDS
    assert (await served.http.get("/Users")).status_code == 401
    ready = await served.management.get("/-/readyz")
    assert (ready.status_code, ready.text) == (503, f"tokens: {problem}\n")


def test_the_token_is_taken_as_it_was_received(mounted: Mounted) -> None:
    """The bytes of the header are compared, also if they are not ASCII."""
    mounted.put(json.dumps({"tokens": [entry("geheim-\u00e4\u00a0") | {"id": "own"}]}))
    tokens = Tokens(mounted.path)
    received = "Bearer geheim-\u00e4\u00a0".encode().decode("latin-1")
    token = tokens.authenticate(received)
    assert token is not None
    assert token.id == "own"


@pytest.mark.finding(21)
def test_the_proof_of_use_needs_the_token(mounted: Mounted) -> None:
    """The proof exists once the token was used, and disappears with the token or its id."""
    clock = Clock()
    mounted.put(json.dumps({"tokens": [entry("old"), entry("new")]}))
    tokens = Tokens(mounted.path, monotonic=clock, wall=clock)
    old, new = tokens.current()
    header = "bearer  old "
    assert tokens.authenticate(header) == old
    assert tokens.proof(old) is None
    tokens.prove(old, header)
    expected = hmac.new(b"old", b"scim-operator.io/token-used:old", "sha256").hexdigest()
    assert (tokens.proof(old), tokens.proof(new)) == (expected, None)
    mounted.put(json.dumps({"tokens": [entry("old") | {"id": "renamed"}, entry("new")]}))
    clock.now += 1
    renamed, new = tokens.current()
    assert (tokens.proof(renamed), tokens.proof(old), tokens.proof(new)) == (None, None, None)


@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Bearer ", "Basic dDA=", "t", "Bearer T", "Bearer t t", "bearer"]
)
def test_other_headers_are_refused(header: str | None, mounted: Mounted) -> None:
    """A header without the token, or with anything beside it, is refused."""
    mounted.put(json.dumps({"tokens": [entry("t")]}))
    assert Tokens(mounted.path).authenticate(header) is None


async def test_it_is_not_ready_without_a_token(serve: Serve, mounted: Mounted) -> None:
    """Without the Secret the service is not ready, and the readiness says why."""
    served = await serve(tokens=Tokens(mounted.path))
    answer = await served.management.get("/-/readyz")
    assert answer.status_code == 503
    assert "tokens" in answer.text


async def test_a_tenant_is_served_under_its_base_path_only(serve: Serve) -> None:
    """Paths of other tenants on the same host are 404."""
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
