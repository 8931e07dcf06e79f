"""`kubectl scim backup` and `restore`, with the service's own program behind an API server."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.operator.pod_api import PodApi, serving
from tests.service.program import client, program


class World:
    """A tenant that is served, and the plugin."""

    def __init__(self, api: PodApi, kubeconfig: Path, folder: Path, scim: httpx.Client) -> None:
        self.api = api
        self.folder = folder
        self.scim = scim
        self._kubeconfig = kubeconfig

    @property
    def file(self) -> Path:
        """Where backups are written to."""
        return self.folder / "contoso.db"

    def run(
        self, *arguments: str, code: int = 0, stdin: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """Run a command of the plugin; it must end as expected, and never with a traceback."""
        done = subprocess.run(
            [sys.executable, "-m", "scim_operator.cli", *arguments],
            env=os.environ | {"KUBECONFIG": str(self._kubeconfig)},
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done

    def backup(self, *options: str) -> Any:
        """Make a backup; return what the plugin says."""
        done = self.run("backup", "contoso", str(self.file), "-o", "json", *options)
        return json.loads(done.stdout)

    def fill(self, count: int) -> None:
        """Create users and a group."""
        for number in range(count):
            assert self.scim.post("/Users", json={"userName": f"user{number}"}).is_success
        assert self.scim.post("/Groups", json={"displayName": "Staff"}).is_success

    def users(self) -> int:
        """Return the number of users of the service."""
        total: int = self.scim.get("/Users", params={"count": 0}).json()["totalResults"]
        return total


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A tenant with three users and a group."""
    database = f"sqlite:///{tmp_path}/scim.db"
    api = PodApi({**os.environ, "SCIM_DATABASE_URL": database})
    with (
        program(database) as (_, url),
        serving(api, tmp_path) as kubeconfig,
        client(url) as scim,
    ):
        found = World(api, kubeconfig, tmp_path, scim)
        found.fill(3)
        yield found


def test_backup_and_restore(world: World) -> None:
    """A backup is private and complete, with its counts; a restore brings its users back."""
    copy = world.backup()
    assert (copy["tenant"], copy["users"], copy["groups"]) == ("team/contoso", 3, 1)
    assert hashlib.sha256(world.file.read_bytes()).hexdigest() == copy["sha256"]
    assert world.file.stat().st_size == copy["size"]
    assert stat.S_IMODE(world.file.stat().st_mode) == 0o600
    digest = world.folder / "contoso.db.sha256"
    assert digest.read_text() == f"{copy['sha256']}  contoso.db\n"

    world.scim.post("/Users", json={"userName": "later"})
    world.api.status = {"users": 4, "groups": 1}
    done = world.run("restore", "contoso", str(world.file), stdin="y\n")
    assert "all users and groups of team/contoso (4 users, 1 group)" in done.stderr
    assert f"Restored team/contoso from {world.file}: 3 users, 1 group" in done.stdout
    assert world.users() == 3
    assert not list(world.folder.glob(".contoso.db*"))


def test_more_than_one_message(world: World) -> None:
    """A database larger than one message is copied completely in both directions."""
    for number in range(200):
        body = {"userName": f"large{number}", "displayName": "x" * 500}
        assert world.scim.post("/Users", json=body).is_success
    copy = world.backup()
    assert copy["size"] > 200_000
    assert world.run("restore", "contoso", str(world.file), "--yes")
    assert world.users() == 203


def test_consent(world: World) -> None:
    """Neither the tenant's data nor an earlier backup is replaced without consent."""
    world.backup()
    before = world.file.read_bytes()
    refused = world.run("backup", "contoso", str(world.file), code=1).stderr
    assert "exists already: name another file, or add --overwrite" in refused
    assert world.file.read_bytes() == before
    world.scim.post("/Users", json={"userName": "later"})
    assert world.backup("--overwrite")["users"] == 4
    world.scim.post("/Users", json={"userName": "latest"})
    assert "Aborted" in world.run("restore", "contoso", str(world.file), stdin="n\n", code=1).stderr
    assert world.users() == 5


