"""`kubectl scim` against a real API server, as a process."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from tests.cluster import ControlPlane
from tests.operator.world import Namespace, eventually


class Plugin:
    """The plugin, in a namespace."""

    def __init__(self, cluster: ControlPlane, namespace: str) -> None:
        self._cluster = cluster
        self._namespace = namespace

    def run(
        self, *arguments: str, code: int = 0, stdin: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """Run a command; its exit status must be as expected."""
        done = subprocess.run(
            [sys.executable, "-m", "scim_operator.cli", *arguments, "-n", self._namespace],
            env=self._cluster.env | {"KUBECONFIG": str(self._cluster.kubeconfig)},
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done

    def document(self, *arguments: str, code: int = 0) -> Any:
        """Run a command for its JSON."""
        return json.loads(self.run(*arguments, "-o", "json", code=code).stdout)


@pytest.fixture
def plugin(cluster: ControlPlane, namespace: Namespace) -> Plugin:
    """The plugin, beside an operator at work."""
    return Plugin(cluster, namespace.name)


def test_connect(plugin: Plugin, namespace: Namespace) -> None:
    """The two values are those of the Secret, and the token is printed only when asked for."""
    namespace.apply("contoso", {"exposure": {"host": f"{namespace.name}.example.com"}})
    token = namespace.settled("contoso")
    url = f"https://{namespace.name}.example.com/{namespace.name}/contoso/scim"

    silent = plugin.run("connect", "contoso").stdout
    assert url in silent
    assert token not in silent
    assert "Sync only assigned users and groups" in silent
    assert 'emails[type eq "work"].value' in silent
    assert "secretToken" not in plugin.document("connect", "contoso")

    shown = plugin.document("connect", "contoso", "--show-token")
    assert (shown["tenantURL"], shown["secretToken"]) == (url, token)


def test_status(plugin: Plugin, namespace: Namespace) -> None:
    """A tenant without a pod is shown with its reason, and the exit status says so."""
    namespace.apply("contoso")
    namespace.settled("contoso")
    reason = "StorageClassMissing"
    eventually(lambda: namespace.condition("contoso", "Ready").get("reason") == reason, 30)
    found = plugin.document("status", "contoso", code=1)
    (ready,) = (each for each in found["conditions"] if each["type"] == "Ready")
    assert (ready["status"], ready["reason"]) == ("False", reason)
    assert ready["message"] in plugin.run("status", "contoso", code=1).stdout
    (listed,) = plugin.document("status", code=1)
    assert listed["name"] == "contoso"


def test_rotate(plugin: Plugin, namespace: Namespace) -> None:
    """After the command the new token is there, and the old one is accepted still."""
    namespace.apply("contoso")
    old = namespace.settled("contoso")
    done = plugin.document("rotate", "contoso")
    new = namespace.token("contoso")
    assert new != old
    assert done["revoked"] == []
    assert len(namespace.digests("contoso")) == 2


def test_revoke(plugin: Plugin, namespace: Namespace) -> None:
    """Revocation asks first; then the old token is accepted no longer."""
    namespace.apply("contoso")
    old = namespace.settled("contoso")
    assert "Aborted" in plugin.run("rotate", "contoso", "--revoke", stdin="n\n", code=1).stderr
    assert namespace.token("contoso") == old
    done = plugin.document("rotate", "contoso", "--revoke", "--yes")
    assert len(done["revoked"]) == 1
    assert next(iter(namespace.digests("contoso").values()))["id"] == done["token"]
    assert len(namespace.digests("contoso")) == 1
    assert namespace.token("contoso") != old


def test_rotate_of_a_foreign_token(plugin: Plugin, namespace: Namespace) -> None:
    """A token that its owner writes is rotated by its owner."""
    namespace.kubectl(
        "create", "secret", "generic", "mine", "--from-literal=secretToken=" + "x" * 40
    )
    namespace.apply("contoso", {"token": {"existingSecret": "mine"}})
    refused = plugin.run("rotate", "contoso", code=1).stderr
    assert "write the new token there" in refused


def test_no_such_tenant(plugin: Plugin, namespace: Namespace) -> None:
    """Who mistypes a name reads those that there are."""
    namespace.apply("contoso")
    assert "Those there are: contoso." in plugin.run("status", "contso", code=1).stderr
    plugin = Plugin(plugin._cluster, "default")
    refused = plugin.run("status", "contoso", code=1).stderr
    assert "One of that name is in namespace" in refused
    assert namespace.name in refused


def test_missing_right(cluster: ControlPlane, plugin: Plugin, namespace: Namespace) -> None:
    """Who lacks a right reads which."""
    namespace.apply("contoso")
    namespace.settled("contoso")
    namespace.kubectl("create", "serviceaccount", "reader")
    namespace.kubectl(
        *("create", "role", "reader", "--verb=get,list", "--resource=scimtenants.scim-operator.io")
    )
    namespace.kubectl(
        *("create", "rolebinding", "reader", "--role=reader"),
        f"--serviceaccount={namespace.name}:reader",
    )
    token = namespace.kubectl("create", "token", "reader").strip()
    config = json.loads(cluster.kubectl("config", "view", "--raw", "--minify", "-o", "json"))
    config["users"][0]["user"] = {"token": token}
    kubeconfig = cluster.folder / f"{namespace.name}.json"
    kubeconfig.write_text(json.dumps(config), encoding="utf-8")
    flag = f"--kubeconfig={kubeconfig}"

    eventually(lambda: plugin.document("connect", "contoso", flag))
    refused = plugin.run("connect", "contoso", "--show-token", flag, code=1).stderr
    assert f"you may not get secrets in namespace {namespace.name}" in refused
    refused = plugin.run("rotate", "contoso", flag, code=1).stderr
    assert "you may not patch scimtenants.scim-operator.io" in refused


def test_no_crd(cluster: ControlPlane) -> None:
    """In a cluster without the operator the plugin says so, and not that the tenant is missing."""
    with ControlPlane() as bare:
        refused = Plugin(bare, "default").run("status", "contoso", code=1).stderr
    assert "install the operator's chart" in refused


@pytest.mark.parametrize("arguments", [("status", "-A", "contoso"), ("connect",), ("sing",)])
def test_usage(plugin: Plugin, arguments: tuple[str, ...]) -> None:
    """A wrong command line is told from a finding."""
    assert "Usage:" in plugin.run(*arguments, code=2).stderr
