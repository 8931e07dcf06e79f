"""The command lines and configuration files of what a node has beyond a control plane."""

from __future__ import annotations

import json
from pathlib import Path

from .build import Binaries
from .certificates import Authority
from .layout import INSIDE, NODE_ADDRESS, NODE_NAME, POD_RANGE
from .machine import has_overlay
from .servers import SERVICE_RANGE

CONTAINERD_SOCKET = "containerd.sock"
PAUSE_IMAGE = "localhost/pause:1"


def issue_certificates(authority: Authority) -> None:
    """Make what the scheduler and the node's programs need."""
    authority.issue("scheduler", user="system:kube-scheduler")
    authority.issue("kube-proxy", user="system:kube-proxy")
    # It watches what no role of Kubernetes' own allows a node's program to.
    authority.issue("kube-router", user="kube-router", group="system:masters")
    authority.issue("kubelet", user=f"system:node:{NODE_NAME}", group="system:nodes")
    authority.issue("kubelet-server", user=NODE_NAME, hosts=(NODE_NAME, NODE_ADDRESS))


def scheduler(binaries: Binaries, kubeconfig: Path) -> list[str]:
    """kube-scheduler."""
    return [
        binaries["kube-scheduler"],
        f"--kubeconfig={kubeconfig}",
        f"--authentication-kubeconfig={kubeconfig}",
        f"--authorization-kubeconfig={kubeconfig}",
        "--bind-address=127.0.0.1",
        "--leader-elect=false",
    ]


def containerd(binaries: Binaries, folder: Path) -> list[str]:
    """containerd, and the network that it gives to pods."""
    (folder / "cni").mkdir()
    (folder / "cni/10-pods.conflist").write_text(
        json.dumps(
            {
                "cniVersion": "1.0.0",
                "name": "pods",
                "plugins": [
                    {
                        "type": "bridge",
                        "bridge": "pods",
                        "isGateway": True,
                        # A pod reaches itself through its Service only with this.
                        "hairpinMode": True,
                        "ipam": {
                            "type": "host-local",
                            "ranges": [[{"subnet": POD_RANGE}]],
                            "routes": [{"dst": "0.0.0.0/0"}],
                        },
                    }
                ],
            }
        )
    )
    snapshotter = "overlayfs" if has_overlay(folder) else "native"
    # restrict_oom_score_adj: without CAP_SYS_RESOURCE, which sandboxes and CI machines often lack,
    # runc fails to lower the score and dies without a word about it.
    # The disabled plugins would write outside the node's folder.
    config = folder / "containerd.toml"
    config.write_text(f"""\
version = 3
root = "{folder}/containerd"
state = "/run/containerd"
imports = []
disabled_plugins = ["io.containerd.internal.v1.opt", "io.containerd.nri.v1.nri"]

[grpc]
  address = "{folder}/{CONTAINERD_SOCKET}"

[plugins."io.containerd.cri.v1.images"]
  snapshotter = "{snapshotter}"

[plugins."io.containerd.cri.v1.images".pinned_images]
  sandbox = "{PAUSE_IMAGE}"

[plugins."io.containerd.cri.v1.runtime"]
  restrict_oom_score_adj = true

[plugins."io.containerd.cri.v1.runtime".cni]
  bin_dirs = ["/usr/lib/cni"]
  conf_dir = "{folder}/cni"
""")
    return [binaries["containerd"], f"--config={config}"]


def kubelet(
    binaries: Binaries, authority: Authority, folder: Path, kubeconfig: Path, cgroup: str
) -> list[str]:
    """The kubelet."""
    (folder / "resolv.conf").touch()
    config = folder / "kubelet.json"
    config.write_text(
        json.dumps(
            {
                "apiVersion": "kubelet.config.k8s.io/v1beta1",
                "kind": "KubeletConfiguration",
                "address": NODE_ADDRESS,
                "authentication": {
                    "anonymous": {"enabled": False},
                    "webhook": {"enabled": True},
                    "x509": {"clientCAFile": authority.path("ca.crt")},
                },
                "authorization": {"mode": "Webhook"},
                "tlsCertFile": authority.path("kubelet-server.crt"),
                "tlsPrivateKeyFile": authority.path("kubelet-server.key"),
                "containerRuntimeEndpoint": f"unix://{folder}/{CONTAINERD_SOCKET}",
                "resolvConf": f"{folder}/resolv.conf",
                "cgroupDriver": "cgroupfs",
                "cgroupRoot": f"/{cgroup}",
                "enforceNodeAllocatable": [],
                "failCgroupV1": False,
                "failSwapOn": False,
                "oomScoreAdj": 0,
                # A developer's disk is often nearly full; evicting pods and deleting images that
                # no registry can bring back would help nobody.
                "evictionHard": {
                    "memory.available": "50Mi",
                    "nodefs.available": "1%",
                    "nodefs.inodesFree": "1%",
                    "imagefs.available": "1%",
                },
                "imageGCHighThresholdPercent": 100,
                # How soon a changed Secret is seen in a pod; a minute by default.
                "syncFrequency": "10s",
            },
            indent=1,
        )
    )
    return [
        binaries["kubelet"],
        f"--config={config}",
        f"--kubeconfig={kubeconfig}",
        f"--root-dir={folder}/kubelet",
        f"--cert-dir={authority.folder}",
        f"--hostname-override={NODE_NAME}",
        f"--node-ip={NODE_ADDRESS}",
    ]


def kube_proxy(binaries: Binaries, kubeconfig: Path) -> list[str]:
    """kube-proxy."""
    return [
        binaries["kube-proxy"],
        f"--kubeconfig={kubeconfig}",
        "--proxy-mode=nftables",
        f"--hostname-override={NODE_NAME}",
        f"--cluster-cidr={POD_RANGE}",
        # The limits are the machine's, not the node's.
        "--conntrack-max-per-core=0",
        "--oom-score-adj=0",
    ]


def kube_router(binaries: Binaries, kubeconfig: Path) -> list[str]:
    """kube-router, for its firewall only: what puts NetworkPolicies in force."""
    return [
        binaries["kube-router"],
        f"--kubeconfig={kubeconfig}",
        f"--hostname-override={NODE_NAME}",
        f"--service-cluster-ip-range={SERVICE_RANGE}",
        "--run-firewall=true",
        "--run-router=false",
        "--run-service-proxy=false",
        "--run-loadbalancer=false",
        "--health-port=0",
    ]


def volumes(python: str, pki: Path) -> list[str]:
    """The volume provisioner of this package."""
    return [python, "-m", f"{__package__}.volumes", str(pki), str(INSIDE / "volumes")]
