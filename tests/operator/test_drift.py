"""What others add to a tenant's objects, against a real API server."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from tests.cluster import ControlPlane
from tests.operator.world import Namespace, Object, eventually

CONTAINER = "/spec/template/spec/containers/0"
SIDECAR = {
    "name": "sidecar",
    "image": "attacker:1",
    "volumeMounts": [{"name": "data", "mountPath": "/stolen"}],
}
POSTGRES = {"postgres": {"urlFrom": {"name": "pg", "key": "url"}}}
TAKES = {"podAffinityTerm": {"topologyKey": "zone", "labelSelector": {}}, "weight": 1}
EVERYTHING: dict[str, Object] = {
    "lite": {"exposure": {"host": "lite", "ingress": {"tlsSecretName": "tls"}}},
    "postgres": {
        "database": POSTGRES,
        "replicas": 3,
        "nodeSelector": {"kubernetes.io/arch": "arm64"},
        "affinity": {
            "podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [TAKES]}
        },
        "imagePullSecrets": [{"name": "registry"}],
        "resources": {"limits": {"cpu": "1000m", "memory": "1024Mi"}},
    },
    "spread": {
        "database": POSTGRES,
        "topologySpreadConstraints": [
            {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway"}
        ],
    },
    "suspended": {"suspended": True},
}


def _add(path: str, value: Any) -> Object:
    return {"op": "add", "path": path, "value": value}


WEAKENED = {
    "sidecar": ("deployment", [_add("/spec/template/spec/containers/-", SIDECAR)]),
    "init container": ("deployment", [_add("/spec/template/spec/initContainers", [SIDECAR])]),
    "host network": ("deployment", [_add("/spec/template/spec/hostNetwork", True)]),
    "host processes": ("deployment", [_add("/spec/template/spec/hostPID", True)]),
    "shared processes": ("deployment", [_add("/spec/template/spec/shareProcessNamespace", True)]),
    "account": ("deployment", [_add("/spec/template/spec/serviceAccountName", "admin")]),
    "host aliases": (
        "deployment",
        [_add("/spec/template/spec/hostAliases", [{"ip": "10.0.0.1", "hostnames": ["db"]}])],
    ),
    "DNS": ("deployment", [_add("/spec/template/spec/dnsConfig", {"nameservers": ["10.0.0.1"]})]),
    "annotation for a webhook": (
        "deployment",
        [_add("/spec/template/metadata/annotations/vault.hashicorp.com~1agent-inject", "true")],
    ),
    "label of another application": (
        "deployment",
        [_add("/spec/template/metadata/labels/app", "payments")],
    ),
    "token in the environment": (
        "deployment",
        [_add(f"{CONTAINER}/env/-", {"name": "SCIM_TOKEN", "value": "known to the attacker"})],
    ),
    "variable twice": (
        "deployment",
        [_add(f"{CONTAINER}/env/-", {"name": "SCIM_TOKENS_FILE", "value": "/tmp/tokens.json"})],
    ),
    "environment of a Secret": (
        "deployment",
        [_add(f"{CONTAINER}/envFrom", [{"secretRef": {"name": "other"}}])],
    ),
    "command": ("deployment", [_add(f"{CONTAINER}/command", ["sleep", "1d"])]),
    "arguments": ("deployment", [_add(f"{CONTAINER}/args", ["--help"])]),
    "lifecycle": (
        "deployment",
        [_add(f"{CONTAINER}/lifecycle", {"postStart": {"exec": {"command": ["true"]}}})],
    ),
    "capability": (
        "deployment",
        [_add(f"{CONTAINER}/securityContext/capabilities/add", ["NET_RAW"])],
    ),
    "user of the container": ("deployment", [_add(f"{CONTAINER}/securityContext/runAsUser", 0)]),
    "port of the container": (
        "deployment",
        [_add(f"{CONTAINER}/ports/-", {"name": "debug", "containerPort": 9999})],
    ),
    "volume": (
        "deployment",
        [
            _add("/spec/template/spec/volumes/-", {"name": "t", "secret": {"secretName": "x"}}),
            _add(f"{CONTAINER}/volumeMounts/-", {"name": "t", "mountPath": "/t"}),
        ],
    ),
    "pause": ("deployment", [_add("/spec/paused", True)]),
    "management port": (
        "service",
        [_add("/spec/ports/-", {"name": "admin", "port": 8081, "targetPort": 8081})],
    ),
    "another port": (
        "service",
        [_add("/spec/ports", [{"name": "scim", "port": 8081, "targetPort": 8081}])],
    ),
    "port without a name": ("service", [_add("/spec/ports", [{"port": 8081}])]),
    "another port of the container": (
        "deployment",
        [_add(f"{CONTAINER}/ports/0/containerPort", 9999)],
    ),
    "external IP": ("service", [_add("/spec/externalIPs", ["192.0.2.1"])]),
    "type": ("service", [_add("/spec/type", "NodePort")]),
    "pods that are not ready": ("service", [_add("/spec/publishNotReadyAddresses", True)]),
    "selector": ("service", [_add("/spec/selector/app", "payments")]),
    "affinity of sessions": ("service", [_add("/spec/sessionAffinity", "ClientIP")]),
    "rule": ("ingress", [_add("/spec/rules/-", {"host": "other.example.com"})]),
    "default backend": (
        "ingress",
        [_add("/spec/defaultBackend", {"service": {"name": "other", "port": {"number": 80}}})],
    ),
    "path": (
        "ingress",
        [
            _add(
                "/spec/rules/0/http/paths/-",
                {
                    "path": "/",
                    "pathType": "Prefix",
                    "backend": {"service": {"name": "other", "port": {"number": 80}}},
                },
            )
        ],
    ),
    "peer": (
        "networkpolicy",
        [_add("/spec/ingress/1/from/-", {"namespaceSelector": {}})],
    ),
    "egress": ("networkpolicy", [_add("/spec/egress/-", {})]),
    "file": ("configmap", [_add("/data/other", "x")]),
    "binary file": ("configmap", [_add("/binaryData", {"other": "AA=="})]),
    "key": ("secret", [_add("/data/other", "AA==")]),
}
NAMES = {"configmap": "contoso-scim-config", "secret": "contoso-scim-digests"}


def _said(namespace: Namespace, reason: str) -> list[str]:
    listed = json.loads(namespace.kubectl("get", "events", "-o", "json"))["items"]
    return [event["message"] for event in listed if event["reason"] == reason]


def _content(body: Object) -> Object:
    return {key: value for key, value in body.items() if key not in ("metadata", "status")}


@pytest.mark.finding(26)
def test_additions_are_removed(namespace: Namespace) -> None:
    """Whatever is added to an object is removed, and an event names where, not what it was."""
    host = f"{namespace.name}.example.com"
    namespace.apply("contoso", {"exposure": {"host": host, "ingress": {}}})
    namespace.settled("contoso")
    kept = {}
    for what, (kind, operations) in WEAKENED.items():
        name = NAMES.get(kind, "contoso-scim")
        before = _content(namespace.get(kind, name))
        namespace.kubectl("patch", kind, name, "--type=json", f"--patch={json.dumps(operations)}")

        def is_back(kind: str = kind, name: str = name, before: Object = before) -> bool:
            return _content(namespace.get(kind, name)) == before

        try:
            eventually(is_back)
        except AssertionError:
            kept[what] = _content(namespace.get(kind, name))
    assert kept == {}
    said = _said(namespace, "DriftRepaired")
    sidecar = "without spec.template.spec.containers[sidecar]"
    assert any(sidecar in message for message in said)
    assert any("spec.template.spec.containers[scim].env[SCIM_TOKEN]" in each for each in said)
    assert not any("known to the attacker" in message for message in said)
    assert len(said) >= len(WEAKENED)


@pytest.mark.finding(26)
def test_rest(namespace: Namespace) -> None:
    """What the API server fills in is no addition: at rest nothing is written and nothing said."""
    namespace.kubectl("create", "secret", "generic", "pg", "--from-literal=url=postgresql://h/d")
    for name, spec in EVERYTHING.items():
        exposure = spec.get("exposure", {})
        if exposure:
            exposure = exposure | {"host": f"{namespace.name}.example.com"}
        namespace.apply(name, spec | {"exposure": exposure})
    namespace.settle(list(EVERYTHING))

    def versions() -> dict[str, str]:
        return {
            f"{tenant}/{name}": body["metadata"]["resourceVersion"]
            for tenant in EVERYTHING
            for name, body in namespace.objects(tenant).items()
        }

    def still() -> dict[str, str]:
        before = versions()
        time.sleep(1)
        return before if versions() == before else {}

    before = eventually(still, 30)
    # An annotation that means nothing makes each tenant be looked at.
    for name in EVERYTHING:
        namespace.kubectl("annotate", "scimtenant", name, "example.com/look=1")
    time.sleep(1.5)
    assert versions() == before
    assert _said(namespace, "DriftRepaired") == _said(namespace, "DriftKept") == []


def test_restart_of_the_pods(namespace: Namespace) -> None:
    """`kubectl rollout restart` is not undone, which would restart the pods once more."""
    namespace.apply("contoso")
    namespace.settled("contoso")
    namespace.kubectl("rollout", "restart", "deployment/contoso-scim")
    namespace.repair("contoso")
    template = namespace.get("deployment", "contoso-scim")["spec"]["template"]
    assert "kubectl.kubernetes.io/restartedAt" in template["metadata"]["annotations"]


@pytest.mark.finding(26)
def test_admission_rule_that_adds(cluster: ControlPlane, namespace: Namespace) -> None:
    """What an admission rule adds at each write is told once, and not fought over."""
    rule = f"{namespace.name}-adds"
    only = {"matchLabels": {"kubernetes.io/metadata.name": namespace.name}}
    policy = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingAdmissionPolicy",
        "metadata": {"name": rule},
        "spec": {
            "matchConstraints": {
                "namespaceSelector": only,
                "resourceRules": [
                    {
                        "apiGroups": [""],
                        "apiVersions": ["v1"],
                        "resources": ["services"],
                        "operations": ["CREATE", "UPDATE"],
                    }
                ],
            },
            "failurePolicy": "Fail",
            "reinvocationPolicy": "Never",
            "mutations": [
                {
                    "patchType": "ApplyConfiguration",
                    "applyConfiguration": {
                        "expression": "Object{spec: Object.spec{"
                        'trafficDistribution: "PreferClose"}}'
                    },
                }
            ],
        },
    }
    binding = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingAdmissionPolicyBinding",
        "metadata": {"name": rule},
        "spec": {"policyName": rule},
    }
    namespace.apply("contoso")
    namespace.settled("contoso")
    listed = {"apiVersion": "v1", "kind": "List", "items": [policy, binding]}
    cluster.kubectl("apply", "-f", "-", stdin=json.dumps(listed))

    def is_in_force() -> bool:
        tried = namespace.kubectl(
            *("create", "service", "clusterip", "other", "--tcp=80"),
            *("--dry-run=server", "-o", "json"),
        )
        return "trafficDistribution" in json.loads(tried)["spec"]

    try:
        eventually(is_in_force)
        patch = json.dumps({"spec": {"externalIPs": ["192.0.2.1"]}})
        namespace.kubectl("patch", "service", "contoso-scim", f"--patch={patch}")
        (message,) = eventually(lambda: _said(namespace, "DriftKept"))
        assert "spec.trafficDistribution" in message
        assert "externalIPs" not in namespace.get("service", "contoso-scim")["spec"]
        before = namespace.get("service", "contoso-scim")
        namespace.kubectl("delete", "configmap", "contoso-scim-config")
        eventually(lambda: namespace.get("configmap", "contoso-scim-config"))
        assert namespace.get("service", "contoso-scim") == before
        assert _said(namespace, "DriftKept") == [message]
    finally:
        cluster.kubectl("delete", "-f", "-", stdin=json.dumps(listed))
