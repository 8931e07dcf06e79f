"""What the operator's own account cannot do, with the chart's rights and admission policies.

Whoever has taken over the operator's pod has its account. The requests here are sent as that
account, to a real API server.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from scim_operator.api import names

from tests.cluster import ClusterError, ControlPlane
from tests.operator.install import ACCOUNT, NAMESPACE, Installation
from tests.operator.world import COLLECTION_S, Namespace, Object, eventually

AS_OPERATOR = f"--as=system:serviceaccount:{NAMESPACE}:{ACCOUNT}"
LABELS = {"scim-operator.io/tenant": "contoso"}
POSTGRES = {"postgres": {"urlFrom": {"name": "pg", "key": "url"}}}


def _refusal(cluster: ControlPlane, *arguments: str, body: Object | None = None) -> str:
    """What the API server answers the operator's account; empty if it obeys."""
    try:
        cluster.kubectl(AS_OPERATOR, *arguments, stdin=json.dumps(body) if body else None)
    except ClusterError as error:
        return str(error)
    return ""


def _secret(name: str, namespace: str, kind: str = "Opaque", **metadata: Any) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": kind,
        "metadata": {"name": name, "namespace": namespace} | metadata,
    }


@pytest.fixture
def tenant(installation: Installation, unserved: Namespace) -> Namespace:
    """A namespace with the objects of a tenant, which the account has made."""
    unserved.kubectl("create", "secret", "generic", "pg", "--from-literal=url=postgresql://h/d")
    host = f"{unserved.name}.example.com"
    with installation.operator("maker", watch_namespaces=unserved.name):
        unserved.apply("contoso", {"exposure": {"host": host, "ingress": {}}})
        unserved.settled("contoso")
    return unserved


@pytest.mark.finding(16)
def test_account_of_an_administrator(fragile: ControlPlane, tenant: Namespace) -> None:
    """It mints no token of a service account by a Secret, whatever name and label that has."""
    account = {"kubernetes.io/service-account.name": "admin"}
    kind = "kubernetes.io/service-account-token"
    for name, labels in (("stolen", {}), ("contoso-scim-access", LABELS), ("x-scim-token", LABELS)):
        body = _secret(name, "kube-system", kind, labels=labels, annotations=account)
        assert "denied request" in _refusal(fragile, "create", "-f", "-", body=body)
    body = _secret("x-scim-token", "kube-system", kind, labels={"scim-operator.io/tenant": "x"})
    body["metadata"]["annotations"] = account
    assert "type Opaque only" in _refusal(fragile, "create", "-f", "-", body=body)


@pytest.mark.finding(16)
def test_secrets_of_others(fragile: ControlPlane, tenant: Namespace) -> None:
    """It changes and deletes no Secret but those of tenants, in any namespace."""
    for namespace in ("kube-system", tenant.name):
        fragile.kubectl("-n", namespace, "create", "secret", "generic", "contoso-scim-other")
        fragile.kubectl("-n", namespace, "create", "secret", "generic", "fabrikam-scim-token")
        for name in ("contoso-scim-other", "fabrikam-scim-token"):
            for arguments in (
                ("delete", "secret", name),
                ("label", "secret", name, "scim-operator.io/tenant=fabrikam"),
                ("patch", "secret", name, '--patch={"data":{"a":"AA=="}}'),
            ):
                assert "denied request" in _refusal(fragile, "-n", namespace, *arguments), arguments
        fragile.kubectl("-n", namespace, "delete", "secret", "fabrikam-scim-token")
    own = _secret("contoso-scim-token", tenant.name, labels=LABELS)
    assert not _refusal(fragile, "delete", "-f", "-", body=own)


@pytest.mark.finding(16)
def test_own_namespace(fragile: ControlPlane, tenant: Namespace) -> None:
    """In its own namespace it makes its key, and its records of URLs, and nothing else."""
    assert "denied request" in _refusal(
        fragile, "create", "-f", "-", body=_secret("other", NAMESPACE)
    )
    key = ("-n", NAMESPACE, "secret", "scim-operator-key")
    assert fragile.kubectl("get", *key)
    assert "denied request" in _refusal(fragile, "delete", *key)
    assert "denied request" in _refusal(fragile, "label", *key, "example.com/other=x")
    elsewhere = _secret("scim-operator-key", tenant.name)
    assert "denied request" in _refusal(fragile, "create", "-f", "-", body=elsewhere)

    def record(namespace: str, **labels: str) -> str:
        body = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "record", "namespace": namespace, "labels": labels},
        }
        return _refusal(fragile, "create", "--dry-run=server", "-f", "-", body=body)

    claim = {"scim-operator.io/claim": "scim-operator"}
    assert not record(NAMESPACE, **claim)
    assert "denied request" in record(tenant.name, **claim)
    assert "denied request" in record(NAMESPACE)


