"""What the machine has to provide: Linux, rights, Debian packages.

As root on Debian or Ubuntu missing packages are installed; anybody else is told what to install.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from .errors import ClusterError
from .paths import cache_dir
from .progress import step

# What is looked for (a command, or a file where there is no command), and the package it is in.
PROVIDED_BY = {
    "/usr/lib/cni/bridge": "containernetworking-plugins",
    "buildah": "buildah",
    "busybox": "busybox-static",
    "faketime": "faketime",
    "ip": "iproute2",
    "ipset": "ipset",
    "iptables": "iptables",
    "mmdebstrap": "mmdebstrap",
    "mount": "mount",
    "nft": "nftables",
    "openssl": "openssl",
    "runc": "runc",
    "setpriv": "util-linux",
    "tar": "tar",
}

CONTROL_PLANE = ("openssl", "setpriv")
PAUSE_IMAGE = ("buildah", "busybox", "setpriv")
NODE = (
    *(*CONTROL_PLANE, *PAUSE_IMAGE, "ip", "ipset", "iptables", "mount", "nft", "runc"),
    "/usr/lib/cni/bridge",
)
IMAGES = (*PAUSE_IMAGE, "mmdebstrap", "tar")

# Where those are that only root uses; a root shell without a login often lacks them.
SYSTEM_PATH = "/usr/local/sbin:/usr/sbin:/sbin"


def require_root(part: str) -> None:
    """Refuse to go on without the rights that namespaces, containers and images need."""
    hint = "or set KUBECONFIG to use a cluster of your own"
    if sys.platform != "linux":
        raise ClusterError(f"{part} can be used on Linux only", hint=f"use such a machine, {hint}")
    if os.geteuid() != 0:
        raise ClusterError(f"{part} needs root", hint=f"run the same command with sudo, {hint}")


def has_overlay(folder: Path) -> bool:
    """Whether overlay mounts work on a folder's file system; not on an overlay, as in containers.

    Without them each layer of an image is a copy of all below it: slow and large, but the same.
    """
    asked = ["stat", "--file-system", "--format=%T", str(folder)]
    kind = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
    return kind in {"btrfs", "ext2/ext3", "tmpfs", "xfs"}


def missing(needs: Iterable[str]) -> list[str]:
    """The packages that bring those of `needs` that are not on this machine."""
    return sorted(
        {
            PROVIDED_BY[need]
            for need in needs
            if not (Path(need).exists() if "/" in need else shutil.which(need))
        }
    )


def require(needs: Iterable[str]) -> None:
    """Install the packages that are missing, or say which they are.

    Raises
    ------
    ClusterError
        They cannot be installed by this user or on this system, or apt-get failed.
    """
    packages = missing(needs)
    if not packages:
        return
    names = " ".join(packages)
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise ClusterError(
            f"these Debian packages are missing: {names}",
            hint=f"install them (sudo apt-get update && sudo apt-get install {names}), "
            "or run the same command as root",
        )
    log = cache_dir() / "logs" / "apt.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    # The machine may be at its own upgrades.
    patient = "-oDPkg::Lock::Timeout=300"
    install = ["apt-get", patient, "install", "--yes", "--no-install-recommends", *packages]
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    with step(f"installing Debian packages: {names}"), log.open("w") as output:
        for command in (["apt-get", "update"], install):
            done = subprocess.run(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment
            )
            # A failed update is no reason to stop: one of several sources may be unreachable,
            # and the install that follows tells whether it mattered.
            if done.returncode != 0 and command is install:
                raise ClusterError(f"apt-get could not install {names}", log=log)