@pytest.mark.parametrize("arguments", [("backup",), ("restore",), ("backup", "contoso")])
def test_no_target(world: World, arguments: tuple[str, ...]) -> None:
    """A command without a tenant or a file is wrong."""
    assert "Missing argument" in world.run(*arguments, code=2).stderr


def test_damaged_on_the_way(world: World) -> None:
    """A copy that was damaged in transit is refused, and no file is kept."""
    world.api.damage = True
    refused = world.run("backup", "contoso", str(world.file), code=1).stderr
    assert "the received copy differs from the one that the pod of team/contoso sent" in refused
    assert not list(world.folder.glob("*contoso.db*"))


def test_a_lost_connection(world: World) -> None:
    """A lost connection does not change an earlier backup."""
    world.backup()
    before = world.file.read_bytes()
    world.api.drop_after = 10_000
    refused = world.run("backup", "contoso", str(world.file), "--overwrite", code=1).stderr
    assert "try again" in refused
    assert world.file.read_bytes() == before
    assert not list(world.folder.glob(".contoso.db*"))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"no database" * 20_000, "no SQLite database"),
        (None, "cannot be read|No such file"),
    ],
)
def test_no_backup(world: World, content: bytes | None, words: str) -> None:
    """A file that is no backup is refused with the reason, and the tenant keeps its users."""
    if content is not None:
        world.file.write_bytes(content)
    refused = world.run("restore", "contoso", str(world.file), "--yes", code=1).stderr
    assert any(each in refused for each in words.split("|"))
    assert world.users() == 3


def test_changed_since(world: World) -> None:
    """A changed file is refused before it is sent, a truncated one by the service."""
    world.backup()
    whole = world.file.read_bytes()
    world.file.write_bytes(whole[:-4096])
    sent = len(world.api.commands)
    refused = world.run("restore", "contoso", str(world.file), "--yes", code=1).stderr
    assert "has changed since its backup" in refused
    assert len(world.api.commands) == sent
    (world.folder / "contoso.db.sha256").unlink()
    refused = world.run("restore", "contoso", str(world.file), "--yes", code=1).stderr
    assert "is cut off" in refused
    assert world.users() == 3


def test_a_folder_that_is_missing(world: World) -> None:
    """A file that cannot be written is an error."""
    refused = world.run("backup", "contoso", str(world.folder / "no" / "file"), code=1).stderr
    assert "No such file or directory" in refused


def test_postgresql(world: World) -> None:
    """For a tenant on PostgreSQL the error names its tools, and no command runs in the pod."""
    world.api.spec = {"database": {"postgres": {"urlFrom": {"name": "x", "key": "url"}}}}
    for command in ("backup", "restore"):
        refused = world.run(command, "contoso", str(world.file), code=1, stdin="y\n").stderr
        assert "use pg_dump and pg_restore" in refused
        world.file.write_bytes(b"a dump")
    assert not world.api.commands


def test_no_right(world: World) -> None:
    """Without the right to run commands in pods the error names it."""
    world.api.forbidden = True
    refused = world.run("backup", "contoso", str(world.file), code=1).stderr
    assert "you may not create pods/exec in namespace team" in refused


def test_no_pod(world: World) -> None:
    """Without a ready pod no file is written."""
    world.api.ready = False
    refused = world.run("backup", "contoso", str(world.file), code=1).stderr
    assert "no pod of team/contoso is ready" in refused
    assert not world.file.exists()


def test_an_older_service(world: World) -> None:
    """A service that is too old for backups has an error of its own."""
    stand_in = world.folder / "older" / "scim_service"
    stand_in.mkdir(parents=True)
    (stand_in / "__init__.py").touch()
    (stand_in / "__main__.py").write_text("import sys; sys.exit(2)")
    world.api.environ = {**world.api.environ, "PYTHONPATH": str(stand_in.parent)}
    refused = world.run("backup", "contoso", str(world.file), code=1).stderr
    assert "is too old for backups" in refused
