"""The node's first process: it makes the node's surroundings, starts its servers and reaps.

It runs as process 1 of PID, mount and network namespaces that exist for it alone. When it dies, by
whatever cause, the kernel ends every process in them and drops their mounts and interfaces; so
nothing of a node can be left behind but its state folder and its control groups.

It tells `node.up` about its progress in JSON lines on standard output.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from . import node_servers, servers
from .api import Api, write_kubeconfig
from .build import Binaries, build
from .certificates import Authority
from .errors import ClusterError
from .layout import API_URL, INSIDE, NODE_ADDRESS, NODE_NAME, NODE_NETWORK, cgroup_name, cgroups
from .process import Component
from .volumes import STORAGE_CLASS

START_TIMEOUT_S = 120.0
# The kubelet sets these for the whole machine unless they have the values it wants. It is shown
# files that have them, and the machine stays as it is.
KUBELET_WANTS = {
    "vm/overcommit_memory": 1,
    "vm/panic_on_oom": 0,
    "kernel/panic": 10,
    "kernel/panic_on_oops": 1,
    "kernel/keys/root_maxkeys": 1_000_000,
    "kernel/keys/root_maxbytes": 25_000_000,
}


def main() -> None:
    """Bring the node up, then reap until killed: `python -m tests.cluster.supervisor STATE`."""
    # `up` writes down who we are before it lets us begin. Should it die first, nobody could find
    # us again, so we go too.
    if not sys.stdin.readline():
        return
    state = Path(sys.argv[1])
    node = Node(state)
    try:
        node.start()
    except Exception as error:
        log = error.log if isinstance(error, ClusterError) else None
        what = error.what if isinstance(error, ClusterError) else f"{error!r}"
        tell(failed=what, log=str(log.relative_to(INSIDE)) if log else None)
        raise
    tell(ready=True)
    # Nobody reads the pipe from here on.
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    node.reap()


def tell(**event: object) -> None:
    """Report to `up`, if it is still there."""
    try:
        print(json.dumps(event), flush=True)
    except BrokenPipeError:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())


class Node:
    """The servers of the node, in the order they are started in."""

    def __init__(self, state: Path) -> None:
        self._state = state
        self._cgroup = cgroup_name(state)
        self._components: list[Component] = []

    def start(self) -> None:
        """Start everything and wait until pods can run."""
        tell(step="making the node's namespaces")
        isolate_mounts(self._state)
        make_network()
        for group in cgroups(self._cgroup):
            group.mkdir(exist_ok=True)

        binaries = build()
        environment = os.environ | {"PATH": binaries.search_path()}
        authority = Authority(INSIDE / "pki")
        servers.issue_certificates(authority, NODE_ADDRESS)
        node_servers.issue_certificates(authority)
        api = Api(API_URL, authority.folder)

        def start(name: str, command: list[str]) -> Component:
            component = Component(name, command, INSIDE / "logs" / f"{name}.log", environment)
            component.start()
            self._components.append(component)
            self._write_pids()
            return component

        def kubeconfig(client: str, name: str = "") -> Path:
            target = INSIDE / (name or f"{client}.kubeconfig")
            write_kubeconfig(target, url=API_URL, pki=authority.folder, client=client)
            return target

        tell(step="starting the control plane")
        start("etcd", servers.etcd(binaries, INSIDE / "etcd", port=2379, peer_port=2380))
        api_server = start(
            "kube-apiserver",
            servers.api_server(
                binaries, authority, address=NODE_ADDRESS, port=6443, etcd_port=2379
            ),
        )
        containerd = start("containerd", node_servers.containerd(binaries, INSIDE))
        self._wait(api_server, api.ready)
        config = kubeconfig("controller-manager")
        start(
            "kube-controller-manager",
            servers.controller_manager(binaries, authority, config, port=10257),
        )
        start("kube-scheduler", node_servers.scheduler(binaries, kubeconfig("scheduler")))

        tell(step="starting the node")
        self._wait(containerd, (INSIDE / node_servers.CONTAINERD_SOCKET).exists)
        import_pause_image(binaries)
        config = kubeconfig("kubelet")
        kubelet = start(
            "kubelet", node_servers.kubelet(binaries, authority, INSIDE, config, self._cgroup)
        )
        start("kube-proxy", node_servers.kube_proxy(binaries, kubeconfig("kube-proxy")))
        api.create("/apis/storage.k8s.io/v1/storageclasses", STORAGE_CLASS)
        start("volumes", node_servers.volumes(sys.executable, authority.folder))

        tell(step="waiting for the node to be ready")
        self._wait(kubelet, lambda: node_is_ready(api))
        # It ends where its node is not known yet.
        start("kube-router", node_servers.kube_router(binaries, kubeconfig("kube-router")))
        self._wait(
            api_server, lambda: api.exists("/api/v1/namespaces/default/serviceaccounts/default")
        )
        # Written last: whoever finds it can use the cluster.
        kubeconfig("admin", "kubeconfig")

    def reap(self) -> None:
        """Collect the exit codes of the servers and of orphans, as process 1 has to."""
        names = {component.pid: component.name for component in self._components}
        while True:
            try:
                pid, status = os.wait()
            except ChildProcessError:
                # Every server has ended; the namespaces stay for `status` to tell.
                signal.pause()
                continue
            if name := names.pop(pid, None):
                code = os.waitstatus_to_exitcode(status)
                print(f"{name} (pid {pid}) ended with {code}", flush=True)

    def _write_pids(self) -> None:
        pids = {component.name: component.pid for component in self._components}
        (INSIDE / "pids.json").write_text(json.dumps(pids))

    def _wait(self, suspect: Component, ready: Callable[[], bool]) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        while not ready():
            for component in self._components:
                component.check()
            if time.monotonic() > deadline:
                raise ClusterError(f"{suspect.name} is not ready in time", log=suspect.log)
            time.sleep(0.1)


def isolate_mounts(state: Path) -> None:
    """Give the node places of its own where its programs write to fixed ones."""
    # Volumes must propagate between the kubelet and containers. It ends here: unshare has cut the
    # tie to the machine's mounts.
    run("mount", "--make-rshared", "/")
    run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run")
    INSIDE.mkdir()
    run("mount", "--bind", str(state), str(INSIDE))
    for own, fixed in (("var-log", "/var/log"), ("cni-state", "/var/lib/cni")):
        (INSIDE / own).mkdir()
        Path(fixed).mkdir(exist_ok=True)
        run("mount", "--bind", str(INSIDE / own), fixed)
    for number, (name, value) in enumerate(KUBELET_WANTS.items()):
        shown = INSIDE / "sysctl" / str(number)
        shown.parent.mkdir(exist_ok=True)
        shown.write_text(f"{value}\n")
        run("mount", "--bind", str(shown), f"/proc/sys/{name}")


def make_network() -> None:
    """Make the node's interface. It has no peer, so there is no way out of the node."""
    for command in (
        "link set lo up",
        "link add node type bridge",
        f"address add {NODE_NETWORK} dev node",
        "link set node up",
        # Service addresses are rewritten on their way out, so there has to be a way.
        f"route add {servers.SERVICE_RANGE} dev node",
    ):
        run("ip", *command.split())
    for name in (
        "ipv4/ip_forward",
        # Answers from a pod to another are to pass the translation of Service addresses as well.
        "bridge/bridge-nf-call-iptables",
    ):
        Path("/proc/sys/net", name).write_text("1")


def import_pause_image(binaries: Binaries) -> None:
    """Load the image that holds a pod's namespaces."""
    socket = str(INSIDE / node_servers.CONTAINERD_SOCKET)
    archive = str(INSIDE / "pause.tar")
    run(binaries["ctr"], "-a", socket, "-n", "k8s.io", "images", "import", archive)


def node_is_ready(api: Api) -> bool:
    """Whether the node says that it can run pods."""
    path = f"/api/v1/nodes/{NODE_NAME}"
    if not api.exists(path):
        return False
    conditions = api.get(path)["status"]["conditions"]
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


def run(*command: str) -> None:
    """Run a command that must succeed."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode != 0:
        raise ClusterError(f"{' '.join(command)}: {done.stderr.strip()}")


if __name__ == "__main__":
    main()
