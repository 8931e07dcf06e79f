"""Upgrade, rollback and removal of a release leave tenants as they are; on a real API server.

The operator runs as a process beside it, with the settings of the release's Deployment.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families
from scim_operator.settings import PREFIX

from tests.chart.conftest import CHART, Object
from tests.cluster import ControlPlane
from tests.cluster.build import source_folder
from tests.cluster.control_plane import free_ports
from tests.operator.world import Namespace, Operator, eventually

NAME = "scim-operator"
NAMESPACE = "scim-system"
CRD = "scimtenants.scim-operator.io"
MONITORING = ("servicemonitors", "podmonitors", "prometheusrules")


class Release:
    """The release of the chart in a cluster."""

    def __init__(self, cluster: ControlPlane, folder: Path) -> None:
        self._cluster = cluster
        self._folder = folder
        self.port = free_ports(1)[0]

    def helm(self, *arguments: str) -> str:
        """Run Helm, which must succeed."""
        done = subprocess.run(
            ["helm", *arguments, "--namespace", NAMESPACE],
            env=self._cluster.env,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def install(self, chart: str, *arguments: str) -> None:
        """Install or upgrade it."""
        self.helm("upgrade", NAME, chart, "--install", "--create-namespace", *arguments)

    def package(self, version: str) -> str:
        """Make a package of an earlier version, whose tenants cannot have podLabels."""
        chart = self._folder / "earlier"
        shutil.copytree(CHART, chart)
        about = yaml.safe_load((chart / "Chart.yaml").read_text())
        about |= {"version": version, "appVersion": version}
        (chart / "Chart.yaml").write_text(yaml.safe_dump(about))
        (path,) = (chart / "files/crds").iterdir()
        definition = yaml.safe_load(path.read_text())
        del spec_schema(definition)["podLabels"]
        path.write_text(yaml.safe_dump(definition))
        self.helm("package", str(chart), "--destination", str(self._folder))
        return str(self._folder / f"{NAME}-{version}.tgz")

    def parts(self) -> list[str]:
        """What is there of it in the cluster."""
        kinds = (
            "customresourcedefinitions,deployments,services,serviceaccounts,networkpolicies,"
            "roles,rolebindings,clusterroles,clusterrolebindings"
        )
        label = f"app.kubernetes.io/name={NAME}"
        return self._cluster.kubectl("get", kinds, "-A", "-l", label, "-o", "name").split()

    def definition(self) -> Object:
        """The CRD in the cluster."""
        body: Object = json.loads(self._cluster.kubectl("get", "crd", CRD, "-o", "json"))
        return body

    @contextmanager
    def operator(self) -> Iterator[Operator]:
        """Run the operator as the Deployment says."""
        self._cluster.kubectl("wait", "--for=condition=Established", f"crd/{CRD}")
        text = self._cluster.kubectl("-n", NAMESPACE, "get", "deployment", NAME, "-o", "json")
        (container,) = json.loads(text)["spec"]["template"]["spec"]["containers"]
        settings = {
            entry["name"].removeprefix(PREFIX).lower(): entry["value"]
            for entry in container["env"]
            if "value" in entry
        }
        port = {"port": str(self.port), "namespace": NAMESPACE}
        operator = Operator(self._cluster, self._folder / "log", **settings | port)
        operator.start()
        try:
            yield operator
        finally:
            assert operator.stop() == 0


def spec_schema(definition: Object) -> dict[str, Any]:
    """The fields of a tenant's spec."""
    (version,) = definition["spec"]["versions"]
    fields: dict[str, Any] = version["schema"]["openAPIV3Schema"]["properties"]["spec"]
    found: dict[str, Any] = fields["properties"]
    return found


def identities(namespace: Namespace) -> dict[str, str]:
    """The uids of a tenant's objects."""
    return {name: body["metadata"]["uid"] for name, body in namespace.objects("contoso").items()}


def image(namespace: Namespace) -> str:
    """The image of the tenant's pods."""
    deployment = namespace.get("deployment", "contoso-scim")
    found: str = deployment["spec"]["template"]["spec"]["containers"][0]["image"]
    return found


@pytest.fixture(scope="module")
def cluster() -> Iterator[ControlPlane]:
    """A control plane whose CRD belongs to Helm."""
    with ControlPlane() as control_plane:
        yield control_plane


