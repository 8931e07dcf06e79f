"""The program as a process, as a pod runs it."""

import contextlib
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from resource import RLIMIT_NOFILE, setrlimit

import httpx
import pytest

TOKEN = "a-token-for-the-tests-of-the-program"


@contextlib.contextmanager
def program(
    database: str, *options: str, files: int | None = None
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run the program on a free port; yield it and its Tenant URL once it serves.

    It may open so many `files`, or as many as this process.
    """
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "scim_service", "serve", "--database", database),
            *("--port", "0", "--management-port", "0", *options),
        ],
        env={key: value for key, value in os.environ.items() if not key.startswith("SCIM_")}
        | {"SCIM_TOKEN": TOKEN},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=None if files is None else lambda: setrlimit(RLIMIT_NOFILE, (files, files)),
    )
    assert process.stderr is not None
    try:
        for line in process.stderr:
            if found := re.search(r"is served at ([^\s\"]+)", line):
                yield process, found[1]
                break
        else:
            pytest.fail(f"the program ended with {process.wait()}")
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


def client(url: str) -> httpx.Client:
    """Return a client with the token."""
    return httpx.Client(base_url=url, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=10)


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command of the program to its end."""
    return subprocess.run(
        [sys.executable, "-m", "scim_service", *arguments],
        env={key: value for key, value in os.environ.items() if not key.startswith("SCIM_")}
        | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def free_port() -> int:
    """Return a loopback port that nothing listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port
