"""A PostgreSQL server of our own: Debian's binaries, a temporary folder, a free loopback port."""

import asyncio
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import asyncpg
from scim_service.store.tables import metadata

_PLACES = ("/usr/lib/postgresql/*/bin", "/usr/local/bin", "/usr/bin")
_START_SECONDS = 30


class UnavailableError(Exception):
    """No server can be started; the message names the missing program."""


def find_binaries() -> Path:
    """Return the folder that has initdb and postgres, the newest version if there are several.

    Raises
    ------
    UnavailableError
        They are not installed and cannot be.
    """
    if (found := _installed()) is not None:
        return found
    if os.geteuid() == 0 and shutil.which("apt-get"):
        for arguments in (["update"], ["install", "-y", "--no-install-recommends", "postgresql"]):
            subprocess.run(
                ["apt-get", "-q", *arguments],
                env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
                capture_output=True,
                check=False,
            )
    if (found := _installed()) is None:
        raise UnavailableError("PostgreSQL's server is not installed: apt-get install postgresql")
    return found


def _installed() -> Path | None:
    for place in _PLACES:
        folders = sorted(
            Path("/").glob(place[1:]),
            key=lambda folder: int(folder.parent.name) if folder.parent.name.isdigit() else 0,
            reverse=True,
        )
        for folder in folders:
            if (folder / "initdb").exists() and (folder / "postgres").exists():
                return folder
    return None


class PostgresServer:
    """A server, and a context manager that stops it and removes its data.

    Parameters
    ----------
    durable
        Whether a commit waits for the disk, as it does in production.
    address, port
        The address it listens on; without a port, a free one.
    clients
        The network that it accepts beside the loopback, such as 10.244.0.0/24.
    certificate
        The path of its certificate (.crt) and key (.key) without the ending, for TLS.
    """

    def __init__(
        self,
        *,
        durable: bool = False,
        address: str = "127.0.0.1",
        port: int = 0,
        clients: str = "127.0.0.1/32",
        certificate: Path | None = None,
    ) -> None:
        self._binaries = find_binaries()
        self._durable = durable
        self._address = address
        self._clients = clients
        self._certificate = certificate
        # The server refuses to run as root.
        self._user = pwd.getpwnam("nobody") if os.geteuid() == 0 else pwd.getpwuid(os.getuid())
        self._folder = Path(tempfile.mkdtemp(prefix="scim-postgres-"))
        self._port = port
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        try:
            self._initialise()
            self.start()
        except BaseException:
            self._remove()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._remove()

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._port

    def url(self, database: str = "postgres") -> str:
        """Return the URL of a database."""
        return f"postgresql://scim:unused@{self._address}:{self._port}/{database}"

    def empty(self) -> None:
        """Remove all rows, because new databases would take most of the tests' time."""
        asyncio.run(_empty(self.url()))

    def _as_user(self) -> dict[str, Any]:
        if os.geteuid() != 0:
            return {}
        return {"user": self._user.pw_uid, "group": self._user.pw_gid, "extra_groups": []}

    def _initialise(self) -> None:
        os.chown(self._folder, self._user.pw_uid, self._user.pw_gid)
        subprocess.run(
            [
                self._binaries / "initdb",
                *(
                    "-D",
                    self._folder / "data",
                    "-U",
                    "scim",
                    "-A",
                    "trust",
                    "-E",
                    "UTF8",
                    "--locale=C.UTF-8",
                ),
                "--no-sync",
            ],
            cwd=self._folder,
            check=True,
            stdout=subprocess.DEVNULL,
            **self._as_user(),
        )
        allowed = self._folder / "data/pg_hba.conf"
        # PostgreSQL uses the first line that matches.
        allowed.write_text(
            f"host all guarded all scram-sha-256\n{allowed.read_text()}"
            f"host all all {self._clients} trust\n"
        )
        if self._certificate is not None:
            self._copy_certificate(self._certificate)
        with socket.create_server((self._address, self._port)) as free:
            self._port = free.getsockname()[1]

    def _copy_certificate(self, certificate: Path) -> None:
        for ending in (".crt", ".key"):
            copy = self._folder / f"data/server{ending}"
            shutil.copyfile(certificate.with_suffix(ending), copy)
            copy.chmod(0o600)
            os.chown(copy, self._user.pw_uid, self._user.pw_gid)

    def start(self) -> None:
        """Start the server, always on the same port, and wait until it serves."""
        settings = {
            "listen_addresses": self._address,
            "port": self._port,
            "unix_socket_directories": self._folder,
            "fsync": "on" if self._durable else "off",
            "max_connections": 60,
            "ssl": "off" if self._certificate is None else "on",
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with (self._folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [self._binaries / "postgres", "-D", self._folder / "data", *options],
                cwd=self._folder,
                stdout=log,
                stderr=subprocess.STDOUT,
                **self._as_user(),
            )
        self._await_start(self._process)

    def _await_start(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline and process.poll() is None:
            if b"ready to accept connections" in (self._folder / "log").read_bytes():
                return
            time.sleep(0.05)
        log = (self._folder / "log").read_text("utf-8", "replace")
        raise UnavailableError(f"PostgreSQL does not start:\n{log[-2000:]}")

    def stop(self) -> None:
        """Stop the server; its data stay."""
        if self._process is not None:
            # SIGINT ends the remaining sessions and writes a checkpoint.
            self._process.send_signal(signal.SIGINT)
            self._process.wait(timeout=30)
            self._process = None

    def _remove(self) -> None:
        self.stop()
        shutil.rmtree(self._folder)


async def _empty(url: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        async with connection.transaction():
            for each in reversed(metadata.sorted_tables):
                await connection.execute(f"delete from {each.name}")
    finally:
        await connection.close()
