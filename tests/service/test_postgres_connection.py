"""Connections to PostgreSQL: what TLS verifies, and the errors without the URL."""

import logging
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest
from scim_service.store.database.database import Database
from scim_service.store.database.errors import DatabaseError, UnavailableError
from scim_service.store.database.statements import compile_statement
from scim_service.store.migrations.upgrade import open_database
from sqlalchemy import text

from tests.cluster.certificates import Authority
from tests.service.postgres import PostgresServer
from tests.service.program import free_port


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """The private authority that has signed the server's certificate, for the name localhost."""
    authority = Authority(tmp_path_factory.mktemp("authority") / "own")
    authority.issue("server", user="postgres", hosts=("localhost",))
    return authority


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """An authority that has signed nothing."""
    return Authority(tmp_path_factory.mktemp("authority") / "stranger")


@pytest.fixture(scope="module")
def tls_postgres(postgres: PostgresServer, authority: Authority) -> Iterator[PostgresServer]:
    """A server with TLS; skipped if the plain one cannot be started."""
    del postgres
    with PostgresServer(certificate=Path(authority.path("server.crt"))) as server:
        yield server


@pytest.fixture(autouse=True)
def no_authorities_of_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ignore the certificate authorities of this machine's user."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("PGSSLROOTCERT", raising=False)


async def connect(url: str) -> None:
    """Open a database and close it."""
    database: Database = await open_database(url)
    await database.close()


def tls_url(server: PostgresServer, host: str, mode: str, authority: Authority | None) -> str:
    """Return a URL with TLS settings."""
    trusted = "" if authority is None else f"&sslrootcert={authority.path('ca.crt')}"
    return f"postgresql://scim:unused@{host}:{server.port}/postgres?sslmode={mode}{trusted}"


@pytest.mark.finding(35)
@pytest.mark.parametrize(
    ("mode", "host", "trusted"),
    [
        ("verify-full", "localhost", True),
        ("verify-ca", "localhost", True),
        ("verify-ca", "127.0.0.1", True),
        ("require", "127.0.0.1", True),
        ("require", "127.0.0.1", False),
    ],
)
async def test_tls_verifies_what_sslmode_requires(
    tls_postgres: PostgresServer, authority: Authority, mode: str, host: str, trusted: bool
) -> None:
    """verify-full accepts the named host, verify-ca any of the authority, require any server."""
    await connect(tls_url(tls_postgres, host, mode, authority if trusted else None))


@pytest.mark.finding(35)
@pytest.mark.parametrize(
    ("mode", "host", "trusts", "problem"),
    [
        ("verify-full", "127.0.0.1", "own", "another host name"),
        ("verify-full", "localhost", "stranger", "no authority of sslrootcert"),
        ("verify-ca", "localhost", "stranger", "no authority of sslrootcert"),
        ("require", "localhost", "stranger", "no authority of sslrootcert"),
        ("verify-full", "localhost", "nobody", "needs sslrootcert"),
    ],
)
async def test_an_impostor_is_refused(
    tls_postgres: PostgresServer,
    authority: Authority,
    stranger: Authority,
    mode: str,
    host: str,
    trusts: str,
    problem: str,
) -> None:
    """With another name or authority, the connection ends before the password is sent."""
    trusted = {"own": authority, "stranger": stranger, "nobody": None}[trusts]
    with pytest.raises(DatabaseError, match=problem):
        await connect(tls_url(tls_postgres, host, mode, trusted))


@pytest.mark.finding(35)
@pytest.mark.parametrize("mode", ["require", "verify-ca", "verify-full"])
async def test_a_server_without_tls_is_refused(
    postgres: PostgresServer, authority: Authority, mode: str
) -> None:
    """A server without TLS gets no password if the URL requires TLS."""
    with pytest.raises(DatabaseError, match="no TLS"):
        await connect(tls_url(postgres, "localhost", mode, authority))


