"""What a database URL may be, and what is said of one that cannot be used."""

from pathlib import Path

import pytest
from scim_service.store.database.errors import DatabaseError
from scim_service.store.database.url import PostgresUrl, SqliteUrl, parse_database_url

SECRET = "S3cr3t"
"""A part of every value below; no message may have it."""

WRONG = {
    "": "empty",
    " \n": "empty",
    "S3cr3tPw": "scheme",
    "scim_S3cr3t-token": "scheme",
    "-----BEGIN PRIVATE KEY-----\nS3cr3t\n-----END PRIVATE KEY-----\n": "scheme",
    '{"password": "S3cr3t"}': "scheme",
    "host=db password=S3cr3tPw dbname=x": "=",
    "user:S3cr3tPw@db/x": "scheme",
    "S3cr3tPw://db/x": "scheme",
    "mysql://user:S3cr3tPw@db/x": "scheme",
    "postgresql:/user:S3cr3tPw@db/x": "scheme",
    "postgresql://user:S3cr3tPw/x@db/x": "percent-encode",
    "postgresql://user:S3cr3tPw#x@db/x": "percent-encode",
    "postgresql://user:S3cr3tPw?x@db/x": "percent-encode",
    "postgresql://user:S3cr3t@Pw@db/x": "more than one @",
    "postgresql://user:S3cr3t[Pw@db/x": "host",
    "postgresql://user:S3cr3tPw": "port",
    "postgresql://user:pw@db:S3cr3t/x": "port",
    "postgresql://user:S3cr3t@db:99999/x": "out of range",
    "postgresql://user:S3cr3t@db:0/x": "out of range",
    "postgresql://user:pw@[S3cr3t]/x": "host",
    "postgresql://user:S3cr3t@[::1/x": "host",
    "postgresql://user:S3cr3t@[::1]x/x": "host",
    "postgresql://user:S3cr3t@::1/x": "port",
    "postgresql://user:S3cr3t@db..example/x": "host",
    f"postgresql://user:pw@S3cr3t{'a' * 64}/x": "host",
    "postgresql://user:S3cr3t%ff@db/x": "user or password is not UTF-8",
    "postgresql://user:S3cr3t%00@db/x": "user or password contains NUL",
    "postgresql://user:pw@db/S3cr3t%00": "database name contains NUL",
    "postgresql://user:pw@db/S3cr3t%ff": "database name is not UTF-8",
    "postgresql://user:pw@db/x?S3cr3t": "parameter",
    "postgresql://user:pw@db/x?sslmode=S3cr3t": "sslmode",
    "postgresql://user:pw@db/x?host=db&port=S3cr3t": "port",
    "postgresql:///x?host=[S3cr3t]": "host",
    "postgresql://user:S3cr3t\x00@db/x": "control character",
    "postgresql://user:S3cr3t\udcff@db/x": "UTF-8",
    "sqlite://S3cr3t": "names no file",
    "sqlite:///": "names no file",
    "sqlite:///:memory:": "names no file",
}

USABLE = {
    "postgresql://user:pw@db/x": False,
    "postgres://user:pw@db.example:5432/x\n": False,
    "postgresql+asyncpg://user:pw@db/x": False,
    "POSTGRESQL://user:50%off@db/x": False,
    "postgresql://user:p w@db/x#S3cr3t": False,
    "postgresql://db": False,
    "postgresql://user:pw@db-a,db-b:5433/x?target_session_attrs=read-write": False,
    "postgresql://user:pw@db/x?sslmode=require": False,
    "postgresql://user:pw@db/x?sslmode=verify-full&sslrootcert=/ca.crt": True,
    "postgresql://user:pw@db/x?sslmode=verify_ca": True,
    "postgresql://user:pw@127.0.0.1/x": True,
    "postgresql://user:pw@[::1]:5432/x": True,
    "postgresql://user:pw@localhost/x": True,
    "postgresql://user:pw@localhost,db/x": False,
    "postgresql:///x?host=/run/postgresql": True,
    "postgresql://user:pw@%2Frun%2Fpostgresql/x": True,
    "postgresql:///x": True,
}


@pytest.mark.finding(12)
@pytest.mark.parametrize("url", WRONG)
def test_an_error_names_the_part_and_not_the_value(url: str) -> None:
    """Each kind of unusable URL is refused in words that have no part of it."""
    with pytest.raises(DatabaseError) as refused:
        parse_database_url(url)
    assert WRONG[url] in str(refused.value)
    assert SECRET.lower() not in str(refused.value).lower()
    assert refused.value.__suppress_context__ or refused.value.__context__ is None


@pytest.mark.parametrize("url", USABLE)
def test_what_the_driver_takes_is_taken(url: str) -> None:
    """A URL that could be used before can be used now, and it is known who proves to be whom."""
    found = parse_database_url(url)
    assert isinstance(found, PostgresUrl)
    assert found.dsn.startswith("postgresql://")
    assert found.is_verified is USABLE[url]


@pytest.mark.finding(12)
def test_a_url_shows_nothing_of_itself() -> None:
    """What a debugger or a traceback prints of a URL has no part of it."""
    assert "pw" not in repr(parse_database_url("postgresql://user:pw@db/x?password=pw"))


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:///scim.db", "scim.db"),
        ("sqlite:////var/lib/scim/scim.db?timeout=5", "/var/lib/scim/scim.db"),
    ],
)
def test_a_file_is_named_by_three_or_four_slashes(url: str, path: str) -> None:
    """Three slashes lead to a relative path, four to an absolute one, as in SQLAlchemy."""
    assert parse_database_url(url) == SqliteUrl(Path(path))
