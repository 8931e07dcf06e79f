"""`kubectl scim` against a real API server, as a process."""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from scim_operator.api import names
from scim_operator.cli.cluster.client import Cluster
from scim_operator.cli.cluster.kubeconfig import Choice
from scim_operator.cli.cluster.pods import open_port
from scim_operator.cli.errors import ClusterError, ForbiddenError

from tests.cluster import ControlPlane
from tests.operator.tls import https
from tests.operator.world import Namespace, eventually
from tests.service.program import TOKEN, client, free_port, program

# The plugin trusts public authorities only, whatever the machine trusts.
_TRUSTING = """
import certifi, sys
certifi.where = lambda: {roots!r}
from scim_operator.cli.main import main
sys.exit(main())
"""


class Plugin:
    """The plugin, in a namespace.

    Attributes
    ----------
    roots
        The file of the authorities that it trusts; None means the public ones.
    """

    def __init__(self, cluster: ControlPlane, namespace: str) -> None:
        self.roots: Path | None = None
        self._cluster = cluster
        self._namespace = namespace

    def run(
        self, *arguments: str, code: int = 0, stdin: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """Run a command; its exit status must be as expected."""
        done = subprocess.run(
            [*self._program(), *arguments, "-n", self._namespace],
            env=self._cluster.env | {"KUBECONFIG": str(self._cluster.kubeconfig)},
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done

    def _program(self) -> list[str]:
        if self.roots is None:
            return [sys.executable, "-m", "scim_operator.cli"]
        return [sys.executable, "-c", _TRUSTING.format(roots=str(self.roots))]

    def document(self, *arguments: str, code: int = 0) -> Any:
        """Run a command for its JSON."""
        return json.loads(self.run(*arguments, "-o", "json", code=code).stdout)


@pytest.fixture
def plugin(cluster: ControlPlane, namespace: Namespace) -> Plugin:
    """The plugin, and an operator that serves its namespace."""
    return Plugin(cluster, namespace.name)


def test_connect(plugin: Plugin, namespace: Namespace) -> None:
    """The two values are those of the Secret; the token is printed only with its option."""
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
    """A tenant without a pod is shown with its reason, and the exit status is 1."""
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


def test_unknown_status(plugin: Plugin, served: httpx.Client) -> None:
    """Ready Unknown is shown with its reason, and the exit status is 3."""
    found = plugin.document("status", "contoso", code=3)
    assert (found["ready"], found["paused"], found["suspended"]) == ("Unknown", True, False)
    (line,) = plugin.run("status", "-o", "wide", code=3).stdout.splitlines()[1:]
    assert "Unknown" in line
    assert "Paused" in line
    assert "not reconciled yet" in line


def test_wide_status(plugin: Plugin, namespace: Namespace) -> None:
    """The list has the refused requests, version, last backup, and the suspended tenants."""
    namespace.apply("contoso", {"suspended": True})
    namespace.settled("contoso")
    namespace.kubectl("annotate", "scimtenant", "contoso", "scim-operator.io/paused=true")
    status = {"refused": 300, "version": "9.8.7", "lastBackup": "2026-11-25T09:00:00Z"}
    patch = json.dumps({"status": status})
    namespace.kubectl(
        *("patch", "scimtenant", "contoso", "--subresource=status", "--type=merge", "-p", patch)
    )
    line = plugin.run("status", "-o", "wide", code=1).stdout.splitlines()[1]
    for part in ("300", "9.8.7", "2026-11-25 09:00:00Z", "False", "Suspended, Paused"):
        assert part in line
    assert "9.8.7" not in plugin.run("status", code=1).stdout
    assert "9.8.7" in plugin.run("status", "contoso", code=1).stdout


def test_retained(plugin: Plugin, namespace: Namespace) -> None:
    """Objects of deleted tenants are listed with the command that erases them; others are not."""
    namespace.apply_all(["contoso", "fabrikam"])
    namespace.settle(["contoso", "fabrikam"])
    metadata = {"name": "mine", "labels": {names.TENANT_LABEL: "contoso"}}
    owners = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata}
    namespace.kubectl("create", "-f", "-", stdin=json.dumps(owners))
    assert plugin.document("retained") == []
    namespace.kubectl("delete", "scimtenant", "contoso")
    # The access credential has the tenant as its owner and is deleted with it.
    names_of = ("contoso-scim-data", "contoso-scim-digests", "contoso-scim-token")
    found = plugin.document("retained")
    assert tuple(each["name"] for each in found) == names_of
    assert {each["size"] for each in found} == {"1Gi", None}
    shown = plugin.run("retained", "-A").stdout
    command = f"kubectl delete pvc,secret -n {namespace.name} -l {names.TENANT_LABEL}=contoso,"
    (line,) = [line for line in shown.splitlines() if line.startswith(command)]
    assert "0d" in shown
    namespace.kubectl(*line.removeprefix("kubectl ").split())
    assert plugin.document("retained") == []
    assert namespace.token("fabrikam")


def test_rotate(plugin: Plugin, namespace: Namespace) -> None:
    """The command issues a new token, and the old one is still accepted."""
    namespace.apply("contoso")
    old = namespace.settled("contoso")
    done = plugin.document("rotate", "contoso")
    new = namespace.token("contoso")
    assert new != old
    assert done["revoked"] == []
    assert len(namespace.digests("contoso")) == 2

    asked = plugin.run("rotate", "contoso", stdin="n\n", code=1).stderr
    assert f"Entra has not used the token {done['token']}" in asked
    assert namespace.token("contoso") == new
    assert plugin.document("rotate", "contoso", "--yes")["token"] != done["token"]


def test_revoke(plugin: Plugin, namespace: Namespace) -> None:
    """Revocation asks first; then the service no longer accepts the old token."""
    namespace.apply("contoso")
    old = namespace.settled("contoso")
    assert "Aborted" in plugin.run("rotate", "contoso", "--revoke", stdin="n\n", code=1).stderr
    assert namespace.token("contoso") == old
    done = plugin.document("rotate", "contoso", "--revoke", "--yes")
    assert len(done["revoked"]) == 1
    assert next(iter(namespace.digests("contoso").values()))["id"] == done["token"]
    assert len(namespace.digests("contoso")) == 1
    assert namespace.token("contoso") != old


def test_rotate_existing_secret(plugin: Plugin, namespace: Namespace) -> None:
    """A token of the user's own Secret is not rotated by the operator."""
    namespace.kubectl(
        "create", "secret", "generic", "mine", f"--from-literal=secretToken={secrets.token_hex(32)}"
    )
    namespace.apply("contoso", {"token": {"existingSecret": "mine"}})
    refused = plugin.run("rotate", "contoso", code=1).stderr
    assert "write the new token there" in refused


def test_no_such_tenant(plugin: Plugin, namespace: Namespace) -> None:
    """The error about an unknown name lists the existing tenants."""
    namespace.apply("contoso")
    assert "Tenants in this namespace: contoso." in plugin.run("status", "contso", code=1).stderr
    plugin = Plugin(plugin._cluster, "default")
    refused = plugin.run("status", "contoso", code=1).stderr
    assert namespace.name in refused
    assert "has one of that name: use -n" in refused


def restricted(cluster: ControlPlane, namespace: Namespace) -> str:
    """Return the option for a user who may read tenants only."""
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
    return f"--kubeconfig={kubeconfig}"


def test_missing_right(cluster: ControlPlane, plugin: Plugin, namespace: Namespace) -> None:
    """The error names the right that the user lacks."""
    namespace.apply("contoso")
    namespace.settled("contoso")
    flag = restricted(cluster, namespace)
    assert plugin.document("connect", "contoso", flag)
    refused = plugin.run("connect", "contoso", "--show-token", flag, code=1).stderr
    assert f"you may not get secrets in namespace {namespace.name}" in refused
    refused = plugin.run("rotate", "contoso", flag, code=1).stderr
    assert "you may not patch scimtenants.scim-operator.io" in refused


def test_missing_right_to_forward(
    cluster: ControlPlane, plugin: Plugin, namespace: Namespace
) -> None:
    """Without the right to connect to a pod the error names it; without a node it names the pod."""
    namespace.apply("contoso")
    namespace.settled("contoso")
    (pod,) = eventually(lambda: namespace.pods("contoso"))
    kubeconfig = restricted(cluster, namespace).removeprefix("--kubeconfig=")
    for config, error, words in (
        (kubeconfig, ForbiddenError, "you may not get pods/portforward"),
        (str(cluster.kubeconfig), ClusterError, "the API server does not connect to the pod"),
    ):
        with (
            closing(Cluster.connect(Choice(config, namespace=namespace.name))) as found,
            pytest.raises(error, match=words),
        ):
            open_port(found, pod["metadata"]["name"], 8080)


def test_no_crd(cluster: ControlPlane) -> None:
    """In a cluster without the definition the error says so, not that the tenant is missing."""
    with ControlPlane() as bare:
        refused = Plugin(bare, "default").run("status", "contoso", code=1).stderr
    assert "install the operator's chart" in refused


@pytest.mark.parametrize("arguments", [("status", "-A", "contoso"), ("connect",), ("sing",)])
def test_usage(plugin: Plugin, arguments: tuple[str, ...]) -> None:
    """A wrong command line has an exit status of its own."""
    assert "Usage:" in plugin.run(*arguments, code=2).stderr


@pytest.fixture
def served(plugin: Plugin, namespace: Namespace, tmp_path: Path) -> Iterator[httpx.Client]:
    """A tenant whose Tenant URL leads to a service of this process, because there is no node."""
    with (
        program(f"sqlite:///{tmp_path}/scim.db") as (_, url),
        https(httpx.URL(url).port or 0, tmp_path) as (port, plugin.roots),
    ):
        body = {
            "apiVersion": "scim-operator.io/v1alpha1",
            "kind": "ScimTenant",
            # Paused, so that the operator does not change the Tenant URL.
            "metadata": {
                "name": "contoso",
                "annotations": {"scim-operator.io/paused": "true"},
            },
            "spec": {},
        }
        namespace.kubectl("apply", "-f", "-", stdin=json.dumps(body))
        namespace.kubectl(
            *("create", "secret", "generic", "contoso-scim-token"),
            f"--from-literal=secretToken={TOKEN}",
        )
        _point(namespace, f"https://127.0.0.1:{port}{httpx.URL(url).path}")
        with client(url) as scim:
            yield scim


def _point(namespace: Namespace, url: str) -> None:
    patch = json.dumps({"status": {"tenantURL": url}})
    namespace.kubectl(
        *("patch", "scimtenant", "contoso", "--subresource=status", "--type=merge", "-p", patch)
    )


def test_the_connection(plugin: Plugin, served: httpx.Client) -> None:
    """A service that answers as Entra expects passes the test."""
    found = plugin.document("test", "contoso")
    assert [check["name"] for check in found["checks"]] == [
        *("connection", "user query", "group query")
    ]
    assert [check["outcome"] for check in found["checks"][1:]] == ["ok", "ok"]
    assert "at the Tenant URL" in found["checks"][1]["message"]


def test_the_connection_with_a_wrong_token(
    plugin: Plugin, served: httpx.Client, namespace: Namespace
) -> None:
    """A token that the service does not accept is a problem."""
    namespace.kubectl("delete", "secret", "contoso-scim-token")
    namespace.kubectl(
        *("create", "secret", "generic", "contoso-scim-token", "--from-literal=secretToken=wrong")
    )
    found = plugin.document("test", "contoso", code=1)
    (user, group) = found["checks"][1:]
    assert user["outcome"] == group["outcome"] == "problem"
    assert "the service does not accept the token" in user["message"]


def test_users_and_groups(plugin: Plugin, served: httpx.Client) -> None:
    """All resources are listed over pages and with filters, and cannot control the terminal."""
    ids = []
    for number in range(120):
        user = {"userName": f"user{number:03}", "active": number % 2 == 0}
        ids.append(served.post("/Users", json=user).json()["id"])
    group = {"displayName": "Staff\x1b[31m", "members": [{"value": one} for one in ids[:3]]}
    assert served.post("/Groups", json=group).status_code == 201

    everyone = plugin.document("users", "contoso", "--limit", "0")
    assert sorted(user["userName"] for user in everyone) == [f"user{n:03}" for n in range(120)]
    assert len(plugin.document("users", "contoso", "--limit", "110")) == 110
    active = plugin.document("users", "contoso", "--filter", "active eq true", "--limit", "0")
    assert len(active) == 60
    assert "The first 100; --limit 0 lists all." in plugin.run("users", "contoso").stdout
    (line,) = plugin.run("groups", "contoso").stdout.splitlines()[1:]
    assert line.split()[:2] == ["Staff\ufffd[31m", "3"]

    refused = plugin.run("users", "contoso", "--filter", "active is true", code=1).stderr
    assert "was answered with 400 at the Tenant URL" in refused


def test_no_way_to_the_tenant(plugin: Plugin, served: httpx.Client, namespace: Namespace) -> None:
    """Without a listener at the Tenant URL and without a ready pod, the error names both."""
    _point(namespace, f"http://127.0.0.1:{free_port()}/scim")
    for command in ("users", "groups", "activity"):
        assert "no pod of" in plugin.run(command, "contoso", code=1).stderr
    connection, *queries = plugin.document("test", "contoso", code=3)["checks"]
    assert "inside the cluster only" in connection["message"]
    for query in queries:
        assert (query["outcome"], "no pod of" in query["message"]) == ("unknown", True)


def test_doctor(plugin: Plugin, served: httpx.Client) -> None:
    """Facts of a running pod are unknown without one; all other checks are made."""
    served.post("/Users", json={"userName": "ada", "emails": [{"value": "ada@contoso.example"}]})
    served.post("/Users", json={"userName": "grace"})
    found = plugin.document("doctor", "contoso", "--user", "ada@contoso.example", code=1)
    checks = {check["name"]: check for check in found["checks"]}
    assert checks["operator"]["outcome"] == "warning"
    assert "paused" in checks["operator"]["message"]
    assert checks["pods"]["outcome"] == "problem"
    assert checks["traffic"]["outcome"] == "unknown"
    assert checks["user query"]["outcome"] == "ok"
    assert checks["mail"]["message"] == "1 active users have no e-mail address"
    assert checks["mail"]["by"] == "Entra administrator"
    assert checks["user ada@contoso.example"]["outcome"] == "ok"


def test_doctor_without_rights(cluster: ControlPlane, plugin: Plugin, namespace: Namespace) -> None:
    """A missing right makes its checks unknown, and they name the right."""
    namespace.apply("contoso")
    namespace.settled("contoso")
    flag = restricted(cluster, namespace)
    checks = {
        check["name"]: check
        for check in plugin.document("doctor", "contoso", flag, code=1)["checks"]
    }
    assert checks["operator"]["outcome"] == "ok"
    assert checks["Available"]["outcome"] == "problem"
    assert "you may not list pods" in checks["pods"]["message"]
    assert "you may not get secrets" in checks["token"]["message"]
    assert "you may not get secrets" in checks["user query"]["message"]
    assert "Provisioning" in checks
    assert not any("kubectl scim doctor" in text for text in _texts(checks))


def test_doctor_with_tenants_only(
    cluster: ControlPlane, plugin: Plugin, served: httpx.Client, namespace: Namespace
) -> None:
    """With the right to read tenants only, no problem is found, and the exit status is 3."""
    flag = restricted(cluster, namespace)
    condition = {
        "status": "True",
        "message": "",
        "lastTransitionTime": "2026-11-25T09:00:00Z",
        "observedGeneration": 1,
    }
    aspects = {"Ready": "Ready", "Available": "Serving", "Provisioning": "Active"}
    status = {
        "observedGeneration": 1,
        "users": 2,
        "activeUsers": 2,
        "groups": 1,
        "tokens": [
            {
                "id": "abcdefgh",
                "createdAt": "2026-11-25T09:00:00Z",
                "lastUsed": "2026-11-25T10:00:00Z",
            }
        ],
        "conditions": [
            {"type": kind, "reason": reason, **condition} for kind, reason in aspects.items()
        ],
    }
    patch = json.dumps({"status": status})
    namespace.kubectl(
        *("patch", "scimtenant", "contoso", "--subresource=status", "--type=merge", "-p", patch)
    )
    found = plugin.document("doctor", "contoso", flag, code=3)
    assert (found["ok"], found["complete"]) == (True, False)
    unknown = {each["name"] for each in found["checks"] if each["outcome"] == "unknown"}
    assert unknown == {"user query", "group query", "attributes", "members", "mail"}
    assert "a SCIM server answers at" in next(
        each["message"] for each in found["checks"] if each["name"] == "connection"
    )


def _texts(checks: dict[str, Any]) -> Iterator[str]:
    for each in checks.values():
        yield each["message"]
        yield each["remedy"]
