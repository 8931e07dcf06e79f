"""The command lines of the control plane's three servers, for both kinds of cluster."""

from __future__ import annotations

from pathlib import Path

from .build import Binaries
from .certificates import Authority

SERVICE_RANGE = "10.96.0.0/16"
KUBERNETES_SERVICE = "10.96.0.1"
# The identity with which the API server passes requests on to servers of other APIs.
AGGREGATION = "front-proxy"


def issue_certificates(authority: Authority, address: str) -> None:
    """Make what the API server and its clients in the control plane need."""
    authority.issue(
        "apiserver",
        user="kube-apiserver",
        hosts=(
            "kubernetes",
            "kubernetes.default",
            "kubernetes.default.svc",
            "kubernetes.default.svc.cluster.local",
            "localhost",
            KUBERNETES_SERVICE,
            *dict.fromkeys(("127.0.0.1", address)),
        ),
    )
    authority.issue("apiserver-kubelet", user="kube-apiserver", group="system:masters")
    authority.issue("admin", user="admin", group="system:masters")
    authority.issue("controller-manager", user="system:kube-controller-manager")
    authority.key_pair("service-accounts")
    # Whoever this authority signs may speak for any user, so it is not the cluster's own.
    aggregation = Authority(authority.folder / AGGREGATION)
    aggregation.issue("client", user=AGGREGATION)


def etcd(binaries: Binaries, data: Path, *, port: int, peer_port: int) -> list[str]:
    """etcd on loopback.

    It does not wait for the disk (`--unsafe-no-fsync`): the data survives the death of any
    process, and no cluster here outlives the machine.
    """
    client, peer = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{peer_port}"
    return [
        binaries["etcd"],
        f"--data-dir={data}",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=default={peer}",
        "--unsafe-no-fsync",
        "--log-level=warn",
    ]


def api_server(
    binaries: Binaries, authority: Authority, *, address: str, port: int, etcd_port: int
) -> list[str]:
    """kube-apiserver with RBAC, node restriction, service accounts and their tokens."""
    path = authority.path
    return [
        binaries["kube-apiserver"],
        f"--etcd-servers=http://127.0.0.1:{etcd_port}",
        f"--bind-address={address}",
        f"--advertise-address={address}",
        f"--secure-port={port}",
        f"--tls-cert-file={path('apiserver.crt')}",
        f"--tls-private-key-file={path('apiserver.key')}",
        f"--client-ca-file={path('ca.crt')}",
        f"--kubelet-certificate-authority={path('ca.crt')}",
        f"--kubelet-client-certificate={path('apiserver-kubelet.crt')}",
        f"--kubelet-client-key={path('apiserver-kubelet.key')}",
        "--kubelet-preferred-address-types=InternalIP",
        "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
        f"--service-account-key-file={path('service-accounts.pub')}",
        f"--service-account-signing-key-file={path('service-accounts.key')}",
        f"--service-cluster-ip-range={SERVICE_RANGE}",
        f"--requestheader-client-ca-file={path(f'{AGGREGATION}/ca.crt')}",
        f"--requestheader-allowed-names={AGGREGATION}",
        "--requestheader-username-headers=X-Remote-User",
        "--requestheader-group-headers=X-Remote-Group",
        "--requestheader-extra-headers-prefix=X-Remote-Extra-",
        f"--proxy-client-cert-file={path(f'{AGGREGATION}/client.crt')}",
        f"--proxy-client-key-file={path(f'{AGGREGATION}/client.key')}",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        "--allow-privileged",
        "--profiling=false",
    ]


def controller_manager(
    binaries: Binaries, authority: Authority, kubeconfig: Path, *, port: int
) -> list[str]:
    """kube-controller-manager, with request limits that do not make it the bottleneck of tests."""
    path = authority.path
    return [
        binaries["kube-controller-manager"],
        f"--kubeconfig={kubeconfig}",
        f"--authentication-kubeconfig={kubeconfig}",
        f"--authorization-kubeconfig={kubeconfig}",
        "--bind-address=127.0.0.1",
        f"--secure-port={port}",
        f"--cert-dir={authority.folder}",
        f"--root-ca-file={path('ca.crt')}",
        f"--service-account-private-key-file={path('service-accounts.key')}",
        f"--service-cluster-ip-range={SERVICE_RANGE}",
        "--use-service-account-credentials",
        "--leader-elect=false",
        "--kube-api-qps=300",
        "--kube-api-burst=600",
        "--profiling=false",
    ]
