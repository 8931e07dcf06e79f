"""The load generator: one run of wrk with 8 connections."""

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

CONNECTIONS = 8

Kind = Literal["constant_get", "filter", "create", "patch", "member"]

_SCRIPT = Path(__file__).with_name("requests.lua")


class LoadError(Exception):
    """A run that proves nothing; the message says why."""


@dataclass(frozen=True, slots=True)
class Users:
    """Who is there to be asked for: files with a userName, and an id, a line."""

    names: Path
    ids: Path


@dataclass(frozen=True, slots=True)
class Load:
    """What a run has found: requests a second, and milliseconds."""

    per_second: float
    p50: float
    p99: float


def require_wrk() -> None:
    """Install Debian's package where it is missing.

    Raises
    ------
    LoadError
        It cannot be installed by this user or on this system.
    """
    if shutil.which("wrk"):
        return
    if os.geteuid() == 0 and shutil.which("apt-get"):
        for command in (["update"], ["install", "-y", "--no-install-recommends", "wrk"]):
            subprocess.run(["apt-get", "-q", *command], capture_output=True, check=False)
    if not shutil.which("wrk"):
        raise LoadError("the load generator is not installed: apt-get install wrk")


def run(
    kind: Kind, url: str, token: str, users: Users, *, name: str, seconds: int, group: str = "-"
) -> Load:
    """Send requests of one kind for some seconds.

    Parameters
    ----------
    name
        Makes the values that this run writes differ from those of all others.

    Raises
    ------
    LoadError
        Requests were refused or cut off.
    """
    done = subprocess.run(
        [
            *("wrk", "--threads", "1", "--connections", str(CONNECTIONS)),
            *("--duration", f"{seconds}s", "--timeout", "20s", "--script", _SCRIPT, url, "--"),
            *(kind, token, users.names, users.ids, name, group),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise LoadError(f"wrk failed on {kind}: {done.stderr.strip()}")
    found = json.loads(done.stdout.splitlines()[-1])
    if found["refused"] or found["broken"] or not found["requests"]:
        raise LoadError(
            f"{kind}: of {found['requests']} requests {found['refused']} were refused and"
            f" {found['broken']} cut off; the figure would mean nothing"
        )
    return Load(found["requests"] / found["seconds"], found["p50"], found["p99"])
