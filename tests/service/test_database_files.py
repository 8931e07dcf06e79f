"""Files with data or with the database URL: their mode, and the content that is accepted."""

import contextlib
import os
import sqlite3
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from scim_service.__main__ import main

from tests.service.program import client, program, run

LEAKING = [
    "S3cr3tPw",
    "host=db password=S3cr3tPw dbname=x",
    "postgresql://user:S3cr3tPw/x@db/x",
    "postgresql://user:S3cr3tPw#x@db/x",
    "sqlite:////S3cr3tPw/x.db",
]
SERVE = ("serve", "--port", "0", "--management-port", "0")


def mode(path: Path) -> str:
    """Return a file's mode, as 600."""
    return f"{stat.S_IMODE(path.stat().st_mode):o}"


@pytest.fixture
def database(tmp_path: Path, migrated: Path) -> Path:
    """An empty database."""
    path = tmp_path / "scim.db"
    path.write_bytes(migrated.read_bytes())
    return path


@pytest.fixture(autouse=True)
def umask() -> Iterator[None]:
    """Restore the umask, which the program changes for this process."""
    before = os.umask(0o022)
    yield
    os.umask(before)


@contextlib.contextmanager
def edit(path: Path) -> Iterator[sqlite3.Connection]:
    """Change a database file as its owner can."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("pragma foreign_keys=off")
        yield connection


@pytest.mark.finding(12)
@pytest.mark.parametrize("url", LEAKING)
@pytest.mark.parametrize("variable", ["SCIM_DATABASE_URL", "SCIM_DATABASE_URL_FILE"])
def test_the_program_does_not_print_the_url(url: str, variable: str, tmp_path: Path) -> None:
    """Neither a URL of the environment nor one of a file is in the program's output."""
    value = url
    if variable.endswith("_FILE"):
        (tmp_path / "url").write_text(f"{url}\n")
        value = str(tmp_path / "url")
    ended = run(*SERVE, **{variable: value})
    assert ended.returncode == 1
    assert "error: " in ended.stderr
    assert "S3cr3t" not in ended.stdout + ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.finding(12)
def test_a_url_instead_of_its_file_is_not_printed(tmp_path: Path) -> None:
    """The error for a URL in a variable for a file name differs from that for a missing file."""
    for value in ("postgresql://user:S3cr3tPw@db/x", str(tmp_path)):
        ended = run(*SERVE, SCIM_DATABASE_URL_FILE=value)
        assert ended.returncode == 1
        assert "SCIM_DATABASE_URL_FILE" in ended.stderr
        assert value not in ended.stderr


def test_the_file_wins_over_the_variable_and_the_option_over_both(
    tmp_path: Path, database: Path
) -> None:
    """During a rollout, a pod may have both the file and the variable."""
    file, copy = tmp_path / "url", tmp_path / "copy.db"
    file.write_text(f"sqlite:///{database}\n")
    missing = f"sqlite:///{tmp_path / 'missing.db'}"
    assert run("backup", str(copy), SCIM_DATABASE_URL=missing).returncode == 1
    both = {"SCIM_DATABASE_URL": missing, "SCIM_DATABASE_URL_FILE": str(file)}
    assert run("backup", str(copy), **both).returncode == 0
    copy.unlink()
    assert (
        run("backup", str(copy), "--database-file", str(file), SCIM_DATABASE_URL=missing).returncode
        == 0
    )
    assert run("backup", f"{copy}2", "--database", missing, **both).returncode == 1


@pytest.mark.finding(28)
def test_only_the_program_reads_its_files(tmp_path: Path, database: Path) -> None:
    """Database, WAL, copies and restored files have mode 0600, also files of an earlier version."""
    copy = tmp_path / "copy.db"
    database.chmod(0o644)
    url = f"sqlite:///{database}"
    with program(url) as (_, tenant), client(tenant) as scim:
        scim.post("/Users", json={"userName": "a@b.example"})
        wal = database.with_name("scim.db-wal")
        assert [mode(database), mode(wal)] == ["600", "600"]
        wal.chmod(0o666)
        with program(url):
            assert mode(wal) == "600"
        assert run("backup", str(copy), "--database", url).returncode == 0
    fresh = tmp_path / "fresh.db"
    assert run("restore", str(copy), "--database", f"sqlite:///{fresh}").returncode == 0
    with program(f"sqlite:///{tmp_path / 'new.db'}"):
        modes = {file.name: mode(file) for file in tmp_path.glob("*.db*")}
    assert set(modes.values()) == {"600"}, modes