@pytest.mark.finding(35)
async def test_an_unverified_server_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    """A warning at the start says that the server's identity is not verified."""
    with caplog.at_level(logging.WARNING), pytest.raises(DatabaseError):
        await connect("postgresql://user:S3cr3tPw@database.invalid/x?sslmode=require")
    assert "sslmode=verify-full" in caplog.text
    assert "S3cr3tPw" not in caplog.text
    assert "database.invalid" not in caplog.text


PROBLEMS = {
    "postgresql://S3cr3tUser:S3cr3tPw@localhost:{port}/S3cr3tName": "user",
    "postgresql://guarded:S3cr3tPw@localhost:{port}/postgres": "user or password",
    "postgresql://scim:S3cr3tPw@localhost:{port}/S3cr3tName": "no such database",
    "postgresql://scim:S3cr3tPw@localhost:{port}/postgres?S3cr3tParameter=x": "parameter",
    "postgresql://scim:pw@localhost:{port}/postgres?statement_timeout=S3cr3t": "parameter",
    "postgresql://scim:pw@localhost:{port}/postgres?target_session_attrs=S3cr3t": "parameter",
    "postgresql://scim:pw@localhost:{port}/postgres?block_size=53": "parameter",
    "postgresql://scim:pw@localhost:{port}/postgres?sslrootcert=/S3cr3t": "sslrootcert",
    "postgresql://scim:pw@localhost:{port}/postgres?sslrootcert=/dev/null": "sslrootcert",
    "postgresql://scim:pw@localhost:{port}/postgres?sslcert=/S3cr3t": "sslcert",
    "postgresql://scim:pw@localhost/postgres?sslkey=/S3cr3t": "sslkey",
    "postgresql://S3cr3tUser:S3cr3tPw@localhost:{free}/x": "nothing listens",
    "postgresql://S3cr3tUser:S3cr3tPw@S3cr3tHost.invalid/x": "host's name",
    "postgresql://scim:S3cr3tPw@/S3cr3tFolder/x?host=/S3cr3tFolder": "connect",
}


@pytest.mark.finding(12)
@pytest.mark.parametrize("url", PROBLEMS)
async def test_a_refused_connection_is_explained_without_the_url(
    postgres: PostgresServer, url: str
) -> None:
    """Messages of the driver and the server are neither repeated nor in the traceback."""
    with pytest.raises(DatabaseError) as refused:
        await connect(url.format(port=postgres.port, free=free_port()))
    assert PROBLEMS[url] in str(refused.value)
    shown = "".join(traceback.format_exception(refused.value)).lower()
    assert "s3cr3t" not in shown
    assert str(postgres.port) not in str(refused.value)


@pytest.mark.finding(12)
async def test_a_migration_that_is_refused_is_explained_without_the_url(
    postgres: PostgresServer,
) -> None:
    """The error names the missing rights and does not repeat the server's message."""
    database = await open_database(postgres.url())
    try:
        await database.write(
            (compile_statement(text("create role S3cr3tUser login"), "postgresql"), {})
        )
        await database.write(
            (compile_statement(text("create database S3cr3tName"), "postgresql"), {})
        )
    finally:
        await database.close()
    with pytest.raises(DatabaseError, match="cannot migrate") as refused:
        await connect(f"postgresql://s3cr3tuser@localhost:{postgres.port}/s3cr3tname")
    assert "s3cr3t" not in str(refused.value)


@pytest.mark.finding(12)
async def test_a_lost_connection_is_logged_without_the_url(postgres: PostgresServer) -> None:
    """The traceback of a request without its database has neither host nor port."""
    del postgres
    with PostgresServer() as server:
        database = await open_database(server.url())
        server.stop()
        query = compile_statement(text("select 1"), "postgresql")
        for _ in range(2):
            with pytest.raises(UnavailableError) as lost:
                await database.fetch(query, {})
            shown = "".join(traceback.format_exception(lost.value))
            assert "127.0.0.1" not in shown
            assert str(server.port) not in shown
        await database.close()
