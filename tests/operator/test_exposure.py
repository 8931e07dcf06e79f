"""What an Ingress lacks to be reached, with the chart's rights on a real API server."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from scim_operator.api import names

from tests.cluster import ControlPlane
from tests.operator.install import Installation
from tests.operator.world import Namespace, Object, eventually
from tests.unit.operator.kube.test_x509 import certificate

INGRESS = names.workload("contoso")
CLASS = {
    "apiVersion": "networking.k8s.io/v1",
    "kind": "IngressClass",
    "metadata": {"name": "public"},
    "spec": {"controller": "example.com/ingress-controller"},
}
ADDRESS = {"status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}}


def told(namespace: Namespace, reason: str) -> Object:
    """Wait until Exposed has a reason; return the condition."""

    def seen() -> Object:
        found = namespace.condition("contoso", "Exposed")
        return found if found.get("reason") == reason else {}

    return eventually(seen)


def expose(namespace: Namespace, **ingress: str) -> None:
    """Apply the tenant with an Ingress."""
    where = {"host": f"{namespace.name}.example.com", "ingress": ingress}
    namespace.apply("contoso", {"exposure": where})


def test_from_nothing_to_reached(
    installation: Installation, fragile: ControlPlane, unserved: Namespace, tmp_path: Path
) -> None:
    """Class, address and TLS Secret are asked for one after the other, and each is noticed."""
    fragile.kubectl("apply", "-f", "-", stdin=json.dumps(CLASS))
    end = datetime.now(UTC).replace(microsecond=0) + timedelta(days=30)
    (tmp_path / "tls.crt").write_bytes(certificate(end))
    (tmp_path / "tls.key").write_text("a key that the operator does not look at")
    files = [f"--from-file={name}={tmp_path / name}" for name in ("tls.crt", "tls.key")]
    unserved.kubectl("create", "secret", "generic", "tls", *files)
    settings = {"watch_namespaces": unserved.name, "ingress_addresses": "true"}
    with installation.operator("exposure", **settings):
        expose(unserved)
        assert "names no class" in told(unserved, "IngressClassMissing")["message"]
        assert unserved.condition("contoso", "Stalled")["reason"] == "IngressClassMissing"
        expose(unserved, className="absent")
        eventually(
            lambda: "IngressClass absent" in told(unserved, "IngressClassMissing")["message"]
        )
        expose(unserved, className="public")
        assert told(unserved, "IngressPending")["status"] == "Unknown"

        patch = ("patch", "ingress", INGRESS, "--subresource=status", "--type=merge", "--patch")
        unserved.kubectl(*patch, json.dumps(ADDRESS))
        assert told(unserved, "Ingress")["status"] == "True"

        expose(unserved, className="public", tlsSecretName="missing")
        assert "the TLS Secret missing" in told(unserved, "TLSSecretMissing")["message"]
        expose(unserved, className="public", tlsSecretName="tls")
        assert told(unserved, "Ingress")["status"] == "True"
        known = unserved.get("scimtenant", "contoso")["status"]["certificate"]
        assert known == {"secretName": "tls", "notAfter": f"{end:%Y-%m-%dT%H:%M:%SZ}"}


def test_only_the_cluster(namespace: Namespace) -> None:
    """A tenant that only the cluster reaches shows that where one looks first."""
    namespace.apply("contoso")
    namespace.settled("contoso")
    assert told(namespace, "ClusterOnly")["status"] == "False"
    assert "ClusterOnly" in namespace.kubectl("get", "scimtenant", "contoso")