def _privileged(pod: Object) -> None:
    pod["containers"][0]["securityContext"] |= {
        "privileged": True,
        "allowPrivilegeEscalation": True,
    }


def _escalating(pod: Object) -> None:
    del pod["containers"][0]["securityContext"]["allowPrivilegeEscalation"]


def _capable(pod: Object) -> None:
    pod["containers"][0]["securityContext"]["capabilities"] = {"add": ["SYS_ADMIN"]}


def _root(pod: Object) -> None:
    del pod["securityContext"]["runAsNonRoot"]
    pod["containers"][0]["securityContext"]["runAsUser"] = 0


def _unconfined(pod: Object) -> None:
    pod["securityContext"]["seccompProfile"] = {"type": "Unconfined"}


def _host_path(pod: Object) -> None:
    pod["volumes"].append({"name": "host", "hostPath": {"path": "/"}})


def _token(pod: Object) -> None:
    pod["volumes"].append(
        {"name": "t", "projected": {"sources": [{"serviceAccountToken": {"path": "token"}}]}}
    )


def _mounted_token(pod: Object) -> None:
    del pod["automountServiceAccountToken"]


def _account(pod: Object) -> None:
    pod["serviceAccountName"] = "admin"


def _image(pod: Object) -> None:
    pod["containers"][0]["image"] = "scim-service.attacker.example/x:1"


def _init(pod: Object) -> None:
    pod["initContainers"] = [{"name": "init", "image": "scim-service:1"}]


def _host_port(pod: Object) -> None:
    pod["containers"][0]["ports"][0]["hostPort"] = 443


def _host(field: str) -> Callable[[Object], None]:
    def weaken(pod: Object) -> None:
        pod[field] = True

    return weaken


@pytest.mark.finding(16)
def test_pods(fragile: ControlPlane, tenant: Namespace) -> None:
    """No pod of it has more than the restricted profile gives, or another image."""
    live = tenant.get("deployment", "contoso-scim")
    metadata = {"name": "contoso-scim", "namespace": "kube-system", "labels": LABELS}
    deployment = {key: live[key] for key in ("apiVersion", "kind", "spec")} | {"metadata": metadata}
    dry = ("create", "--dry-run=server", "-f", "-")
    assert not _refusal(fragile, *dry, body=deployment)
    for weaken in (
        *map(_host, ("hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace")),
        *(_privileged, _escalating, _capable, _root, _unconfined, _host_path, _host_port),
        *(_token, _mounted_token, _account, _image, _init),
    ):
        body = copy.deepcopy(deployment)
        weaken(body["spec"]["template"]["spec"])
        assert "denied request" in _refusal(fragile, *dry, body=body), weaken
    body = deployment | {"metadata": metadata | {"name": "other"}}
    assert "denied request" in _refusal(fragile, *dry, body=body)


def _set(path: str, value: Any) -> Object:
    return {"op": "add", "path": path, "value": value}


OTHER = {"service": {"name": "payments", "port": {"number": 80}}}
TRAFFIC = (
    ("service", _set("/spec/externalIPs", ["192.0.2.1"])),
    ("service", _set("/spec/type", "LoadBalancer")),
    ("service", _set("/spec/selector", {"app": "payments"})),
    ("networkpolicy", _set("/spec/podSelector", {})),
    ("ingress", _set("/spec/rules/0/http/paths/0/backend", OTHER)),
    ("ingress", _set("/spec/defaultBackend", OTHER)),
)


@pytest.mark.finding(16)
def test_traffic(fragile: ControlPlane, tenant: Namespace) -> None:
    """It takes no address, and turns no traffic to or from the pods of others."""
    for kind, operation in TRAFFIC:
        patch = ("patch", kind, "contoso-scim", "--type=json", f"--patch={json.dumps([operation])}")
        said = _refusal(fragile, "-n", tenant.name, *patch)
        assert "denied request" in said, operation


TENANT_CHANGES: list[Object] = [
    {"spec": {"suspended": True}},
    {"metadata": {"annotations": {names.REVOKE_ANNOTATION: "1"}}},
    {"metadata": {"annotations": {"example.com/owner": None}}},
    {"metadata": {"annotations": {names.SERVED_ANNOTATION: "true"}}, "spec": {"displayName": "x"}},
    {"metadata": {"labels": {"team": "b"}}},
    {"metadata": {"finalizers": ["example.com/hold"]}},
]


