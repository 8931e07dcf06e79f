"""Start programs that must not outlive us, and stop exactly those that were started.

A pid alone does not name a process: the kernel reuses it. A `ProcessId` is the pid with the time
the process started and the boot it started in, so that a record on disk never leads to the wrong
process.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from .errors import ClusterError

# setpriv sets the parent-death signal and then becomes the program, so the child dies with us even
# when we are killed by SIGKILL. The kernel counts the *thread* that started the child as its
# parent: start components from a thread that lives as long as they shall.
DIE_WITH_PARENT = ("setpriv", "--pdeathsig", "KILL", "--")


@dataclass(frozen=True)
class ProcessId:
    """One process for all time."""

    pid: int
    started: int
    boot: str

    @classmethod
    def of(cls, pid: int) -> Self | None:
        """Identify a live process; None if there is none with this pid."""
        started = _start_time(pid)
        return None if started is None else cls(pid, started, boot_id())

    def alive(self) -> bool:
        """Whether this very process still runs (a zombie does not)."""
        return self.boot == boot_id() and _start_time(self.pid) == self.started

    def kill(self, timeout: float = 20.0) -> None:
        """Send SIGKILL and wait until the process is gone.

        Raises
        ------
        ClusterError
            It did not go: it hangs in the kernel.
        """
        try:
            handle = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return
        try:
            # Checked after the handle is open: from here on the pid cannot come to mean another.
            if not self.alive():
                return
            signal.pidfd_send_signal(handle, signal.SIGKILL)
        finally:
            os.close(handle)
        deadline = time.monotonic() + timeout
        while self.alive():
            if time.monotonic() > deadline:
                raise ClusterError(f"process {self.pid} does not end", hint="see ps and dmesg")
            time.sleep(0.02)


def boot_id() -> str:
    """What distinguishes this boot of the machine from every other."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def children(parent: int) -> list[int]:
    """The pids of the live child processes of a process."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            stat = (entry / "stat").read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue
        state, ppid = _fields(stat)[:2]
        if int(ppid) == parent and state not in "ZX":
            found.append(int(entry.name))
    return found


def _start_time(pid: int) -> int | None:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return parse_start_time(stat)


def parse_start_time(stat: str) -> int | None:
    """The start time in a /proc/PID/stat line, None for a zombie."""
    fields = _fields(stat)
    return None if fields[0] in "ZX" else int(fields[19])


def _fields(stat: str) -> list[str]:
    # Counted from the end of the command name, which may hold spaces and parentheses.
    return stat[stat.rindex(")") + 2 :].split()


class Component:
    """A server program of the cluster, with its log; it can be stopped and started again."""

    def __init__(
        self, name: str, command: Sequence[str], log: Path, env: Mapping[str, str] | None = None
    ) -> None:
        self.name = name
        self.log = log
        self._command = command
        self._env = env
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The pid of the running process."""
        if self._process is None:
            raise ClusterError(f"{self.name} is not running")
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the process is there."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start the program; its output is added to the log."""
        if self.running:
            return
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                [*DIE_WITH_PARENT, *self._command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=self._env,
                # Its own session: Ctrl-C at the terminal must reach us alone.
                start_new_session=True,
            )

    def stop(self, grace: float = 10.0) -> None:
        """Ask the program to end, and end it by force after `grace` seconds."""
        if self._process is None:
            return
        if grace > 0:
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(grace)
        self._process.kill()
        self._process.wait()
        self._process = None

    def kill(self) -> None:
        """End the program at once, as a crash would."""
        self.stop(grace=0)

    def pause(self) -> None:
        """Freeze the program: it keeps its connections and answers nothing."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Let a paused program go on."""
        os.kill(self.pid, signal.SIGCONT)

    def check(self) -> None:
        """Raise if the program has ended by itself."""
        if self._process is not None and (code := self._process.poll()) is not None:
            raise ClusterError(f"{self.name} ended with exit code {code}", log=self.log)
