"""Ingress and HTTPRoute with a real data plane: what Entra would come through."""

import os
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.layout import NODE_ADDRESS
from tests.e2e import data_plane
from tests.e2e.data_plane import GATEWAY_PORT, INGRESS_CLASS, INGRESS_PORT, Certificate
from tests.e2e.platform import Tenant, apply, listens, manifest, run, wait_until

HOST = "scim.platform.example"
OWN_HOST = "fabrikam.platform.example"
SECRET = "scim-tls"
CIPHERS = ("ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-AES256-GCM-SHA384")
"""The two of Entra's TLS 1.2 cipher suites that fit an RSA certificate and Envoy's defaults."""


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory, namespace: str) -> Certificate:
    """A certificate for both hosts, stored as a Secret too."""
    made = data_plane.certify(tmp_path_factory.mktemp("certificate"), HOST, OWN_HOST)
    data_plane.put_certificate(made, SECRET, namespace)
    return made


@pytest.fixture(scope="module", autouse=True)
def crds(release: None) -> None:
    """The Gateway API comes after the operator, as it may on any cluster."""
    del release
    data_plane.install_crds()


@pytest.fixture
def ingresses(tmp_path: Path) -> Iterator[None]:
    """A controller of Ingresses."""
    with data_plane.ingresses(tmp_path):
        yield


def exposed(name: str, namespace: str, **exposure: object) -> Tenant:
    """Apply a tenant with an exposure and wait until it is Ready."""
    apply(manifest(name, namespace, exposure=exposure))
    tenant = Tenant(name, namespace)
    tenant.wait_ready()
    return tenant


def assert_entra_fills(tenant: Tenant, certificate: Certificate, port: int, tmp_path: Path) -> None:
    """Run the Entra client over the tenant's public URL; both names lead to the node there."""
    url, token = tenant.credentials()
    assert url == tenant.resource()["status"]["tenantURL"]
    assert url.startswith("https://")
    host, slash, path = url.removeprefix("https://").partition("/")
    hosts = tmp_path / "hosts"
    hosts.write_text(f"127.0.0.1 localhost\n{NODE_ADDRESS} {HOST} {OWN_HOST}\n")
    shell = 'mount --bind "$1" /etc/hosts && shift && exec "$@"'
    done = subprocess.run(
        [
            *("unshare", "--mount", "--propagation=private", "sh", "-c", shell, "sh", hosts),
            *(sys.executable, "-m", "tests.entra", "--url", f"https://{host}:{port}{slash}{path}"),
            *("--users", "15", "--groups", "3"),
        ],
        env={**os.environ, "SCIM_TOKEN": token, "SSL_CERT_FILE": str(certificate.certificate)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def negotiate(host: str, port: int, certificate: Certificate, cipher: str) -> str | None:
    """Return the version that is agreed on with TLS 1.2 and one cipher suite only."""
    context = ssl.create_default_context(cafile=str(certificate.certificate))
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(cipher)
    with (
        socket.create_connection((NODE_ADDRESS, port), timeout=5) as plain,
        context.wrap_socket(plain, server_hostname=host) as secured,
    ):
        agreed = secured.cipher()
        assert agreed is not None
        assert agreed[0] == cipher
        return secured.version()


@pytest.mark.usefixtures("ingresses")
def test_ingress(namespace: str, certificate: Certificate, tmp_path: Path) -> None:
    """Tenants on one host by path, and one on a host of its own, through an Ingress."""
    ingress = {"className": INGRESS_CLASS, "tlsSecretName": SECRET}
    tenants = [
        exposed(name, namespace, host=host, path=path, ingress=ingress)
        for name, host, path in (
            ("contoso", HOST, "/contoso/scim"),
            ("adatum", HOST, "/adatum/scim"),
            ("fabrikam", OWN_HOST, "/scim"),
        )
    ]
    wait_until("the listener", lambda: listens(NODE_ADDRESS, INGRESS_PORT))
    for tenant in tenants:
        assert_entra_fills(tenant, certificate, INGRESS_PORT, tmp_path)
        assert tenant.condition("Exposed")["status"] == "True"
    for cipher in CIPHERS:
        assert negotiate(HOST, INGRESS_PORT, certificate, cipher) == "TLSv1.2"


@pytest.mark.usefixtures("ingresses")
def test_two_tenants_cannot_have_one_url(namespace: str) -> None:
    """The younger of two tenants with one Tenant URL is told whose it is; no route is stolen."""
    where = {"host": HOST, "path": "/claimed/scim", "ingress": {"className": INGRESS_CLASS}}
    exposed("older", namespace, **where)
    # Creation times have the resolution of a second.
    time.sleep(1.1)
    apply(manifest("younger", namespace, exposure=where))
    younger = Tenant("younger", namespace)

    def told() -> bool:
        return younger.condition("Exposed").get("reason") == "URLConflict"

    wait_until("the younger tenant to be told", told)
    assert "older" in younger.condition("Exposed")["message"]
    names = run(f"kubectl get ingress -n {namespace} -o name")
    assert "older-scim" in names
    assert "younger-scim" not in names
    # With the older one gone the URL is free.
    run(f"kubectl delete scimtenant older -n {namespace}")
    younger.wait_ready()
    assert younger.condition("Exposed")["status"] == "True"


def test_gateway(namespace: str, certificate: Certificate, tmp_path: Path) -> None:
    """A tenant through the HTTPRoute of a Gateway, whose controller's word is in the status."""
    with data_plane.gateway(tmp_path, namespace, SECRET) as gateway:
        tenant = exposed(
            "routed",
            namespace,
            host=HOST,
            path="/routed/scim",
            gateway={"parentRefs": [{"name": gateway}]},
        )
        assert tenant.condition("Exposed")["status"] == "True"
        wait_until("the listener", lambda: listens(NODE_ADDRESS, GATEWAY_PORT))
        assert_entra_fills(tenant, certificate, GATEWAY_PORT, tmp_path)
        for cipher in CIPHERS:
            assert negotiate(HOST, GATEWAY_PORT, certificate, cipher) == "TLSv1.2"
