"""The program from outside: how it starts, stops, is killed, and copies its data."""

import contextlib
import os
import signal
import socket
import sqlite3
import threading
from pathlib import Path

import httpx

from tests.service.program import client, program, run

KILLS = int(os.environ.get("SCIM_TEST_KILLS", "10"))


def test_sigterm_ends_it_well(tmp_path: Path) -> None:
    """It ends with 0, and the next start finds the written data."""
    database = tmp_path / "scim.db"
    with program(f"sqlite:///{database}") as (process, url):
        with client(url) as scim:
            assert scim.post("/Users", json={"userName": "a@b.example"}).status_code == 201
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    with program(f"sqlite:///{database}") as (_, url), client(url) as scim:
        assert scim.get("/Users").json()["totalResults"] == 1


def test_a_taken_port_is_named(tmp_path: Path) -> None:
    """The error says which port, and which option chooses another."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ended = run("serve", "--port", port, "--database", f"sqlite:///{tmp_path / 'scim.db'}")
    assert ended.returncode != 0
    assert port in ended.stderr
    assert "--port" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_acknowledged_writes_survive_sigkill(tmp_path: Path) -> None:
    """After each SIGKILL under load, all acknowledged users are stored."""
    database = tmp_path / "scim.db"
    acknowledged: set[str] = set()

    def write(url: str, attempt: int, worker: int, enough: threading.Event) -> None:
        with client(url) as scim, contextlib.suppress(httpx.HTTPError):
            for number in range(1000):
                name = f"{attempt}-{worker}-{number}@b.example"
                if scim.post("/Users", json={"userName": name}).status_code == 201:
                    acknowledged.add(name)
                if number >= 5 + 3 * (attempt % 10):
                    enough.set()

    for attempt in range(KILLS):
        with program(f"sqlite:///{database}") as (process, url):
            enough = threading.Event()
            writers = [
                threading.Thread(target=write, args=(url, attempt, worker, enough))
                for worker in range(3)
            ]
            for writer in writers:
                writer.start()
            assert enough.wait(30)
            process.kill()
            for writer in writers:
                writer.join()
    with contextlib.closing(sqlite3.connect(database)) as connection:
        assert connection.execute("pragma integrity_check").fetchone() == ("ok",)
    with program(f"sqlite:///{database}") as (_, url), client(url) as scim:
        for name in acknowledged:
            found = scim.get("/Users", params={"filter": f'userName eq "{name}"'}).json()
            assert found["totalResults"] == 1, name
