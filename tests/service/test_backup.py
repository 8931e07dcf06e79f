"""Backups and restores by the program while another process serves the database."""

import contextlib
import fcntl
import gzip
import hashlib
import io
import json
import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from scim_service.__main__ import main
from scim_service.store.copies.backup import backup
from scim_service.store.copies.restore import restore
from scim_service.store.database.errors import DatabaseError
from scim_service.store.database.sqlite_files import restored_copy

from tests.service.program import client, program, run
from tests.service.served import serving


@pytest.fixture(autouse=True)
def umask() -> Iterator[None]:
    """Restore the umask, which the program changes for this process."""
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.fixture
def database(tmp_path: Path, migrated: Path) -> Path:
    """An empty database."""
    path = tmp_path / "scim.db"
    path.write_bytes(migrated.read_bytes())
    return path


def stream(
    command: str, database: Path, content: bytes = b""
) -> "subprocess.CompletedProcess[bytes]":
    """Run a command over its standard streams, as in a pod."""
    return subprocess.run(
        [sys.executable, "-m", "scim_service", command, "-", "--json"],
        env={**os.environ, "SCIM_DATABASE_URL": f"sqlite:///{database}"},
        input=content,
        capture_output=True,
        timeout=90,
        check=False,
    )


def test_a_served_database_is_streamed_and_put_back(tmp_path: Path) -> None:
    """Both commands work while a process serves, and it continues with the restored database."""
    database = tmp_path / "scim.db"
    with program(f"sqlite:///{database}") as (process, url), client(url) as scim:
        scim.post("/Users", json={"userName": "kept@b.example"})
        scim.post("/Groups", json={"displayName": "Kept"})
        made = stream("backup", database)
        told = json.loads(made.stderr)
        assert (told["users"], told["groups"]) == (1, 1)
        assert told["size"] == len(made.stdout)
        assert told["sha256"] == hashlib.sha256(made.stdout).hexdigest()
        scim.post("/Users", json={"userName": "later@b.example"})
        restored = stream("restore", database, made.stdout)
        assert json.loads(restored.stderr)["users"] == 1
        with client(url) as again:
            names = [user["userName"] for user in again.get("/Users").json()["Resources"]]
            assert again.post("/Users", json={"userName": "new@b.example"}).status_code == 201
        assert names == ["kept@b.example"]
        assert process.poll() is None
        process.terminate()
        assert process.wait(30) == 0
    assert {file.name for file in tmp_path.iterdir()} == {"scim.db", ".scim.db.lock"}


def test_requests_wait_while_a_copy_replaces_the_database(tmp_path: Path) -> None:
    """No client that connects during a restore is refused."""
    database, copy = tmp_path / "scim.db", tmp_path / "copy.db"
    ended = threading.Event()
    failures: list[object] = []

    def ask(url: str) -> None:
        while not ended.is_set():
            try:
                with client(url) as scim:
                    status = scim.get("/Users", headers={"Connection": "close"}).status_code
            except Exception as error:
                failures.append(error)
            else:
                failures.extend([status] if status != 200 else [])

    with program(f"sqlite:///{database}") as (_, url):
        assert run("backup", str(copy), "--database", f"sqlite:///{database}").returncode == 0
        asking = threading.Thread(target=ask, args=(url,))
        asking.start()
        done = run("restore", str(copy), "--database", f"sqlite:///{database}")
        ended.set()
        asking.join()
    assert done.returncode == 0, done.stderr
    assert "Restored 0 users, 0 groups" in done.stderr
    assert failures == []


def test_a_waiting_copy_is_taken_at_the_start(tmp_path: Path, database: Path) -> None:
    """A copy that an ended process has not taken is taken by the next, without the old WAL."""
    with program(f"sqlite:///{database}") as (process, url), client(url) as scim:
        scim.post("/Users", json={"userName": "kept@b.example"})
        backup(f"sqlite:///{database}", restored_copy(database).with_name("c"), io.BytesIO())
        scim.post("/Users", json={"userName": "later@b.example"})
        process.kill()
        process.wait()
    (tmp_path / "c").rename(restored_copy(database))
    with program(f"sqlite:///{database}") as (_, url), client(url) as scim:
        names = [user["userName"] for user in scim.get("/Users").json()["Resources"]]
    assert names == ["kept@b.example"]


def test_a_database_in_use_is_not_replaced(tmp_path: Path, database: Path) -> None:
    """A copy that no process takes is removed, and the database is unchanged."""
    copy = tmp_path / "copy.db"
    url = f"sqlite:///{database}"
    backup(url, copy, io.BytesIO())
    before = database.read_bytes()
    with contextlib.closing(sqlite3.connect(database, isolation_level=None)) as holder:
        holder.execute("pragma journal_mode=wal")
        holder.execute("begin")
        holder.execute("select * from scim_user").fetchall()
        with pytest.raises(DatabaseError, match=r"in use .* stop that"):
            restore(url, copy, io.BytesIO(), wait=0.3)
    assert not restored_copy(database).exists()
    assert database.read_bytes()[100:] == before[100:]


def truncated(copy: bytes) -> bytes:
    """Return a copy with an interrupted transfer."""
    return copy[: len(copy) // 2]


NO_BACKUPS: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "nothing": (lambda _: b"", "is empty"),
    "text": (lambda _: b"apiVersion: v1\n" * 100, "is not a backup"),
    "compressed": (gzip.compress, "is not a backup"),
    "cut off": (truncated, "is cut off"),
    "header alone": (lambda copy: copy[:16], "is cut off"),
    "other pages": (lambda copy: copy[:4096] + os.urandom(len(copy) - 4096), "standard input"),
}


@pytest.mark.parametrize("kind", NO_BACKUPS)
def test_a_file_that_is_no_backup_is_refused(kind: str, database: Path) -> None:
    """The error says why the file is no backup, and the database is unchanged."""
    change, problem = NO_BACKUPS[kind]
    before = database.read_bytes()
    ended = stream("restore", database, change(before))
    assert ended.returncode == 1
    text = ended.stderr.decode()
    assert text.startswith("error: ")
    assert problem in text
    assert "Traceback" not in text
    assert database.read_bytes() == before
    assert {file.name for file in database.parent.iterdir()} == {"scim.db", ".scim.db.lock"}


def test_a_copy_of_an_earlier_revision_is_upgraded(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A copy of an earlier revision is upgraded before the serving process gets it."""
    from scim_service.store.migrations.upgrade import KNOWN, _execute_script, _render

    old, database = tmp_path / "old.db", tmp_path / "scim.db"
    with contextlib.closing(sqlite3.connect(old, isolation_level=None)) as connection:
        _execute_script(connection, _render("sqlite", "base", KNOWN[0]))
    assert main(["restore", str(old), "--database", f"sqlite:///{database}", "--json"]) == 0
    assert json.loads(capsys.readouterr().err)["revision"] == KNOWN[-1]


@pytest.mark.parametrize("command", ["backup", "restore"])
def test_a_target_must_be_named(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, migrated: Path
) -> None:
    """Without a database, neither command uses a file in its working directory."""
    monkeypatch.chdir(tmp_path)
    copy = tmp_path / "copy.db"
    if command == "restore":
        copy.write_bytes(migrated.read_bytes())
    ended = run(command, str(copy))
    assert ended.returncode == 1
    assert "no database is named" in ended.stderr
    assert not (tmp_path / "scim.db").exists()


@pytest.mark.parametrize("place", ["missing/copy.db", "folder", "scim.db", "scim.db/copy.db"])
def test_a_target_that_cannot_be_written_is_refused(place: str, database: Path) -> None:
    """A backup to a path that cannot be written ends with the reason."""
    (database.parent / "folder").mkdir()
    ended = run("backup", str(database.parent / place), "--database", f"sqlite:///{database}")
    assert ended.returncode == 1
    assert ended.stderr.startswith("error: ")
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("command", ["backup", "restore"])
def test_only_one_copy_at_a_time(command: str, tmp_path: Path, database: Path) -> None:
    """The second of two simultaneous backups or restores is refused."""
    copy = tmp_path / "copy.db"
    if command == "restore":
        copy.write_bytes(database.read_bytes())
    with (database.parent / ".scim.db.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        ended = run(command, str(copy), "--database", f"sqlite:///{database}")
    assert ended.returncode == 1
    assert "under way" in ended.stderr


def test_a_broken_connection_ends_a_backup(database: Path) -> None:
    """If the connection breaks during a streamed backup, no file and no backup time remain."""
    with contextlib.closing(sqlite3.connect(database)) as connection:
        connection.execute("insert into secret values ('filler', ?)", ("x" * 1_000_000,))
        connection.commit()
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as output:
        ended = subprocess.run(
            [sys.executable, "-m", "scim_service", "backup", "-"],
            env={**os.environ, "SCIM_DATABASE_URL": f"sqlite:///{database}"},
            stdout=output,
            stderr=subprocess.PIPE,
            timeout=60,
            check=False,
        )
    assert ended.returncode == 1
    assert ended.stderr.decode().startswith("error: the reader of the backup")
    with contextlib.closing(sqlite3.connect(database)) as connection:
        assert connection.execute("select * from moment").fetchall() == []
    assert not list(database.parent.glob("*.part"))


async def test_the_last_backup_is_in_status_and_metrics(database: Path) -> None:
    """The time is null and 0 before the first backup, later that of the copy, even restored."""
    url = f"sqlite:///{database}"
    series = 'scim_last_backup_timestamp_seconds{tenant="local"} '
    copy = database.with_name("copy.db")
    async with serving(url) as serve:
        served = await serve()
        assert (await served.management.get("/-/status")).json()["lastBackup"] is None
        assert f"{series}0.0\n" in (await served.management.get("/metrics")).text
        backup(url, copy, io.BytesIO())
    restore(url, copy, io.BytesIO())
    async with serving(url) as serve:
        served = await serve()
        at = (await served.management.get("/-/status")).json()["lastBackup"]
        assert at is not None
        assert f"{series}1." in (await served.management.get("/metrics")).text


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_postgresql_has_its_own_tools(
    database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Both commands name PostgreSQL's tools, and the status reports no missing backup."""
    for command in ("backup", "restore"):
        assert main([command, "-", "--database", database_url]) == 1
        assert "pg_dump" in capsys.readouterr().err
    async with serving(database_url) as serve:
        served = await serve()
        assert (await served.management.get("/-/status")).json()["lastBackup"] is None
        assert (
            "scim_last_backup_timestamp_seconds{"
            not in (await served.management.get("/metrics")).text
        )