@pytest.fixture
def release(cluster: ControlPlane, tmp_path: Path) -> Iterator[Release]:
    """A release that is not installed yet; it is removed in the end."""
    release = Release(cluster, tmp_path)
    yield release
    release.helm("uninstall", NAME, "--ignore-not-found")


def test_upgrade_and_rollback(cluster: ControlPlane, release: Release) -> None:
    """A tenant keeps every object and its token through an upgrade and back; its image follows."""
    release.install(release.package("0.0.1"))
    assert "podLabels" not in spec_schema(release.definition())
    with release.operator():
        namespace = Namespace(cluster, "upgraded")
        namespace.apply("contoso")
        token = namespace.settled("contoso")
        before = identities(namespace)
        assert image(namespace).endswith(":0.0.1")

    release.install(CHART)
    assert "podLabels" in spec_schema(release.definition())
    with release.operator():
        eventually(lambda: not image(namespace).endswith(":0.0.1"))
        assert namespace.settled("contoso") == token
        assert identities(namespace) == before

    release.helm("rollback", NAME, "1")
    assert "podLabels" not in spec_schema(release.definition())
    with release.operator():
        eventually(lambda: image(namespace).endswith(":0.0.1"))
        assert namespace.settled("contoso") == token
        assert identities(namespace) == before


def test_uninstallation(cluster: ControlPlane, release: Release) -> None:
    """It leaves the CRD, tenants and data, and a new installation goes on with them."""
    release.install(CHART)
    with release.operator():
        namespace = Namespace(cluster, "left")
        namespace.apply("contoso")
        token = namespace.settled("contoso")
    before = namespace.objects("contoso")

    assert len(release.parts()) > 10
    release.helm("uninstall", NAME, "--wait")
    assert release.parts() == [f"customresourcedefinition.apiextensions.k8s.io/{CRD}"]
    assert namespace.get("scimtenant", "contoso")
    assert namespace.objects("contoso").keys() == before.keys()

    release.install(CHART)
    with release.operator():
        namespace.apply("contoso", {"displayName": "Contoso"})
        assert namespace.settled("contoso") == token
        assert identities(namespace) == {
            name: body["metadata"]["uid"] for name, body in before.items()
        }


def test_everything_is_admitted(cluster: ControlPlane, release: Release) -> None:
    """The API server knows every field of the chart's objects, monitors and rules among them."""
    module = "github.com/prometheus-operator/prometheus-operator"
    crds = source_folder("prometheus-operator", module) / "example/prometheus-operator-crd"
    for kind in MONITORING:
        definition = str(crds / f"monitoring.coreos.com_{kind}.yaml")
        cluster.kubectl("apply", "--server-side", "-f", definition)
        cluster.kubectl("wait", "--for=condition=Established", f"crd/{kind}.monitoring.coreos.com")
    parts = ("serviceMonitor", "podMonitor", "prometheusRule", "dashboard")
    release.install(CHART, *(f"--set=metrics.{part}.enabled=true" for part in parts))
    manifest = release.helm("get", "manifest", NAME)
    assert manifest.count("apiVersion: monitoring.coreos.com/v1") == len(MONITORING)
    strict = ("--server-side", "--force-conflicts", "--dry-run=server", "--validate=strict")
    cluster.kubectl("apply", *strict, "-f", "-", stdin=manifest)


def test_scrape(cluster: ControlPlane, release: Release) -> None:
    """One operator alone says that it leads, and what is known of each tenant."""
    release.install(CHART)
    tenant = ("tenant", "scraped/contoso")
    limit = ("scim_operator_tenant_max_users", tenant)

    def scrape() -> dict[tuple[Any, ...], float]:
        """What it says, once a tenant is part of it."""
        with urllib.request.urlopen(f"http://127.0.0.1:{release.port}/metrics") as response:
            families = list(text_string_to_metric_families(response.read().decode()))
        found = {
            (sample.name, *sorted(sample.labels.items())): sample.value
            for family in families
            for sample in family.samples
        }
        return found if limit in found else {}

    with release.operator():
        namespace = Namespace(cluster, "scraped")
        namespace.apply("contoso", {"provisioning": {"maxUsers": 5}})
        namespace.settled("contoso")
        # Its objects are there before the pass that looks at what became of them.
        samples = eventually(scrape)
    assert samples["leader_election_master_status", ("name", NAME)] == 1
    assert samples[limit] == 5
    condition = [key for key in samples if key[0] == "scim_operator_tenant_condition"]
    assert any(tenant in key and ("type", "Ready") in key for key in condition)
