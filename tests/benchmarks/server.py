"""A server under measurement: a process that answers on a loopback port."""

import contextlib
import http.client
import os
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_START_SECONDS = 60


class ServerError(Exception):
    """A server that does not start; the message ends with its log."""


@dataclass(frozen=True, slots=True)
class Server:
    """A running server.

    Parameters
    ----------
    started
        Seconds from the start of the process to its first answer.
    """

    url: str
    pid: int
    started: float

    def memory(self, field: str = "VmRSS") -> float:
        """Return the resident memory of the process and its children in MB; VmHWM for the peak."""
        total = 0
        for pid in (self.pid, *_children(self.pid)):
            for line in Path(f"/proc/{pid}/status").read_text().splitlines():
                if line.startswith(f"{field}:"):
                    total += int(line.split()[1])
        return total * 1024 / 1e6


@contextlib.contextmanager
def serving(
    command: Sequence[str | Path],
    *,
    port: int,
    path: str,
    log: Path,
    environment: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> Iterator[Server]:
    """Run a server until the block ends.

    Parameters
    ----------
    path
        The path of its base URL.

    Raises
    ------
    ServerError
        It ends, or does not answer within a minute.
    """
    begun = time.perf_counter()
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            stdout=output,
            stderr=output,
            cwd=cwd,
            env={**os.environ, **(environment or {})},
        )
    try:
        while not _answers(port, f"{path}/ServiceProviderConfig"):
            if process.poll() is not None or time.perf_counter() - begun > _START_SECONDS:
                end = log.read_text("utf-8", "replace")[-2000:]
                raise ServerError(f"{' '.join(map(str, command))} does not serve:\n{end}")
            time.sleep(0.005)
        yield Server(f"http://127.0.0.1:{port}{path}", process.pid, time.perf_counter() - begun)
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _answers(port: int, path: str) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        # Whatever it says, a refusal without the token included: it serves.
        connection.getresponse()
    except OSError:
        return False
    finally:
        connection.close()
    return True


def _children(pid: int) -> list[int]:
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
