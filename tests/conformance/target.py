"""The tenant that a suite runs against: one that is given, or a service started for it."""

import json
import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

_START_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Target:
    """A Tenant URL and its token."""

    url: str
    token: str


class Service:
    """A process that serves one tenant, with its database in a folder; a context manager."""

    def __init__(
        self,
        folder: Path,
        *,
        database: str | None = None,
        provisioning: dict[str, Any] | None = None,
    ) -> None:
        port, self._management = _free_ports(2)
        self.target = Target(f"http://127.0.0.1:{port}/scim", secrets.token_urlsafe(24))
        self._folder = folder
        self._arguments = [
            *("serve", "--port", str(port)),
            *("--database", database or f"sqlite:///{folder}/scim.db"),
        ]
        if provisioning is not None:
            config = folder / "config.json"
            config.write_text(json.dumps({"provisioning": provisioning}), "utf-8")
            self._arguments += ["--host", "127.0.0.1", "--config", str(config)]
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(timeout=30)

    def start(self) -> None:
        """Start the process and wait until it serves."""
        log = self._folder / "service.log"
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "scim_service", *self._arguments],
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=self._folder,
                env={
                    **os.environ,
                    "SCIM_MANAGEMENT_PORT": str(self._management),
                    "SCIM_TOKEN": self.target.token,
                },
            )
        request = urllib.request.Request(
            f"{self.target.url}/ServiceProviderConfig",
            headers={"Authorization": f"Bearer {self.target.token}"},
        )
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                with urllib.request.urlopen(request, timeout=5):
                    return
            except (urllib.error.URLError, OSError):
                time.sleep(0.1)
        self._process.kill()
        self._process.wait()
        shown = log.read_text("utf-8", "replace")[-4000:]
        raise RuntimeError(f"the service does not serve:\n{shown}")

    def kill(self) -> None:
        """End the process as a crash does: nothing is finished or written."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports
