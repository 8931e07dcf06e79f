"""`kubectl scim plan` with the chart's manifests, against a real API server."""

from __future__ import annotations

import subprocess

from tests.cluster import ControlPlane
from tests.operator.install import NAMESPACE
from tests.operator.test_plugin import Plugin
from tests.operator.world import Namespace

CHART = "charts/scim-operator"
OLD = ("--set", "service.image.tag=v1")
POSTGRES = {"postgres": {"urlFrom": {"name": "pg", "key": "url"}}}


def _rendered(cluster: ControlPlane, namespace: Namespace, *values: str) -> str:
    return subprocess.run(
        [
            *("helm", "template", "planned", CHART, "--namespace", NAMESPACE),
            *("--set", f"watchNamespaces={{{namespace.name}}}", *values),
        ],
        env=cluster.env,
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def test_plan(cluster: ControlPlane, admission: Namespace) -> None:
    """The plan names each value that replaces pods, with the number of tenants."""
    plugin = Plugin(cluster, admission.name)
    admission.apply_all(["lite", "other"])
    admission.apply("public", {"exposure": {"host": "scim.example.com", "path": "/scim"}})
    admission.apply("postgres", {"database": POSTGRES})
    admission.apply("idle", {"suspended": True})
    before = _rendered(cluster, admission, *OLD)
    deployment = before.split("# Source: scim-operator/templates/deployment.yaml")[1]
    cluster.kubectl("apply", "-f", "-", stdin=deployment.split("\n---")[0])

    nothing = plugin.run("plan", "-f", "-", stdin=before).stdout
    assert nothing.startswith("0 of 5 tenants restart, 20 at a time.\n1 are suspended")
    values = (
        *("--set", "service.image.tag=v2", "--set", "clusterDomain=example.internal"),
        *("--set", "log.level=debug", "--set", "service.rolloutLimit=3"),
    )
    after = _rendered(cluster, admission, *values)
    found = plugin.run("plan", "-f", "-", "-o", "json", stdin=after).stdout
    shown = plugin.run("plan", "-f", "-", stdin=after).stdout
    assert "4 of 5 tenants restart, 3 at a time." in shown
    assert "3 of them use SQLite" in shown
    rows = [line.split() for line in shown.splitlines()]
    (image,) = (row for row in rows if row[0] == "service.image")
    assert (image[1][-3:], image[2][-3:], image[3]) == (":v1", ":v2", "4")
    assert ["clusterDomain", "cluster.local", "example.internal", "3"] in rows
    assert ["SCIM_OPERATOR_LOG_LEVEL", "info", "debug", "-"] in rows
    assert '"restarts": 4' in found

    missing = plugin.run("plan", "-f", "-", stdin="kind: Service\n", code=1).stderr
    assert "helm template" in missing
    elsewhere = after.replace("name: planned-scim-operator", "name: unknown-scim-operator")
    unknown = plugin.run("plan", "-f", "-", stdin=elsewhere, code=1).stderr
    assert "there is no Deployment unknown-scim-operator" in unknown
