"""What is measured: the service on either database, and the ceiling it is compared with."""

import asyncio
import contextlib
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from tests.benchmarks.fill import Advance, fill_group, fill_users
from tests.benchmarks.server import Server, serving
from tests.benchmarks.wrk import Users
from tests.service.postgres import PostgresServer
from tests.service.program import free_port

TOKEN = "a-token-for-the-benchmarks-of-forty-chars"


class SqliteStore:
    """Databases that are files."""

    name = "SQLite"

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def url(self, name: str) -> str:
        """Return the URL of a database."""
        return f"sqlite:///{self._folder / name}.db"

    def copy(self, source: str, target: str) -> None:
        """Put a copy of a database that is not in use in the place of another."""
        shutil.copyfile(self._folder / f"{source}.db", self._folder / f"{target}.db")
        for rest in ("wal", "shm"):
            (self._folder / f"{target}.db-{rest}").unlink(missing_ok=True)

    def create(self, name: str) -> None:
        """Make an empty database: the service makes the file."""


class PostgresStore:
    """Databases of a server that waits for the disk at each commit."""

    name = "PostgreSQL"

    def __init__(self, server: PostgresServer) -> None:
        self._server = server

    def url(self, name: str) -> str:
        """Return the URL of a database."""
        return self._server.url(name)

    def copy(self, source: str, target: str) -> None:
        """Put a copy of a database that is not in use in the place of another."""
        self._execute(f"drop database if exists {target}")
        self._execute(f"create database {target} template {source}")
        # A server in production has settled; this one is given the moment to.
        self._execute("checkpoint")

    def create(self, name: str) -> None:
        """Make an empty database."""
        self._execute(f"create database {name}")

    def _execute(self, statement: str) -> None:
        async def execute() -> None:
            connection = await asyncpg.connect(self._server.url())
            try:
                await connection.execute(statement)
            finally:
                await connection.close()

        asyncio.run(execute())


@dataclass(frozen=True, slots=True)
class Filled:
    """A database with users, to be copied for each run; groups by name where it has some.

    Parameters
    ----------
    strangers
        Those who are in no group.
    """

    store: SqliteStore | PostgresStore
    name: str
    users: Users
    strangers: Users
    groups: dict[str, str]

    @property
    def subject(self) -> str:
        """What it is called in the figures."""
        return f"{self.store.name} {self.name}"

    @contextlib.contextmanager
    def served(self, folder: Path) -> Iterator[Server]:
        """Serve a fresh copy."""
        self.store.copy(self.name, "measured")
        with service(self.store.url("measured"), folder) as server:
            yield server


@contextlib.contextmanager
def service(database: str, folder: Path) -> Iterator[Server]:
    """Serve a tenant as a pod does: one worker, the access log and the activity log on."""
    port = free_port()
    with serving(
        [
            *(sys.executable, "-m", "scim_service", "serve", "--port", str(port)),
            *("--management-port", "0", "--database", database),
        ],
        port=port,
        path="/scim",
        log=folder / "service.log",
        environment={"SCIM_TOKEN": TOKEN},
    ) as server:
        yield server


@contextlib.contextmanager
def ceiling(folder: Path) -> Iterator[Server]:
    """Serve constant bodies."""
    port = free_port()
    with serving(
        [sys.executable, "-m", "tests.benchmarks.ceiling", str(port)],
        port=port,
        path="/scim",
        log=folder / "ceiling.log",
    ) as server:
        yield server


def fill(
    store: SqliteStore | PostgresStore,
    folder: Path,
    *,
    small: int,
    large: int,
    advance: Advance,
) -> tuple[Filled, Filled]:
    """Fill a database with `small` users, and a copy of it with `large` and the two groups."""
    store.create("small")
    prefix = folder / store.name
    users = Users(prefix.with_suffix(".names"), prefix.with_suffix(".ids"))
    with service(store.url("small"), folder) as server:
        asyncio.run(fill_users(server.url, TOKEN, users, count=small, advance=advance))
    few = Users(prefix.with_suffix(".few-names"), prefix.with_suffix(".few-ids"))
    shutil.copyfile(users.names, few.names)
    shutil.copyfile(users.ids, few.ids)
    store.copy("small", "large")
    with service(store.url("large"), folder) as server:
        asyncio.run(fill_users(server.url, TOKEN, users, count=large, advance=advance))
        ids = users.ids.read_text().split()
        # Some stay outside, to be added and removed.
        members = ids[: large - small]
        strangers = Users(users.names, prefix.with_suffix(".strangers"))
        strangers.ids.write_text("".join(f"{each}\n" for each in ids[len(members) :]))
        groups = {
            name: asyncio.run(fill_group(server.url, TOKEN, name, chosen, advance=advance))
            for name, chosen in (("empty", []), ("large", members))
        }
    return (
        Filled(store, "small", few, few, {}),
        Filled(store, "large", users, strangers, groups),
    )
