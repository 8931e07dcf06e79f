"""The chart gives exactly the rights that are needed, and sets what can be set.

What the chart makes of its values alone is tested by its own suites (`charts/.../tests`).
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterable

import pytest
from scim_operator.rbac import CLUSTER_RIGHTS, LEADER_RIGHTS, RIGHTS, Right
from scim_operator.setting_types import ExposureRule
from scim_operator.settings import Settings, from_environment

from tests.chart.conftest import CHART, Object, Render
from tests.cluster.build import Binaries

CLUSTER_NAME = "scim-operator-scim-system"


def pick(bodies: Iterable[Object], kind: str, name: str = "scim-operator") -> list[Object]:
    """The objects of a kind and name."""
    return [body for body in bodies if (body["kind"], body["metadata"]["name"]) == (kind, name)]


def rights(role: Object) -> list[Right]:
    """A role's rules."""
    return [
        Right(group, tuple(rule["resources"]), tuple(rule["verbs"]))
        for rule in role["rules"]
        for group in rule["apiGroups"]
    ]


def settings(bodies: Iterable[Object]) -> Settings:
    """What the operator makes of its Deployment's environment."""
    (deployment,) = pick(bodies, "Deployment")
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    return from_environment(
        {entry["name"]: entry.get("value", "from-the-pod") for entry in container["env"]}
    )


def test_default_roles(render: Render) -> None:
    """By default a ClusterRole gives what the operator says it needs, and no more."""
    bodies = render()
    (role,) = pick(bodies, "ClusterRole", CLUSTER_NAME)
    assert sorted(rights(role)) == sorted(RIGHTS)
    assert pick(bodies, "ClusterRoleBinding", CLUSTER_NAME)
    assert not pick(bodies, "Role")


def test_namespaced_roles(render: Render) -> None:
    """With namespaces the same rights are given in each of them and nowhere else."""
    bodies = render("watchNamespaces={team-a,team-b}")
    roles = pick(bodies, "Role")
    assert [role["metadata"]["namespace"] for role in roles] == ["team-a", "team-b"]
    assert all(sorted(rights(role)) == sorted(RIGHTS) for role in roles)
    assert len(pick(bodies, "RoleBinding")) == 2
    assert not pick(bodies, "ClusterRole", CLUSTER_NAME)


@pytest.mark.parametrize("values", [(), ("watchNamespaces={team-a}",)])
def test_other_roles(render: Render, values: tuple[str, ...]) -> None:
    """Storage classes, and the Lease with the records of URLs, have roles of their own."""
    bodies = render(*values)
    (storage,) = pick(bodies, "ClusterRole", f"{CLUSTER_NAME}-storageclasses")
    assert rights(storage) == list(CLUSTER_RIGHTS)
    (leader,) = pick(bodies, "Role", "scim-operator-leader")
    assert rights(leader) == list(LEADER_RIGHTS)
    assert leader["metadata"]["namespace"] == "scim-system"


def test_environment(render: Render) -> None:
    """By default the operator gets its own defaults, but for what only the chart knows."""
    found = settings(render())
    known = {"namespace": "from-the-pod", "identity": "from-the-pod"}
    assert found == Settings(service_image=found.service_image, leader_elect=True, **known)
    assert "/scim-service:" in found.service_image


def test_environment_of_values(render: Render) -> None:
    """What is set in the values reaches the operator."""
    found = settings(
        render(
            "watchNamespaces={team-a,team-b}",
            "tenantNetworkPolicies.enabled=false",
            "tenantNetworkPolicies.databasePorts={5432,6432}",
            "tenantNetworkPolicies.scimPeers[0].podSelector.matchLabels.app=nginx",
            "exposure.host=\\{name\\}.example.com",
            "exposure.allow[0].namespaces={team-a}",
            "exposure.allow[0].hosts={*.example.org}",
            "exposure.tenantsMayName=false",
            "exposure.reserveFor=1h",
            "tuning.workers=3",
            "tenants.allow.podLabels={team.example.com/*}",
            "tenants.allow.resources.memory=8Gi",
        )
    )
    assert found.watch_namespaces == ("team-a", "team-b")
    assert found.network_policies is False
    assert found.database_ports == (5432, 6432)
    assert found.scim_peers == [{"podSelector": {"matchLabels": {"app": "nginx"}}}]
    assert found.default_host == "{name}.example.com"
    assert found.exposure_rules == (ExposureRule(namespaces=("team-a",), hosts=("*.example.org",)),)
    assert found.tenants_may_name is False
    assert found.reserve_urls_for == "1h"
    assert found.workers == 3
    assert found.allow.pod_labels == ("team.example.com/*",)
    assert found.allow.resources == Settings().allow.resources | {"memory": "8Gi"}


def test_suites_of_the_chart(tools: Binaries) -> None:
    """Each branch of the templates gives what its suite says."""
    done = subprocess.run(
        [tools["helm-unittest"], "--strict", CHART], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
