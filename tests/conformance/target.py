"""The tenant that a suite runs against: one that is given, or a service started for it."""

import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

_ROOT = Path(__file__).resolve().parents[2]
_START_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Target:
    """A Tenant URL and its token."""

    url: str
    token: str


@contextmanager
def running_service(*arguments: str) -> Iterator[Target]:
    """Serve one tenant alone, on a database of its own that is gone afterwards."""
    port, management = _free_ports(2)
    target = Target(f"http://127.0.0.1:{port}/scim", secrets.token_urlsafe(24))
    with TemporaryDirectory(prefix="scim-conformance-") as folder:
        log = Path(folder) / "service.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "scim_service", "serve", "--port", str(port)),
                    *("--token", target.token),
                    *("--database", f"sqlite:///{folder}/scim.db", *arguments),
                ],
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=folder,
                env={**os.environ, "SCIM_MANAGEMENT_PORT": str(management)},
            )
        try:
            _wait_until_ready(process, target, log)
            yield target
        finally:
            process.terminate()
            process.wait(timeout=30)


def _wait_until_ready(process: subprocess.Popen[bytes], target: Target, log: Path) -> None:
    request = urllib.request.Request(
        f"{target.url}/ServiceProviderConfig", headers={"Authorization": f"Bearer {target.token}"}
    )
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            with urllib.request.urlopen(request, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise RuntimeError(f"the service does not serve:\n{log.read_text('utf-8', 'replace')[-4000:]}")


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports
