"""The node, seen from the machine: bring it up, look at it, enter it, take it down.

The node lives in namespaces whose first process is the supervisor. Its identity in `node.json` is
all that has to be known to take the whole node down, and the files of a node that has died with the
machine tell nothing wrong, since the identity includes the boot.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NoReturn

from .build import Binaries, build
from .errors import ClusterError
from .images import Built, pause_archive
from .layout import NODE_NAME, cgroup_name, cgroups, state_dir
from .machine import NODE as NEEDS
from .machine import require, require_root
from .node_servers import CONTAINERD_SOCKET
from .paths import REPOSITORY, locked
from .process import ProcessId, children
from .progress import say, step


@dataclass(frozen=True)
class Record:
    """What is known of the node that was started last."""

    # The `unshare` command, whose only child is the supervisor and which takes it along in death.
    process: ProcessId
    # The folders its programs came from.
    binaries: list[str]

    def supervisor(self) -> ProcessId | None:
        """The first process of the node's namespaces, if it lives."""
        if not self.process.alive():
            return None
        for pid in children(self.process.pid):
            return ProcessId.of(pid)
        return None


class Node:
    """The node of a state folder.

    Attributes
    ----------
    state
        Its folder.
    kubeconfig
        The administrator's kubeconfig; its server is reached from inside the node's network only.
    """

    def __init__(self, state: Path | None = None) -> None:
        self.state = state or state_dir()
        self.kubeconfig = self.state / "kubeconfig"

    def up(self) -> None:
        """Bring the node up. A healthy one is left as it is; a broken one is replaced.

        Raises
        ------
        ClusterError
            It did not come up; nothing of it is left running.
        """
        require_root("the node")
        require(NEEDS)
        binaries = build()
        pause = pause_archive()
        with self._locked("bringing the node up or down"):
            if self._healthy(binaries):
                say("the node is up")
                return
            if self.state.exists():
                with step("removing what is left of an earlier node"):
                    self._remove()
            try:
                self._start(binaries, pause)
            except BaseException:
                self._stop()
                raise

    def down(self) -> None:
        """Take the node down and remove everything it had; harmless when there is none."""
        require_root("the node")
        with self._locked("bringing the node up or down"), step("taking the node down"):
            self._remove()

    def servers(self) -> dict[str, int | None]:
        """The machine's pids of the node's servers; None for one that has ended."""
        try:
            inside: dict[str, int] = json.loads((self.state / "pids.json").read_text())
        except FileNotFoundError:
            return {}
        supervisor = self._supervisor()
        outside = {}
        for pid in children(supervisor.pid) if supervisor else []:
            status = Path(f"/proc/{pid}/status").read_text()
            outside[int(status.split("NSpid:")[1].split("\n")[0].split()[-1])] = pid
        return {name: outside.get(pid) for name, pid in inside.items()}

    def problem(self) -> str:
        """Why the node cannot be used; empty when it can."""
        if self._supervisor() is None:
            return "there is no node"
        ended = [name for name, pid in self.servers().items() if pid is None]
        if ended:
            return f"{', '.join(ended)} ended"
        if not self.kubeconfig.exists():
            return "it is not complete"
        query = "jsonpath={.status.conditions[?(@.type=='Ready')].status}"
        asked = self.run(
            "kubectl", "get", "node", NODE_NAME, f"--output={query}", "--request-timeout=5s"
        )
        if asked.returncode != 0:
            return f"the API server does not answer: {asked.stderr.strip()}"
        return "" if asked.stdout == "True" else "the kubelet says that it is not ready"

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command inside the node's network and return its output."""
        return subprocess.run(
            [*self._enter(), *command],
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )

    def exec(self, command: list[str]) -> NoReturn:
        """Become a command inside the node's network."""
        require_root("the node")
        arguments = [*self._enter(), *command]
        os.execvpe(arguments[0], arguments, self.environment())

    def environment(self) -> dict[str, str]:
        """What a command needs to use the node: kubectl, helm and ctr on PATH, and where it is."""
        return os.environ | {
            "KUBECONFIG": str(self.kubeconfig),
            "PATH": build().search_path(),
            "CONTAINERD_ADDRESS": str(self.state / CONTAINERD_SOCKET),
            "CONTAINERD_NAMESPACE": "k8s.io",
        }

    def load(self, images: Iterable[Built]) -> None:
        """Load images into the node, as far as it does not have them."""
        listed = self.run("ctr", "images", "list", "--quiet")
        if listed.returncode != 0:
            raise ClusterError(
                f"ctr images list: {listed.stderr.strip()}", log=self.log("containerd")
            )
        there = listed.stdout.split()
        for image in images:
            if image.reference in there:
                continue
            with step(f"loading {image.reference}"):
                done = self.run("ctr", "images", "import", str(image.archive))
            if done.returncode != 0:
                raise ClusterError(
                    f"ctr images import {image.archive}: {done.stderr.strip()}",
                    log=self.log("containerd"),
                )

    def log(self, server: str) -> Path:
        """The log file of one of the node's servers."""
        return self.state / "logs" / f"{server}.log"

    def is_running(self) -> bool:
        """Whether there are processes of the node."""
        return self._supervisor() is not None

    def _enter(self) -> list[str]:
        supervisor = self._supervisor()
        if supervisor is None:
            raise ClusterError("there is no node", hint="bring it up: make up")
        # The network only. `ip netns exec` would also hide the machine's control groups.
        return ["nsenter", f"--net=/proc/{supervisor.pid}/ns/net", "--"]

    def _record(self) -> Record | None:
        try:
            record = json.loads((self.state / "node.json").read_text())
            return Record(ProcessId(**record["process"]), record["binaries"])
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return None

    def _supervisor(self) -> ProcessId | None:
        record = self._record()
        return record.supervisor() if record else None

    def _healthy(self, binaries: Binaries) -> bool:
        record = self._record()
        return (
            record is not None
            and record.binaries == [str(folder) for folder in binaries.folders]
            and not self.problem()
        )

    def _start(self, binaries: Binaries, pause: Path) -> None:
        self.state.mkdir(parents=True)
        (self.state / "logs").mkdir()
        shutil.copyfile(pause, self.state / "pause.tar")
        load_bridge_filter()
        log = self.state / "logs/supervisor.log"
        with log.open("ab") as output:
            process = subprocess.Popen(
                [
                    "unshare",
                    *("--fork", "--pid", "--mount-proc", "--kill-child=SIGKILL"),
                    *("--mount", "--propagation=private", "--net", "--"),
                    *(sys.executable, "-m", f"{__package__}.supervisor", str(self.state)),
                ],
                cwd=REPOSITORY,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=output,
                text=True,
                start_new_session=True,
            )
        identity = ProcessId.of(process.pid)
        if identity is None:
            raise ClusterError("unshare failed", log=log)
        record = Record(identity, [str(folder) for folder in binaries.folders])
        (self.state / "node.json").write_text(json.dumps(asdict(record)))
        assert process.stdin is not None
        process.stdin.write("begin\n")
        process.stdin.close()
        self._follow(process, log)

    def _follow(self, process: subprocess.Popen[str], log: Path) -> None:
        """Show the supervisor's progress until the node is ready."""
        assert process.stdout is not None
        with ExitStack() as steps, process.stdout:
            for line in process.stdout:
                event = json.loads(line)
                if "ready" in event:
                    return
                if "failed" in event:
                    named = self.state / event["log"] if event["log"] else log
                    raise ClusterError(event["failed"], log=named)
                steps.close()
                steps.enter_context(step(event["step"]))
            raise ClusterError("the node's supervisor ended", log=log)

    def _remove(self) -> None:
        self._stop()
        remove_cgroups(cgroup_name(self.state))
        if self.state.exists():
            shutil.rmtree(self.state)

    def _stop(self) -> None:
        record = self._record()
        if record is None:
            return
        supervisor = record.supervisor()
        record.process.kill()
        if supervisor is not None:
            # It is gone only when every process of its namespace is.
            supervisor.kill()

    @contextmanager
    def _locked(self, purpose: str) -> Iterator[None]:
        with locked(self.state.with_name(f"{self.state.name}.lock"), purpose):
            yield


def load_bridge_filter() -> None:
    """See to it that the kernel can filter what passes a bridge; often it is a module."""
    if not Path("/proc/sys/net/bridge").exists():
        subprocess.run(["modprobe", "br_netfilter"], capture_output=True)
    if not Path("/proc/sys/net/bridge").exists():
        raise ClusterError(
            "the kernel cannot filter bridged traffic", hint="load its module br_netfilter"
        )


def remove_cgroups(name: str) -> None:
    """Remove the pods' control groups, children first."""
    deadline = time.monotonic() + 10
    for top in cgroups(name):
        for folder in [*sorted(top.rglob("*/"), reverse=True), top]:
            while folder.is_dir():
                try:
                    folder.rmdir()
                except OSError:
                    # Busy for a moment after its last process has ended.
                    if time.monotonic() > deadline:
                        raise ClusterError(f"control group {folder} cannot be removed") from None
                    time.sleep(0.05)