@pytest.mark.finding(16)
def test_tenants(fragile: ControlPlane, tenant: Namespace) -> None:
    """Of a ScimTenant it writes the one annotation and nothing else."""
    tenant.kubectl("annotate", "scimtenant", "contoso", "example.com/owner=team-a")
    patch = ("-n", tenant.name, "patch", "scimtenant", "contoso", "--type=merge")
    for change in TENANT_CHANGES:
        said = _refusal(fragile, *patch, f"--patch={json.dumps(change)}")
        assert "has-served only" in said, change
    assert _refusal(fragile, "-n", tenant.name, "delete", "scimtenant", "contoso")
    mark = {"metadata": {"annotations": {names.SERVED_ANNOTATION: "true"}}}
    assert not _refusal(fragile, *patch, f"--patch={json.dumps(mark)}")


@pytest.mark.usefixtures("installation")
def test_expressions(fragile: ControlPlane) -> None:
    """The API server finds nothing wrong with the policies' expressions."""

    def checked() -> list[Object]:
        kind = "validatingadmissionpolicies"
        found = json.loads(fragile.kubectl("get", kind, "-o", "json"))["items"]
        return [
            each.get("status", {}) for each in found if "typeChecking" in each.get("status", {})
        ]

    eventually(lambda: len(checked()) == 4)
    assert [each["typeChecking"] for each in checked()] == [{}, {}, {}, {}]


@pytest.mark.finding(16)
def test_others_are_not_bound(tenant: Namespace) -> None:
    """The policies speak of the operator's account alone."""
    tenant.kubectl("create", "secret", "generic", "anything")
    tenant.kubectl("delete", "secret", "anything")


@pytest.mark.finding(16, 26)
def test_life(installation: Installation, unserved: Namespace) -> None:
    """Within these bounds a tenant is made, changed, repaired, moved and ended."""
    unserved.kubectl("create", "secret", "generic", "pg", "--from-literal=url=postgresql://h/d")
    host = f"{unserved.name}.example.com"
    exposure = {"host": host, "ingress": {"tlsSecretName": "tls"}}
    with installation.operator("life", watch_namespaces=unserved.name) as (operator, _):
        unserved.apply("contoso", {"exposure": exposure, "deletionPolicy": "Delete"})
        unserved.apply("fabrikam", {"database": POSTGRES, "replicas": 2})
        unserved.settle(["contoso", "fabrikam"])
        assert "poddisruptionbudget" in unserved.kubectl("get", "pdb", "-o", "name")

        weaken = {"spec": {"template": {"spec": {"hostNetwork": True}}}}
        unserved.kubectl("patch", "deployment", "contoso-scim", f"--patch={json.dumps(weaken)}")
        ips = {"spec": {"externalIPs": ["192.0.2.1"]}}
        unserved.kubectl("patch", "service", "contoso-scim", f"--patch={json.dumps(ips)}")
        unserved.kubectl("label", "configmap", "contoso-scim-config", "scim-operator.io/tenant-")

        def is_repaired() -> bool:
            found = unserved.objects("contoso")
            if "ConfigMap/contoso-scim-config" not in found:
                return False
            pod = found["Deployment/contoso-scim"]["spec"]["template"]["spec"]
            addresses = found["Service/contoso-scim"]["spec"].get("externalIPs")
            return "hostNetwork" not in pod and not addresses

        eventually(is_repaired, 30)
        unserved.kubectl("annotate", "scimtenant", "contoso", "scim-operator.io/rotate-token=1")
        eventually(lambda: len(unserved.digests("contoso")) == 2)
        unserved.apply("contoso", {"suspended": True, "deletionPolicy": "Delete"})
        eventually(lambda: not unserved.get("ingress", "contoso-scim"))
        unserved.kubectl("delete", "scimtenant", "--all")
        eventually(lambda: not unserved.objects("contoso"), COLLECTION_S)
        assert "denied request" not in operator.log()


@pytest.mark.finding(16)
def test_stripped(installation: Installation, unserved: Namespace) -> None:
    """What lost all that says whose it is is refused, which the condition tells with the remedy."""
    with installation.operator("stripped", watch_namespaces=unserved.name):
        unserved.apply("contoso", {"deletionPolicy": "Retain"})
        token = unserved.settled("contoso")
        fields = ("labels", "annotations")
        operations = [{"op": "remove", "path": f"/metadata/{field}"} for field in fields]
        unserved.kubectl(
            *("patch", "secret", "contoso-scim-token", "--type=json"),
            *("-p", json.dumps(operations)),
        )

        def told() -> str:
            condition = unserved.condition("contoso", "TokenReady")
            return str(condition["message"]) if condition["reason"] == "AdmissionDenied" else ""

        assert "give it the label scim-operator.io/tenant" in eventually(told)
        unserved.kubectl("label", "secret", "contoso-scim-token", f"{names.TENANT_LABEL}=contoso")
        eventually(lambda: unserved.condition("contoso", "TokenReady")["reason"] == "Issued")
        assert unserved.token("contoso") == token
