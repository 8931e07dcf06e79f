"""PostgreSQL behind a real PgBouncer, and how many connections a tenant takes."""

import asyncio
import os
import pwd
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import asyncpg
import httpx
import pytest

from tests.service.postgres import PostgresServer
from tests.service.program import client, free_port, program

CONFIG = """
[databases]
* = host=127.0.0.1 port={server} user=scim
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = {mode}
default_pool_size = 20
"""


def find_pgbouncer() -> str:
    """Return the program, installed where it can be."""
    if not (found := shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")):
        if os.geteuid() == 0 and shutil.which("apt-get"):
            install = ["apt-get", "-q", "install", "-y", "--no-install-recommends", "pgbouncer"]
            environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
            subprocess.run(install, env=environment, capture_output=True, check=False)
        found = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
    if not found:
        if os.environ.get("CI") == "true":
            pytest.fail("PgBouncer is not installed, and cannot be")
        pytest.skip("PgBouncer is not installed: apt-get install pgbouncer")
    return found


@contextmanager
def pgbouncer(server: int, mode: str) -> Iterator[str]:
    """Run a PgBouncer in front of a server; yield the URL of a database behind it."""
    with (
        TemporaryDirectory(prefix="scim-pgbouncer-") as folder,
        _running(Path(folder), server, mode) as url,
    ):
        yield url


@contextmanager
def _running(folder: Path, server: int, mode: str) -> Iterator[str]:
    port = free_port()
    config = folder / "pgbouncer.ini"
    config.write_text(CONFIG.format(server=server, port=port, mode=mode))
    command = [find_pgbouncer(), "--quiet", str(config)]
    account = {"user": pwd.getpwnam("nobody").pw_uid} if os.geteuid() == 0 else {}
    # It refuses to run as root, and reads its file as the user that it runs as.
    folder.chmod(0o755)
    config.chmod(0o644)
    process = subprocess.Popen(command, **account)  # type: ignore[call-overload]
    try:
        deadline = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                assert process.poll() is None, "PgBouncer has ended"
                assert time.monotonic() < deadline
                time.sleep(0.05)
        yield f"postgresql://scim:unused@127.0.0.1:{port}/postgres"
    finally:
        process.kill()
        process.wait()


def provision(scim: httpx.Client, users: int) -> None:
    """Create users, and change and find each of them twice, so that statements are reused."""
    for number in range(users):
        name = f"user-{number}@b.example"
        made = scim.post("/Users", json={"userName": name})
        assert made.status_code == 201, made.text
        for active in (False, True):
            operations = [{"op": "Replace", "path": "active", "value": active}]
            body = {
                "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
                "Operations": operations,
            }
            changed = scim.patch(f"/Users/{made.json()['id']}", json=body)
            assert changed.status_code == 200, changed.text
        found = scim.get("/Users", params={"filter": f'userName eq "{name}"'})
        assert found.json()["totalResults"] == 1


@pytest.fixture
def server(postgres: PostgresServer) -> Iterator[PostgresServer]:
    """The server of the session, empty before and after."""
    yield postgres
    postgres.empty()


def test_session_pooling(server: PostgresServer) -> None:
    """A tenant behind PgBouncer with pool_mode = session is served."""
    with (
        pgbouncer(server.port, "session") as database,
        program(database) as (_, url),
        client(url) as scim,
    ):
        provision(scim, 20)
        assert scim.get("/Users").json()["totalResults"] == 20


def test_connections_of_a_tenant(server: PostgresServer) -> None:
    """A tenant at rest holds one connection; the figures in docs/postgresql.md follow from it."""

    async def held() -> int:
        connection = await asyncpg.connect(server.url())
        try:
            count: int = await connection.fetchval(
                "select count(*) from pg_stat_activity"
                " where backend_type = 'client backend' and pid <> pg_backend_pid()"
            )
        finally:
            await connection.close()
        return count

    with program(server.url()) as (_, url), client(url) as scim:
        provision(scim, 3)
        assert asyncio.run(held()) == 1
