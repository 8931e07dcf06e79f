"""Failures of the database: full, unreachable, started several times at once, other versions."""

import asyncio
import contextlib
import os
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import asyncpg
import httpx
import pytest

from tests.service.postgres import PostgresServer
from tests.service.program import client, free_port, program, run

NEWER = "9999"


@pytest.fixture
def small_volume(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MiB."""
    folder = tmp_path / "volume"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=2m", "scim-test", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small file system needs root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.fixture
def own_postgres(postgres: PostgresServer) -> Iterator[PostgresServer]:
    """A server that a test may stop; skipped if the shared one cannot be started."""
    del postgres
    with PostgresServer() as server:
        yield server


def test_a_full_volume_refuses_writes_until_there_is_space(small_volume: Path) -> None:
    """Writes get 507 and change nothing, reads work, and writes do when space is free again."""
    ballast = small_volume / "ballast"
    with program(f"sqlite:///{small_volume / 'scim.db'}") as (process, url), client(url) as scim:
        user = scim.post("/Users", json={"userName": "first"}).json()["id"]
        with contextlib.suppress(OSError), ballast.open("wb") as file:
            while True:
                file.write(bytes(4096))
        created: list[str] = []
        refused = None
        for number in range(2000):
            answer = scim.post("/Users", json={"userName": f"user-{number}", "title": "x" * 900})
            if answer.status_code != 201:
                refused = answer
                break
            created.append(answer.json()["userName"])
        assert refused is not None
        assert refused.status_code == 507, refused.text
        assert refused.json()["status"] == "507"
        assert "full" in refused.json()["detail"]
        assert int(refused.headers["Retry-After"]) > 0

        assert scim.get(f"/Users/{user}").json()["userName"] == "first"
        total = scim.get("/Users", params={"count": 0}).json()["totalResults"]
        assert total == len(created) + 1

        ballast.unlink()
        again = scim.post("/Users", json={"userName": "later"})
        assert again.status_code == 201, again.text
        assert process.poll() is None
    with sqlite3.connect(small_volume / "scim.db") as connection:
        assert connection.execute("pragma integrity_check").fetchone() == ("ok",)
    connection.close()


def test_a_restarted_postgres_is_found_again(own_postgres: PostgresServer) -> None:
    """Without its database the service answers 503 and is not ready; afterwards it serves again."""
    management = free_port()
    with (
        program(own_postgres.url(), "--management-port", str(management)) as (process, url),
        client(url) as scim,
    ):

        def ready() -> bool:
            return httpx.get(f"http://127.0.0.1:{management}/-/readyz").status_code == 200

        assert scim.post("/Users", json={"userName": "before"}).status_code == 201
        assert ready()
        own_postgres.stop()
        for answer in (scim.get("/Users"), scim.post("/Users", json={"userName": "lost"})):
            assert answer.status_code == 503, answer.text
            assert answer.json()["status"] == "503"
            assert int(answer.headers["Retry-After"]) > 0
        # Values from the database may be a second old.
        _eventually(lambda: not ready())
        own_postgres.start()
        _eventually(ready)
        assert scim.post("/Users", json={"userName": "after"}).status_code == 201
        names = [user["userName"] for user in scim.get("/Users").json()["Resources"]]
        assert sorted(names) == ["after", "before"]
        assert process.poll() is None


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_several_may_start_at_once(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Programs that start at once on one empty database all serve; the tables are created once."""
    url = f"sqlite:///{tmp_path / 'scim.db'}"
    if kind == "postgresql":
        url = request.getfixturevalue("own_postgres").url()

    def create(number: int) -> int:
        with program(url) as (_, tenant), client(tenant) as scim:
            return scim.post("/Users", json={"userName": f"user-{number}"}).status_code

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(create, range(4))) == [201] * 4
    with program(url) as (_, tenant), client(tenant) as scim:
        assert scim.get("/Users").json()["totalResults"] == 4


def test_a_newer_sqlite_database_is_refused(tmp_path: Path) -> None:
    """The program ends and names the version to use; the file is unchanged."""
    database = tmp_path / "scim.db"
    with program(f"sqlite:///{database}"):
        pass
    with contextlib.closing(sqlite3.connect(database)) as connection:
        connection.execute("update alembic_version set version_num = ?", (NEWER,))
        connection.commit()
    _assert_refused(f"sqlite:///{database}")
    with contextlib.closing(sqlite3.connect(database)) as connection:
        assert connection.execute("select version_num from alembic_version").fetchone() == (NEWER,)


def test_a_newer_postgres_database_is_refused(own_postgres: PostgresServer) -> None:
    """The program ends and names the version to use."""
    url = own_postgres.url()
    with program(url):
        pass

    async def outdate() -> None:
        connection = await asyncpg.connect(url)
        await connection.execute("update alembic_version set version_num = $1", NEWER)
        await connection.close()

    asyncio.run(outdate())
    _assert_refused(url)


def test_a_postgres_that_is_not_there_is_named_without_its_password() -> None:
    """The program ends with a message that has no secret in it."""
    url = f"postgresql://scim:s3cret@127.0.0.1:{free_port()}/scim"
    ended = run("serve", "--port", "0", "--management-port", "0", "--database", url)
    assert ended.returncode == 1
    assert "cannot connect to PostgreSQL" in ended.stderr
    assert "s3cret" not in ended.stderr + ended.stdout
    assert "Traceback" not in ended.stderr


def _assert_refused(url: str) -> None:
    ended = run("serve", "--port", "0", "--management-port", "0", "--database", url)
    assert ended.returncode == 1
    assert "newer than this program" in ended.stderr
    assert NEWER in ended.stderr
    assert "Traceback" not in ended.stderr


def _eventually(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline, "it did not become true within 20 seconds"
        time.sleep(0.05)
