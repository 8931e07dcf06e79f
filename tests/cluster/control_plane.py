"""A control plane of its own for a test session: etcd, kube-apiserver, kube-controller-manager.

It listens on loopback only, needs no root and is up in seconds. Objects, admission, garbage
collection and the workload controllers are real; Pods are created and stay Pending, because there
is no node. Its state is in a temporary folder and goes with it.
"""

from __future__ import annotations

import atexit
import json
import os
import random
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.error
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from . import servers
from .api import Api, Object, write_kubeconfig
from .build import CLIENTS, CONTROL_PLANE, build
from .certificates import Authority
from .errors import ClusterError
from .machine import CONTROL_PLANE as NEEDS
from .machine import require
from .paths import cache_dir
from .process import Component, ProcessId

PREFIX = "scim-control-plane-"
ADDRESS = "127.0.0.1"
START_TIMEOUT_S = 90.0
# Below the range from which the kernel takes ports for outgoing connections: a port found free
# here is still free a moment later.
PORTS = range(20000, 30000)


class ControlPlane:
    """The three servers; use it as a context manager, or call `start` and `stop`.

    Attributes
    ----------
    kubeconfig
        The administrator's kubeconfig.
    url
        The API server's address.
    env
        An environment with KUBECONFIG set and kubectl and helm first on PATH.
    etcd, api_server, controller_manager
        The servers, for tests that stop, kill, pause and start them (see `Component`); wait with
        `wait_ready` after a start.
    """

    def __init__(self) -> None:
        self.folder = Path()
        self.kubeconfig = Path()
        self.url = ""
        self.env: dict[str, str] = {}
        self._started: list[Component] = []

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Build what is missing, start the servers and wait until a namespace can be used.

        Raises
        ------
        ClusterError
            A server did not come up; the message shows the end of its log.
        """
        require(NEEDS)
        binaries = build({*CONTROL_PLANE, *CLIENTS})
        remove_abandoned(Path(tempfile.gettempdir()))
        self.folder = Path(tempfile.mkdtemp(prefix=PREFIX))
        atexit.register(self.stop)
        owner = ProcessId.of(os.getpid())
        assert owner is not None
        (self.folder / "owner.json").write_text(json.dumps(vars(owner)))
        try:
            etcd_port, peer_port, port, manager_port = free_ports(4)
            self.url = f"https://{ADDRESS}:{port}"
            self.kubeconfig = self.folder / "kubeconfig"
            self.env = os.environ | {
                "KUBECONFIG": str(self.kubeconfig),
                "PATH": binaries.search_path(),
            }
            authority = Authority(self.folder / "pki")
            servers.issue_certificates(authority, ADDRESS)
            manager_config = self.folder / "controller-manager.kubeconfig"
            for client, target in (
                ("admin", self.kubeconfig),
                ("controller-manager", manager_config),
            ):
                write_kubeconfig(target, url=self.url, pki=authority.folder, client=client)
            self._api = Api(self.url, authority.folder)

            self.etcd = self._component(
                "etcd",
                servers.etcd(binaries, self.folder / "etcd", port=etcd_port, peer_port=peer_port),
            )
            self.api_server = self._component(
                "kube-apiserver",
                [
                    *servers.api_server(
                        binaries, authority, address=ADDRESS, port=port, etcd_port=etcd_port
                    ),
                    # The `kubernetes` Service cannot have an endpoint on loopback.
                    "--endpoint-reconciler-type=none",
                ],
            )
            # Before that its user has no rights yet, and it would end at once.
            self.wait_ready()
            self.controller_manager = self._component(
                "kube-controller-manager",
                servers.controller_manager(binaries, authority, manager_config, port=manager_port),
            )
            # Made by the controller manager; Pods are refused until it is there.
            self._wait(
                lambda: self._api.exists("/api/v1/namespaces/default/serviceaccounts/default"),
                self.controller_manager,
            )
        except ClusterError as error:
            kept = self._keep_log(error.log)
            self.stop()
            raise ClusterError(error.what, log=kept, hint=error.hint) from None
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop everything and remove the state; harmless when it is done already."""
        atexit.unregister(self.stop)
        # Nothing here is worth a graceful end, and an API server takes a minute over it.
        for component in self._started:
            component.kill()
        self._started.clear()
        if self.folder != Path():
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder = Path()

    def wait_ready(self) -> None:
        """Wait until the API server is ready, as after it or etcd was started again."""
        self._wait(self._api.ready, self.api_server)

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        """Run kubectl as the administrator and return its output.

        Raises
        ------
        ClusterError
            It failed; the message is kubectl's own.
        """
        done = subprocess.run(
            ["kubectl", *arguments],
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            env=self.env,
        )
        if done.returncode != 0:
            raise ClusterError(f"kubectl {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout

    def read(self, path: str) -> Object:
        """Read an object or a list as the administrator; empty if there is none.

        A test that waits reads many times a second, and kubectl takes ten times the processor time.

        Raises
        ------
        ClusterError
            The API server does not answer, or refuses.
        """
        try:
            return self._api.get(path)
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return {}
            raise ClusterError(f"GET {path}: {error.read().decode(errors='replace')}") from error
        except OSError as error:
            raise ClusterError(f"GET {path}: {error}") from error

    def _keep_log(self, log: Path | None) -> Path | None:
        """Copy a log to where it stays when the state is removed."""
        if log is None:
            return None
        kept = cache_dir() / "logs" / f"control-plane-{log.name}"
        kept.parent.mkdir(parents=True, exist_ok=True)
        return Path(shutil.copyfile(log, kept))

    def _component(self, name: str, command: list[str]) -> Component:
        component = Component(name, command, self.folder / f"{name}.log")
        component.start()
        self._started.append(component)
        return component

    def _wait(self, ready: Callable[[], bool], suspect: Component) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        while not ready():
            for component in self._started:
                component.check()
            if time.monotonic() > deadline:
                raise ClusterError(f"{suspect.name} is not ready in time", log=suspect.log)
            time.sleep(0.05)


def free_ports(count: int) -> list[int]:
    """Different ports that nobody listens on.

    Each of several workers of pytest takes them from a share of its own: another worker may have
    found the same port free, and not listen on it yet.
    """
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    share = PORTS[worker :: int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))]
    found: list[int] = []
    for port in random.sample(share, len(share)):
        with socket.socket() as probe:
            # As the servers do: a port in TIME_WAIT is free for them.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((ADDRESS, port))
            except OSError:
                continue
        found.append(port)
        if len(found) == count:
            return found
    raise ClusterError(f"no {count} free ports from {PORTS.start} to {PORTS.stop}")


def remove_abandoned(parent: Path) -> None:
    """Remove the folders of control planes whose owner was killed; their servers died with it."""
    for folder in parent.glob(f"{PREFIX}*"):
        try:
            owner = ProcessId(**json.loads((folder / "owner.json").read_text()))
        except (OSError, ValueError, TypeError):
            continue
        if not owner.alive():
            shutil.rmtree(folder, ignore_errors=True)