def _replace_table(connection: sqlite3.Connection) -> None:
    connection.execute("alter table scim_email rename to hidden")
    connection.execute("create view scim_email as select * from hidden")


def _damage(connection: sqlite3.Connection) -> None:
    connection.execute("pragma writable_schema=on")
    connection.execute(
        "update sqlite_schema set rootpage = (select rootpage from sqlite_schema where name ="
        " 'tally') where name = 'moment'"
    )


STATEMENTS: dict[str, tuple[str | Callable[[sqlite3.Connection], None], str]] = {
    "trigger": (
        "create trigger t after insert on scim_user begin delete from scim_user; end",
        "trigger 't'",
    ),
    "view": ("create view v as select * from scim_user", "view 'v'"),
    "view for table": (_replace_table, "has, or has changed"),
    "table": ("create table extra (x)", "table 'extra'"),
    "index": ("create unique index extra on scim_user (active)", "index 'extra'"),
    "missing index": ("drop index ix_scim_membership_member_id", "lacks the index"),
    "missing table": ("drop table tally", "lacks"),
    "column": ("alter table scim_user add column extra", "table 'scim_user'"),
    "generated column": ("alter table moment add column g as (abs(at))", "table 'moment'"),
    "statistics": ("analyze", "sqlite_stat1"),
    "two revisions": ("insert into alembic_version values ('0000')", "2 revisions"),
    "no revision": ("delete from alembic_version", "0 revisions"),
    "newer": ("update alembic_version set version_num = '9999'", "newer"),
    "not ours": ("drop table alembic_version", "not one of this program"),
    "dangling row": ("insert into scim_email (user_id) values ('nobody')", "belongs to no row"),
    "shared page": (_damage, "damaged"),
}


@pytest.mark.finding(28)
@pytest.mark.parametrize("kind", STATEMENTS)
def test_a_copy_with_foreign_objects_is_refused(
    kind: str, tmp_path: Path, database: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The error names the foreign object, and the database is unchanged, byte by byte."""
    statement, problem = STATEMENTS[kind]
    copy = tmp_path / "copy.db"
    copy.write_bytes(database.read_bytes())
    with edit(copy) as connection:
        if isinstance(statement, str):
            connection.execute(statement)
        else:
            statement(connection)
    before = database.read_bytes()
    assert main(["restore", str(copy), "--database", f"sqlite:///{database}"]) == 1
    assert problem in capsys.readouterr().err
    assert database.read_bytes() == before
    assert not list(tmp_path.glob("*.part*"))


@pytest.mark.finding(28)
@pytest.mark.parametrize("key", ["S3cr3t", "0" * 64])
def test_a_restored_database_signs_cursors_with_a_key_of_its_own(
    key: str, tmp_path: Path, database: Path
) -> None:
    """The key in a copy is not used, whether it is valid or not."""
    copy = tmp_path / "copy.db"
    copy.write_bytes(database.read_bytes())
    with edit(copy) as connection:
        connection.execute("insert into secret values ('cursor', ?)", (key,))
    assert main(["restore", str(copy), "--database", f"sqlite:///{database}"]) == 0
    with edit(database) as connection:
        assert connection.execute("select * from secret").fetchall() == []
    with program(f"sqlite:///{database}") as (_, url), client(url) as scim:
        assert scim.get("/Users").status_code == 200


@pytest.mark.finding(28)
def test_a_damaged_key_is_explained_at_the_start(database: Path) -> None:
    """The error explains the damaged key for cursors, and does not contain it."""
    with edit(database) as connection:
        connection.execute("insert into secret values ('cursor', 'S3cr3t')")
    ended = run(*SERVE, "--database", f"sqlite:///{database}")
    assert ended.returncode == 1
    assert "'cursor'" in ended.stderr
    assert "S3cr3t" not in ended.stderr
    assert "Traceback" not in ended.stderr
