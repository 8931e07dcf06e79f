"""The chart as others use it: in a parent chart, twice, over kubectl's CRD, with old values."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.chart.conftest import CHART, Object, Render
from tests.cluster import ControlPlane
from tests.cluster.build import Binaries

CRD = "scimtenants.scim-operator.io"
CRD_FILE = "crds/scim-operator.io_scimtenants.yaml"
FREE = (
    *("resources", "annotations", "labels", "alertLabels", "commonLabels", "podAnnotations"),
    *("podLabels", "nodeSelector", "affinity"),
)
"""Maps whose keys are the administrator's, so that there is none that has to be there."""


@pytest.fixture
def cluster() -> Iterator[ControlPlane]:
    """A control plane without the CRD of the other tests."""
    with ControlPlane() as control_plane:
        yield control_plane


def helm(cluster: ControlPlane, *arguments: str) -> str:
    """Run Helm; return what went wrong, empty if nothing did."""
    done = subprocess.run(
        ["helm", *arguments], env=cluster.env, capture_output=True, text=True, check=False
    )
    return done.stderr if done.returncode else ""


def install(cluster: ControlPlane, chart: str | Path, namespace: str, *options: str) -> str:
    """Install or upgrade a release in a namespace; return what went wrong."""
    name = ("upgrade", "scim-operator", str(chart), "--install")
    return helm(cluster, *name, "--namespace", namespace, "--create-namespace", *options)


def changed(folder: Path) -> Path:
    """Return a copy of the chart whose CRD has another description."""
    chart = folder / "changed"
    shutil.copytree(CHART, chart)
    (path,) = (chart / "files/crds").iterdir()
    path.write_text(path.read_text().replace("Display name; ", "The customer's name; "))
    return chart


def test_subchart(tools: Binaries, tmp_path: Path) -> None:
    """A parent chart turns it on by a condition, and gives it global values."""
    parent = tmp_path / "platform"
    shutil.copytree(CHART, parent / "charts" / "scim-operator")
    (parent / "Chart.yaml").write_text(
        yaml.safe_dump(
            {
                "apiVersion": "v2",
                "name": "platform",
                "version": "1.0.0",
                "dependencies": [
                    {
                        "name": "scim-operator",
                        "version": ">=0.0.0-0",
                        "condition": "scim-operator.enabled",
                    }
                ],
            }
        )
    )
    values: Object = {"global": {"region": "eu"}, "scim-operator": {"enabled": True}}
    (parent / "values.yaml").write_text(yaml.safe_dump(values))
    command = [tools["helm"], "template", "platform", str(parent)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    kinds = [body["kind"] for body in yaml.safe_load_all(done.stdout) if body]
    assert kinds.count("Deployment") == 1
    off = [*command, "--set=scim-operator.enabled=false"]
    assert not subprocess.run(off, capture_output=True, text=True, check=True).stdout.strip()


def test_two_releases_of_one_name(cluster: ControlPlane) -> None:
    """The second, in another namespace, is told whose the CRD is, and installs without it."""
    for team in ("team-a", "team-b"):
        cluster.kubectl("create", "namespace", team)
    assert not install(cluster, CHART, "first", "--set=watchNamespaces={team-a}")
    other = "--set=watchNamespaces={team-b}"
    refused = install(cluster, CHART, "second", other)
    assert "belongs to the release scim-operator in namespace first" in refused
    assert "--set crds.install=false" in refused
    assert not install(cluster, CHART, "second", other, "--set=crds.install=false")


@pytest.mark.parametrize("mode", ["--server-side=false", "--server-side"])
def test_a_crd_that_kubectl_applied(cluster: ControlPlane, tmp_path: Path, mode: str) -> None:
    """Helm refuses it with the command that hands it over, and after it changes it at will."""
    cluster.kubectl("apply", mode, "-f", CRD_FILE)
    refused = install(cluster, CHART, "scim-system")
    found = re.search(r"with: (kubectl patch .*}')", refused)
    assert found is not None, refused
    cluster.kubectl(*shlex.split(found[1])[1:])
    assert not install(cluster, CHART, "scim-system")
    assert not install(cluster, changed(tmp_path), "scim-system")
    assert "The customer's name" in cluster.kubectl("get", "crd", CRD, "-o", "yaml")
    # Whoever applies it by hand again meets the same sentence, before Helm's conflict.
    cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", CRD_FILE)
    assert "belongs to kubectl" in install(cluster, changed(tmp_path / "again"), "scim-system")


def test_values_of_an_earlier_release(cluster: ControlPlane, tmp_path: Path) -> None:
    """With --reuse-values a missing section is named, and a missing value is the default."""
    earlier = tmp_path / "earlier"
    shutil.copytree(CHART, earlier)
    values = yaml.safe_load((earlier / "values.yaml").read_text())
    del values["service"]["rolloutTimeout"], values["tenantNetworkPolicies"]["egress"]
    del values["platform"]
    (earlier / "values.yaml").write_text(yaml.safe_dump(values))
    assert not install(cluster, earlier, "scim-system", "--set=replicaCount=2")
    assert not install(cluster, CHART, "scim-system", "--reuse-values")
    text = cluster.kubectl("-n", "scim-system", "get", "deployment", "scim-operator", "-o", "json")
    found = json.loads(text)
    assert found["spec"]["replicas"] == 2
    (container,) = found["spec"]["template"]["spec"]["containers"]
    environment = {entry["name"]: entry.get("value") for entry in container["env"]}
    assert "SCIM_OPERATOR_ROLLOUT_TIMEOUT" not in environment
    assert "<nil>" not in environment.values()

    del values["tenants"]
    (earlier / "values.yaml").write_text(yaml.safe_dump(values))
    other = ("--namespace", "older", "--create-namespace", "--set=crds.install=false")
    (earlier / "templates" / "validation.yaml").unlink()
    deployment = earlier / "templates" / "deployment.yaml"
    text = deployment.read_text().replace("(toJson .Values.tenants.allow)", '"{}"')
    deployment.write_text(text)
    assert not helm(cluster, "install", "scim-operator", str(earlier), *other)
    refused = helm(cluster, "upgrade", "scim-operator", CHART, *other, "--reuse-values")
    assert "no section tenants" in refused
    assert "--reset-then-reuse-values" in refused
    kept = ("--reset-then-reuse-values",)
    assert not helm(cluster, "upgrade", "scim-operator", CHART, *other, *kept)


def test_every_section_is_looked_for(render: Render) -> None:
    """Whichever section of the values is missing, the error names it."""
    values = yaml.safe_load((Path(CHART) / "values.yaml").read_text())
    sections = list(_sections(values))
    assert "networkPolicy.egress" in sections
    for section in sections:
        with pytest.raises(ValueError, match=f"no section {section}:"):
            render(f"{section}=null")


def _sections(values: Object, prefix: str = "") -> Iterator[str]:
    for key, value in values.items():
        if isinstance(value, dict) and key not in FREE:
            yield f"{prefix}{key}"
            yield from _sections(value, f"{prefix}{key}.")
