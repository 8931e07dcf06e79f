"""Where the node keeps its state, as the machine sees it and as the node's programs see it.

The node's programs run in a mount namespace of their own, in which the state is always at
`INSIDE`. So their paths hold no spaces, sockets fit into the 108 bytes of a socket address, and a
file is found on the machine at the same relative path under `state_dir()`.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

INSIDE = Path("/run/node")

NODE_NAME = "node"
NODE_ADDRESS = "10.90.0.1"
NODE_NETWORK = "10.90.0.1/24"
POD_RANGE = "10.244.0.0/24"
API_URL = f"https://{NODE_ADDRESS}:6443"


def state_dir() -> Path:
    """The node's folder on the machine; there is one node for each such folder."""
    named = os.environ.get("SCIM_OPERATOR_NODE", "/var/lib/scim-operator-node")
    return Path(named).resolve()


def cgroup_name(state: Path) -> str:
    """The control group that all pods of the node are under."""
    return f"scim-operator-{hashlib.sha256(bytes(state)).hexdigest()[:8]}"


def cgroups(name: str) -> list[Path]:
    """The folders of a control group: one in each hierarchy (version 1), or the one (version 2)."""
    root = Path("/sys/fs/cgroup")
    if (root / "cgroup.procs").exists():
        return [root / name]
    return [entry / name for entry in root.iterdir() if (entry / "cgroup.procs").exists()]
